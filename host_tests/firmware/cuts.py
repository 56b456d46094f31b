"""Transfers that are cut off: every one ends complete or cleanly absent.

``python cuts.py --transfers 10000``. The badge's own code for transfers and files runs in one MicroPython
process on littlefs, on a flash whose power can go at any write; the companion's frames reach it through a
line that loses what is on it when the cable is pulled. Each transfer meets up to four cuts, at random, of the
cable or of the power, and then is put again, or another file in its place, or is left; some are damaged on
their way with a right CRC. What the badge says at the end and what lies on its flash must agree. Exit code 1
if it ever does not.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from cxhost.interpreter import interpreter

ROOT = Path(__file__).parents[2]


def run(transfers: int, seed: int) -> tuple[bool, str]:
    """Return whether every transfer ended as it must, and what was counted."""
    device = Path(__file__).parent / "device" / "transfers.py"
    command = [interpreter(), "-X", "heapsize=16m", str(device), str(ROOT / "lib"), str(ROOT / "firmware")]
    done = subprocess.run([*command, str(transfers), str(seed)], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def main() -> int:
    """Run and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--transfers", type=int, default=10_000, help="how many (10 000)")
    parser.add_argument("--seed", type=int, default=1, help="another number, other cuts")
    arguments = parser.parse_args()
    began = time.monotonic()
    is_right, said = run(arguments.transfers, arguments.seed)
    print(said, end="")
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
