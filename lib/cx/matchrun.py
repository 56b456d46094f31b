"""One pass over one verified list: in slices, with its place on flash, to the same end after any reset.

Seed by seed, those that no publisher's earlier list had are regenerated; what the filter may hold is compared
with the log in batches. What is found lies in files of the run until ``cx.resolving`` lets it take effect.
The two are apart so that their code need not be in RAM at the same time.
"""

import struct

from cx import known, matcher
from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError
from cx.notifications import Notifications

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cx.bloom import Bloom
    from cx.compat import Buffer
    from cx.derstream import Stream
    from cx.known import Files
    from cx.notifications import Publication

    Fresh = tuple[int, bytes, bytes]  # type, seed, usage

# What of the work may be lost: about three seconds on an ESP32 with its fast engine, or three by the clock.
CHECKPOINT_IDS = 65536
_CHECKPOINT_S = const(3)
_SLICE_SEEDS = const(8)
_STATE = ">32sIHIIIB"  # digest, place, seeds done of its batch, seeds, new seeds, bytes found, pass
_STATE_LEN = const(51)


class World:
    """What a run works with.

    ``files``: the folder. ``contact_filter`` and ``log``: what was heard; ``log()`` gives blocks of whole
    records, oldest first. ``seconds()``: a clock that only goes forward. ``engine``: the name of the AES in
    use. ``most_candidates``: how many are compared with the log at once; each takes 22 bytes of RAM, and its
    seed up to 53. The place is saved after ``checkpoint_ids`` identifiers at the latest.
    """

    def __init__(
        self,
        files: "Files",
        contact_filter: "Bloom",
        log: "Callable[[], Iterable[Buffer]]",
        seconds: "Callable[[], int]",
        engine: str,
        most_candidates: int = 128,
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
    """One list's run. ``publisher``: its ID; ``others``: the IDs of the other publishers."""

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
        self._publisher = publisher
        self._others = others
        self._stream = stream
        self._header = header
        self._progress = progress
        self._candidates = matcher.Candidates(world.most_candidates)
        self._place = 0  # where the batch begins in the list
        self._done = 0  # how many new seeds of the batch are done
        self._search: "matcher.Search | None" = None
        self._pass = 1
        self._found_bytes = 0
        self._ids_unsaved = 0
        self._saved_s = world.seconds()
        progress.total = header.seeds

    def work(self) -> "Iterator[None]":
        """Find whom the owner met, and yield after each slice, of ``matcher.SLICE_IDS`` identifiers at most.

        Errors: those of reading the publication. ``cx.resolving`` comes next.
        """
        saved = self._restore()
        yield
        sets = [known.Sorted(stream) for stream in self._known_files()]
        try:
            yield from self._match(sets, saved)
        finally:
            for one in sets:
                one.close()
        yield from self._settle()
        self._save()

    # Matching

    def _known_files(self) -> "list":
        names = [known.KNOWN + "/" + one for one in [self._publisher] + self._others]
        return [self._files.open(name, "rb") for name in names if self._files.exists(name)]

    def _match(self, sets: "list[known.Sorted]", saved: bytearray) -> "Iterator[None]":
        listed = Notifications(self._stream, self._header, self._place)
        while True:
            self._place = listed.position
            fresh, count = [], 0
            keys = set()  # of a seed that is named twice, once is enough
            for key, _, kind, seed, usage in known.take_seeds(listed):
                count += 1
                if key not in keys and not any(one.level(key) >= 0 for one in sets):
                    keys.add(key)
                    fresh.append((kind, seed, usage))
                if count % _SLICE_SEEDS == 0:
                    yield
            if not count:
                return
            yield from self._match_batch(fresh, saved)
            saved = bytearray()
            self._progress.seeds += count
            self._done = 0

    def _match_batch(self, fresh: "list[Fresh]", saved: bytearray) -> "Iterator[None]":
        for at in range(self._done, len(fresh)):
            kind, seed, usage = fresh[at]
            self._done = at
            search = self._search = matcher.Search(kind, seed, usage, saved)
            saved = bytearray()
            while not search.is_done:
                done = search.work(self._world.contact_filter, self._candidates)
                self._progress.ids += done
                self._ids_unsaved += done
                yield
                if self._candidates.is_full:
                    yield from self._settle()
                    self._save()
                elif self._is_save_due():
                    self._save()
            search.close()
            self._search = None
            self._done = at + 1
            self._progress.new_seeds += 1

    def _settle(self) -> "Iterator[None]":
        """Compare the candidates with the log, and keep what was found."""
        if not self._candidates.count:
            return
        found: "list[tuple[bytes, int, bytes]]" = []
        with self._files.open(self._name(".found"), "ab") as out:
            for _ in self._candidates.settle(self._world.log(), found):
                for owner, position, record in found:
                    out.write(known.found_record(owner, self._pass, position, record))
                self._found_bytes += len(found) * known.FOUND_LEN
                found.clear()
                yield
        self._candidates.clear()
        self._progress.log_passes += 1
        self._pass = self._pass % 255 + 1

    # The place

    def _is_save_due(self) -> bool:
        return (
            self._ids_unsaved >= self._world.checkpoint_ids
            or self._world.seconds() - self._saved_s >= _CHECKPOINT_S
        )

    def _save(self) -> None:
        """Put the place, and the candidates that were not compared yet, on flash in one step."""
        progress = self._progress
        state = bytearray(
            struct.pack(
                _STATE,
                self._header.digest,
                self._place,
                self._done,
                progress.seeds,
                progress.new_seeds,
                self._found_bytes,
                self._pass,
            )
        )
        engine = self._world.engine.encode()
        chain = self._search.save() if self._search else b""
        state.extend(bytes([len(engine), len(chain)]) + engine)
        state.extend(chain)
        self._candidates.save(state)
        self._files.save(self._name(".run"), state)
        progress.saves += 1
        self._ids_unsaved = 0
        self._saved_s = self._world.seconds()

    def _restore(self) -> bytearray:
        """Go back to the saved place, if it is of this list and this engine; return a chain's saved state."""
        state = self._files.load(self._name(".run"))
        chain = bytearray()
        if state is not None and self._is_ours(state):
            progress = self._progress
            (_, self._place, self._done, progress.seeds, progress.new_seeds, size, self._pass) = (
                struct.unpack(_STATE, state[:_STATE_LEN])
            )
            self._found_bytes = size
            at = _STATE_LEN + 2 + state[_STATE_LEN]
            chain = state[at : at + state[_STATE_LEN + 1]]
            self._candidates.load(state[at + len(chain) :])
        self._cut_found()
        return chain

    def _is_ours(self, state: bytearray) -> bool:
        at = _STATE_LEN + 2
        engine = bytes(state[at : at + state[_STATE_LEN]])
        return bytes(state[:32]) == self._header.digest and engine == self._world.engine.encode()

    def _cut_found(self) -> None:
        """Cut off what was found after the place was saved: it will be found again."""
        name, files = self._name(".found"), self._files
        if not files.exists(name):
            if self._found_bytes:
                # the run was over, and its files were being removed
                self._found_bytes = 0
            return
        with files.open(name, "rb") as stream:
            if stream.seek(0, 2) == self._found_bytes:
                return
            stream.seek(0)
            with files.open(name + ".cut", "wb") as out:
                left = self._found_bytes
                while left:
                    piece = stream.read(min(left, 512))
                    if not piece:
                        raise FormatError("matching: a file of the run is cut off")
                    out.write(piece)
                    left -= len(piece)
        files.rename(name + ".cut", name)

    def _name(self, ending: str) -> str:
        return known.KNOWN + "/" + self._publisher + ending
