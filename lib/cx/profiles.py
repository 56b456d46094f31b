"""Power profiles: how a badge shares its battery between sending, listening and computing.

The badge runs one of them; ``cxbadge energy`` computes what each costs. All have the same advertising
interval: sending takes some 3 % of the battery, and an interval of its own would tell the badges of one
profile from the others for ever, whatever addresses they take. What differs cannot be heard on air.
"""

from cx.compat import const
from cx.errors import NotSupportedError

INTERVAL_MIN_US = const(200_000)
INTERVAL_MAX_US = const(270_000)
DEFAULT = "all-day"


class Profile:
    """A profile.

    ``cpu_mhz``: clock of the processor. A scan of ``scan_ms`` begins every ``period_s`` on average. The
    advertising interval lies between ``interval_min_us`` and ``interval_max_us``.
    """

    def __init__(self, name: str, cpu_mhz: int, scan_ms: int, period_s: int) -> None:
        self.name = name
        self.cpu_mhz = cpu_mhz
        self.scan_ms = scan_ms
        self.period_s = period_s
        self.interval_min_us = INTERVAL_MIN_US
        self.interval_max_us = INTERVAL_MAX_US


_TABLE = (
    ("all-day", 80, 4_000, 60),
    ("long-life", 80, 2_000, 90),
    # Where packets collide, a scan must be longer; where there are many, the processor must be faster.
    ("dense-crowd", 160, 8_000, 60),
)
NAMES = tuple(row[0] for row in _TABLE)


def profile(name: str) -> Profile:
    """Return the profile ``name``; NotSupportedError names those there are."""
    for row in _TABLE:
        if row[0] == name:
            return Profile(row[0], row[1], row[2], row[3])
    raise NotSupportedError("profile: must be one of " + ", ".join(NAMES))
