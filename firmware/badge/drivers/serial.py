"""Bytes over the board's USB serial port."""

import asyncio
import select

from cx.compat import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO


class UsbSerial:
    """Non-blocking reading, blocking writing, over a board's standard streams.

    MicroPython's ``read(n)`` on these streams waits until all ``n`` bytes have come, so bytes
    are taken one at a time, and only when the poller says that there is one.
    """

    def __init__(self, stream_in: "BinaryIO", stream_out: "BinaryIO") -> None:
        self._in = stream_in
        self._out = stream_out
        self._reader = asyncio.StreamReader(stream_in)
        poll = select.poll()
        poll.register(stream_in, select.POLLIN)
        self._look = poll.ipoll
        self._byte = bytearray(1)

    async def read(self, buffer: bytearray) -> int:
        """Wait for at least one byte; fill ``buffer`` with what is there and return the count."""
        first = await self._reader.read(1)
        if not first:
            await asyncio.sleep_ms(1000)  # nobody at the other end
            return 0
        buffer[0] = first[0]
        return self._take(buffer, 1)

    def _take(self, buffer: bytearray, count: int) -> int:
        """Take what is there, without an allocation: half the instructions of ``poll`` and ``read``."""
        byte, take, look = self._byte, self._in.readinto, self._look
        while count < len(buffer):
            for _ in look(0):
                take(byte)
                buffer[count] = byte[0]
                count += 1
                break
            else:
                break
        return count

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        self._out.write(data)
