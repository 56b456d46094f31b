"""Many runs of one scenario side by side: over seeds and over values of its fields."""

from __future__ import annotations

import itertools
import multiprocessing
import re
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

from cxhost.sim.folder import ScenarioError, SimulationError
from cxhost.sim.measure import result
from cxhost.sim.run import Run
from cxhost.sim.scenario import load

_SEEDS = re.compile(r"(\d+)(?:-(\d+))?")


class Task(NamedTuple):
    """One run: a scenario's name or file, a seed, and the fields that differ, as ``name=value``."""

    scenario: str
    seed: int
    changes: tuple[str, ...]


def seeds_of(text: str) -> list[int]:
    """Return the seeds in a text such as ``1-5,9``; ScenarioError otherwise."""
    found: list[int] = []
    for part in text.split(","):
        match = _SEEDS.fullmatch(part.strip())
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise ScenarioError(f"--seeds: {part!r} is neither a number nor a range such as 1-5")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return list(dict.fromkeys(found))


def tasks(scenario: str, seeds: Sequence[int], changes: Sequence[str], vary: Sequence[str]) -> list[Task]:
    """Return all combinations; each of them is checked, so that a mistake shows before hours of work.

    ``vary``: texts such as ``radio.body_db=0,4,8``.
    """
    axes = []
    for text in vary:
        name, equals, values = text.partition("=")
        if not equals or not values:
            raise ScenarioError(f"--vary: {text} must look like radio.body_db=0,4,8")
        axes.append([f"{name}={value}" for value in values.split(",")])
    made = [
        Task(scenario, seed, (*changes, *chosen)) for chosen in itertools.product(*axes) for seed in seeds
    ]
    for task in made:
        load(task.scenario, task.changes)
    return made


def run_task(task: Task) -> dict[str, Any]:
    """Run one task in a folder of its own and return its line; a run that fails is a line with ``error``."""
    line: dict[str, Any] = {"scenario": task.scenario, "seed": task.seed, "changes": list(task.changes)}
    scenario = load(task.scenario, task.changes)
    with tempfile.TemporaryDirectory() as folder:
        try:
            with Run(scenario, task.seed, Path(folder), lambda done, total: None) as run:
                run.run()
                found = result(run)
        except SimulationError as error:
            return {**line, "error": str(error)}
    del found["verdicts"]
    return {**line, "result": found}


def sweep(todo: Sequence[Task], jobs: int) -> Iterator[dict[str, Any]]:
    """Yield each task's line as soon as it is done, with ``jobs`` runs at a time."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=jobs, mp_context=context) as pool:
        for done in as_completed([pool.submit(run_task, task) for task in todo]):
            yield done.result()
