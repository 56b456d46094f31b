"""What the idle application leaves of an ESP32's heap, as ``make size`` measures it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_idle_badge_fits_an_esp32(capsys):
    if not (ROOT / "host_tests/wasm/node_modules").is_dir():
        pytest.skip("no WebAssembly build of MicroPython: `make wasm` installs it from the npm registry")
    command = [sys.executable, str(ROOT / "bench/size.py"), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.stdout, run.stderr
    found = json.loads(run.stdout)
    with capsys.disabled():
        print(f"\nidle badge: {found['ram']['free']:,} bytes of an ESP32's heap are free")
    assert run.returncode == 0 and found["ram"]["free"] >= 40 * 1024
    for name, (used, budget) in found["flash"].items():
        assert used <= budget, f"{name}: the application is larger than its budget"
