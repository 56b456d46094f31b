"""Parts of the firmware alone, inside MicroPython, with drivers that fail: the ``units`` folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cxhost.boards import ROOT
from cxhost.interpreter import interpreter

UNITS = Path(__file__).parent / "units"


def run_solo(script: str, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a script of the units folder in MicroPython with the badge's code and the simulator's fakes.

    From source: these scripts look at private names, which a build makes short.
    """
    path = [UNITS, ROOT / "boards" / "sim" / "fakes", ROOT / "lib", ROOT / "firmware"]
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
