"""The line between the conductor and one badge's process: frames, records and events.

The other side is ``boards/sim/fakes/simlink.py``, which states the layout. Times on the wire are microseconds
since the badge booted.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

# Records, badge to conductor
IDLE, ADVERTISE, ADVERTISE_STOP, SCAN, SCAN_STOP, PIN, CONSOLE, RTC, RTC_MEMORY, EXIT, WEAR = range(11)
# Events, conductor to badge
HEARD, SCAN_DONE, LEVEL, INPUT = range(1, 5)
# Causes of a start, as machine.reset_cause() gives them; 0 is the end without a start.
POWER_CUT, POWER_ON, HARD_RESET, WATCHDOG, DEEP_SLEEP, SOFT_RESET = range(6)

FOREVER = 0x3FFFFFFFFFFFFFFF
MAX_EVENT_BYTES = 1024

_RECORD = struct.Struct("<BqH")
_EVENT = struct.Struct("<BqB")
_HEAD = struct.Struct("<Iq")
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Hello:
    """What a badge is told when it starts."""

    rtc_us: int
    ticks_us: int
    cause: int
    writes_left: int
    low_pins: int
    mac: bytes
    seed: bytes
    rtc_memory: bytes

    def pack(self) -> bytes:
        """Return the frame."""
        body = struct.pack("<qqBqQ", self.rtc_us, self.ticks_us, self.cause, self.writes_left, self.low_pins)
        body += self.mac + self.seed + self.rtc_memory
        return _HEAD.pack(len(body), 0) + body


class Closed(Exception):
    """The process at the other end is gone."""


class Line:
    """The conductor's end of one badge's line."""

    def __init__(self, end: socket.socket, timeout_s: float) -> None:
        self._socket = end
        self._socket.settimeout(timeout_s)
        self._buffer = b""

    def send(self, frame: bytes) -> None:
        """Send a whole frame; Closed if nobody is there."""
        try:
            self._socket.sendall(frame)
        except OSError as error:
            raise Closed from error

    def grant(self, now_us: int, events: bytes) -> None:
        """Give the badge a slice: the time, and what happened until then."""
        self.send(_HEAD.pack(len(events), now_us) + events)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            raise
        except OSError as error:
            raise Closed from error
        if not data:
            raise Closed
        self._buffer = self._buffer + data if self._buffer else data

    def records(self) -> list[tuple[int, int, bytes]]:
        """Return [(kind, time, payload)] of the next frame.

        Raises Closed, or TimeoutError after long silence.
        """
        while len(self._buffer) < 4:
            self._receive()
        end = 4 + _LENGTH.unpack_from(self._buffer)[0]
        while len(self._buffer) < end:
            self._receive()
        buffer, at, found = self._buffer, 4, []
        while at < end:
            kind, when, length = _RECORD.unpack_from(buffer, at)
            at += 11
            found.append((kind, when, buffer[at : at + length]))
            at += length
        self._buffer = buffer[end:]
        return found

    def close(self) -> None:
        """Close this end."""
        self._socket.close()


def event(kind: int, when_us: int, payload: bytes = b"") -> bytes:
    """Return one event for a badge."""
    return _EVENT.pack(kind, when_us, len(payload)) + payload
