"""Power cuts, wear and floods, on the badge's own storage code and a flash that behaves as NOR does.

The programs in ``device/`` run inside MicroPython; here in a short form. In full: ``make test-powercut`` and
``make soak``.
"""

from __future__ import annotations

import re

import pytest
from host_tests.firmware import lives
from host_tests.firmware.lives import device


@pytest.mark.parametrize(("every", "inner"), [(4, 0), (25, 3)])
def test_power_cuts(capsys, every, inner):
    said = device("powercut.py", every, inner)
    with capsys.disabled():
        print(f"\n{said.strip()}")
    steps, points, cuts = map(int, re.findall(r"\d+", said)[:3])
    assert points == 2 * -(-steps // every) and cuts >= points
    assert (cuts > 10 * points) == bool(inner)


def test_what_goes_wrong_on_flash_is_said_and_survived():
    said = device("faults.py")
    assert "FAIL" not in said
    assert said.count("ok ") == said.count("\n") > 8, said


def test_what_the_clock_knows():
    said = device("clocks.py")
    assert "FAIL" not in said
    assert said.count("ok ") == said.count("\n") > 8, said


def test_the_filter_is_made_while_other_tasks_run():
    said = device("rebuild.py")
    assert "FAIL" not in said
    assert said.count("ok ") == said.count("\n") == 4, said


@pytest.fixture(scope="module")
def crowded() -> dict:
    return lives.live("crowded", 48)


@pytest.mark.parametrize(
    ("kind", "hours"),
    [("quiet", 72), ("normal", 72), ("crowded", 48), ("hall", 48), ("spray", 24), ("thousand", 11)],
)
def test_lives(capsys, crowded, kind, hours):
    found = crowded if kind == "crowded" else lives.live(kind, hours)
    with capsys.disabled():
        print(f"\n{lives.line(found)}")
    assert lives.faults(found, crowded["erases_per_day"]) == []
    if kind == "spray":
        assert found["brief"] > 100_000 and found["encounters"] > 100


def test_lives_that_go_wrong_are_seen(crowded):
    erases = crowded["erases_per_day"]
    for change in (
        {"kept": 1},
        {"damaged": 2},
        {"table_bytes": 16384},
        {"erases_per_day": 300},
        {"no_room": 1},
    ):
        assert len(lives.faults(crowded | change, erases)) == 1
    flood = crowded | {"life": "thousand", "attacker_records": 12_000}
    assert lives.faults(flood, erases) == []
    assert len(lives.faults(flood | {"near_kept": 1}, erases)) == 1
    assert len(lives.faults(flood | {"erases_per_day": 3 * erases}, erases)) == 2
