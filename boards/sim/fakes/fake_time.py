"""``time`` of an ESP32 on the badge's own clock: seconds since 2000, ticks that wrap at 2**30."""

from micropython import const
from simlink import link
from utime import gmtime as _gmtime_1970
from utime import mktime as _mktime_1970

_PERIOD = const(1 << 30)
_MASK = const((1 << 30) - 1)
_HALF = const(1 << 29)
_SECONDS_1970_TO_2000 = const(946_684_800)


def ticks_us() -> int:
    """Return microseconds since boot, modulo 2**30."""
    return (link.now() + link.ticks_us) & _MASK


def ticks_ms() -> int:
    """Return milliseconds since boot, modulo 2**30 (12.4 days)."""
    return (link.now() + link.ticks_us) // 1000 & _MASK


ticks_cpu = ticks_us


def ticks_diff(end: int, start: int) -> int:
    """Return ``end - start`` in a ring of 2**30, from -2**29 to 2**29 - 1."""
    return ((end - start + _HALF) & _MASK) - _HALF


def ticks_add(ticks: int, delta: int) -> int:
    """Return ``ticks + delta`` in the ring; OverflowError if ``delta`` is half of the ring or more."""
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return (ticks + delta) & _MASK


def sleep_us(us: int) -> None:
    """Do nothing for ``us`` microseconds."""
    until = link.now() + int(us)
    while link.now() < until:
        link.idle(until)


def sleep_ms(ms: int) -> None:
    """Do nothing for ``ms`` milliseconds."""
    sleep_us(int(ms) * 1000)


def sleep(seconds: float) -> None:
    """Do nothing for ``seconds``."""
    sleep_us(int(seconds * 1_000_000))


def time() -> int:
    """Return the RTC in seconds since 2000; it starts at 0 when the battery is put in."""
    return (link.now() + link.rtc_us) // 1_000_000


def time_ns() -> int:
    """Return the RTC in nanoseconds since 2000."""
    return (link.now() + link.rtc_us) * 1000


def gmtime(seconds: "float | None" = None) -> tuple:
    """Return (year, month, day, hour, minute, second, weekday, yearday) of ``seconds`` since 2000."""
    return _gmtime_1970((time() if seconds is None else int(seconds)) + _SECONDS_1970_TO_2000)[:8]


localtime = gmtime


def mktime(fields: tuple) -> int:
    """Return seconds since 2000 of a ``gmtime`` tuple. The conductor starts every badge with TZ=UTC."""
    return int(_mktime_1970(tuple(fields[:8]) + (0,))) - _SECONDS_1970_TO_2000
