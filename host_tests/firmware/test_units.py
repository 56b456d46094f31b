"""Parts of the firmware alone, inside MicroPython, with drivers that fail: the ``units`` folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cxhost.boards import load_board
from cxhost.build import build
from cxhost.interpreter import interpreter
from cxhost.sim.process import fakes

UNITS = Path(__file__).parent / "units"


def run_solo(script: str, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a script of the units folder in MicroPython with the badge's code and the simulator's fakes."""
    board = load_board("sim")
    built = build(board)
    path = [UNITS, fakes(board), built / "lib", built]
    return subprocess.run(
        [interpreter(), "-X", "heapsize=8m", str(UNITS / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env={**os.environ, "MICROPYPATH": ":".join([*map(str, path), ".frozen"]), "TZ": "UTC"},
    )


@pytest.mark.parametrize("unit", sorted(path.stem for path in UNITS.glob("unit_*.py")))
def test_unit(unit):
    ran = run_solo("solo.py", unit)
    assert ran.returncode == 0 and "ok unit_" in ran.stdout, ran.stdout + ran.stderr
