"""Power cuts, wear and floods, on the badge's own storage code and a flash that behaves as NOR does.

The programs in ``device/`` run inside MicroPython; here in a short form. In full: ``make test-powercut`` and
``make soak``.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from cxhost.interpreter import interpreter

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ERASE_CYCLES = 100_000
BLOCKS = 512


def device(program: str, *arguments: object) -> str:
    """Run a program of ``device/`` and return what it printed."""
    command = [interpreter(), "-X", "heapsize=64m", str(HERE / "device" / program), str(ROOT / "lib")]
    run = subprocess.run(
        [*command, str(ROOT / "firmware"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def life(kind: str, hours: int) -> dict:
    return json.loads(device("wear.py", kind, hours))


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


@pytest.mark.parametrize(
    ("kind", "hours", "most"), [("quiet", 72, 30), ("normal", 72, 120), ("crowded", 48, 300)]
)
def test_wear(capsys, kind, hours, most):
    found = life(kind, hours)
    # The worst block of a short run has had one erase more than the mean says.
    years = ERASE_CYCLES / (found["erases_per_day"] / BLOCKS) / 365
    with capsys.disabled():
        print(f"\n{kind}: {found['erases_per_day']} erases a day, {years:.0f} years to {ERASE_CYCLES} cycles")
    assert found["erases_per_day"] <= most and years > 100
    assert found["most_on_one_block"] <= 2 + 2 * found["erases_per_day"] * hours / 24 / BLOCKS
    assert found["kept"] == found["encounters"]
    assert found["unwritten"] == found["damaged"] == found["over_allowance"] == 0


def test_a_spray_of_brief_identifiers_costs_nothing():
    calm, sprayed = life("normal", 24), life("spray", 24)
    assert sprayed["brief"] > 100_000 and sprayed["attacker_records"] == 0
    assert sprayed["kept"] == sprayed["encounters"] > 100
    assert sprayed["erases_per_day"] <= calm["erases_per_day"] * 1.2


def test_a_thousand_identifiers_kept_on_air_leave_those_who_are_nearer():
    crowded, flooded = life("crowded", 24), life("thousand", 11)
    assert flooded["near_kept"] >= 0.8 * flooded["near_encounters"] > 10
    assert flooded["attacker_records"] <= 8640 * 11 / 24 + 800
    erases_per_record = flooded["erases_per_day"] * 11 / 24 / flooded["held"]
    assert erases_per_record * (8640 + 800) <= 2 * crowded["erases_per_day"]
