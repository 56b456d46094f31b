"""What a sniffer records of badges whose drivers fail, whose radio is borrowed, whose battery is pulled.

One virtual day here; ``make sniff`` runs fourteen. The seed is printed; CXBADGE_SEED repeats it.
"""

from __future__ import annotations

import os
import random
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from host_tests.firmware.chance import LIMIT, correlation, even

from cx import advert
from cxhost.boards import load_board
from cxhost.build import build
from cxhost.sim import Simulation

DAYS = float(os.environ.get("CXBADGE_DAYS", "1"))
SEED = int(os.environ.get("CXBADGE_SEED", "11"))
HERE = Path(__file__).parent
ADV_SCAN_IND = 2


@pytest.fixture
def broken_application(tmp_path):
    """The application as it is, with drivers that fail."""
    folder = tmp_path / "application"
    shutil.copytree(build(load_board("sim")), folder)
    boot = folder / "boot.py"
    boot.write_text(boot.read_text() + (HERE / "faults.py").read_text())
    return folder


def record(directory, application, start) -> tuple[list, int, int]:
    """Let two badges live for DAYS; return what was on air, batteries pulled, and starts."""
    cuts = random.Random(SEED)
    pulled = 0
    with Simulation(directory, seed=SEED, start=start, application_folder=application) as sim:
        badges = [sim.add_badge(name, position=(1000.0 * (name == "B"), 0.0)) for name in "AB"]
        end_us = round(DAYS * 86_400_000_000)
        while sim.now_us < end_us:
            sim.run_for(min(cuts.expovariate(1 / 20_000), (end_us - sim.now_us) / 1e6 + 1))
            badge = cuts.choice(badges)
            badge.power_off()
            pulled += 1
            sim.run_for(cuts.randrange(1, 600))
            badge.power_on()
        starts = sum(badge.starts for badge in badges)
        return sim.on_air, pulled, starts


def habits(on_air: list) -> dict[str, float]:
    """Return how far intervals, pauses and phases of successive rotations are from independent.

    Only rotations whose pause is one are taken: a battery that was out, a driver that failed and a radio that
    was lent make it longer.
    """
    rows = []
    for first, silence, second in zip(on_air, on_air[1:], on_air[2:], strict=False):
        if first.payload and second.payload and not silence.payload:
            pause_s = (second.time - silence.time).total_seconds()
            phase = (second.time - first.time).total_seconds() * 1e6 / first.interval_us % 1
            life_s = (silence.time - first.time).total_seconds()
            rows.append((pause_s, phase, first.interval_us, second.interval_us, life_s))
    runs = [(a, b) for a, b in pairwise(rows) if max(a[0], b[0]) < 10.1]
    before, after = ([list(column) for column in zip(*side, strict=True)] for side in zip(*runs, strict=True))
    series = {"pause": 0, "phase": 1, "interval": 2, "next interval": 3, "lifetime": 4}
    figures = {name: correlation(before[at], after[at]) for name, at in series.items()}
    for one, other in (("pause", "phase"), ("pause", "next interval"), ("phase", "next interval")):
        figures[f"{one} and {other}"] = correlation(after[series[one]], after[series[other]])
    figures["pause and earlier phase"] = correlation(before[1], after[0])
    figures["phase, even"] = even([int(phase * 8) for phase in after[1]], 8)
    return figures


def test_address_and_identifier_change_together_whatever_fails(
    tmp_path, broken_application, capsys, start_time
):
    on_air, pulled, starts = record(tmp_path / "sim", broken_application, start_time)
    sent = [one for one in on_air if one.payload]
    addresses = {one.address for one in sent}
    identifiers = {one.payload for one in sent}
    with capsys.disabled():
        print(
            f"\nsniffer, seed {SEED}: {DAYS:g} days, {len(sent)} broadcasts of 2 badges, "
            f"{pulled} batteries pulled, {starts - 2 - pulled} resets by the badges themselves"
        )
    assert len(sent) == len(addresses) == len(identifiers)
    assert len(sent) > DAYS * 2 * 120
    assert pulled > 0
    for badge in "AB":
        figures = habits([one for one in on_air if one.badge == badge])
        bad = {name: round(value, 2) for name, value in figures.items() if abs(value) > LIMIT}
        assert len(figures) == 10 and not bad, f"seed {SEED}, badge {badge}: {bad}"
    on: dict[str, object] = {}
    for one in on_air:
        before = on.pop(one.badge, None)
        if before is not None:
            assert (
                one.time - before.time
            ).total_seconds() <= 726  # an ignored order to be silent is repeated after 5 s
        if one.payload:
            assert one.adv_type == ADV_SCAN_IND
            assert advert.decode(one.payload) == one.payload[7:]
            assert one.address[0] >> 6 == 0  # non-resolvable private (Core 5.4, Vol 6, Part B, 1.3.2.2)
            assert 199_000 <= one.interval_us <= 270_000
            assert before is None or not before.payload, "no silence between two identifiers"
            on[one.badge] = one
