"""Encounters of two badges, by profile, length and distance: how many are in the log, and how long they seem.

The air is the simulator's model (indoor path loss, shadowing, fading); collisions are not in it.
``CXBADGE_ENCOUNTERS`` (20 of each kind here, 250 and so 1 000 in all in ``make detection``) and
``CXBADGE_SEED`` repeat a run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from bisect import bisect_right

import pytest
from host_tests.firmware.test_contacts_and_alerts import logged

from cx import contact, profiles
from cxhost.boards import load_board
from cxhost.build import build
from cxhost.sim import Simulation

ENCOUNTERS = int(os.environ.get("CXBADGE_ENCOUNTERS", "20"))
SEED = int(os.environ.get("CXBADGE_SEED", "11"))
MINUTES = (5, 15)
METRES = (1.0, 2.0)
FAR = (5000.0, 0.0)
# So many of each kind take a week; the log keeps two, then badges with empty ones go on.
AT_ONCE = 100
# The log counts in steps of 4 s from when the application starts, some 4 s after the battery is put in.
LAG_S = 8
# A sighting is dated when its scan ends, and that may be after they parted.
SCAN_S = 8


def application(tmp_path, profile: str):
    """Return the application with another profile in its board.json."""
    folder = tmp_path / "application"
    shutil.copytree(build(load_board("sim")), folder)
    board = json.loads((folder / "board.json").read_text())
    (folder / "board.json").write_text(json.dumps(board | {"profile": profile}))
    return folder


def meet(sim, b, draw, each: int) -> list[tuple[float, float, int, float]]:
    """Let the badges meet; return (begin, end, minutes, metres) of each encounter, in seconds."""
    met = []
    kinds = [(minutes, metres) for minutes in MINUTES for metres in METRES] * each
    draw.shuffle(kinds)
    for minutes, metres in kinds:
        begin = sim.now_us / 1e6
        b.move((metres, 0.0))
        sim.run_for(minutes * 60)
        met.append((begin, sim.now_us / 1e6, minutes, metres))
        b.move(FAR)
        sim.run_for(draw.uniform(600, 900))
    sim.run_for(2400)  # until everything is on flash
    return met


def logged_minutes(folder, start_time, application_folder, seed: int, draw, each: int):
    """Yield ((minutes, metres), minutes in the log) of each encounter of two new badges."""
    with Simulation(folder, seed=seed, start=start_time, application_folder=application_folder) as sim:
        a, b = (sim.add_badge(name, position=(0.0, 0.0) if name == "A" else FAR) for name in "AB")
        sim.run_for(60)
        met = meet(sim, b, draw, each)
        a.power_off()
        log = [contact.decode(record) for record in logged(a)]
        of_b = {one.payload[7:] for one in sim.on_air if one.badge == "B"}
    begins = [begin for begin, *_ in met]
    seconds = [0] * len(met)
    for one in log:
        assert one.contact_id in of_b
        at = bisect_right(begins, one.start_s + LAG_S) - 1
        assert at >= 0 and one.start_s <= met[at][1] + SCAN_S, "a contact when nobody was near"
        seconds[at] += one.duration_s
    for total, (*_, minutes, metres) in zip(seconds, met, strict=True):
        yield (minutes, metres), total / 60


@pytest.mark.parametrize("profile", profiles.NAMES)
def test_encounters_are_in_the_log(profile, tmp_path, start_time, capsys):
    draw = random.Random(f"{SEED} {profile}")
    folder = application(tmp_path, profile)
    found: dict[tuple[int, float], list[float]] = {}
    for part, first in enumerate(range(0, ENCOUNTERS, AT_ONCE)):
        each = min(AT_ONCE, ENCOUNTERS - first)
        parts = logged_minutes(tmp_path / f"sim{part}", start_time, folder, SEED + part, draw, each)
        for kind, minutes in parts:
            found.setdefault(kind, []).append(minutes)
    lines = []
    for (length, metres), minutes in sorted(found.items()):
        heard = sorted(one for one in minutes if one)
        detected = len(heard) / len(minutes)
        low, middle, high = (heard[int((len(heard) - 1) * q)] for q in (0.05, 0.5, 0.95))
        lines.append(
            f"{profile:12} {length:3d} min {metres:g} m  {detected:7.1%}   "
            f"{low:5.1f} {middle:5.1f} {high:5.1f}"
        )
        assert len(minutes) == ENCOUNTERS
        assert detected >= (0.95 if length == 15 else 0.85), lines[-1]
    with capsys.disabled():
        print(f"\n{profile}: {ENCOUNTERS} encounters of each kind, seed {SEED}")
        print("profile      length  at   detected   minutes in the log: 5 %, half, 95 %")
        print("\n".join(lines))
