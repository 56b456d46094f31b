"""``select.poll`` as the idle point: here a badge that has nothing to do hands its slice back."""

import uselect
from micropython import const
from simlink import FOREVER, link

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

POLLIN = const(1)
POLLOUT = const(4)
POLLERR = const(8)
POLLHUP = const(16)

_ENOENT = const(2)
_MP_STREAM_POLL = const(3)
# What one look at the streams without waiting costs a badge, in instructions; a task that only ever yields
# passes time so. Measured with callgrind on the unix port, for a byte on its way from the ring to an answer:
# a look and a read 1 900, its share of finding and answering a frame of 120 bytes 600.
_LOOK_INSTRUCTIONS = const(2_500)
# The lower of the published figures for MicroPython on an ESP32: 66 million instructions a second at 240 MHz.
_CYCLES_BY_100 = const(364)


class _Poll:
    def __init__(self) -> None:
        self._entries = {}  # id: [stream, events]
        self._native = uselect.poll()
        self._natives = 0

    def register(self, stream: "BinaryIO", events: int = POLLIN | POLLOUT) -> None:
        """Watch ``stream``. A stream of the computer itself only where a badge runs in real time."""
        if not hasattr(stream, "ioctl"):
            if link.__class__.__name__ == "Link":
                raise OSError(22, "no such stream on a simulated badge")
            self._native.register(stream, events)
        self._entries[id(stream)] = [stream, events]

    def modify(self, stream: "BinaryIO", events: int) -> None:
        """Watch ``stream`` for other events; OSError(ENOENT) if it is not registered."""
        entry = self._entries.get(id(stream))
        if entry is None:
            raise OSError(_ENOENT)
        entry[1] = events
        if not hasattr(stream, "ioctl"):
            self._native.modify(stream, events)

    def unregister(self, stream: "BinaryIO") -> None:
        """Watch ``stream`` no more."""
        if self._entries.pop(id(stream), None) and not hasattr(stream, "ioctl"):
            self._native.unregister(stream)

    def _ready(self) -> list:
        found = []
        for stream, events in self._entries.values():
            if hasattr(stream, "ioctl"):
                got = stream.ioctl(_MP_STREAM_POLL, events)
                if got:
                    found.append((stream, got))
        for entry in self._native.poll(0):
            found.append(entry[:2])
        return found

    def poll(self, timeout_ms: int = -1) -> list:
        """Return [(stream, events)] as soon as one is ready, [] after ``timeout_ms``; -1 waits for ever."""
        found = self._ready()
        if found or timeout_ms == 0:
            link.spend(_LOOK_INSTRUCTIONS * _CYCLES_BY_100 // (100 * link.cpu_mhz))
            return found or self._ready()
        until = FOREVER if timeout_ms < 0 else link.now() + timeout_ms * 1000
        while not found and link.now() < until:
            link.wait_streams(self._native, until)
            found = self._ready()
        return found

    def ipoll(self, timeout_ms: int = -1, flags: int = 0) -> "Iterator":
        """Return an iterator over what ``poll`` returns."""
        return iter(self.poll(timeout_ms))


def poll() -> "_Poll":
    """Return a new poll object."""
    return _Poll()
