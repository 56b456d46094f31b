"""How far figures are from what chance would give, in standard deviations."""

from __future__ import annotations

import math

from cxhost.sim.linking import mean

# Beyond this many standard deviations: by chance less than once in 100 000 checks.
LIMIT = 4.5


def deviation(statistic: float, freedom: int) -> float:
    """Return a chi-squared value in standard deviations (Wilson and Hilferty 1931)."""
    spread = 2 / (9 * freedom)
    return ((statistic / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)


def even(values: list[int], classes: int) -> float:
    """Return how far counts of 0 to ``classes`` - 1 are from even, in standard deviations."""
    counts = [0] * classes
    for value in values:
        counts[value] += 1
    expected = len(values) / classes
    return deviation(sum((count - expected) ** 2 for count in counts) / expected, classes - 1)


def correlation(first: list[float], second: list[float]) -> float:
    """Return Pearson's correlation in standard deviations from none."""
    count = len(first)
    a, b = mean(first), mean(second)
    top = sum((x - a) * (y - b) for x, y in zip(first, second, strict=True))
    bottom = math.sqrt(sum((x - a) ** 2 for x in first) * sum((y - b) ** 2 for y in second))
    return top / bottom * math.sqrt(count)
