"""From raw measurements to the tables and verdicts of ``make bench``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console
    from run import Subject

CHAIN = 2048
FILTER_BITS = 32768 * 8
PROBES = 6
# ESP32 Series Datasheet v3.5, table 6: modem-sleep (CPU on, radio off), 240 MHz, dual core: 30 to 68 mA.
CLOCK_MHZ = 240
CURRENT_MA = 68
# Cycles an instruction for code and tables in internal RAM: assumed, no chip was measured.
CYCLES = (1.3, 1.6)
DAILY_SEEDS = 20_000


def rate_by_formula(contacts: int) -> float:
    """Return the false-positive rate that the filter's docstring states."""
    return (1 - math.exp(-PROBES * contacts / FILTER_BITS)) ** PROBES


def figures(
    subjects: tuple[Subject, ...],
    best: dict[tuple[Subject, int], float],
    count: dict[tuple[Subject, int], int],
    allocated: dict[tuple[Subject, int], dict],
) -> list[dict]:
    """Return one row for each engine, runtime, task and type."""
    rows = []
    for kind in (1, 2):
        textbook = subjects[0]
        for subject in subjects:
            pair, base = (subject, kind), (textbook, kind)
            rows.append(
                {
                    "engine": subject.engine,
                    "runtime": subject.runtime,
                    "task": subject.task,
                    "type": kind,
                    "identifiers_per_second": round(1 / best[pair]),
                    "times_textbook": round(best[base] / best[pair], 1),
                    "instructions": count.get(pair),
                    "instructions_ratio": round(count[base] / count[pair], 1) if count else None,
                    "bytes_per_2048": allocated[pair]["bytes"] if pair in allocated else None,
                    "collections_per_2048": allocated[pair]["collections"] if pair in allocated else None,
                }
            )
    return rows


def judged(name: str, value: float, least: float, aim: float, is_lower_better: bool = False) -> dict:
    """Return a target with its verdict: aim, enough or missed."""

    def reaches(bound: float) -> bool:
        return value <= bound if is_lower_better else value >= bound

    verdict = "aim" if reaches(aim) else "enough" if reaches(least) else "missed"
    return {"figure": name, "measured": value, "least": least, "aim": aim, "verdict": verdict}


def targets(
    rows: list[dict],
    count: dict[tuple[Subject, int], int],
    chip: dict[int, int],
    curve: dict,
    special: tuple[Subject, Subject, Subject],
) -> list[dict]:
    """Return every target with what was measured; those of instructions only where valgrind is.

    ``special``: the subjects viper search, the same without the filter, and instantiation.
    """

    def row(engine: str, task: str, kind: int) -> dict:
        return next(
            r
            for r in rows
            if (r["engine"], r["runtime"], r["task"], r["type"]) == (engine, "bytecode", task, kind)
        )

    found = [
        judged(
            f"bytes for 2048 identifiers, {engine} {task}, type {kind}",
            row(engine, task, kind)["bytes_per_2048"],
            0,
            0,
            True,
        )
        for engine, task in (("viper", "search"), ("viper", "step"), ("words", "step"), ("halves", "step"))
        for kind in (1, 2)
    ]
    measured = curve["hits"]["10000"] / curve["tried"]
    found.append(judged("false candidates, 10 000 contacts in 32 KiB", measured, 1e-3, 1e-4, True))
    limits = ((1, 10_000, 8_000), (2, 17_000, 14_000))
    found += [
        judged(f"viper instructions an identifier, Xtensa, type {kind}", chip[kind], least, aim, True)
        for kind, least, aim in limits
    ]
    if not count:
        return found
    search, unfiltered, instantiate = special
    for kind, least, aim in limits:
        viper = count[search, kind]
        look_up = (viper - count[unfiltered, kind]) / viper * 100
        begin = count[instantiate, kind] / (CHAIN * viper) * 100
        found += [
            judged(
                f"bytecode against textbook, type {kind}",
                row("words", "step", kind)["instructions_ratio"],
                15,
                20,
            ),
            judged(
                f"viper search against textbook, type {kind}",
                row("viper", "search", kind)["instructions_ratio"],
                400,
                600,
            ),
            judged(f"viper instructions an identifier, x64, type {kind}", viper, least, aim, True),
            judged(f"filter look-up, % of an identifier, type {kind}", round(look_up, 2), 6, 2, True),
            judged(f"instantiation, % of 2048 identifiers, type {kind}", round(begin, 2), 1, 1, True),
        ]
    return found


