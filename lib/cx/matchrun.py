"""One pass over one verified list: in slices, with its place on flash, to the same end after any reset.

Seed by seed, those that no publisher's earlier list had are regenerated; what the filter may hold is compared
with the log in batches. What is found lies in files of the run until ``cx.resolving`` lets it take effect.
The two are apart so that their code need not be in RAM at the same time.
"""

import struct

from cx import known, knownseeds, matcher
from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError
from cx.extensions import USAGE_BYTES
from cx.generator import seed_len
from cx.knownseeds import KEY_LEN
from cx.levels import alert_level
from cx.matches import entries, found_record
from cx.notifications import Notifications

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cx.bloom import Bloom
    from cx.compat import Buffer
    from cx.derstream import Stream
    from cx.header import Publication
    from cx.known import Files

    Seed = tuple[int, int, bytes, bytes]  # level, type, seed, usage

# What of the work may be lost: about three seconds on an ESP32 with its fast engine, or three by the clock.
CHECKPOINT_IDS = 65536
_CHECKPOINT_S = const(3)
_BATCH_SEEDS = const(8)
_MOST_FRESH = const(64)  # keys of new seeds that are sorted in RAM and written at once
_LEAST_IDS = const(32)  # fewer are not worth a slice of their own
_NO_USAGE = b"\0\0\0\0"
# Digest, place, new seeds done of its batch, seeds, new seeds, bytes found, bytes fresh, flag, and the
# lengths of what follows: engine, chain, levels, fresh keys; then the candidates.
_STATE = ">32sIHIIIIBBBHH"
_STATE_LEN = const(61)


class World:
    """What a run works with.

    ``files``: the folder. ``contact_filter`` and ``log``: what was heard; ``log()`` gives blocks of whole
    records, oldest first. ``seconds()``: a clock that only goes forward. ``engine``: the name of the AES in
    use. ``most_candidates``: how many are compared with the log at once, see ``matcher.Candidates``. The
    place is saved after ``checkpoint_ids`` identifiers at the latest.
    """

    def __init__(
        self,
        files: "Files",
        contact_filter: "Bloom",
        log: "Callable[[], Iterable[Buffer]]",
        seconds: "Callable[[], int]",
        engine: str,
        most_candidates: int = 256,
        checkpoint_ids: int = CHECKPOINT_IDS,
    ) -> None:
        self.files = files
        self.contact_filter = contact_filter
        self.log = log
        self.seconds = seconds
        self.engine = engine
        self.most_candidates = most_candidates
        self.checkpoint_ids = checkpoint_ids


