"""What the badge knows of time: seconds since this start, the number of the start, perhaps the date.

A badge has no clock battery. Records carry (boot, seconds since that boot). Beside that the badge
counts its *life*: the seconds that it was ever switched on, up to the last checkpoint of every
boot. For each boot this module keeps the life at which it began and, when it becomes known, the
*offset*: date less life. Time switched off only adds to the offset, so it never falls from boot to
boot, and a boot without a date has its bounds from its neighbours.
"""

import struct
import time

from badge.loading import Loaded
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from esp32 import NVS
    from machine import RTC

    from badge.storage import Storage

_FILE = "clock"
_DAY_S = const(86400)
_HOUR_S = const(3600)
# uptime_s() must be called at least every 6 days: ticks_ms wraps after 12.4, ticks_diff is right for half.
CHECKPOINT_S = const(300)
FIRST_CHECKPOINT_S = const(60)
# A date cannot be older than this software: 2026-01-01.
_RELEASED = const(1767225600)
_1970_TO_2000_S = const(946684800)

# The file: life from which on dates may delete (4), offset that is trusted (4), offset from which a computer
# may step (4); then entries, oldest first: boot (2), what is known (1), life at its start (4), offset (4);
# all big-endian.
_HEAD = ">III"
_HEAD_LEN = const(12)
_ENTRY = ">HBII"
_ENTRY_LEN = const(11)
_MOST_ENTRIES = const(200)
_UNKNOWN = const(0)
_EXACT = const(1)
_NOT_BEFORE = const(2)


