"""The end of a run: what was found takes effect, with the levels that the list gives now.

The new files of matches and of known seeds take effect by renaming, matches first. After a reset in between,
or later, all of it can be done again and gives the same.
"""

from cx import known, matches
from cx.compat import TYPE_CHECKING, const
from cx.contact import RECORD_LEN, decode
from cx.generator import MAX_IDS, seed_len

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from cx.known import Files

_MOST_SIGHTINGS = const(0xFFFF)


def resolve(
    files: "Files", publisher: str, others: "list[str]", is_full: bool, is_kept: "Callable[[int, int], bool]"
) -> "Iterator[None]":
    """Make a publisher's matches anew, and let them and the known seeds take effect. Yields now and then.

    ``others``: the IDs of the other publishers. ``is_kept(boot, second)``: whether a contact of that moment
    is within the retention time.
    """
    run = known.KNOWN + "/" + publisher
    name = known.MATCHES + "/" + publisher
    levels = known.Sorted(files.open(run + ".next", "rb"))
    try:
        resolver = Resolver(levels, is_full, is_kept)
        same = [known.MATCHES + "/" + one for one in others]
        yield from resolver.write(files, run + ".matches", run + ".found", name, same)
    finally:
        levels.close()
    files.rename(run + ".matches", name)
    files.rename(run + ".next", run)


class _Found:
    """What a run has found, seed by seed in the order of their keys; one pass over the file for each."""

    def __init__(self, stream: "BinaryIO") -> None:
        self._stream = stream
        self._owner = b""

    def entries(self) -> "Iterator[matches.Entry]":
        """Yield each seed that was found, as an entry without a level."""
        last = b""
        while True:
            least, self._owner = b"", b""
            for owner, _, _, _ in self._records():
                key = _key(owner)
                if key > last and (not least or key < least):
                    least, self._owner = key, owner
            if not least:
                return
            last = least
            owner = self._owner
            count = sum([1 for _ in self.sightings()])
            yield matches.Entry(owner[0], 0, owner[1:5], _seed(owner), min(count, _MOST_SIGHTINGS), 0)

    def sightings(self) -> "Iterator[matches.Sighting]":
        """Yield the contacts of the current seed, each once even when the list named the seed twice."""
        passes = bytearray(MAX_IDS)
        for owner, number, position, record in self._records():
            if owner == self._owner:
                passes[position] = passes[position] or number
                if passes[position] == number:
                    yield position, record

    def _records(self) -> "Iterator[tuple[bytes, int, int, bytes]]":
        self._stream.seek(0)
        while True:
            data = self._stream.read(known.FOUND_LEN)
            if len(data) < known.FOUND_LEN:
                return
            place = data[known.PASS_AT + 1] << 8 | data[known.PASS_AT + 2]
            yield data[: known.PASS_AT], data[known.PASS_AT], place, data[known.FOUND_LEN - RECORD_LEN :]


def _seed(owner: bytes) -> bytes:
    return owner[5 : 5 + seed_len(owner[0])]


def _key(owner: bytes) -> bytes:
    return known.key_of(owner[0], _seed(owner), owner[1:5])


class _Source:
    """A sorted source of entries with the current one at hand; None at the end."""

    def __init__(self, stream: "BinaryIO", is_found: bool = False, is_own: bool = False) -> None:
        self.stream = stream
        self._found = _Found(stream) if is_found else None
        self.is_own = is_own
        self._entries = self._found.entries() if self._found else matches.entries(stream)
        self.entry: "matches.Entry | None" = None
        self.advance()

    def advance(self) -> None:
        """Go on to the next entry."""
        self.entry = None
        for entry in self._entries:
            self.entry = entry
            break

    def sightings(self) -> "Iterator[matches.Sighting]":
        """Yield the contacts of the current entry."""
        if self._found:
            return self._found.sightings()
        assert self.entry is not None  # noqa: S101  only asked for while there is one
        return self.entry.sightings(self.stream)


class Resolver:
    """Makes a publisher's new file of entries when a list was matched to its end.

    ``known``: the new known seeds with their levels. ``is_full``: a seed that the list does not name is
    withdrawn. ``is_kept(boot, second)`` tells whether a contact is still within the retention time.
    """

    def __init__(self, known: "known.Sorted", is_full: bool, is_kept: "Callable[[int, int], bool]") -> None:
        self._known = known
        self._is_full = is_full
        self._is_kept = is_kept

    def write(self, files: "Files", name: str, found: str, own: str, others: "list[str]") -> "Iterator[None]":
        """Write file ``name``: what was ``found``, what ``own`` has, and the same seeds of ``others``.

        All are names of files. ``others`` are other publishers' files: a seed that they know is not matched
        again. Yields between two entries.
        """
        sources = []
        out = files.open(name, "wb")
        try:
            for at, one in enumerate([found, own] + others):
                if files.exists(one):
                    sources.append(_Source(files.open(one, "rb"), at == 0, at == 1))
            yield from self._join(sources, out)
        finally:
            out.close()
            for source in sources:
                source.stream.close()

    def _join(self, sources: "list[_Source]", out: "BinaryIO") -> "Iterator[None]":
        while True:
            keys = [source.entry.key for source in sources if source.entry]
            if not keys:
                return
            key = min(keys)
            # The first goes before the others: what was found just now, then the publisher's own.
            same = [source for source in sources if source.entry and source.entry.key == key]
            level = self._level(key, same)
            if level >= 0:
                self._copy(same[0], level, out)
            for source in same:
                source.advance()
            yield

    def _level(self, key: bytes, same: "list[_Source]") -> int:
        """Return the level for the entry, -1 when it goes: withdrawn, or another publisher's alone."""
        level = self._known.level(key)
        if level < 0 and not self._is_full:
            for source in same:
                if source.is_own and source.entry:
                    return source.entry.level
        return level

    def _copy(self, source: _Source, level: int, out: "BinaryIO") -> None:
        entry = source.entry
        assert entry is not None  # noqa: S101  the caller has chosen it
        count = min(sum([1 for _ in self._kept(source)]), _MOST_SIGHTINGS)
        if not count:
            return
        out.write(matches.head(entry, level, count))
        for place, record in self._kept(source):
            if count:
                out.write(place.to_bytes(2, "big") + record)
                count -= 1

    def _kept(self, source: _Source) -> "Iterator[matches.Sighting]":
        for place, record in source.sightings():
            met = decode(record)
            if self._is_kept(met.boot, met.start_s):
                yield place, record
