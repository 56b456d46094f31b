"""The wires of a simulated badge: its clock, and the line to the conductor that everything passes through.

One process is one badge, so ``link`` is the one piece of state that the fakes share; ``simstart`` sets it
before it imports them. Two classes have the same face: ``Link`` (virtual time, a conductor at the other end)
and ``RealTime`` (a badge on a pseudo-terminal: the computer's clock, a silent radio).

Frames, little endian. To the conductor: length (4), then records of kind (1), time (8), length (2), payload;
the last record of a slice is IDLE. To the badge: length (4), time (8), then events of kind (1), time (8),
length (1), payload. Times are microseconds since this badge booted.
"""

import struct
import sys

from micropython import const

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO, NoReturn

FOREVER = const(0x3FFFFFFFFFFFFFFF)

# Records, badge to conductor
IDLE = const(0)
ADVERTISE = const(1)
ADVERTISE_STOP = const(2)
SCAN = const(3)
SCAN_STOP = const(4)
PIN = const(5)
CONSOLE = const(6)
RTC = const(7)
RTC_MEMORY = const(8)
EXIT = const(9)
_WEAR = const(10)  # 2 bytes: the block of flash that was erased, or -1: the NVS partition was written

# Events, conductor to badge
HEARD = const(1)
SCAN_DONE = const(2)
LEVEL = const(3)
INPUT = const(4)

# Why a badge starts (esp32: machine.reset_cause()), and the end that is none: the battery is gone.
POWER_CUT = const(0)
_WDT_RESET = const(3)
# How a badge on a pseudo-terminal ends when it resets itself: this plus the cause.
RESET_STATUS = const(64)

_OUT_BYTES = const(768)
_IN_BYTES = const(1280)
_RECORD_BYTES = const(11)
_EVENT_BYTES = const(10)
# How far a badge that never sleeps may run ahead of the others before it lets them catch up.
_AHEAD_US = const(10_000)

link: "Link" = None  # type: ignore[assignment]
# Whether a TLS session was begun since Wi-Fi was switched on: then there is no memory for Bluetooth.
has_tls = False


class Link:
    """A badge in virtual time: the clock stands still while code runs and jumps where ``idle`` hands back."""

    def __init__(self, stream: "BinaryIO") -> None:
        self._stream = stream
        self._out = bytearray(_OUT_BYTES)
        self._used = 4
        self._in = bytearray(_IN_BYTES)
        self._handlers = {}
        self._now = 0
        self._granted = 0
        self._writes_left = -1
        self._bites_us = FOREVER
        self._timeout_us = 0
        self.dispatching = False
        self.interrupted = False
        self.interrupt_char = 3
        self.cpu_mhz = 160
        length = struct.unpack("<I", self._read(12))[0]
        hello = self._read(length)
        (self.rtc_us, self.ticks_us, self.cause, self._writes_left) = struct.unpack_from("<qqBq", hello, 0)
        self.low_pins = struct.unpack_from("<Q", hello, 25)[0]
        self.mac = bytes(hello[33:39])
        self.seed = bytes(hello[39:71])
        self.rtc_memory = bytes(hello[71:])

    def _read(self, length: int) -> bytes:
        data = self._stream.read(length)
        if not data or len(data) < length:  # the conductor is gone
            sys.exit(0)
        return data

    def on(self, kind: int, handler: "Callable") -> None:
        """Have ``handler(payload)`` called for events of ``kind``.

        ``payload`` is a view that dies with the call.
        """
        self._handlers[kind] = handler

    def now(self) -> int:
        """Return microseconds since this badge booted."""
        return self._now

    def emit(self, kind: int, payload: "bytes | memoryview" = b"") -> None:
        """Put one record into this slice's frame."""
        length = len(payload)
        if self._used + _RECORD_BYTES + length > _OUT_BYTES:
            self._flush()
        at = self._used
        struct.pack_into("<BqH", self._out, at, kind, self._now, length)
        at += _RECORD_BYTES
        self._out[at : at + length] = payload
        self._used = at + length

    def _flush(self) -> None:
        struct.pack_into("<I", self._out, 0, self._used - 4)
        self._stream.write(self._out, self._used)
        self._used = 4

    def idle(self, until_us: int) -> None:
        """Hand the slice back until ``until_us`` or until something happens; deliver what happened."""
        if self.dispatching:
            raise RuntimeError("an interrupt handler waits")
        self.emit(IDLE, struct.pack("<q", min(until_us, self._bites_us)))
        self._flush()
        buffer = self._in
        if self._stream.readinto(buffer, 12) != 12:
            sys.exit(0)
        length, now = struct.unpack_from("<Iq", buffer, 0)
        if length:
            if self._stream.readinto(buffer, length) != length:
                sys.exit(0)
            self._dispatch(buffer, length)
        if now > self._now:
            self._now = now
        self._granted = self._now
        if self._now >= self._bites_us:
            self.end(_WDT_RESET)
        if self.interrupted:
            self.interrupted = False
            raise KeyboardInterrupt

    def watchdog(self, timeout_us: int) -> None:
        """Reset the chip when ``feed`` is not called for ``timeout_us``."""
        self._timeout_us = timeout_us
        self.feed()

    def feed(self) -> None:
        """Give the watchdog its time again."""
        self._bites_us = self._now + self._timeout_us

    def _dispatch(self, buffer: bytearray, end: int) -> None:
        view = memoryview(buffer)
        at = 0
        self.dispatching = True
        while at < end:
            kind, when, length = struct.unpack_from("<BqB", buffer, at)
            at += _EVENT_BYTES
            if when > self._now:
                self._now = when
            handler = self._handlers.get(kind)
            if handler:
                handler(view[at : at + length])
            at += length
        self.dispatching = False

    def spend(self, us: int) -> None:
        """Let ``us`` of work pass; a badge that works on without a pause lets the others catch up."""
        self._now += us
        if self._now - self._granted > _AHEAD_US and not self.dispatching:
            self.idle(self._now)

    def wait_streams(self, _poller: object, until_us: int) -> None:
        """Wait at the idle point; in virtual time only the conductor wakes a badge."""
        self.idle(until_us)

    def flash_write(self) -> None:
        """Count one write to flash; the battery may be set to go at the n-th."""
        if self._writes_left == 0:
            self.end(POWER_CUT)
        self._writes_left -= 1

    def end(self, cause: int, sleep_us: int = 0) -> None:
        """Reset the chip: nothing is unwound, no ``finally`` runs; the conductor ends this process."""
        self.emit(EXIT, struct.pack("<Bq", cause, sleep_us))
        self._flush()
        while True:
            self._read(1)


