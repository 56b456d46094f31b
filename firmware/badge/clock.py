"""What the badge knows of time: seconds since this start, the number of the start, perhaps the date.

A badge has no clock battery. Records carry (boot, seconds since that boot); this module keeps,
for each boot, the date at which it began, as soon as a computer or a network tells it.
"""

import time

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from esp32 import NVS

    from badge.storage import Storage

_FILE = "clock"
_DAY_S = const(86400)
# ticks_ms wraps after 12.4 days and ticks_diff is right for half of that.
TICK_CHECK_S = const(3600)
_KNOWN_BOOTS = const(64)


class Clock:
    """Monotone time of this boot, and dates where they are known.

    ``boot`` is the number of this start, 0 to 65535. Something must call ``uptime_s()`` at
    least every ``TICK_CHECK_S`` seconds, or a wrap of the tick counter would be missed.
    """

    def __init__(self, storage: "Storage", nvs: "NVS") -> None:
        self._storage = storage
        self._last_ticks = time.ticks_ms()
        self._uptime_ms = 0
        self._uptime_whole_s = 0
        self.boot = self._count_boot(nvs)
        # boot number (text, as JSON has it) -> date at which it began, in seconds since 1970
        self._began: "dict[str, int]" = storage.load_json(_FILE, {})

    @staticmethod
    def _count_boot(nvs: "NVS") -> int:
        try:
            boot = (nvs.get_i32("boot") + 1) & 0xFFFF
        except OSError:
            boot = 0
        nvs.set_i32("boot", boot)
        nvs.commit()
        return boot

    def uptime_s(self) -> int:
        """Return the whole seconds since this boot."""
        ticks = time.ticks_ms()
        self._uptime_ms += time.ticks_diff(ticks, self._last_ticks)
        self._last_ticks = ticks
        self._uptime_whole_s += self._uptime_ms // 1000
        self._uptime_ms %= 1000
        return self._uptime_whole_s

    def is_known(self) -> bool:
        """Tell whether the date is known."""
        return str(self.boot) in self._began

    def unix(self) -> "int | None":
        """Return the seconds since 1970 UTC, or None when the date is not known."""
        return self.date_of(self.boot, self.uptime_s())

    def day(self) -> "int | None":
        """Return the days since 1970-01-01 UTC, or None when the date is not known."""
        now = self.unix()
        return None if now is None else now // _DAY_S

    def date_of(self, boot: int, second: int) -> "int | None":
        """Return the date (seconds since 1970 UTC) of a second of any boot, or None."""
        began = self._began.get(str(boot))
        return None if began is None else began + second

    def set_unix(self, now: int) -> None:
        """Take the date, in seconds since 1970 UTC, from somebody who is trusted with it."""
        self._began[str(self.boot)] = now - self.uptime_s()
        while len(self._began) > _KNOWN_BOOTS:
            del self._began[min(self._began, key=lambda boot: self._began[boot])]
        self._storage.save_json(_FILE, self._began)
