"""The serial line between a computer and a badge at 115 200 baud, 8N1: a byte takes 87 microseconds.

Towards the badge bytes arrive as the ESP32's UART hands them over: when its FIFO holds 120, or when the line
has been quiet for the time of one byte (ports/esp32/uart.c). The ring behind it lies in the badge's process.
"""

from __future__ import annotations

from collections import deque

BYTE_US = 87
_FIFO_FULL = 120


class UartIn:
    """From the computer to the badge."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[int, bytes]] = deque()
        self._free_us = 0

    def write(self, data: bytes, now_us: int) -> None:
        """Put ``data`` on the wire, after what is still on it."""
        self._free_us = max(self._free_us, now_us)
        for at in range(0, len(data), _FIFO_FULL):
            chunk = data[at : at + _FIFO_FULL]
            self._free_us += len(chunk) * BYTE_US
            quiet = BYTE_US if len(chunk) < _FIFO_FULL else 0
            self._chunks.append((self._free_us + quiet, chunk))

    def due_us(self, never: int) -> int:
        """Return when the next bytes are handed over."""
        return self._chunks[0][0] if self._chunks else never

    def take(self, now_us: int) -> list[tuple[int, bytes]]:
        """Return [(time, bytes)] handed over until now."""
        found = []
        while self._chunks and self._chunks[0][0] <= now_us:
            found.append(self._chunks.popleft())
        return found

    def lose_until(self, now_us: int) -> None:
        """Drop what came before the badge was up."""
        self.take(now_us)

    def clear(self) -> None:
        """Drop everything on the wire."""
        self._chunks.clear()


class UartOut:
    """From the badge to the computer."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[int, bytes]] = deque()
        self._free_us = 0

    def write(self, data: bytes, now_us: int) -> None:
        """Put ``data`` on the wire, after what is still on it."""
        self._free_us = max(self._free_us, now_us) + len(data) * BYTE_US
        self._chunks.append((self._free_us, data))

    def due_us(self, never: int) -> int:
        """Return when the next bytes will have come."""
        return self._chunks[0][0] if self._chunks else never

    def take(self, now_us: int) -> bytes:
        """Return what has come until now."""
        found = b""
        while self._chunks and self._chunks[0][0] <= now_us:
            found += self._chunks.popleft()[1]
        return found
