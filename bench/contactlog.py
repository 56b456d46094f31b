"""Measure the contact log on MicroPython: ``make bench``, or ``python bench/contactlog.py --help``.

The badge's own code on a littlefs in the computer's memory. What flash itself takes is not in the times: an
ESP32's erases a block in 45 ms (W25Q32JV datasheet, sector erase, typical), and a batch of 32 records takes
about two. Times are the best of several rounds; instructions (callgrind, a long run less a short one) are
repeatable. Exit status 1 when a figure misses its target.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys

from rich.console import Console
from run import micropython, run

from documents import ROOT, judged, show

DEVICE = ROOT / "host_tests" / "firmware" / "device"
RECORDS = 30_000
APPENDS = 6_400
FEW_RECORDS = 3_072
AIM_IN_A_SLICE, MOST_IN_A_SLICE = 64, 95  # what the last batch had more
# Instructions a second of bytecode: published for an ESP32 at 240 MHz; the badge runs at 80.
SLOW, FAST = 66e6 / 3, 105e6 / 3
# Bytes on this computer; an ESP32's pointers take half.
BUDGETS = {
    "filter": 16_640,
    "visits, table full (384)": 15_360,
    "sightings of a scan (240)": 4_352,
    "60 segments": 1_024,
}


def workload(task: str, count: int, records: int = RECORDS) -> list[str]:
    """Return the command that does ``task``."""
    program = str(ROOT / "bench" / "contactlog_workload.py")
    folders = [str(ROOT / "lib"), str(ROOT / "firmware"), str(DEVICE)]
    return [
        sys.executable,
        micropython(),
        "-X",
        "heapsize=16m",
        program,
        *folders,
        task,
        str(count),
        str(records),
    ]


def result(task: str, count: int) -> dict:
    """Return what the workload printed."""
    return json.loads(run(workload(task, count)).stdout)


def instructions(task: str, few: int, many: int) -> int:
    """Return the instructions by which the longer run is longer."""
    counts = []
    for count in (few, many):
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}"]
        collected = re.search(r"Collected : (\d+)", run(valgrind + workload(task, count, FEW_RECORDS)).stderr)
        if not collected:
            raise SystemExit("bench: callgrind printed no count")
        counts.append(int(collected.group(1)))
    return counts[1] - counts[0]


def counted() -> dict[str, int]:
    """Return instructions for a record by task, empty where valgrind is not installed."""
    if not shutil.which("valgrind"):
        return {}
    return {
        "append": instructions("append", 320, 1_600) // 1_280,
        "rebuild": instructions("rebuild", 1, 3) // (2 * FEW_RECORDS),
    }


def figures(rounds: int) -> dict[str, list[dict[str, object]]]:
    """Measure everything; return times, bytes and judged targets."""
    append = min(result("append", APPENDS)["seconds"] for _ in range(rounds))
    rebuilds = [result("rebuild", 1) for _ in range(rounds)]
    rebuild = min(one["seconds"] for one in rebuilds)
    count = counted()
    tasks = [
        {
            "task": "append",
            "records a second": round(APPENDS / append),
            "instructions a record": count.get("append"),
        },
        {
            "task": f"rebuild of {RECORDS}",
            "records a second": round(RECORDS / rebuild),
            "instructions a record": count.get("rebuild"),
            "seconds": round(rebuild, 2),
            "turns for others": rebuilds[0]["turns"],
            "most records between them": rebuilds[0]["most_in_a_slice"],
        },
    ]
    sizes = result("sizes", 1)
    slice_records = rebuilds[0]["most_in_a_slice"]
    targets = [judged("records in a slice", slice_records, MOST_IN_A_SLICE, AIM_IN_A_SLICE)]
    targets += [judged(f"bytes, {name}", sizes[name], most, most) for name, most in BUDGETS.items()]
    if count:
        targets.append(
            judged("instructions of rebuild / append", round(count["rebuild"] / count["append"], 2), 1, 1)
        )
    memory = [
        {"structure": name, "bytes": size} for name, size in sorted(sizes.items(), key=lambda one: -one[1])
    ]
    for task in tasks:
        if cost := count.get(str(task["task"]).split()[0]):
            task["ESP32, ms a record, estimated"] = f"{cost / FAST * 1e3:.1f} to {cost / SLOW * 1e3:.1f}"
    return {"tasks": tasks, "memory": memory, "targets": targets}


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of timing, the best counts (default 3)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    found = figures(options.rounds)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        console = Console()
        show(console, "Contact log on MicroPython", found["tasks"])
        show(console, "Memory, where pointers have 8 bytes", found["memory"])
        show(console, "Targets", found["targets"])
    return 1 if any(target["verdict"] == "missed" for target in found["targets"]) else 0


if __name__ == "__main__":
    sys.exit(main())
