"""One person, one alert: the matches of all publishers brought together by seed and person, and judged."""

from cx import risk
from cx.compat import TYPE_CHECKING, const
from cx.contact import decode
from cx.extensions import decode_guidance, decode_usage
from cx.known import GUIDANCE, MATCHES
from cx.levels import level_name
from cx.matches import entries, seriousness
from cx.ordering import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cx.extensions import Bucket
    from cx.known import Files
    from cx.matches import Entry
    from cx.risk import Dates

_MOST_SHOWN = const(24)  # in one answer: it has to fit into RAM
_MOST_LINKED = const(64)  # with more seeds than these it is not asked which are one person's


class Person:
    """Whom the owner met: the owner of one published seed, or of several.

    ``level``, the ``publishers`` that name the seeds, how many ``seeds``, the ``assessment``.
    """

    def __init__(self, level: int, publishers: "list[str]", seeds: int, assessment: risk.Assessment) -> None:
        self.level = level
        self.publishers = publishers
        self.seeds = seeds
        self.assessment = assessment

    def describe(self) -> dict:
        """Return what may be shown: no seed and no identifier. See docs/matching.md."""
        found = self.assessment
        return {
            "risk": risk.NAMES[found.risk],
            "level": level_name(self.level),
            "publishers": self.publishers,
            "seeds": self.seeds,
            "buckets": [
                {"to_db": bucket[0], "low_min": bucket[1], "high_min": bucket[2], "seconds": seconds}
                for bucket, seconds in zip(found.buckets, found.seconds)  # noqa: B905  MicroPython's is never strict
            ],
            "is_guided": found.buckets is not risk.DEFAULT_BUCKETS,
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


class _Seed:
    """A seed that was met: the entry that counts, its publisher, and all publishers that name it."""

    def __init__(self, publisher: str, entry: "Entry", span: Span) -> None:
        self.publishers = [publisher]
        self.publisher = publisher
        self.entry = entry
        self.span = span
        self.person = 0  # the number of the person's first seed

    def add(self, publisher: str, entry: "Entry") -> None:
        """Take another publisher's entry of the seed; the more serious one counts."""
        self.publishers.append(publisher)
        if seriousness(entry.level) > seriousness(self.entry.level):
            self.publisher = publisher
            self.entry = entry

    def goes_on_as(self, other: "_Seed") -> bool:
        """Tell whether ``other`` is the next seed of the same person."""
        if self.entry.level != other.entry.level or self.publishers != other.publishers:
            return False
        used = decode_usage(self.entry.usage)
        return self.span.goes_on_as(used[1] if used else 0, other.span)


def buckets_of(files: "Files", publisher: str) -> "Sequence[Bucket]":
    """Return the thresholds of a publisher's guidance, or the default ones when it gives none."""
    saved = files.load(GUIDANCE + "/" + publisher)
    buckets = decode_guidance(saved).buckets if saved is not None else []
    return buckets or risk.DEFAULT_BUCKETS


def people(files: "Files", publishers: "list[str]", dates: "Dates", retention_s: int) -> "Iterator[Person]":
    """Yield each person of whom any contact counts, and whom any publisher has not withdrawn.

    A seed's level is the most serious that a publisher gives now, and the contacts and thresholds are that
    publisher's. Seeds that follow each other (``cx.ordering``) under the same level are one person's.
    RAM: about 400 bytes for each seed.
    """
    seeds = _seeds(files, publishers, dates)
    for number, one in enumerate(seeds):
        one.person = number
    if len(seeds) <= _MOST_LINKED:
        _link(seeds)
    for number, first in enumerate(seeds):
        if first.person != number:
            continue
        same = [one for one in seeds if one.person == number]
        assessment = risk.Assessment(buckets_of(files, first.publisher))
        for one in same:
            with files.open(MATCHES + "/" + one.publisher, "rb") as stream:
                assessment.add_seed(one.entry.sightings(stream), one.entry.usage, dates, retention_s)
        if assessment.contacts:
            assessment.judge(first.entry.level)
            yield Person(first.entry.level, first.publishers, len(same), assessment)


def _seeds(files: "Files", publishers: "list[str]", dates: "Dates") -> "list[_Seed]":
    seeds: "dict[bytes, _Seed]" = {}
    for publisher in publishers:
        if not files.exists(MATCHES + "/" + publisher):
            continue
        with files.open(MATCHES + "/" + publisher, "rb") as stream:
            for entry in entries(stream):
                if seriousness(entry.level) < 0:
                    continue
                owner = bytes([entry.generator_type]) + entry.seed
                if owner in seeds:
                    seeds[owner].add(publisher, entry)
                else:
                    seeds[owner] = _Seed(publisher, entry, _span(entry.sightings(stream), dates))
    return [seeds[owner] for owner in sorted(seeds)]


def _span(sightings: "Iterator[tuple[int, bytes]]", dates: "Dates") -> Span:
    span = Span()
    for place, record in sightings:
        met = decode(record)
        least, most = dates.bounds(met.boot, met.start_s)
        if least is not None and least == most:
            span.add(-1, least, place, met.duration_s)
        else:
            span.add(met.boot, met.start_s, place, met.duration_s)
    return span


def _link(seeds: "list[_Seed]") -> None:
    """Give the seeds of one person the number of the first of them."""
    for one in seeds:
        for other in seeds:
            if one.person != other.person and one.goes_on_as(other):
                least, most = min(one.person, other.person), max(one.person, other.person)
                for each in seeds:
                    if each.person == most:
                        each.person = least


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
