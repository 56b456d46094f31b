"""How much a match matters: minutes by distance, weighed against thresholds.

Attenuation stands for distance. The bucket limits (55 and 63 dB) and the weights (1 and
1/2) are those of the German Corona-Warn-App's first risk calculation ("How does the
Corona-Warn-App identify an increased risk?", cwa-documentation, 2020), which rest on the
Exposure Notification field tests at Fraunhofer IIS. A publisher's guidance replaces them.
"""

from cx.compat import TYPE_CHECKING, const
from cx.levels import is_alarming

if TYPE_CHECKING:
    from collections.abc import Iterable

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


class Assessment:
    """A risk (NONE, LOW or HIGH) with the figures that it came from, in whole seconds."""

    def __init__(self, risk: int, near_s: int, medium_s: int, far_s: int, least_db: int) -> None:
        self.risk = risk
        self.near_s = near_s
        self.medium_s = medium_s
        self.far_s = far_s
        self.least_db = least_db


def assess(contacts: "Iterable[Contact]", level: int, thresholds: Thresholds) -> Assessment:
    """Return the Assessment of all contacts with one person whose alert level is ``level``."""
    near_s = medium_s = far_s = 0
    least_db = 255
    for contact in contacts:
        least_db = min(least_db, contact.least_db)
        if contact.mean_db <= thresholds.near_db:
            near_s += contact.duration_s
        elif contact.mean_db <= thresholds.medium_db:
            medium_s += contact.duration_s
        else:
            far_s += contact.duration_s
    weighted_s = near_s + medium_s // 2
    risk = NONE
    if is_alarming(level):
        if weighted_s >= thresholds.high_min * 60:
            risk = HIGH
        elif weighted_s >= thresholds.low_min * 60:
            risk = LOW
    return Assessment(risk, near_s, medium_s, far_s, least_db)
