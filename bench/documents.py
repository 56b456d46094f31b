"""Measure the signed documents on MicroPython: ``make bench``, or ``python bench/documents.py --help``.

Times are interleaved, best of several rounds, and judged as ratios within one run; instruction counts
(callgrind, the difference of a long and a short run) are repeatable. The heap peak is found by trying: the
rest of the heap is filled. Exit status 1 when a figure misses its target.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table
from run import micropython, run

from cx import x509

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "host_tests" / "vectors" / "samples"
LARGE = SAMPLES / "publication_rsa2048_20000_seeds.der"
TASKS = {  # how many times in a timing
    "verify RSA-2048": 40,
    "verify P-256": 10,
    "sign P-256": 20,
    "verify publication": 4,
    "read seeds": 1,
}
MOST_RATIO, AIM_RATIO = 13, 8
CHUNK_BYTES = 16384
# 8 KiB where pointers have 4 bytes; the interpreter that measures has 8, which costs up to 1.75 times as
# much.
BUDGET_BYTES = 8192 * 7 // 4 + 16 * -(-LARGE.stat().st_size // CHUNK_BYTES)


def workload(task: str, count: int) -> list[str]:
    """Return the command that does ``task`` ``count`` times."""
    program = str(ROOT / "bench" / "documents_workload.py")
    return [
        sys.executable,
        micropython(),
        "-X",
        "heapsize=2m",
        program,
        str(ROOT / "lib"),
        str(SAMPLES),
        task,
        str(count),
    ]


def timings(rounds: int) -> dict[str, float]:
    """Return the best seconds for one of each task, every round going through all."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        for task, count in TASKS.items():
            seconds = json.loads(run(workload(task, count)).stdout)["seconds"] / count
            best[task] = min(best.get(task, 1e9), seconds)
    return best


def instructions(task: str, few: int) -> int:
    """Return the instructions of one task: a long run less a short one, under callgrind."""
    counts = []
    for count in (few, 3 * few):
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}"]
        collected = re.search(r"Collected : (\d+)", run(valgrind + workload(task, count)).stderr)
        if not collected:
            raise SystemExit("bench: callgrind printed no count")
        counts.append(int(collected.group(1)))
    return round((counts[1] - counts[0]) / (2 * few))


def counted() -> dict[str, int]:
    """Return the instructions of each signature task, empty where valgrind is not installed."""
    if not shutil.which("valgrind"):
        return {}
    few = {"verify RSA-2048": 10, "verify P-256": 3, "sign P-256": 5}
    return {task: instructions(task, count) for task, count in few.items()}


def heap_peak() -> int:
    """Return the least heap, in bytes, with which the large sample is verified and read; to 64 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder) / "certificate"
        certificate.write_bytes(x509.from_pem((SAMPLES / "publisher_rsa2048.pem").read_text()))
        program = str(ROOT / "host_tests" / "core" / "heap_limit.py")
        command = [
            micropython(),
            "-X",
            "heapsize=512k",
            program,
            str(ROOT / "lib"),
            str(LARGE),
            str(certificate),
        ]
        low, high = 1024, 65536
        while high - low > 64:
            middle = (low + high) // 2
            enough = subprocess.run([*command, str(middle)], capture_output=True, check=False).returncode == 0
            low, high = (low, middle) if enough else (middle, high)
    return high


def judged(name: str, measured: float, most: float, aim: float) -> dict[str, object]:
    """Return a figure with its verdict; less is better."""
    verdict = "aim" if measured <= aim else "enough" if measured <= most else "missed"
    return {"figure": name, "measured": measured, "most": most, "aim": aim, "verdict": verdict}


def figures(rounds: int) -> dict[str, list[dict[str, object]]]:
    """Measure everything; return what each task costs and the judged targets."""
    best, count = timings(rounds), counted()
    megabytes = LARGE.stat().st_size / 1e6
    tasks = [
        {"task": task, "ms": round(1000 * seconds, 2), "instructions": count.get(task)}
        for task, seconds in best.items()
    ]
    for task in tasks[3:]:
        task["s_per_MB"] = round(best[str(task["task"])] / megabytes, 3)
    ratio = best["verify P-256"] / best["verify RSA-2048"]
    targets = [judged("verify P-256 / verify RSA-2048, time", round(ratio, 1), MOST_RATIO, AIM_RATIO)]
    if count:
        ratio = count["verify P-256"] / count["verify RSA-2048"]
        targets.append(
            judged("verify P-256 / verify RSA-2048, instructions", round(ratio, 1), MOST_RATIO, AIM_RATIO)
        )
    peak = heap_peak()
    targets.append(judged("heap to verify and read 20 000 seeds, bytes", peak, BUDGET_BYTES, BUDGET_BYTES))
    return {"tasks": tasks, "targets": targets}


def show(console: Console, name: str, rows: list[dict[str, object]]) -> None:
    """Print one table."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=name)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        cells = [row.get(column) for column in columns]
        table.add_row(
            *("-" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
        )
    console.print(table)


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of timing, the best counts (default 5)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    found = figures(options.rounds)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        console = Console()
        show(console, "Documents on MicroPython, best of the interleaved rounds", found["tasks"])
        show(console, "Targets", found["targets"])
    return 1 if any(target["verdict"] == "missed" for target in found["targets"]) else 0


if __name__ == "__main__":
    sys.exit(main())
