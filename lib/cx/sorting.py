"""Makes the new set of known seeds out of the old one and the keys of a run, in bounded RAM.

A merge sort on flash that begins with the runs that are there: keys of a list in the order of its seeds are
merged with the old set and written once. Others come in runs of 64, and are written once more for each power
of 16 of the number of runs.
"""

from cx import known
from cx.compat import TYPE_CHECKING, array, const
from cx.knownseeds import KEY_LEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from cx.known import Files

_WINDOW = const(16)  # keys read and written at once
_FAN_IN = const(16)  # runs merged at once


def add_fresh(files: "Files", publisher: str, is_new_set: bool, most: int) -> "Iterator[None]":
    """Make the next set of known seeds, which ``cx.resolving`` lets take effect; yield now and then.

    ``is_new_set``: of the run's keys alone. ``most``: how many a set may hold. When there are more, old ones
    are forgotten, and then new ones: those are matched again if a list names them again.
    RAM: about 6 KiB, and 4 bytes for each of the runs that are there.
    """
    name = known.KNOWN + "/" + publisher
    fresh = name + known.FRESH
    if not files.exists(fresh):
        if is_new_set:
            files.open(name + known.NEXT, "wb").close()
        return
    if not is_new_set and _count(files, name) + _count(files, fresh) > most:
        is_new_set = True
    yield from _sort(files, fresh, "" if is_new_set else name, name + known.NEXT, most)


def _count(files: "Files", name: str) -> int:
    if not files.exists(name):
        return 0
    with files.open(name, "rb") as stream:
        return stream.seek(0, 2) // KEY_LEN


def _sort(files: "Files", source: str, old: str, target: str, most: int) -> "Iterator[None]":
    """Write the keys of ``source``, which is left, and those of the set ``old`` in order to ``target``."""
    part = source
    ends = array("I")  # of the runs, in keys
    yield from _runs(files, source, ends)
    while len(ends) > _FAN_IN:
        other = target + (".b" if part == target + ".a" else ".a")
        fewer = array("I")
        with files.open(part, "rb") as stream, files.open(other, "wb") as out:
            for at in range(0, len(ends), _FAN_IN):
                yield from _merge(_cursors(stream, ends, at), out)
                fewer.append(ends[min(at + _FAN_IN, len(ends)) - 1])
        if part != source:
            files.remove(part)
        ends, part = fewer, other
    with files.open(part, "rb") as stream, files.open(target, "wb") as out:
        cursors = _cursors(stream, ends, 0)
        if old and files.exists(old):
            with files.open(old, "rb") as more:
                cursors.append(_Cursor(more, 0, _count(files, old)))
                yield from _merge(cursors, out, most)
        else:
            yield from _merge(cursors, out, most)
    if part != source:
        files.remove(part)


def _runs(files: "Files", name: str, ends: "array[int]") -> "Iterator[None]":
    """Append to ``ends`` where each run of ascending keys ends."""
    done = 0
    last = b""
    with files.open(name, "rb") as stream:
        while True:
            data = stream.read(_WINDOW * KEY_LEN)
            if not data:
                break
            for at in range(0, len(data), KEY_LEN):
                key = data[at : at + KEY_LEN]
                if key < last:
                    ends.append(done)
                last = key
                done += 1
            yield
    ends.append(done)


class _Cursor:
    """A run's keys, one after another, read window by window."""

    def __init__(self, stream: "BinaryIO", start: int, end: int) -> None:
        self._stream = stream
        self._next = start
        self._end = end
        self._window = b""
        self._at = 0
        self.key = b""  # the current one; empty at the end
        self.advance()

    def advance(self) -> None:
        """Go on to the next key."""
        if self._at >= len(self._window):
            self._stream.seek(self._next * KEY_LEN)
            self._window = self._stream.read(min(_WINDOW, self._end - self._next) * KEY_LEN)
            self._next += _WINDOW
            if self._next > self._end:
                self._next = self._end
            self._at = 0
        self.key = self._window[self._at : self._at + KEY_LEN]
        self._at += KEY_LEN


def _cursors(stream: "BinaryIO", ends: "array[int]", at: int) -> "list[_Cursor]":
    """Return the cursors of up to 16 runs, from number ``at`` on."""
    return [
        _Cursor(stream, ends[number - 1] if number else 0, ends[number])
        for number in range(at, min(at + _FAN_IN, len(ends)))
    ]


def _merge(cursors: "list[_Cursor]", out: "BinaryIO", most: int = 0) -> "Iterator[None]":
    """Write the cursors' keys in order; with ``most``, each once and up to so many. Yields now and then."""
    done = 0
    last = b""
    while True:
        least = cursors[0]
        for cursor in cursors:
            if cursor.key and (not least.key or cursor.key < least.key):
                least = cursor
        if not least.key or (most and done == most):
            return
        if not most or least.key != last:
            out.write(least.key)
            last = least.key
            done += 1
        least.advance()
        if done % _WINDOW == 0:
            yield