def show(
    console: Console, rows: list[dict], curve: dict, judged_targets: list[dict], chip: dict[int, int]
) -> None:
    """Print the tables and the estimates."""
    console.print(engine_table(rows))
    console.print(filter_table(curve))
    console.print(target_table(judged_targets))
    for kind, instructions in chip.items():
        console.print(estimate(kind, instructions), soft_wrap=True)


def engine_table(rows: list[dict]) -> Table:
    """Return what every engine does on every runtime."""
    table = Table(
        title="Identifiers: best of the interleaved rounds; ratios to the textbook on MicroPython",
        caption="step: one call an identifier; search: generate and test in calls of 512, 10 000 contacts",
    )
    for name in ("engine", "runtime", "task"):
        table.add_column(name)
    for name in ("type", "ids/s", "x text", "instr.", "x text", "B/2048", "GCs"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*map(cell, row.values()))
    return table


def cell(value: str | float | None) -> str:
    """Return how a figure is written; a dash for what was not measured."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:,}"


def filter_table(curve: dict) -> Table:
    """Return the false-positive curve."""
    table = Table(
        title=f"False candidates, 32 KiB filter, {curve['tried']:,} foreign identifiers at each point"
    )
    for name in ("contacts", "formula", "measured", "hits", "thinned by fingerprints"):
        table.add_column(name, justify="right")
    for contacts, hits in sorted((int(key), value) for key, value in curve["hits"].items()):
        thinned = f"{rate_by_formula(contacts) * contacts / 2**28:.1e}" if contacts > 20_000 else "-"
        measured = f"{hits / curve['tried']:.1e}"
        table.add_row(f"{contacts:,}", f"{rate_by_formula(contacts):.1e}", measured, f"{hits:,}", thinned)
    return table


def target_table(judged_targets: list[dict]) -> Table:
    """Return the targets with their verdicts."""
    table = Table(title="Targets")
    for name in ("figure", "measured", "at least", "aim", "verdict"):
        table.add_column(name, justify="left" if name in ("figure", "verdict") else "right")
    for target in judged_targets:
        table.add_row(*map(cell, target.values()))
    return table


def estimate(kind: int, instructions: int) -> str:
    """Return the arithmetic from instructions to an ESP32's time and charge."""
    low, high = (instructions * cycles / CLOCK_MHZ for cycles in CYCLES)
    seconds = high * CHAIN / 1e6
    charge = seconds * 1000 * CURRENT_MA / 3600
    return (
        f"ESP32 at {CLOCK_MHZ} MHz, type {kind}, estimated: {instructions:,} Xtensa instructions "
        f"x {CYCLES[0]} to {CYCLES[1]} cycles / {CLOCK_MHZ} MHz = {low:.0f} to {high:.0f} us an identifier; "
        f"x {CHAIN} = {low * CHAIN / 1e6:.2f} to {seconds:.2f} s a seed; "
        f"{DAILY_SEEDS:,} seeds: {seconds * DAILY_SEEDS / 60:.0f} minutes at most; "
        f"1 000 seeds: {seconds * 1000:.0f} s x {CURRENT_MA} mA / 3600 = {charge:.1f} mAh "
        f"(ESP32 Series Datasheet v3.5, table 6: 30 to 68 mA with the CPU on and the radio off)"
    )