class Clock:
    """Monotone time of this boot, and dates where they are known.

    ``boot`` is the number of this start, 0 to 65535. ``nvs`` keeps the boot's number and the life;
    ``rtc`` is the chip's own clock, which outlives a reset but not a power cut. ``retention_s``:
    boots that ended longer ago are forgotten. ``trusted`` and ``base`` are offsets, see ``badge.dates``.
    """

    def __init__(self, storage: "Storage", nvs: "NVS", rtc: "RTC", retention_s: int) -> None:
        self._storage = storage
        self.nvs = nvs
        self.rtc = rtc
        self._last_ticks = time.ticks_ms()
        self._uptime_ms = 0
        self._uptime_whole_s = 0
        state = storage.load(_FILE)
        if state is None or len(state) < _HEAD_LEN or (len(state) - _HEAD_LEN) % _ENTRY_LEN:
            state = bytearray(_HEAD_LEN)
        self._settled_life_s, self.trusted, self.base = struct.unpack(_HEAD, state[:_HEAD_LEN])
        self._entries = state[_HEAD_LEN:]
        self._life_s = stored(nvs, "life")
        self.boot = self._count_boot()
        self._entries += struct.pack(_ENTRY, self.boot, _UNKNOWN, self._life_s, 0)
        self._forget(self._life_s - retention_s - _DAY_S)
        self._read_rtc()
        try:
            self.save()
        except OSError:
            storage.note_failure(_FILE)

    def _count_boot(self) -> int:
        """Number this boot; also when the NVS was erased and only the file knows the last one."""
        boot = stored(self.nvs, "boot", -1) + 1
        if self._entries:
            boot = max(boot, self._entry(len(self._entries) - _ENTRY_LEN)[0] + 1)
        self.nvs.set_i32("boot", boot & 0xFFFF)
        self.nvs.commit()
        return boot & 0xFFFF

    def _read_rtc(self) -> None:
        if stored(self.nvs, "trial"):  # the chip's clock shows a date that is not certain
            with Loaded("badge.dates") as dates:
                dates.end_trial(self)
            return
        year, month, day, _, hour, minute, second, _ = self.rtc.datetime()
        now = time.mktime((year, month, day, hour, minute, second, 0, 0)) + _epoch()  # type: ignore[arg-type]
        if now >= _RELEASED and now - self._life_s >= self._least_offset(len(self._entries)):
            # The chip's clock went on from the date before; what of the life was not counted is no step.
            self.base += now - self._life_s - (self._last_exact_offset() or self.base)
            self._learn(_EXACT, now - self._life_s)

    def uptime_s(self) -> int:
        """Return the whole seconds since this boot."""
        ticks = time.ticks_ms()
        self._uptime_ms += time.ticks_diff(ticks, self._last_ticks)
        self._last_ticks = ticks
        self._uptime_whole_s += self._uptime_ms // 1000
        self._uptime_ms %= 1000
        return self._uptime_whole_s

    def life_s(self) -> int:
        """Return the seconds that the badge was ever switched on, as far as it knows."""
        return self._life_s + self.uptime_s()

    def life_of(self, boot: int, second: int) -> int:
        """Return the life at a second of a boot; for a forgotten one, the latest possible."""
        at = self._find(boot)
        return self._entry(0)[2] if at < 0 else self._entry(at)[2] + second

    def checkpoint(self) -> None:
        """Store the life; what comes after the last checkpoint of a boot is not counted in it."""
        self.nvs.set_i32("life", self.life_s())
        self.nvs.commit()

    def is_known(self) -> bool:
        """Tell whether the date is known."""
        return self._entry(len(self._entries) - _ENTRY_LEN)[1] == _EXACT

    def unix(self) -> "int | None":
        """Return the seconds since 1970 UTC, or None when the date is not known."""
        return self.date_of(self.boot, self.uptime_s())

    def not_before(self) -> int:
        """Return the earliest date that it can be now, from all that is known."""
        return max(self._least_offset(len(self._entries)) + self.life_s(), _RELEASED)

    def day(self) -> "int | None":
        """Return the days since 1970-01-01 UTC, or None when the date is not known."""
        now = self.unix()
        return None if now is None else now // _DAY_S

    def date_of(self, boot: int, second: int) -> "int | None":
        """Return the date (seconds since 1970 UTC) of a second of any boot, or None.

        None also when a later boot's date shows that this boot's was wrong.
        """
        at = self._find(boot)
        if at < 0:
            return None
        _, known, life_s, offset = self._entry(at)
        most = self._most_offset(at)
        if known != _EXACT or (most is not None and offset > most + _HOUR_S):
            return None
        return offset + life_s + second

    def bounds(self, boot: int, second: int) -> "tuple[int | None, int | None]":
        """Return the earliest and the latest date of a second of any boot; None where there is no bound."""
        date = self.date_of(boot, second)
        if date is not None:
            return date, date
        at = self._find(boot)
        if at < 0:  # a boot before all that are remembered
            most = self._most_offset(-1)
            return None, None if most is None else most + self._entry(0)[2]
        _, known, life_s, offset = self._entry(at)
        least = max(self._least_offset(at), offset if known == _NOT_BEFORE else 0)
        most = self._most_offset(at)
        if most is not None and least > most:
            least = 0
        life_s += second
        return least + life_s if least else None, None if most is None else most + life_s

    def is_expired(self, boot: int, second: int, retention_s: int) -> bool:
        """Tell whether a second of any boot is longer ago than ``retention_s``.

        By the badge's life, or by the date if that has held for a day: a clock that was set wrong
        and is put right deletes nothing, and one that never was set keeps nothing for ever.
        """
        if self.life_s() - self.life_of(boot, second) >= retention_s:
            return True
        now = self.unix()
        if now is None or self.life_s() < self._settled_life_s:
            return False
        latest = self.bounds(boot, second)[1]
        return latest is not None and latest < now - retention_s

    def set_unix(self, now: int, is_agreed: bool = False) -> None:
        """Take the date, in seconds since 1970 UTC. ``is_agreed``: the owner's button said so."""
        offset = now - self.life_s()
        if is_agreed or not self.trusted:
            self.trusted = self.base = offset
        elif not self.is_known():
            self.base = offset
        _, known, _, before = self._entry(len(self._entries) - _ENTRY_LEN)
        slack_s = _HOUR_S
        if known != _EXACT:
            before = self._last_exact_offset()
            slack_s = _DAY_S  # a day switched off is nothing to wonder at
        if before and not -_HOUR_S <= offset - before <= slack_s:
            self._settled_life_s = self.life_s() + _DAY_S
        self._learn(_EXACT, offset)
        self.rtc.datetime(rtc_fields(now))
        self.save()

    def learn_bound(self, bound: int) -> None:
        """Take a lower bound of the date for a clock that is not set; it never deletes anything.

        ``bound``: what ``cx.publication.clock_after`` makes of a verified publication and ``not_before()``.
        """
        if not self.is_known() and bound > self.not_before():
            self._learn(_NOT_BEFORE, bound - self.life_s())
            self.save()

    def _learn(self, known: int, offset: int) -> None:
        at = len(self._entries) - _ENTRY_LEN
        boot, _, life_s, _ = self._entry(at)
        struct.pack_into(_ENTRY, self._entries, at, boot, known, life_s, offset)

    def _entry(self, at: int) -> "tuple[int, int, int, int]":
        return struct.unpack_from(_ENTRY, self._entries, at)

    def _find(self, boot: int) -> int:
        """Return where the newest entry of a boot is, or -1."""
        at = len(self._entries) - _ENTRY_LEN
        while at >= 0 and self._entry(at)[0] != boot:
            at -= _ENTRY_LEN
        return at

    def _least_offset(self, end: int) -> int:
        """Return the greatest offset of the boots before ``end`` that later dates do not contradict, or 0."""
        most = self._most_offset(end - _ENTRY_LEN)
        for at in range(end - _ENTRY_LEN, -1, -_ENTRY_LEN):
            _, known, _, offset = self._entry(at)
            if known != _UNKNOWN and (most is None or offset <= most):
                return offset
        return 0

    def _most_offset(self, at: int) -> "int | None":
        """Return the least known offset of the boots after the entry at ``at`` (-1: of all), or None."""
        most = None
        at = at + _ENTRY_LEN if at >= 0 else 0
        for later in range(at, len(self._entries), _ENTRY_LEN):
            _, known, _, offset = self._entry(later)
            if known == _EXACT and (most is None or offset < most):
                most = offset
        return most

    def _last_exact_offset(self) -> int:
        for at in range(len(self._entries) - _ENTRY_LEN, -1, -_ENTRY_LEN):
            _, known, _, offset = self._entry(at)
            if known == _EXACT:
                return offset
        return 0

    def _forget(self, life_s: int) -> None:
        """Drop the boots that ended before a life, and the oldest beyond the limit."""
        entries = self._entries
        while len(entries) > _ENTRY_LEN and (
            self._entry(_ENTRY_LEN)[2] < life_s or len(entries) > _MOST_ENTRIES * _ENTRY_LEN
        ):
            self._entries = entries = entries[_ENTRY_LEN:]

    def save(self) -> None:
        """Write what is known."""
        self._storage.save(
            _FILE, struct.pack(_HEAD, self._settled_life_s, self.trusted, self.base) + self._entries
        )


def stored(nvs: "NVS", key: str, default: int = 0) -> int:
    """Return a number of NVS, ``default`` if it is not there."""
    try:
        return nvs.get_i32(key)
    except OSError:
        return default


def _epoch() -> int:
    """Return the date of second 0 of ``time``: MicroPython counts from 2000 on some ports."""
    return 0 if time.gmtime(0)[0] == 1970 else _1970_TO_2000_S


def rtc_fields(now: int) -> tuple:
    """Return what ``RTC.datetime`` takes for a date (seconds since 1970 UTC)."""
    year, month, day, hour, minute, second, weekday = time.gmtime(now - _epoch())[:7]
    return (year, month, day, weekday, hour, minute, second, 0)
