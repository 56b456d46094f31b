"""The console of a simulated badge: what ``sys.stdin.buffer`` and ``sys.stdout.buffer`` are on an ESP32."""

import io
import sys

from micropython import const
from simlink import CONSOLE, FOREVER, INPUT, link

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from typing import BinaryIO

# ports/esp32: the ring between the UART's interrupt and the program; one place stays free.
_RING_BYTES = const(260)
_FIFO_BYTES = const(128)
_BYTE_US = const(87)  # ten bits at 115 200 baud
_POLLIN = const(1)
_POLLOUT = const(4)
_MP_STREAM_POLL = const(3)
_CHUNK = const(512)


class _Input(io.IOBase):
    def __init__(self) -> None:
        self._ring = bytearray(_RING_BYTES)
        self._get = 0
        self._put = 0
        link.on(INPUT, self._arrive)

    def _arrive(self, payload: "bytes | memoryview") -> None:
        for byte in payload:
            after = (self._put + 1) % _RING_BYTES
            if byte == link.interrupt_char:
                link.interrupted = True
            elif after != self._get:  # full: the byte is lost, as on the chip
                self._ring[self._put] = byte
                self._put = after

    def ioctl(self, request: int, argument: int) -> int:
        """Say whether there is something to read."""
        if request != _MP_STREAM_POLL:
            return -1
        return argument & _POLLIN if self._get != self._put else 0

    def read(self, n: int = -1) -> bytes:
        """Wait until ``n`` bytes came; return them."""
        if n is None or n < 0:
            raise NotImplementedError("read() without a length never returns on a badge")
        data = bytearray(n)
        self.readinto(data)
        return bytes(data)

    def readinto(self, buffer: bytearray) -> int:
        """Wait until ``buffer`` is full."""
        for i in range(len(buffer)):
            while self._get == self._put:
                link.idle(FOREVER)
            buffer[i] = self._ring[self._get]
            self._get = (self._get + 1) % _RING_BYTES
        return len(buffer)


class _Output(io.IOBase):
    def __init__(self) -> None:
        self._free_us = 0

    def ioctl(self, request: int, argument: int) -> int:
        """Say that there is always room: the write waits instead."""
        return argument & _POLLOUT if request == _MP_STREAM_POLL else -1

    def write(self, data: bytes) -> int:
        """Send everything; wait as long as more is left than the UART's FIFO holds."""
        view = memoryview(data)
        for at in range(0, len(view), _CHUNK):
            link.emit(CONSOLE, view[at : at + _CHUNK])
        self._free_us = max(self._free_us, link.now()) + len(view) * _BYTE_US
        while not link.dispatching and self._free_us - link.now() > _FIFO_BYTES * _BYTE_US:
            link.idle(self._free_us - _FIFO_BYTES * _BYTE_US)
        return len(view)


class Cable:
    """The charging cable."""

    def value(self) -> int:
        """Return 1 while it is there."""
        return int(getattr(link, "has_cable", False))


def open_console() -> "tuple[BinaryIO, BinaryIO]":
    """Return (input, output)."""
    if link.__class__.__name__ == "RealTime":
        return sys.stdin.buffer, sys.stdout.buffer
    return _Input(), _Output()
