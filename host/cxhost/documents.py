"""``cxbadge inspect`` and ``cxbadge verify``: the documents on the command line."""

from __future__ import annotations

import json
import sys
import time
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cx.errors import CxError, FormatError
from cxhost import inspect, verify
from cxhost.verify import Verdict

verify_app = typer.Typer(
    help="Say whether a document is right: exit code 0, or 1 and one line that says why not.",
    no_args_is_help=True,
)
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
FileArgument = Annotated[Path, typer.Argument(help="The document; - for standard input.", metavar="FILE")]


class Role(str, Enum):
    """Who takes a publication."""

    observer = "observer"
    publisher = "publisher"


def _read(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror or error}") from None


def _fail(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(1)


def inspect_command(
    file: FileArgument,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="Also print preseeds and the confirmation code of a report.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print what is in a publication, a seed report or a publisher descriptor. Nothing is verified.

    Example: cxbadge inspect publication.der
    """
    try:
        found = inspect.describe(_read(file), secrets)
    except CxError as error:
        raise _fail(f"{file}: {error}") from None
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        inspect.show(Console(), found)


def _tell(verdict: Verdict, as_json: bool) -> None:
    if as_json:
        answer = {"verified": verdict.is_right, "reason": verdict.reason, "message": verdict.message}
        typer.echo(json.dumps({**answer, **verdict.facts}, indent=2, ensure_ascii=False))
    else:
        line = verdict.message if verdict.is_right else f"refused: {verdict.message}"
        typer.echo("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line))
    if not verdict.is_right:
        raise typer.Exit(1)


@verify_app.command()
def publication(
    file: FileArgument,
    cert: Annotated[Path, typer.Option(help="The publisher's certificate, PEM or DER.")],
    zone: Annotated[str, typer.Option(help="The zone it must be for: the publisher's URL.")],
    role: Annotated[Role, typer.Option(help="Who takes it: a badge, or another publisher.")] = Role.observer,
    now: Annotated[str | None, typer.Option(help="The time to judge it at; else the present.")] = None,
    recorded: Annotated[
        str | None, typer.Option(help="publishedAt of the publication that was taken last; else none was.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a publication's signature, and judge it by the rules for badges or publishers.

    Example: cxbadge verify publication full.der --cert publisher.pem --zone https://health.example/cx.json
    """
    try:
        verdict = verify.verify_publication(
            _read(file),
            _read(cert),
            zone,
            role.value,
            int(time.time()) if now is None else verify.read_time(now),
            None if recorded is None else verify.read_time(recorded),
        )
    except CxError as error:
        raise _fail(str(error)) from None
    _tell(verdict, as_json)


@verify_app.command()
def report(
    file: FileArgument,
    name: Annotated[str | None, typer.Option(help="The publisher whose report it must be.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify every signature of a seed report.

    Example: cxbadge verify report report.der --name "Ruritania Health Service"
    """
    try:
        verdict = verify.verify_seed_report(_read(file), name)
    except CxError as error:
        raise _fail(str(error)) from None
    _tell(verdict, as_json)


@verify_app.command()
def descriptor(
    file: FileArgument,
    stored_url: Annotated[
        str | None, typer.Option("--stored-url", help="The URL that this publisher is known by.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a publisher descriptor against every rule.

    Example: cxbadge verify descriptor cx.json --stored-url https://health.example/cx.json
    """
    try:
        verdict = verify.verify_descriptor(_read(file), stored_url)
    except CxError as error:
        raise _fail(str(error)) from None
    _tell(verdict, as_json)


def register(app: typer.Typer) -> None:
    """Add ``inspect`` and ``verify`` to the command line."""
    app.command("inspect")(inspect_command)
    app.add_typer(verify_app, name="verify")
