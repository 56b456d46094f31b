"""``cxbadge sim``: run scenarios of many simulated badges, and say what came of it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import progress
from rich.console import Console
from rich.table import Table

from cxhost.session import CommandError

if TYPE_CHECKING:
    from cxhost.sim.scenario import Scenario

app = typer.Typer(
    help="Run many badges through days of virtual life, with faults and attackers, and measure what matters.",
    no_args_is_help=True,
)
out = Console()
err = Console(stderr=True)

ScenarioArgument = Annotated[
    str, typer.Argument(help="A scenario that is shipped (see: cxbadge sim list), or a .toml file.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Replace a field, such as radio.body_db=12. May be repeated."
    ),
]
_JOBS = max(1, (os.cpu_count() or 2) // 2)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Let what is wrong with a scenario or a badge end the command with one line."""
    from cxhost.sim.folder import SimulationError  # POSIX only

    try:
        yield
    except SimulationError as error:
        raise CommandError(str(error)) from None


@app.command(name="list")
def list_command() -> None:
    """List the scenarios that are shipped.

    Example: cxbadge sim list
    """
    from cxhost.sim import scenario

    for name in scenario.shipped():
        out.print(f"[bold]{name:10}[/bold] {scenario.load(name).title}", highlight=False)


@app.command(name="run")
def run_command(
    scenario: ScenarioArgument,
    seed: Annotated[
        int | None, typer.Option(help="Another number, another run; the same number, the same run.")
    ] = None,
    changes: SetOption = None,
    folder: Annotated[Path, typer.Option("--out", help="Where report and result go.")] = Path("build/sim"),
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with 1 if a contact is missing, an identifier came back, a badge restarted by itself.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON for programs.")] = False,
) -> None:
    """Run one scenario; write its report (HTML) and its result (JSON), and print the key figures.

    Example: cxbadge sim run school --seed 7 --set radio.body_db=12
    """
    from cxhost.sim import scenario as scenarios

    with _plain_errors():
        chosen = scenarios.load(scenario, changes or ())
        page, result = _run(chosen, chosen.seed if seed is None else seed)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{chosen.name}-{result['seed']}"
    report, data = folder / f"{stem}.html", folder / f"{stem}.json"
    report.write_text(page, encoding="utf-8")
    data.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _print(result)
        out.print(f"Result: {data}", highlight=False, soft_wrap=True)
        out.print(f"Report: {report}", highlight=False, soft_wrap=True)
    wrong = faults(result)
    for fault in wrong:
        err.print(fault, style="red", markup=False, highlight=False)
    if strict and wrong:
        raise typer.Exit(1)


def _run(scenario: Scenario, seed: int) -> tuple[str, dict[str, Any]]:
    from cxhost.sim import measure, report
    from cxhost.sim.run import Run

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=err) as bar, tempfile.TemporaryDirectory() as folder:
        task = bar.add_task(f"{scenario.name}, seed {seed}", total=None)

        def show(done: float, total: float) -> None:
            bar.update(task, completed=done, total=total)

        with Run(scenario, seed, Path(folder), show) as run:
            record = run.run()
            show(1, 1)
            result = measure.result(run)
            return report.html(record, result), result


def faults(result: dict[str, Any]) -> list[str]:
    """Return what must never happen and did, one line each."""
    found = []
    if result["faults"]["contacts_missing"]:
        found.append(f"contacts missing from the log: {result['faults']['contacts_missing'][:5]}")
    for name in ("repeated_identifiers", "repeated_addresses"):
        if result["identifiers"][name]:
            found.append(f"{name.replace('_', ' ')}: {result['identifiers'][name]}")
    if result["faults"]["own_restarts"]:
        found.append(f"badges restarted by themselves: {result['faults']['own_restarts']} times")
    return found


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the key figures of a result as text."""
    contacts, alerts, sync = result["detection"]["contacts"], result["alerts"], result["sync"]
    false, energy, logged = alerts["false_share"], result["energy"], result["faults"]
    rows = [
        (
            "contacts of 15 min within 2 m that led to an alert",
            f"{_percent(contacts['high'])} of {contacts['owners']}",
        ),
        ("of these, to a low risk only", _percent(contacts["low"])),
        ("alerts without a contact of 5 min within 4 m", f"{_percent(false)} of {alerts['count']}"),
    ]
    if result["delay_h"]["count"]:
        rows.append(("hours from report to alert, median", f"{result['delay_h']['median']:.1f}"))
    for one in result["sniffers"]:
        success = f"{_percent(one['by_presence'])}, {_percent(one['by_everything'])}"
        rows.append(("sniffer right about a rotation: by presence, by everything", success))
    erased = result["flash"]["erased_blocks_a_day"]["median"]
    rows.append(("blocks of flash erased a day, median", f"{erased:.0f}"))
    hours = f"{energy['hours_least']['median']:.1f} to {energy['hours_most']['median']:.1f}"
    rows.append((f"hours with {energy['battery_mah']:g} mAh, computed", hours))
    if sync["count"]:
        rows.append(("bytes over the cable for a sync, median", f"{sync['bytes']['median']:.0f}"))
    rows.append(("syncs done, failed", f"{sync['count']}, {len(sync['failed'])}"))
    rows.append(("requests that a badge refused at first", f"{len(sync['refusals'])}"))
    missing = f"{logged['contacts_to_be_logged']}, {len(logged['contacts_missing'])}"
    rows.append(("visits to be found in flash, missing", missing))
    return rows


def _print(result: dict[str, Any]) -> None:
    table = Table("what", "figure", title=result["title"], title_justify="left")
    for row in _rows(result):
        table.add_row(*row)
    out.print(table)
    seconds = result["machine"]["wall_s"]
    out.print(f"{result['badges']} badges, {result['hours']:g} hours of virtual time in {seconds:.0f} s.")


@app.command(name="sweep")
def sweep_command(
    scenario: ScenarioArgument,
    seeds: Annotated[str, typer.Option(help="Numbers and ranges: 1-5,9.")] = "1-3",
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", metavar="NAME=A,B,C", help="Run with each of these values. May be repeated."),
    ] = None,
    changes: SetOption = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = _JOBS,
    output: Annotated[
        Path | None, typer.Option("--out", help="File of JSON lines; standard output if not given.")
    ] = None,
) -> None:
    """Run a scenario with many seeds and values, side by side; one JSON line for each run, as it is done.

    Exit code 1 if a run failed.

    Example: cxbadge sim sweep school --seeds 1-5 --vary radio.body_db=0,8,16 --out sweep.jsonl
    """
    from cxhost.sim import sweep

    with _plain_errors():
        todo = sweep.tasks(scenario, sweep.seeds_of(seeds), changes or (), vary or ())
    failed = 0
    stream = output.open("w", encoding="utf-8") if output else sys.stdout
    try:
        with progress.Progress(console=err) as bar:
            task = bar.add_task(f"{len(todo)} runs of {scenario}", total=len(todo))
            for line in sweep.sweep(todo, jobs):
                failed += "error" in line
                stream.write(json.dumps(line) + "\n")
                stream.flush()
                bar.advance(task)
    finally:
        if output:
            stream.close()
    if failed:
        err.print(f"{failed} of {len(todo)} runs failed; their lines say why.", style="red")
        raise typer.Exit(1)