class Run:
    """One list's run. ``publisher``: its ID; ``others``: the IDs of the other publishers.

    ``is_new_set``: the set of known seeds is made of this list alone, and not added to.
    """

    def __init__(
        self,
        world: World,
        publisher: str,
        others: "list[str]",
        stream: "Stream",
        header: "Publication",
        progress: known.Progress,
    ) -> None:
        self._world = world
        self._files = world.files
        self._name = known.KNOWN + "/" + publisher
        self._publishers = [publisher] + others
        self._stream = stream
        self._header = header
        self._progress = progress
        self._candidates = matcher.Candidates(world.most_candidates)
        self._levels = knownseeds.Levels()
        self._place = 0  # where the batch begins in the list
        self._done = 0  # how many new seeds of the batch are done
        self._search: "matcher.Search | None" = None
        self._fresh = bytearray(_MOST_FRESH * KEY_LEN)
        self._fresh_end = 0  # bytes of it that are taken
        self._sizes = [0, 0]  # bytes in the files of what was found and of fresh keys
        self._ids_unsaved = 0
        self._slice_left = matcher.SLICE_IDS
        self._saved_s = world.seconds()
        self.is_new_set = False
        progress.total = header.seeds

    def work(self) -> "Iterator[None]":
        """Find whom the owner met, and yield after each slice, of ``matcher.SLICE_IDS`` identifiers at most.

        Errors: those of reading the publication. ``cx.sorting`` and ``cx.resolving`` come next.
        """
        sets = [knownseeds.KnownSeeds(stream) for stream in self._open_all(known.KNOWN)]
        try:
            chain = self._restore()
            if chain is None:
                self._begin(sets)
            yield from self._match(sets, chain or bytearray())
        finally:
            for one in sets:
                one.close()
        yield from self._settle()
        self._write_fresh()
        self._files.save(self._name + known.LEVELS, self._levels.data)
        self._save()

    def _open_all(self, folder: str) -> "list":
        names = [folder + "/" + one for one in self._publishers]
        return [self._files.open(name, "rb") for name in names if self._files.exists(name)]

    def _begin(self, sets: "list[knownseeds.KnownSeeds]") -> None:
        """Find out whom the owner met before, and whether the publisher's known seeds are mostly old ones."""
        for stream in self._open_all(known.MATCHES):
            with stream:
                for entry in entries(stream):
                    self._levels.add(entry.generator_type, entry.seed)
        is_full = self._header.excludes_published_before is None
        own = sets[0].count if self._files.exists(self._name) else 0
        self.is_new_set = is_full and own > 2 * self._header.seeds + 1000

    # Matching

    def _match(self, sets: "list[knownseeds.KnownSeeds]", chain: bytearray) -> "Iterator[None]":
        listed = Notifications(self._stream, self._header, self._place)
        while True:
            self._place = listed.position
            fresh, count = self._take_batch(listed, sets)
            if not count:
                return
            yield
            for at in range(self._done, len(fresh)):
                self._done = at
                yield from self._match_seed(fresh[at], chain)
                self._done = at + 1
                chain = bytearray()
            self._progress.seeds += count
            self._done = 0
            self._save_if_due()

    def _take_batch(
        self, listed: Notifications, sets: "list[knownseeds.KnownSeeds]"
    ) -> "tuple[list[tuple[bytes, Seed]], int]":
        """Return those of the next seeds that are new, with their keys, and how many were looked at."""
        fresh: "list[tuple[bytes, Seed]]" = []
        found = listed.next_slice(_BATCH_SEEDS)
        if found is None:
            return fresh, 0
        level, kind, seeds = found
        level = alert_level(level)
        usages = listed.usage
        size = seed_len(kind)
        count = len(seeds) // size
        for number in range(count):
            seed = seeds[number * size : (number + 1) * size]
            usage = usages[number * USAGE_BYTES : (number + 1) * USAGE_BYTES] or _NO_USAGE
            self._levels.note(kind, seed, usage, level)
            key = knownseeds.key_of(kind, seed, usage)
            if not any(key in one for one in sets):
                fresh.append((key, (level, kind, seed, usage)))
            elif self.is_new_set:
                self._add_fresh(key)
        return fresh, count

    def _match_seed(self, one: "tuple[bytes, Seed]", chain: bytearray) -> "Iterator[None]":
        key, (level, kind, seed, usage) = one
        number = self._progress.new_seeds & 0xFFFF
        search = self._search = matcher.Search(matcher.owner_of(kind, level, usage, number, seed), chain)
        while not search.is_done:
            done = search.work(self._world.contact_filter, self._candidates, self._slice_left)
            self._progress.ids += done
            self._ids_unsaved += done
            self._slice_left -= done
            if self._candidates.is_full:
                yield from self._settle()
                # The place is small now that no candidates wait.
                self._ids_unsaved *= 2
            if self._slice_left < _LEAST_IDS:
                self._slice_left = matcher.SLICE_IDS
                yield
                self._save_if_due()
        search.close()
        self._search = None
        self._add_fresh(key)
        self._progress.new_seeds += 1

    def _settle(self) -> "Iterator[None]":
        """Compare the candidates with the log, and keep what was found."""
        if not self._candidates.count:
            return
        found: "list[matcher.Found]" = []
        for _ in self._candidates.settle(self._world.log(), found):
            if found:
                with self._files.open(self._name + known.FOUND, "ab") as out:
                    for owner, position, record in found:
                        self._sizes[0] += out.write(found_record(owner, position, record))
                found.clear()
            yield
        self._candidates.clear()
        self._progress.log_passes += 1

    def _add_fresh(self, key: bytes) -> None:
        """Put a key at its place among the fresh ones; write all when there is no room for more.

        In one block of bytes: many small objects would split the heap.
        """
        fresh, end = self._fresh, self._fresh_end
        low = high = end // KEY_LEN
        if end and key < fresh[end - KEY_LEN : end]:
            low = 0
        while low < high:
            middle = (low + high) // 2
            if fresh[middle * KEY_LEN : (middle + 1) * KEY_LEN] < key:
                low = middle + 1
            else:
                high = middle
        at = low * KEY_LEN
        fresh[at + KEY_LEN : end + KEY_LEN] = fresh[at:end]
        fresh[at : at + KEY_LEN] = key
        self._fresh_end += KEY_LEN
        if self._fresh_end == len(self._fresh):
            self._write_fresh()

    def _write_fresh(self) -> None:
        if self._fresh_end:
            with self._files.open(self._name + known.FRESH, "ab") as out:
                self._sizes[1] += out.write(memoryview(self._fresh)[: self._fresh_end])
            self._fresh_end = 0

    # The place

    def _save_if_due(self) -> None:
        if (
            self._ids_unsaved >= self._world.checkpoint_ids
            or self._world.seconds() - self._saved_s >= _CHECKPOINT_S
        ):
            self._save()

    def _save(self) -> None:
        """Put the place, and the candidates that were not compared yet, on flash in one step."""
        progress = self._progress
        engine = self._world.engine.encode()
        chain = self._search.save() if self._search else b""
        state = bytearray(
            struct.pack(
                _STATE,
                self._header.digest,
                self._place,
                self._done,
                progress.seeds,
                progress.new_seeds,
                self._sizes[0],
                self._sizes[1],
                self.is_new_set,
                len(engine),
                len(chain),
                len(self._levels.data),
                self._fresh_end,
            )
        )
        for part in (engine, chain, self._levels.data, memoryview(self._fresh)[: self._fresh_end]):
            state.extend(part)
        self._candidates.save(state)
        self._files.save(self._name + known.PLACE, state)
        progress.saves += 1
        self._ids_unsaved = 0
        self._saved_s = self._world.seconds()

    def _restore(self) -> "bytearray | None":
        """Go back to the saved place, if it is of this list and this engine; return a chain's saved state.

        None when the run is to begin.
        """
        state = self._files.load(self._name + known.PLACE)
        chain = self._take_state(state) if state is not None else None
        for ending, size in ((known.FOUND, self._sizes[0]), (known.FRESH, self._sizes[1])):
            self._cut(self._name + ending, size)
        return chain

    def _take_state(self, state: bytearray) -> "bytearray | None":
        fields = struct.unpack(_STATE, state[:_STATE_LEN])
        chain_at = _STATE_LEN + fields[8]
        levels_at = chain_at + fields[9]
        fresh_at = levels_at + fields[10]
        candidates_at = fresh_at + fields[11]
        engine = bytes(state[_STATE_LEN:chain_at])
        if fields[0] != self._header.digest or engine != self._world.engine.encode():
            return None
        progress = self._progress
        self._place, self._done, progress.seeds, progress.new_seeds = fields[1:5]
        progress.start = progress.seeds
        self._sizes = list(fields[5:7])
        self.is_new_set = bool(fields[7])
        self._levels = knownseeds.Levels(state[levels_at:fresh_at])
        self._fresh_end = fields[11]
        self._fresh[: fields[11]] = state[fresh_at:candidates_at]
        self._candidates.load(state[candidates_at:])
        return state[chain_at:levels_at]

    def _cut(self, name: str, size: int) -> None:
        """Cut off what was written after the place was saved: it will be written again."""
        files = self._files
        if not files.exists(name):
            if size:
                raise FormatError("matching: a file of the run is missing")
            return
        if not size:
            files.remove(name)
            return
        with files.open(name, "rb") as stream:
            if stream.seek(0, 2) == size:
                return
            stream.seek(0)
            with files.open(name + ".cut", "wb") as out:
                while size:
                    piece = stream.read(min(size, 512))
                    if not piece:
                        raise FormatError("matching: a file of the run is cut off")
                    size -= out.write(piece)
        files.rename(name + ".cut", name)
