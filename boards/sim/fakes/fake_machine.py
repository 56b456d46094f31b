"""``machine`` of the ESP32 port: pins, the RTC, resets, the watchdog.

What is missing raises AttributeError.
"""

import struct
import sys

from fake_time import gmtime, mktime, sleep_us
from micropython import const
from simlink import LEVEL, PIN, RTC_MEMORY, link
from simlink import RTC as _RTC_RECORD

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PWRON_RESET = const(1)
HARD_RESET = const(2)
WDT_RESET = const(3)
DEEPSLEEP_RESET = const(4)
SOFT_RESET = const(5)

_INPUT_ONLY = const(34)
_PINS = const(40)
_NO_SUCH_PINS = (20, 24, 28, 29, 30, 31)
_RTC_MEMORY_BYTES = const(2048)
_CPU_HZ = (20_000_000, 40_000_000, 80_000_000, 160_000_000, 240_000_000)


class Pin:
    """A GPIO. There is one object for each number; outside levels come from the conductor."""

    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2
    _pins = {}
    _number = 0
    _level = 0

    def __new__(cls, number: "int | Pin", *_arguments: object, **_named: object) -> "Pin":
        """Return the object of the pin ``number``."""
        if isinstance(number, Pin):
            return number
        if not isinstance(number, int) or not 0 <= number < _PINS or number in _NO_SUCH_PINS:
            raise ValueError("invalid pin")
        pin = cls._pins.get(number)
        if pin is None:
            pin = cls._pins[number] = object.__new__(cls)
            pin._number = number
            pin._mode = Pin.IN
            pin._pull = None
            pin._level = 0
            pin._outside = 0 if link.low_pins >> number & 1 else None
            pin._handler = None
            pin._trigger = 0
        return pin

    def __init__(
        self, number: int, mode: "int | None" = None, pull: "int | None" = -1, *, value: "int | None" = None
    ) -> None:
        self.init(mode, pull, value=value)

    def init(self, mode: "int | None" = None, pull: "int | None" = -1, *, value: "int | None" = None) -> None:
        """Set what is given; ``value`` first, so that an output does not glitch."""
        if value is not None:
            self._level = 1 if value else 0
        if mode is not None:
            if mode != Pin.IN and self._number >= _INPUT_ONLY:
                raise ValueError("pin can only be input")
            self._mode = mode
        if pull != -1:
            self._pull = pull
        if self._mode == Pin.OUT and (mode is not None or value is not None):
            self._drive(self._level)

    def _drive(self, level: int) -> None:
        self._level = level
        if self._mode != Pin.IN:
            link.emit(PIN, bytes((self._number, level)))

    def value(self, value: "int | None" = None) -> "Any":
        """Return the level on the pin, or set the output."""
        if value is not None:
            self._drive(1 if value else 0)
            return None
        if self._mode == Pin.OUT:
            return self._level
        if self._outside is not None:
            return self._outside
        return 1 if self._pull == Pin.PULL_UP else 0

    def __call__(self, value: "int | None" = None) -> "int | None":
        """Do as ``value``."""
        return self.value(value)

    def on(self) -> None:
        """Set the output high."""
        self._drive(1)

    def off(self) -> None:
        """Set the output low."""
        self._drive(0)

    def toggle(self) -> None:
        """Set the output to what it is not."""
        self._drive(1 - self._level)

    def irq(self, handler: "Callable | None" = None, trigger: int = 3, wake: "int | None" = None) -> "Pin":
        """Have ``handler(pin)`` run at the edges in ``trigger``; None ends it."""
        if wake is not None:
            raise NotImplementedError("waking from sleep by a pin is not simulated")
        self._handler = handler
        self._trigger = trigger if handler else 0
        return self

    def _set_outside(self, level: int) -> None:
        before = self.value()
        self._outside = level
        after = self.value()
        edge = Pin.IRQ_RISING if after > before else Pin.IRQ_FALLING
        if after != before and self._trigger & edge and self._handler:
            try:
                self._handler(self)
            except Exception as error:  # noqa: BLE001  as the scheduler of MicroPython: report and go on
                sys.print_exception(error)  # type: ignore[attr-defined]


def _level(payload: "bytes | memoryview") -> None:
    number, level = payload
    pin = Pin(number)
    pin._set_outside(level)


link.on(LEVEL, _level)


class RTC:
    """The clock of the chip: survives a reset, not an empty battery."""

    _EPOCH_US = 1_000_000

    def datetime(self, fields: "tuple | None" = None) -> "tuple | None":
        """Return or set (year, month, day, weekday, hour, minute, second, microsecond)."""
        if fields is None:
            rtc_us = link.now() + link.rtc_us
            now = gmtime(rtc_us // self._EPOCH_US)
            return (now[0], now[1], now[2], now[6], now[3], now[4], now[5], rtc_us % self._EPOCH_US)
        if len(fields) != 8:
            raise ValueError("requested length 8 but object has length %d" % len(fields))
        year, month, day, _weekday, hour, minute, second, us = fields
        seconds = mktime((year, month, day, hour, minute, second, 0, 0))
        link.rtc_us = seconds * self._EPOCH_US + us - link.now()
        link.emit(_RTC_RECORD, struct.pack("<q", link.rtc_us))
        return None

    def memory(self, data: "bytes | None" = None) -> "bytes | None":
        """Return or set up to 2048 bytes that survive a reset and deep sleep."""
        if data is None:
            return link.rtc_memory
        if len(data) > _RTC_MEMORY_BYTES:
            raise ValueError("buffer too long")
        link.rtc_memory = bytes(data)
        for at in range(0, max(1, len(data)), 512):
            link.emit(RTC_MEMORY, struct.pack("<H", at) + link.rtc_memory[at : at + 512])
        return None


class WDT:
    """The task watchdog: resets the chip when nobody feeds it for ``timeout`` milliseconds of badge time."""

    def __init__(self, id: int = 0, timeout: int = 5000) -> None:
        if id != 0:
            raise ValueError("WDT(%d) doesn't exist" % id)
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        link.watchdog(int(timeout) * 1000)

    def feed(self) -> None:
        """Start the time again."""
        link.feed()


def reset() -> None:
    """Restart the chip."""
    link.end(HARD_RESET)


def soft_reset() -> None:
    """Restart the interpreter."""
    link.end(SOFT_RESET)


def deepsleep(time_ms: "int | None" = None) -> None:
    """Switch everything off for ``time_ms``, then start from boot.py."""
    if time_ms is None:
        raise NotImplementedError("sleeping until a pin wakes the badge is not simulated")
    link.end(DEEPSLEEP_RESET, int(time_ms) * 1000)


def reset_cause() -> int:
    """Return why the badge started."""
    return link.cause


def unique_id() -> bytes:
    """Return the 6 bytes of the chip's MAC address."""
    return link.mac


def freq(hz: "int | None" = None) -> "int | None":
    """Return or set the frequency of the processor: it tells how long the console takes for a byte."""
    if hz is None:
        return link.cpu_mhz * 1_000_000
    if hz not in _CPU_HZ:
        raise ValueError("frequency must be 20MHz, 40MHz, 80Mhz, 160MHz or 240MHz")
    link.cpu_mhz = hz // 1_000_000
    return None


def idle() -> None:
    """Let a millisecond pass."""
    sleep_us(1000)


def disable_irq() -> int:
    """Return the state for ``enable_irq``.

    Interrupts come at idle points only, so there is nothing to stop.
    """
    return 0


def enable_irq(state: int) -> None:
    """Take the state back."""
