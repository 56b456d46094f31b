"""How much a match matters: minutes by distance, weighed against thresholds.

Attenuation stands for distance: the nominal transmit power less the received power, corrected by the board's
receive offset. Thresholds are buckets as in the guidance extension (docs/extensions.md): minutes in several
buckets add up as parts. The limits of the default buckets (55, 63 dB), and that the second counts half, are
those of the German Corona-Warn-App's first risk calculation ("How does the Corona-Warn-App identify an
increased risk?", cwa-documentation, 2020), which rest on the Exposure Notification field tests at Fraunhofer
IIS. A publisher's guidance replaces them.
"""

from cx.compat import TYPE_CHECKING, const
from cx.contact import decode
from cx.extensions import days_of, decode_usage
from cx.levels import is_alarming
from cx.ordering import doubtful

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    from cx.contact import Contact
    from cx.extensions import Bucket

    class Dates(Protocol):
        """What is known of dates: a badge's clock."""

        def bounds(self, boot: int, second: int) -> "tuple[int | None, int | None]":
            """Return the earliest and the latest date that a second of a boot can have; equal if known."""
            ...

        def is_expired(self, boot: int, second: int, retention_s: int) -> bool:
            """Tell whether a second of a boot is longer ago than ``retention_s``."""
            ...


NONE = const(0)
LOW = const(1)
HIGH = const(2)
NAMES = ("none", "low", "high")

DEFAULT_BUCKETS = ((55, 5, 15), (63, 10, 30))
_DAY_S = const(86400)
# With more sightings than these of one seed their order is not looked at: time grows with the square.
_MOST_ORDERED = const(256)


class Assessment:
    """What is known of the contacts with one person, and the risk (NONE, LOW or HIGH) that comes from it.

    ``buckets``: the thresholds; ``seconds``: in each bucket; ``far_s``: farther than the last; ``tagged_s``:
    seconds that the owner had marked; ``least_db``: the smallest attenuation; ``contacts``: how many counted;
    ``undated``: how many of these have no exact date; ``doubtful``: how many of these contradict the order of
    the chain; ``first``, ``last``: dates in seconds since 1970 UTC, only bounds of them if any is undated, or
    None.
    """

    def __init__(self, buckets: "Sequence[Bucket]") -> None:
        self.buckets = buckets
        self.risk = NONE
        self.seconds = [0] * len(buckets)
        self.far_s = self.tagged_s = 0
        self.least_db = 255
        self.contacts = self.undated = self.doubtful = 0
        self.first: "int | None" = None
        self.last: "int | None" = None

    def add_seed(
        self, sightings: "Iterable[tuple[int, bytes]]", usage: bytes, dates: "Dates", retention_s: int
    ) -> None:
        """Add the contacts with one seed.

        ``sightings``: (place in the chain, 24-byte contact record). ``usage``: the 4 bytes of the
        publication. A contact that was certainly outside the days of the usage does not count, nor one that
        is past the retention time; one whose date is not known counts, and is told as undated.
        Doubtful contacts count as well: whoever adds some must not be able to take away from the others.
        """
        used = decode_usage(usage)
        days = days_of(used) if used else None
        order = []
        for place, record in sightings:
            met = decode(record)
            least, most = dates.bounds(met.boot, met.start_s)
            if days and (
                (most is not None and most // _DAY_S < days[0])
                or (least is not None and least // _DAY_S > days[1])
            ):
                continue
            if dates.is_expired(met.boot, met.start_s, retention_s):
                continue
            self._add_dates(least, most)
            self._add(met)
            if len(order) <= _MOST_ORDERED:
                order.append((place, met.boot, met.start_s, met.duration_s))
        if len(order) <= _MOST_ORDERED:
            self.doubtful += len(doubtful(order))

    def judge(self, level: int) -> None:
        """Set ``risk`` for a person whose alert level is ``level``."""
        self.risk = judge(self.seconds, level, self.buckets)

    def _add_dates(self, least: "int | None", most: "int | None") -> None:
        if least is None or least != most:
            self.undated += 1
        if least is not None:
            self.first = least if self.first is None else min(self.first, least)
        if most is not None:
            self.last = most if self.last is None else max(self.last, most)

    def _add(self, met: "Contact") -> None:
        self.contacts += 1
        self.least_db = min(self.least_db, met.least_db)
        if met.is_tagged:
            self.tagged_s += met.duration_s
        for number, bucket in enumerate(self.buckets):
            if met.mean_db <= bucket[0]:
                self.seconds[number] += met.duration_s
                return
        self.far_s += met.duration_s


def judge(seconds: "Sequence[int]", level: int, buckets: "Sequence[Bucket]") -> int:
    """Return the risk, NONE, LOW or HIGH, of so many seconds in each bucket."""
    if not is_alarming(level):
        return NONE
    if _reaches(seconds, [bucket[2] for bucket in buckets]):
        return HIGH
    return LOW if _reaches(seconds, [bucket[1] for bucket in buckets]) else NONE


def _reaches(seconds: "Sequence[int]", minutes: "Sequence[int]") -> bool:
    """Tell whether the parts ``seconds / minutes`` add up to a whole; exactly, without fractions."""
    parts, whole = 0, 1
    for number in range(len(minutes)):
        if minutes[number]:
            parts = parts * minutes[number] + seconds[number] * whole
            whole *= minutes[number]
    return parts >= 60 * whole
