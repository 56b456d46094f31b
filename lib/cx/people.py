"""One person, one alert: the matches of all publishers brought together by seed, and judged."""

from cx import risk
from cx.compat import TYPE_CHECKING, const
from cx.extensions import decode_guidance
from cx.known import GUIDANCE, MATCHES
from cx.levels import level_name
from cx.matches import entries, seriousness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cx.extensions import Bucket
    from cx.known import Files
    from cx.risk import Dates

_MOST_SHOWN = const(24)  # in one answer: it has to fit into RAM


class Person:
    """The owner of a published seed that was met.

    ``level``, the ``publishers`` that name the seed, the ``assessment``.
    """

    def __init__(self, level: int, publishers: "list[str]", assessment: risk.Assessment) -> None:
        self.level = level
        self.publishers = publishers
        self.assessment = assessment

    def describe(self) -> dict:
        """Return what may be shown: no seed and no identifier. See docs/matching.md."""
        found = self.assessment
        return {
            "risk": risk.NAMES[found.risk],
            "level": level_name(self.level),
            "publishers": self.publishers,
            "buckets": [
                {"to_db": bucket[0], "low_min": bucket[1], "high_min": bucket[2], "seconds": seconds}
                for bucket, seconds in zip(found.buckets, found.seconds)  # noqa: B905  MicroPython's is never strict
            ],
            "far_s": found.far_s,
            "tagged_s": found.tagged_s,
            "least_db": found.least_db,
            "contacts": found.contacts,
            "undated": found.undated,
            "doubtful": found.doubtful,
            "first": found.first,
            "last": found.last,
            "is_dated": not found.undated,
        }


def buckets_of(files: "Files", publisher: str) -> "Sequence[Bucket]":
    """Return the thresholds of a publisher's guidance, or the default ones when it gives none."""
    saved = files.load(GUIDANCE + "/" + publisher)
    buckets = decode_guidance(saved).buckets if saved is not None else []
    return buckets or risk.DEFAULT_BUCKETS


def people(files: "Files", publishers: "list[str]", dates: "Dates", retention_s: int) -> "Iterator[Person]":
    """Yield each person of whom any contact counts, and whom any publisher has not withdrawn.

    The level is the most serious that a publisher gives now, and the contacts and thresholds are that
    publisher's. RAM: about 150 bytes for each match.
    """
    seeds: "dict[bytes, list]" = {}
    for publisher in publishers:
        if files.exists(MATCHES + "/" + publisher):
            with files.open(MATCHES + "/" + publisher, "rb") as stream:
                for entry in entries(stream):
                    if seriousness(entry.level) >= 0:
                        owner = bytes([entry.generator_type]) + entry.seed
                        seeds.setdefault(owner, []).append((publisher, entry))
    for found in seeds.values():
        publisher, entry = max(found, key=lambda one: seriousness(one[1].level))
        assessment = risk.Assessment(buckets_of(files, publisher))
        with files.open(MATCHES + "/" + publisher, "rb") as stream:
            assessment.add_seed(entry.sightings(stream), entry.usage, dates, retention_s)
        if assessment.contacts:
            assessment.judge(entry.level)
            yield Person(entry.level, sorted({one[0] for one in found}), assessment)


def summary(all_people: "Iterator[Person]") -> dict:
    """Return ``alarm``, ``alerts`` (at most 24, the most serious first) and ``more``: how many others."""
    shown: "list[Person]" = []
    more = 0
    for person in all_people:
        shown.append(person)
        shown.sort(key=lambda one: (-one.assessment.risk, -one.level, -sum(one.assessment.seconds)))
        if len(shown) > _MOST_SHOWN:
            shown.pop()
            more += 1
    return {
        "alarm": bool(shown) and shown[0].assessment.risk == risk.HIGH,
        "alerts": [person.describe() for person in shown],
        "more": more,
    }
