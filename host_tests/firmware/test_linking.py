"""Long runs of the badge's own rotation code: is it random, and can a badge be followed?

``CXBADGE_ROTATIONS`` (10 000 here, 100 000 in ``make statistics``) and ``CXBADGE_SEED`` repeat a run.
"""

from __future__ import annotations

import dataclasses
import math
import os
import random
from itertools import pairwise

import pytest
from host_tests.firmware.chance import LIMIT, correlation, even
from host_tests.firmware.test_units import run_solo

from cxhost.sim import linking

ROTATIONS = int(os.environ.get("CXBADGE_ROTATIONS", "10000"))
SEED = os.environ.get("CXBADGE_SEED", "11")


@pytest.fixture(scope="module")
def record(tmp_path_factory, request):
    scratch = tmp_path_factory.mktemp("rotations")
    out = scratch / "broadcasts"
    ran = run_solo("rotations.py", str(scratch), SEED, str(ROTATIONS), str(out), timeout_s=1800)
    assert ran.returncode == 0 and "failures 0" in ran.stdout, ran.stdout + ran.stderr
    found = linking.read(out)
    assert len(found) >= ROTATIONS - 1
    return found


def bits_of_identifier(one) -> list[int]:
    """Return its 122 random bits."""
    return [one.identifier >> at & 1 for at in range(128) if at not in (62, 63, 76, 77, 78, 79)]


def bits_of_address(one) -> list[int]:
    return [one.address >> at & 1 for at in range(46)]


@pytest.mark.parametrize("bits", [bits_of_identifier, bits_of_address])
def test_frequency_and_serial(record, bits):
    """Each bit is set half of the time, and independent of its neighbour and of itself one value before."""
    rows = [bits(one) for one in record]
    count = len(rows)
    width = len(rows[0])
    worst = 0.0
    for at in range(width):
        column = [row[at] for row in rows]
        after = [a ^ b for a, b in pairwise(column)]
        beside = [row[at] ^ row[(at + 1) % width] for row in rows]
        for sample in (column, after, beside):
            worst = max(worst, abs(2 * sum(sample) - len(sample)) / math.sqrt(len(sample)))
    # The worst of 3 * width checks: each may be somewhat farther out
    assert worst < LIMIT + 0.5, f"seed {SEED}: {worst:.1f} standard deviations"
    ones = sum(map(sum, rows))
    assert abs(2 * ones - count * width) / math.sqrt(count * width) < LIMIT


@pytest.mark.parametrize("name", ["identifier", "address"])
def test_collisions(record, name):
    """No value returns, and parts of 24 bits return as often as chance has it."""
    values = [getattr(one, name) for one in record]
    assert len(set(values)) == len(values)
    for shift in (0, 20):
        parts = [value >> shift & 0xFFFFFF for value in values]
        expected = len(parts) - 2**24 * (1 - (1 - 2**-24) ** len(parts))
        assert abs(len(parts) - len(set(parts)) - expected) < LIMIT * math.sqrt(expected) + 1


def test_the_address_says_nothing_about_the_identifier(record):
    low = (1 << 46) - 1
    distances = [((one.identifier & low) ^ one.address).bit_count() for one in record]
    assert abs(linking.mean(distances) - 23) < LIMIT * math.sqrt(46 / 4 / len(record))


def test_intervals_lifetimes_and_pauses_are_even_and_independent(record):
    intervals = [(one.interval - 200_000) // 625 for one in record if one.interval < 270_000]
    lifetimes = [(one.end - one.start - 480_000_000) / 240_001_000 for one in record]
    pauses = [(b.start - a.end - 1_000_000) / 9_001_000 for a, b in pairwise(record)]
    phases = [(b.start - a.start) / a.interval % 1 for a, b in pairwise(record)]
    series = {
        "interval": [value / 112 for value in intervals],
        "lifetime": lifetimes,
        "pause": pauses,
        "phase": phases,
    }
    figures = {}
    for name, values in series.items():
        assert min(values) >= 0 and max(values) < 1.001, name
        classes = [min(int(value * 16), 15) for value in values]
        figures[name + ", even"] = even(classes, 16)
        pairs = [a // 2 * 8 + b // 2 for a, b in zip(classes[::2], classes[1::2], strict=False)]
        figures[name + ", pairs even"] = even(pairs, 64)
        for lag in (1, 2, 6):
            figures[f"{name}, lag {lag}"] = correlation(values[:-lag], values[lag:])
    names = sorted(series)
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            for lag in (0, 1):
                a, b = series[first], series[second][lag:]
                length = min(len(a), len(b))
                figures[f"{first} and {second}, lag {lag}"] = correlation(a[:length], b[:length])
    bad = {name: round(value, 2) for name, value in figures.items() if abs(value) > LIMIT}
    assert not bad, f"seed {SEED}: {bad}"


def attacks(record, badges: int, longest_s: float, seed: int):
    """Return the results of both attacks on a crowd of ``badges``, learned on another one."""
    draw = random.Random(seed)
    moved = record if longest_s == 10 else linking.with_pauses(record, longest_s, draw)
    rotations = min(len(moved) // (2 * badges), 20_000 // badges)
    attack = linking.Attack(round(longest_s * 1e6))
    parts = linking.crowd(moved, 2 * badges, rotations, draw)
    attack.learn(parts[::2])
    return attack.follow(parts[1::2])


def test_a_follower_gains_nothing_from_fields_and_timing(record, capsys):
    lines = []
    for longest_s in (10, 60, 300):
        lost = [linking.missed(longest_s, seconds, random.Random(3)) for seconds in (300, 900)]
        off = (1 + longest_s) / 2 / (600 + (1 + longest_s) / 2)
        for badges in (1, 5, 50):
            by_presence, by_all = attacks(record, badges, longest_s, badges)
            gain, error = linking.advantage(by_presence, by_all)
            one, all_ = (linking.mean([x for part in each for x in part]) for each in (by_presence, by_all))
            lines.append(
                f"{longest_s:5d} {badges:6d}  {one:8.3f} {all_:8.3f}  {gain:+8.4f} ±{error:.4f}  "
                f"{linking.six_in_a_row(by_presence):8.4f} {linking.six_in_a_row(by_all):8.4f}  "
                f"{off:7.2%} {lost[0]:8.2%} {lost[1]:8.2%}"
            )
            assert gain <= 3 * error, lines[-1]
    with capsys.disabled():
        print(f"\nfollowing a badge, {len(record)} rotations, seed {SEED}")
        print(
            "pause badges  one rotation        gain of the       six rotations      off  missed contacts of"
        )
        print(
            "   up to      presence      all   second attack     presence      all  the air    5 min   15 min"
        )
        print("\n".join(lines))


def test_a_badge_that_leaks_is_followed(record):
    """The judge can judge: one rotation in five that keeps the interval must be found."""
    draw = random.Random(1)
    leaky = [record[0]]
    for one in record[1:]:
        kept = leaky[-1].interval if draw.random() < 0.2 else one.interval
        leaky.append(dataclasses.replace(one, interval=kept))
    gain, error = linking.advantage(*attacks(leaky, 50, 10, 1))
    assert gain > 5 * error
