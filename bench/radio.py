"""What a report costs in the radio's interrupt: ``python bench/radio.py``, part of ``make bench``.

Instructions of this computer's processor, counted by callgrind: a long run less a short one, less those of an
empty handler. An ESP32's are about as many. Exit status 1 when a figure misses its target.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from cxhost.boards import ROOT
from cxhost.interpreter import interpreter

CASES = {
    "foreign": "another device",
    "few": "a badge, 10 in range",
    "hall": "a badge, 200 in range",
    "full": "an identifier that finds the table full",
}
FEW = 4_000
# An estimate, as in docs/identifiers.md: up to 1.6 cycles for an instruction, at the slowest profile's clock.
CYCLES = 1.6
CLOCK_HZ = 80e6
# What the crowd of the tests delivers, and what a channel can carry at most: 47 bytes at 1 Mbit/s are 376 us.
CROWD = 1_000
CHANNEL = 2_660


def collected(case: str, count: int) -> int:
    """Return the instructions of one run."""
    # From source: the workload calls the handler by its private name, which a build makes short.
    folders = ("boards/sim/fakes", "lib", "firmware")
    path = ":".join([*(str(ROOT / folder) for folder in folders), ".frozen"])
    program = [str(Path(__file__).with_name("radio_workload.py")), case, str(count)]
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}"]
    run = subprocess.run(
        [*valgrind, interpreter(), "-X", "heapsize=4m", *program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MICROPYPATH": path},
    )
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or not found:
        raise SystemExit(f"bench: {run.stdout}{run.stderr[-2000:]}")
    return int(found.group(1))


def each(case: str) -> float:
    """Return the instructions of one report."""
    return (collected(case, 3 * FEW) - collected(case, FEW)) / (2 * FEW)


def main() -> int:
    """Print one line for each kind of report, and judge."""
    if not shutil.which("valgrind"):
        print("valgrind is not installed: no instruction counts of the radio's handler")
        return 0
    empty = each("nothing")
    cost = {case: each(case) - empty for case in CASES}
    print("\ninstructions of the radio's interrupt handler for each report")
    for case, name in CASES.items():
        print(f"  {name:42} {cost[case]:8,.0f}")
    crowd, worst = (
        rate * cost[case] * CYCLES / CLOCK_HZ for rate, case in ((CROWD, "hall"), (CHANNEL, "full"))
    )
    print(f"estimate for an ESP32 at 80 MHz: {CROWD} reports a second from 200 badges take {crowd:.0%} of it")
    print(f"  the worst that fits on a channel, {CHANNEL} a second that find the table full: {worst:.0%}")
    missed = crowd > 0.2 or worst > 0.8
    print("missed" if missed else "met", "the targets: 20 % and 80 %")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
