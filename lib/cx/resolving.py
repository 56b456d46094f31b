"""The end of a run: what was found takes effect, with the levels that the list gives now.

The new files of matches and of known seeds take effect by renaming, matches first. After a reset in between,
or later, all of it can be done again and gives the same.
"""

from cx import known, knownseeds, matches
from cx.compat import TYPE_CHECKING, array, const
from cx.contact import RECORD_LEN, decode
from cx.generator import seed_len
from cx.levels import EXPIRED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from cx.known import Files

_MOST_SIGHTINGS = const(0xFFFF)
_KIND_AT = const(0)
_LEVEL_AT = const(1)
_SEED_AT = const(8)


def resolve(
    files: "Files", publisher: str, others: "list[str]", is_full: bool, is_kept: "Callable[[int, int], bool]"
) -> "Iterator[None]":
    """Make a publisher's matches anew, and let them and the known seeds take effect. Yields now and then.

    ``others``: the IDs of the other publishers. ``is_full``: a seed that the list does not name has expired.
    ``is_kept(boot, second)``: whether a contact of that moment is within the retention time.
    """
    run = known.KNOWN + "/" + publisher
    own = known.MATCHES + "/" + publisher
    resolver = _Resolver(knownseeds.Levels(files.load(run + known.LEVELS) or b""), is_full, is_kept)
    sources = [run + known.FOUND, own] + [known.MATCHES + "/" + one for one in others]
    yield from resolver.write(files, sources, own + ".new")
    files.rename(own + ".new", own)
    if files.exists(run + known.NEXT):
        files.rename(run + known.NEXT, run)


class _Found:
    """What a run has found, seed by seed in order. RAM: 2 bytes for each contact, 53 for each seed."""

    def __init__(self, stream: "BinaryIO") -> None:
        self._stream = stream
        owners: "list[bytes]" = []
        self._which = array("H")  # whose each contact is
        while True:
            owner = stream.read(matches.FOUND_LEN)[: matches.FOUND_PLACE]
            if len(owner) < matches.FOUND_PLACE or len(self._which) == _MOST_SIGHTINGS:
                break
            if owner not in owners:
                owners.append(owner)
            self._which.append(owners.index(owner))
        self._owners = owners
        self._current = 0

    def entries(self) -> "Iterator[matches.Entry]":
        """Yield each seed that was found as an entry; of one that the list names twice, the last."""
        latest: "dict[bytes, int]" = {}
        for at, owner in enumerate(self._owners):
            latest[_identity(owner)] = at
        for identity in sorted(latest):
            self._current = latest[identity]
            owner = self._owners[self._current]
            seed = identity[5:]
            yield matches.Entry(owner[_KIND_AT], owner[_LEVEL_AT], owner[2:6], seed, 0, 0)

    def sightings(self) -> "Iterator[matches.Sighting]":
        """Yield the contacts of the current seed."""
        for at, which in enumerate(self._which):
            if which == self._current:
                self._stream.seek(at * matches.FOUND_LEN + matches.FOUND_PLACE)
                data = self._stream.read(2 + RECORD_LEN)
                yield data[0] << 8 | data[1], data[2:]


def _identity(owner: bytes) -> bytes:
    """Return type, usage and seed, which entries are ordered by."""
    return owner[:1] + owner[2:6] + owner[_SEED_AT : _SEED_AT + seed_len(owner[_KIND_AT])]


class _Source:
    """A sorted source of entries with the current one at hand; None at the end."""

    def __init__(self, stream: "BinaryIO", is_found: bool, is_own: bool) -> None:
        self.stream = stream
        self.found = _Found(stream) if is_found else None
        self.is_own = is_own
        self._entries = self.found.entries() if self.found else matches.entries(stream)
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
        if self.found:
            return self.found.sightings()
        assert self.entry is not None  # noqa: S101  only asked for while there is one
        return self.entry.sightings(self.stream)


class _Resolver:
    """Joins what was found, the publisher's own matches, and those of others that its list names as well."""

    def __init__(
        self, levels: knownseeds.Levels, is_full: bool, is_kept: "Callable[[int, int], bool]"
    ) -> None:
        self._levels = levels
        self._is_full = is_full
        self._is_kept = is_kept

    def write(self, files: "Files", names: "list[str]", target: str) -> "Iterator[None]":
        """Write the file ``target``. ``names``: of what was found, of the own matches, of those of others."""
        sources = []
        out = files.open(target, "wb")
        try:
            for at, name in enumerate(names):
                if files.exists(name):
                    sources.append(_Source(files.open(name, "rb"), at == 0, at == 1))
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
            for source in same:
                level = self._level(source)
                if level >= 0:
                    self._copy(source, level, out)
                    break
            for source in same:
                source.advance()
            yield

    def _level(self, source: _Source) -> int:
        """Return the level that an entry has now, -1 when it is not one of this publisher's."""
        entry = source.entry
        assert entry is not None  # noqa: S101  the caller has looked
        if source.found:
            return entry.level
        usage, level = self._levels.of(entry.generator_type, entry.seed)
        if level >= 0:
            return level if usage == entry.usage else -1  # with another usage it was found anew
        if not source.is_own:
            return -1
        # One that has expired stays until its contacts are old: the list may name it again.
        return EXPIRED if self._is_full else entry.level

    def _copy(self, source: _Source, level: int, out: "BinaryIO") -> None:
        entry = source.entry
        assert entry is not None  # noqa: S101  the caller has looked
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
