"""The ``cxbadge`` command line: each command does its work through a module of its own."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cxhost import badges, care, disclosure, documents, energy, hardware, scenarios, show, wifi
from cxhost.publisher import cli as publisher_cli
from cxhost.session import (
    ERRORS,
    EXIT_CODES,
    JsonOption,
    PortOption,
    YesOption,
    exit_code,
    open_badge,
    out,
    print_json,
    show_error,
)

app = typer.Typer(
    help=f"Flash, sync and try CX badges. Every command has --help with an example.\n\n{EXIT_CODES}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
badges.register(app)
disclosure.register(app)
care.register(app)
app.add_typer(publisher_cli.app, name="publisher")
app.add_typer(scenarios.app, name="sim")
documents.register(app)
hardware.register(app)
wifi.register(app)
app.command()(energy.energy)


@app.command()
def alerts(port: PortOption = None, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Show a badge's alerts, after its owner has pressed the button.

    Example: cxbadge alerts
    """
    with open_badge(port, yes) as (badge, _):
        badge.hello()
        summary = badge.request("alerts", timeout_s=60)
    if as_json:
        print_json(summary)
    else:
        show.show_alerts(out, summary)


@app.command()
def demo(
    directory: Annotated[
        Path | None, typer.Option(help="Keep the badges' flash and the publisher in this empty folder.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Another number, another run; the same number, the same run.")
    ] = 1,
) -> None:
    """Let three simulated badges meet, one owner report, one be alerted, and withdraw the diagnosis.

    Exit code 1 if anything differs from what is expected. Example: cxbadge demo --seed 7
    """
    from cxhost import demo as scenario

    with tempfile.TemporaryDirectory() as scratch:
        if not scenario.run(directory or Path(scratch), out, seed):
            raise typer.Exit(1)


def main() -> None:
    """Run the command line; known errors become one line on standard error and an exit code."""
    try:
        app()
    except (*ERRORS, OSError, *hardware.ERRORS) as error:
        show_error(error)
        sys.exit(exit_code(error))
