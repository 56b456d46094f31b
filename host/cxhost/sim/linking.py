"""Following a badge over its rotations: by when signals come and go, and by everything a sniffer can note.

The second attack has the first one's knowledge, and for each field and each timing a likelihood ratio that it
learned from badges whose owners it watched (half of them); it is tried on the other half.
"""

from __future__ import annotations

import math
import random
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

RECORD = struct.Struct("<qqI6s16s")
PAUSE_MIN_US = 1_000_000
# A sniffer that hears every packet sees a signal's end up to one interval late.
BLUR_US = 300_000


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One identity: from when to when, at which interval (us), and its two names."""

    start: int
    end: int
    interval: int
    address: int
    identifier: int


def read(path: Path) -> list[Broadcast]:
    """Return what rotations.py recorded."""
    found = []
    for start, end, interval, address, identifier in RECORD.iter_unpack(path.read_bytes()):
        names = (int.from_bytes(address, "big"), int.from_bytes(identifier, "big"))
        found.append(Broadcast(start, end, interval, *names))
    return found[:-1]  # the last one was cut short


def crowd(record: list[Broadcast], badges: int, rotations: int, draw: random.Random) -> list[list[Broadcast]]:
    """Return ``badges`` stretches of one long record, shifted in time so that they are on air together."""
    parts = []
    for number in range(badges):
        part = record[number * rotations : (number + 1) * rotations]
        shift = draw.randrange(0, 600_000_000) - part[0].start
        parts.append(
            [Broadcast(b.start + shift, b.end + shift, b.interval, b.address, b.identifier) for b in part]
        )
    return parts


def with_pauses(record: list[Broadcast], longest_s: float, draw: random.Random) -> list[Broadcast]:
    """Return the record as it would be with pauses from one second to ``longest_s``; all else stays."""
    moved, now = [], 0
    for one in record:
        life = one.end - one.start
        moved.append(Broadcast(now, now + life, one.interval, one.address, one.identifier))
        now += life + draw.randrange(PAUSE_MIN_US, round(longest_s * 1e6) + 1)
    return moved


def _part(value: float, bins: int) -> int:
    return min(int((value % 1.0) * bins), bins - 1)


def _bits(value: int, most: int) -> int:
    return min(value.bit_count() * 12 // (most + 1), 11)


# What may tie two identities together beside the moment: each gives one of at most 16 classes.
FEATURES: dict[str, Callable[[Broadcast, Broadcast], int]] = {
    "interval": lambda a, b: min(abs(a.interval - b.interval) * 16 // 71_000, 15),
    "phase of the events": lambda a, b: _part((b.start - a.start) / a.interval, 12),
    "phase of the second": lambda a, b: _part((b.start - a.start) / 1e6, 12),
    "phase of the minute": lambda a, b: _part((b.start - a.start) / 6e7, 12),
    "address": lambda a, b: _bits(a.address ^ b.address, 46),
    "identifier": lambda a, b: _bits(a.identifier ^ b.identifier, 122),
    "address of one, identifier of the other": lambda a, b: _bits(
        (a.identifier & (1 << 46) - 1) ^ b.address, 46
    ),
    "lifetime": lambda a, b: min(abs((a.end - a.start) - (b.end - b.start)) * 12 // 241_000_000, 11),
    "interval and lifetime": lambda a, b: _part(((a.end - a.start) / a.interval) - b.interval / 1e5, 12),
}
_CLASSES = 16


class Attack:
    """Finds the successor of an identity among those that begin soon after its end."""

    def __init__(self, longest_us: int) -> None:
        self._longest_us = longest_us
        self._log_ratio = {name: [0.0] * _CLASSES for name in FEATURES}

    def candidates(self, one: Broadcast, starts: list[Broadcast], keys: list[int]) -> list[Broadcast]:
        """Return who begins when the successor of ``one`` may begin; ``starts`` is sorted by start."""
        low = bisect_left(keys, one.end + PAUSE_MIN_US - BLUR_US)
        return starts[low : bisect_right(keys, one.end + self._longest_us + BLUR_US)]

    def learn(self, parts: list[list[Broadcast]]) -> None:
        """Learn what true successors look like beside false ones."""
        starts = sorted((one for part in parts for one in part), key=lambda one: one.start)
        keys = [one.start for one in starts]
        counts = {name: ([1] * _CLASSES, [1] * _CLASSES) for name in FEATURES}
        for part in parts:
            for one, true in pairwise(part):
                for other in self.candidates(one, starts, keys):
                    for name, feature in FEATURES.items():
                        counts[name][other is not true][feature(one, other)] += 1
        for name, (right, wrong) in counts.items():
            for at in range(_CLASSES):
                ratio = (right[at] / sum(right)) / (wrong[at] / sum(wrong))
                self._log_ratio[name][at] = math.log(ratio)

    def score(self, one: Broadcast, other: Broadcast) -> float:
        """Return how much all that was learned speaks for ``other``."""
        return sum(self._log_ratio[name][feature(one, other)] for name, feature in FEATURES.items())

    def follow(self, parts: list[list[Broadcast]]) -> tuple[list[list[float]], list[list[float]]]:
        """Return the chance of being right at each rotation of each badge: by presence, by everything.

        By presence all candidates are alike, except those that only this identity can explain.
        """
        starts = sorted((one for part in parts for one in part), key=lambda one: one.start)
        keys = [one.start for one in starts]
        ends = sorted(one.end for part in parts for one in part)
        by_presence, by_all = [], []
        for part in parts:
            presence, everything = [], []
            for one, true in pairwise(part):
                found = self.candidates(one, starts, keys)
                weights = [-math.log(self._explanations(other, ends)) for other in found]
                presence.append(_chance(found, weights, true))
                weights = [w + self.score(one, other) for w, other in zip(weights, found, strict=True)]
                everything.append(_chance(found, weights, true))
            by_presence.append(presence)
            by_all.append(everything)
        return by_presence, by_all

    def _explanations(self, other: Broadcast, ends: list[int]) -> int:
        low = bisect_left(ends, other.start - self._longest_us - BLUR_US)
        return max(1, bisect_right(ends, other.start - PAUSE_MIN_US + BLUR_US) - low)


def _chance(found: list[Broadcast], weights: list[float], true: Broadcast) -> float:
    best = max(weights) - 1e-9
    tied = [other for other, weight in zip(found, weights, strict=True) if weight >= best]
    return 1 / len(tied) if any(other is true for other in tied) else 0.0


def mean(values: list[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


def advantage(by_presence: list[list[float]], by_all: list[list[float]]) -> tuple[float, float]:
    """Return by how much the second attack does better, and the standard error of that, pair by pair."""
    pairs = zip(by_presence, by_all, strict=True)
    gains = [b - a for first, second in pairs for a, b in zip(first, second, strict=True)]
    gain = mean(gains)
    return gain, math.sqrt(max(mean([(one - gain) ** 2 for one in gains]), 1e-12) / len(gains))


def six_in_a_row(chances: list[list[float]]) -> float:
    """Return the chance to be right six times one after another."""
    return mean([math.prod(part[at : at + 6]) for part in chances for at in range(0, len(part) - 5, 6)])


def missed(longest_s: float, contact_s: int, draw: random.Random, trials: int = 20_000) -> float:
    """Return how often a contact of ``contact_s`` falls between the other's scans and signals.

    Scans of 4 s, 41 to 71 s apart (all-day profile); signals of 480 to 720 s, pauses of up to ``longest_s``.
    """
    count = 0
    for _ in range(trials):
        air, now = [], -draw.uniform(0, 800 + longest_s)
        while now < contact_s:
            life = draw.uniform(480, 720)
            air.append((now, now + life))
            now += life + draw.uniform(1, longest_s)
        scan, is_heard = draw.uniform(-60, 15), False
        while scan < contact_s and not is_heard:
            low, high = max(scan, 0), min(scan + 4, contact_s)
            is_heard = any(min(high, end) - max(low, start) > 0.3 for start, end in air)
            scan += 4 + draw.uniform(41, 71)
        count += not is_heard
    return count / trials