class RealTime:
    """A badge on a pseudo-terminal: the computer's clock and console, no conductor, nobody on the air."""

    dispatching = False
    interrupted = False
    cpu_mhz = 160
    access_points: "dict[str, str] | None" = None  # network names and their keys, which lead to this computer
    has_cable = False

    def __init__(self, seed: bytes, mac: bytes, cause: int) -> None:
        import utime

        self._time_ns = utime.time_ns
        self._started = utime.time_ns()
        self._sleep_us = utime.sleep_us
        self.rtc_us = 0
        self.ticks_us = 0
        self.low_pins = 0
        self.cause = cause
        self.mac = mac
        self.seed = seed
        self.rtc_memory = b""
        self.pins: "BinaryIO" = None  # type: ignore[assignment]  # simterm opens it
        self._on_level = None

    def on(self, kind: int, handler: "Callable") -> None:
        """Have ``handler(payload)`` called for LEVEL; nothing else happens outside."""
        if kind == LEVEL:
            self._on_level = handler

    def emit(self, kind: int, payload: "bytes | memoryview" = b"") -> None:
        """Nobody listens."""

    def now(self) -> int:
        """Return microseconds since this badge booted."""
        return (self._time_ns() - self._started) // 1000

    def idle(self, until_us: int) -> None:
        """Sleep until ``until_us``."""
        self._sleep_us(max(0, min(until_us - self.now(), 1_000_000)))

    def spend(self, us: int) -> None:
        """Work takes the time that it takes."""

    def watchdog(self, timeout_us: int) -> None:
        """Nobody bites: a pseudo-terminal's badge may be stopped for as long as somebody types."""

    def feed(self) -> None:
        """Nobody bites."""

    def wait_streams(self, poller: "Any", until_us: int) -> None:
        """Wait for a real stream, a pin or for the time."""
        poller.register(self.pins, 1)
        for ready in poller.poll(max(0, min((until_us - self.now() + 999) // 1000, 60_000))):
            if ready[0] is self.pins and self._on_level:
                self._on_level(self.pins.read(2))
        poller.unregister(self.pins)

    def flash_write(self) -> None:
        """Count nothing: a pseudo-terminal's badge has a full battery."""

    def end(self, cause: int, sleep_us: int = 0) -> "NoReturn":
        """Reset the chip: the supervisor starts the badge again when the process ends with this status."""
        if sleep_us:
            self._sleep_us(sleep_us)
        raise SystemExit(RESET_STATUS + cause)
