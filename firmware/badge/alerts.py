"""Whom the owner met: matches by published seed, their risk, and what may be told about them.

Each published seed that was met is one alert (a person who reports several days has several). A match
keeps the sums of its contacts, so that every alert can say why, and the level that each publisher
gives to it now.
"""

import binascii

from cx import levels, risk
from cx.compat import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from badge.clock import Clock
    from badge.storage import Storage
    from cx.contact import Contact

_FILE = "matches"


class Run:
    """One pass over one publisher's list: that publisher's matches as they will be when it is over.

    ``matches`` maps the seed in hexadecimal to its level and its exposure.
    """

    def __init__(
        self, publisher: str, is_full: bool, matches: "dict[str, dict]", thresholds: risk.Thresholds
    ) -> None:
        self.publisher = publisher
        self._thresholds = thresholds
        self._is_full = is_full
        self._matches = matches
        self._listed: "set[str]" = set()
        self._met: "set[str]" = set()

    def set_level(self, seed: bytes, level: int) -> None:
        """Note the level that the list gives to a seed now."""
        key = _key(seed)
        if key in self._matches:
            self._matches[key]["level"] = level
            self._listed.add(key)

    def add(self, seed: bytes, level: int, met: "Contact") -> None:
        """Note that the owner met the person of this seed."""
        key = _key(seed)
        if key not in self._met:  # a run that is repeated after a reset starts this match anew
            self._met.add(key)
            self._listed.add(key)
            self._matches[key] = {"level": level, "exposure": None}
        exposure = risk.Exposure(self._matches[key]["exposure"])
        exposure.add(met, self._thresholds)
        self._matches[key]["exposure"] = exposure.kept()

    def remaining(self) -> "dict[str, dict]":
        """Return the matches without those that have expired, named so or missing from a full list."""
        return {
            key: match
            for key, match in self._matches.items()
            if match["level"] != levels.EXPIRED and (key in self._listed or not self._is_full)
        }


class Alerts:
    """All matches of this badge, and the alarm that follows from them."""

    def __init__(self, storage: "Storage", clock: "Clock", thresholds: risk.Thresholds) -> None:
        self._storage = storage
        self._clock = clock
        self._thresholds = thresholds
        # publisher ID -> seed in hexadecimal -> {"level", "exposure"}
        self._matches: "dict[str, dict[str, dict]]" = storage.load_json(_FILE, {})

    def begin(self, publisher: str, is_full: bool) -> Run:
        """Start a pass over a publisher's list; nothing changes before ``end``."""
        matches = {key: dict(match) for key, match in self._matches.get(publisher, {}).items()}
        return Run(publisher, is_full, matches, self._thresholds)

    def end(self, run: Run) -> None:
        """Let the matches of a finished pass take effect, on flash first."""
        matches = dict(self._matches)
        matches[run.publisher] = run.remaining()
        self._storage.save_json(_FILE, matches)
        self._matches = matches

    @property
    def is_alarming(self) -> bool:
        """Tell whether any match is a high risk now."""
        for level, _publishers, exposure in self._people():
            if exposure.risk(level, self._thresholds) == risk.HIGH:
                return True
        return False

    def summary(self) -> dict:
        """Return what may be shown of the matches: no seed and no identifier.

        ``alerts``, most serious first: risk and level by name, publisher IDs, seconds by
        distance, least attenuation in dB, number of contacts, seconds of them that the owner had
        marked, first and last date (seconds since 1970 UTC; unless ``is_dated`` bounds, or None
        where there is no bound). ``thresholds``: what the risk was judged by.
        """
        limits = self._thresholds
        people = sorted(self._people(), key=lambda person: -person[2].risk(person[0], limits))
        return {
            "alarm": self.is_alarming,
            "thresholds": {
                "near_db": limits.near_db,
                "medium_db": limits.medium_db,
                "low_min": limits.low_min,
                "high_min": limits.high_min,
            },
            "alerts": [self._describe(person) for person in people],
        }

    def _describe(self, person: tuple) -> dict:
        level, publishers, exposure = person
        first = self._clock.bounds(exposure.first[0], exposure.first[1])
        last = self._clock.bounds(exposure.last[0], exposure.last[1])
        return {
            "risk": risk.NAMES[exposure.risk(level, self._thresholds)],
            "level": levels.level_name(level),
            "publishers": publishers,
            "near_s": exposure.near_s,
            "medium_s": exposure.medium_s,
            "far_s": exposure.far_s,
            "least_db": exposure.least_db,
            "contacts": exposure.count,
            "tagged_s": exposure.tagged_s,
            "first": first[0],
            "last": last[1],
            "is_dated": first[0] is not None and first[0] == first[1] and last[0] == last[1],
        }

    def _people(self) -> "Iterator[tuple[int, list[str], risk.Exposure]]":
        """Yield (level, publishers, exposure) for each published seed that was met."""
        seeds: "dict[str, list[str]]" = {}
        for publisher, matches in self._matches.items():
            for key in matches:
                seeds.setdefault(key, []).append(publisher)
        for key, publishers in seeds.items():
            matches = [self._matches[publisher][key] for publisher in publishers]
            worst = max(matches, key=lambda match: _seriousness(match["level"]))
            yield worst["level"], publishers, risk.Exposure(worst["exposure"])


def _key(seed: bytes) -> str:
    return binascii.hexlify(seed).decode()


def _seriousness(level: int) -> int:
    """Return the rank of a level. The numbers rise with it, but that "expired" is less than "no-alert"."""
    known = levels.alert_level(level)
    return -1 if known == levels.EXPIRED else known
