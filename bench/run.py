"""Measure the identifier engines: ``make bench``, or ``python bench/run.py --help``.

Times are interleaved, best of several rounds, so that a noisy machine hurts every engine alike.
Instruction counts (callgrind, the difference of a long and a short run) are repeatable; the targets
are judged by them. Exit status 1 when a figure misses its target.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

sys.path.insert(0, str(Path(__file__).parent))
import report
import xtensa

HERE = Path(__file__).parent
LIB = str(HERE.parent / "lib")
HEAP = "heapsize=4m"
CHAIN = 2048


@dataclass(frozen=True)
class Subject:
    """One engine on one runtime doing one task."""

    engine: str
    runtime: str  # "cpython", or the emitter of MicroPython's compiler
    task: str
    few: int  # how many identifiers make a short run under callgrind

    def command(self, kind: int, count: int) -> list[str]:
        """Return the command that does the task ``count`` times."""
        arguments = [str(HERE / "workload.py"), LIB, self.engine, self.task, str(kind), str(count)]
        if self.runtime == "cpython":
            return [sys.executable, *arguments]
        return [sys.executable, micropython(), "-X", f"emit={self.runtime}", "-X", HEAP, *arguments]


SUBJECTS = (
    Subject("textbook", "bytecode", "step", 8),
    Subject("textbook", "cpython", "step", 8),
    Subject("halves", "bytecode", "step", 60),
    Subject("halves", "native", "step", 100),
    Subject("words", "bytecode", "step", 60),
    Subject("words", "native", "step", 100),
    Subject("words", "cpython", "step", 60),
    Subject("cryptolib", "bytecode", "step", 500),
    Subject("viper", "bytecode", "step", 500),
    Subject("viper", "bytecode", "search", CHAIN),
)
UNFILTERED = Subject("unfiltered", "bytecode", "search", CHAIN)
INSTANTIATE = Subject("viper", "bytecode", "instantiate", 20)
CURVE = Subject("viper", "bytecode", "curve", 1)


def micropython() -> str:
    """Return the interpreter: ``$MICROPYTHON``, else the one beside this Python."""
    found = os.environ.get("MICROPYTHON") or shutil.which(
        "micropython", path=str(Path(sys.executable).parent)
    )
    if not found:
        raise SystemExit("bench: no micropython; set MICROPYTHON or run it with `make bench`")
    return found


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a workload; its error ends the benchmark."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONHASHSEED": "0"}
    )
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command[-5:])} failed\n{done.stdout}{done.stderr}")
    return done


def measure(subject: Subject, kind: int, count: int) -> dict:
    """Return what the workload printed."""
    return json.loads(run(subject.command(kind, count)).stdout)


def instructions(subject: Subject, kind: int) -> int:
    """Return the instructions of one identifier: a long run less a short one, under callgrind."""
    counts = []
    for count in (subject.few, 3 * subject.few):
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}"]
        collected = re.search(r"Collected : (\d+)", run(valgrind + subject.command(kind, count)).stderr)
        if not collected:
            raise SystemExit("bench: callgrind printed no count")
        counts.append(int(collected.group(1)))
    return round((counts[1] - counts[0]) / (2 * subject.few))


def agree(results: dict[tuple[int, str], set[str]]) -> None:
    """End the benchmark if two engines did not give the same block."""
    for (kind, task), values in results.items():
        if len(values) != 1:
            raise SystemExit(f"bench: engines disagree on type {kind}, {task}")


def timings(rounds: int, seconds: float, progress: Progress) -> dict[tuple[Subject, int], float]:
    """Return the best seconds for one identifier, every round going through all subjects."""
    pairs = [(subject, kind) for subject in SUBJECTS for kind in (1, 2)]
    counts = {}
    bar = progress.add_task("time", total=len(pairs) * (rounds + 1))
    results: dict[tuple[int, str], set[str]] = {}
    for subject, kind in pairs:
        first = measure(subject, kind, 16)
        counts[subject, kind] = max(16, round(16 * seconds / max(first["seconds"], 1e-6)))
        if subject.task == "step":
            results.setdefault((kind, subject.task), set()).add(first["result"])
        progress.advance(bar)
    agree(results)
    best: dict[tuple[Subject, int], float] = {}
    for _ in range(rounds):
        for pair in pairs:
            count = min(counts[pair], 400_000)
            best[pair] = min(best.get(pair, 1e9), measure(*pair, count)["seconds"] / count)
            progress.advance(bar)
    return best


def counted(progress: Progress) -> dict[tuple[Subject, int], int]:
    """Return instructions for one identifier, empty where valgrind is not installed."""
    if not shutil.which("valgrind"):
        return {}
    pairs = [(subject, kind) for subject in (*SUBJECTS, UNFILTERED, INSTANTIATE) for kind in (1, 2)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # counts, not times: they may run side by side
        counts = pool.map(lambda pair: instructions(*pair), pairs)
        return dict(zip(pairs, progress.track(counts, len(pairs), description="instructions"), strict=True))


def allocations(progress: Progress) -> dict[tuple[Subject, int], dict]:
    """Return the bytes and collections of 2048 identifiers, less those of one."""
    found = {}
    subjects = [subject for subject in SUBJECTS if subject.runtime != "cpython"]
    for subject in progress.track(subjects, description="allocation"):
        for kind in (1, 2):
            whole = measure(subject, kind, CHAIN + 1)
            whole["bytes"] -= measure(subject, kind, 1)["bytes"]
            found[subject, kind] = whole
    return found


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of timing, the best counts (default 5)")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of one timing (default 0.1)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    console = Console(stderr=options.json, width=110)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        best = timings(options.rounds, options.seconds, progress)
        allocated = allocations(progress)
        curve = json.loads(measure(CURVE, 1, 400_000)["result"])
        count = counted(progress)
    chip = {kind: xtensa.count(kind) for kind in (1, 2)}
    figures = report.figures(SUBJECTS, best, count, allocated)
    targets = report.targets(figures, count, chip, curve, (SUBJECTS[-1], UNFILTERED, INSTANTIATE))
    if options.json:
        print(json.dumps({"engines": figures, "filter": curve, "xtensa": chip, "targets": targets}, indent=1))
    else:
        report.show(console, figures, curve, targets, chip)
        if not count:
            console.print("valgrind is not installed: no instruction counts")
    return 1 if any(target["verdict"] == "missed" for target in targets) else 0


if __name__ == "__main__":
    sys.exit(main())
