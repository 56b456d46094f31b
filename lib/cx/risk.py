"""How much a match matters: minutes by distance, weighed against thresholds.

Attenuation stands for distance. The bucket limits (55 and 63 dB) and the weights (1 and
1/2) are those of the German Corona-Warn-App's first risk calculation ("How does the
Corona-Warn-App identify an increased risk?", cwa-documentation, 2020), which rest on the
Exposure Notification field tests at Fraunhofer IIS. A publisher's guidance replaces them.
"""

from cx.compat import TYPE_CHECKING, const
from cx.levels import is_alarming

if TYPE_CHECKING:
    from cx.contact import Contact

NONE = const(0)
LOW = const(1)
HIGH = const(2)
NAMES = ("none", "low", "high")


class Thresholds:
    """When minutes become a risk.

    ``near_db`` and ``medium_db`` are the upper limits of the first two attenuation buckets;
    ``low_min`` and ``high_min`` the weighted minutes from which a risk is low and high.
    """

    def __init__(self, near_db: int = 55, medium_db: int = 63, low_min: int = 5, high_min: int = 15) -> None:
        self.near_db = near_db
        self.medium_db = medium_db
        self.low_min = low_min
        self.high_min = high_min


class Exposure:
    """All contacts with one person, added up: what is kept of them, however many there were.

    ``near_s``, ``medium_s``, ``far_s``: seconds by distance; ``least_db``: smallest attenuation;
    ``count``: contacts; ``tagged_s``: seconds that the owner had marked; ``first`` and ``last``:
    (boot, second) of the first and the last contact in the order of the log.
    """

    def __init__(self, kept: "list[int] | None" = None) -> None:
        """Start empty, or from what ``kept`` returned."""
        values = kept or [0, 0, 0, 255, 0, 0, 0, 0, 0, 0]
        self.near_s, self.medium_s, self.far_s, self.least_db, self.count, self.tagged_s = values[:6]
        self.first = (values[6], values[7])
        self.last = (values[8], values[9])

    def kept(self) -> "list[int]":
        """Return ten whole numbers that hold everything."""
        sums = [self.near_s, self.medium_s, self.far_s, self.least_db, self.count, self.tagged_s]
        return sums + list(self.first) + list(self.last)

    def add(self, contact: "Contact", thresholds: Thresholds) -> None:
        """Add one contact."""
        if contact.mean_db <= thresholds.near_db:
            self.near_s += contact.duration_s
        elif contact.mean_db <= thresholds.medium_db:
            self.medium_s += contact.duration_s
        else:
            self.far_s += contact.duration_s
        if contact.is_tagged:
            self.tagged_s += contact.duration_s
        self.least_db = min(self.least_db, contact.least_db)
        self.last = (contact.boot, contact.start_s)
        if not self.count:
            self.first = self.last
        self.count += 1

    def risk(self, level: int, thresholds: Thresholds) -> int:
        """Return NONE, LOW or HIGH for a person whose alert level is ``level``."""
        weighted_s = self.near_s + self.medium_s // 2
        if not is_alarming(level) or weighted_s < thresholds.low_min * 60:
            return NONE
        return HIGH if weighted_s >= thresholds.high_min * 60 else LOW
