"""Makes the sorted file of known seeds (``cx.known``) out of a list in any order, in bounded RAM."""

from cx import known
from cx.compat import TYPE_CHECKING, const
from cx.known import KEY_LEN, RECORD_LEN
from cx.levels import alert_level
from cx.notifications import Notifications

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from cx.derstream import Stream
    from cx.known import Files
    from cx.notifications import Publication

_WINDOW = const(16)  # records read and written at once
_BUFFERED = const(96)  # records sorted in RAM
_FAN_IN = const(8)  # files merged at once


class _Cursor:
    """One file of a merge, read window by window."""

    def __init__(self, stream: "BinaryIO") -> None:
        self._stream = stream
        self._window = b""
        self._at = 0
        self.record = b""  # the current one; empty at the end
        self.advance()

    def advance(self) -> None:
        """Go on to the next record."""
        if self._at >= len(self._window):
            self._window = self._stream.read(_WINDOW * RECORD_LEN)
            self._at = 0
        self.record = self._window[self._at : self._at + RECORD_LEN]
        self._at += RECORD_LEN

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _merge(cursors: "list[_Cursor]", out: "BinaryIO") -> "Iterator[None]":
    """Write what the cursors have, in order; of equal keys that of the last cursor. Yields now and then."""
    pieces = []
    while True:
        least = b""
        for cursor in cursors:
            record = cursor.record
            if record and (not least or record[:KEY_LEN] <= least[:KEY_LEN]):
                least = record
        if not least:
            break
        for cursor in cursors:
            if cursor.record[:KEY_LEN] == least[:KEY_LEN]:
                cursor.advance()
        pieces.append(least)
        if len(pieces) == _WINDOW:
            out.write(b"".join(pieces))
            pieces.clear()
            yield
    out.write(b"".join(pieces))


class Builder:
    """Sorts any number of records into one file, in bounded RAM (about 8 KiB).

    ``name``: of the file that is made; sorted parts lie beside it until they are merged. Every record is
    written to flash once for each power of eight of their number.
    """

    def __init__(self, files: "Files", name: str) -> None:
        self._files = files
        self._name = name
        # Blocks of their own, not many objects: those would lie scattered over the heap, between garbage.
        self._records = bytearray(_BUFFERED * RECORD_LEN)
        self._order = bytearray(_BUFFERED)  # where the records are, in the order of their keys
        self._count = 0
        self._parts = [0]  # how many parts there are of each size, the small ones first
        for size in range(4):
            for number in range(_FAN_IN):
                files.remove(self._part(size, number))

    def add(self, key: bytes, level: int) -> "Iterator[None]":
        """Take a key with its level, which replaces an earlier one; may merge, and yields now and then."""
        place = self._place_of(key)
        number = self._count
        if place < 0:
            number = self._order[-1 - place]
        else:
            self._order[place + 1 : number + 1] = self._order[place:number]
            self._order[place] = number
            self._count += 1
        at = number * RECORD_LEN
        self._records[at : at + KEY_LEN] = key
        self._records[at + KEY_LEN] = alert_level(level)
        if self._count >= _BUFFERED:
            yield from self._flush()

    def _place_of(self, key: bytes) -> int:
        """Return the place that a key will have in ``_order``; -1 less its place when it is there."""
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            other = self._record(middle)[:KEY_LEN]
            if other == key:
                return -1 - middle
            if other < key:
                low = middle + 1
            else:
                high = middle
        return low

    def _record(self, place: int) -> bytes:
        at = self._order[place] * RECORD_LEN
        return bytes(self._records[at : at + RECORD_LEN])

    def finish(self, old: str) -> "Iterator[None]":
        """Merge everything to the one file, together with the file ``old`` if that is not empty.

        A key's level in ``old`` is replaced by a newer one.
        """
        yield from self._flush()
        names = [old] if old and self._files.exists(old) else []
        size = 0
        while sum(self._parts) > _FAN_IN:
            yield from self._collapse(size)
            size += 1
        names += [
            self._part(size, number)
            for size in range(len(self._parts) - 1, -1, -1)
            for number in range(self._parts[size])
        ]
        yield from self._join(names, self._name)
        for name in names:
            if name != old:
                self._files.remove(name)

    def _flush(self) -> "Iterator[None]":
        if not self._count:
            return
        yield from self._make_room(0)
        with self._files.open(self._part(0, self._parts[0]), "wb") as stream:
            for place in range(self._count):
                stream.write(self._record(place))
        self._parts[0] += 1
        self._count = 0

    def _make_room(self, size: int) -> "Iterator[None]":
        if self._parts[size] >= _FAN_IN:
            yield from self._collapse(size)

    def _collapse(self, size: int) -> "Iterator[None]":
        """Make one part of the next size of all parts of this size."""
        if not self._parts[size]:
            return
        if size + 1 == len(self._parts):
            self._parts.append(0)
        yield from self._make_room(size + 1)
        names = [self._part(size, number) for number in range(self._parts[size])]
        yield from self._join(names, self._part(size + 1, self._parts[size + 1]))
        self._parts[size + 1] += 1
        self._parts[size] = 0
        for name in names:
            self._files.remove(name)

    def _join(self, names: "list[str]", name: str) -> "Iterator[None]":
        cursors = [_Cursor(self._files.open(one, "rb")) for one in names]
        try:
            with self._files.open(name, "wb") as out:
                yield from _merge(cursors, out)
        finally:
            for cursor in cursors:
                cursor.close()

    def _part(self, size: int, number: int) -> str:
        return self._name + "." + str(size) + str(number)


def sort(files: "Files", name: str, records: "Iterable[tuple[bytes, int]]", old: str) -> "Iterator[None]":
    """Write ``records``, (key, level) in any order, and those of ``old`` to the file ``name``, sorted.

    Yields now and then, for other tasks.
    """
    builder = Builder(files, name)
    for key, level in records:
        yield from builder.add(key, level)
    yield from builder.finish(old)


def sort_list(
    files: "Files", publisher: str, stream: "Stream", header: "Publication", most: int
) -> "Iterator[None]":
    """Make the new file of known seeds, which ``cx.resolving`` lets take effect.

    A partial list adds to the seeds that are there, unless that made more than ``most`` of them: those
    forgotten are matched again if they come back.
    """
    old = known.KNOWN + "/" + publisher
    if header.excludes_published_before is None or not _has_room(files, old, most):
        old = ""
    listed = Notifications(stream, header)
    yield from sort(files, known.KNOWN + "/" + publisher + ".next", _keys(listed), old)


def _has_room(files: "Files", name: str, most: int) -> bool:
    if not files.exists(name):
        return False
    with files.open(name, "rb") as stream:
        return stream.seek(0, 2) // RECORD_LEN <= most


def _keys(listed: "Notifications") -> "Iterator[tuple[bytes, int]]":
    is_over = False
    while not is_over:
        is_over = True
        for key, level, _, _, _ in known.take_seeds(listed):
            is_over = False
            yield key, level
