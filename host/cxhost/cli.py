"""The ``cxbadge`` command line: each command does its work through a module of its own."""

from __future__ import annotations

import json
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from cxhost import consent, documents, energy, hardware, show, sync
from cxhost.companion import Badge, BadgeError
from cxhost.publisher import cli as publisher_cli
from cxhost.transport import PortError, Transport, open_transport, serial_ports

app = typer.Typer(
    help="Flash, sync and try CX badges. Every command has --help with an example.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(publisher_cli.app, name="publisher")
documents.register(app)
hardware.register(app)
app.command()(energy.energy)
out = Console()
err = Console(stderr=True)

PortOption = Annotated[
    str | None,
    typer.Option(
        help="Serial port of the badge, or sim:FOLDER for a simulated one. Found by itself if only one."
    ),
]
CaOption = Annotated[
    Path | None,
    typer.Option("--ca", help="PEM file of the authority to trust for HTTPS, beside the system's."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
YesOption = Annotated[
    bool,
    typer.Option(
        "--yes", help="Press a simulated badge's button without asking (no effect on a real badge)."
    ),
]


class CommandError(Exception):
    """Ends a command with one line on standard error and exit code 1."""


@contextmanager
def _badge(port: str | None, press_without_asking: bool = False) -> Iterator[tuple[Badge, Transport]]:
    """Open a badge for one command; tell its owner when it waits for the button."""
    transport = open_transport(port)

    def on_waiting(kind: str, seconds: int) -> None:
        press = getattr(transport, "press_button", None)
        if press is None:
            err.print(consent.question(kind, seconds), style="bold", highlight=False)
        elif press_without_asking or typer.confirm("Press the simulated badge's button?", err=True):
            press(consent.press_ms(kind))

    try:
        yield Badge(transport, on_waiting), transport
    finally:
        transport.close()


def _client(ca: Path | None) -> httpx.Client:
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise CommandError(f"--ca: {ca} is not a readable PEM file ({error})") from None
    return httpx.Client(verify=context, timeout=30, follow_redirects=False)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


@app.command()
def devices(as_json: JsonOption = False) -> None:
    """List the USB serial ports that a badge may be on.

    Example: cxbadge devices
    """
    ports = serial_ports()
    if as_json:
        _print_json(ports)
        return
    for port in ports:
        typer.echo(port)
    if not ports:
        err.print("No USB serial port found.")


@app.command()
def info(port: PortOption = None, as_json: JsonOption = False) -> None:
    """Show what a badge says of itself.

    Example: cxbadge info --port /dev/ttyUSB0
    """
    with _badge(port) as (badge, _):
        badge.hello()
        answer = badge.request("info")
    if as_json:
        _print_json(answer)
    else:
        show.show_info(out, answer)


@app.command()
def provision(
    descriptor: Annotated[str, typer.Argument(help="The publisher's descriptor: an https URL or a file.")],
    port: PortOption = None,
    ca: CaOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a badge trust a publisher, and set its clock.

    Example: cxbadge provision https://health.example/cx.json
    """
    if descriptor.startswith("https://"):
        with _client(ca) as client:
            text = sync.fetch(client, descriptor).decode(errors="replace")
    elif "://" in descriptor:
        raise CommandError("descriptor: only https URLs and files are trusted")
    else:
        try:
            text = Path(descriptor).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"descriptor: {descriptor} cannot be read as text ({error})") from None
    with _badge(port, yes) as (badge, transport):
        badge.hello()
        badge.request("set_time", unix=int(transport.now()), timeout_s=60)
        taken = sync.provision(badge, text)
    if as_json:
        _print_json(taken)
    else:
        out.print(f"The badge now trusts {taken['name']} ({taken['url']}).", markup=False, highlight=False)


@app.command(name="sync")
def sync_command(
    port: PortOption = None, ca: CaOption = None, yes: YesOption = False, as_json: JsonOption = False
) -> None:
    """Set a badge's clock, bring it every publisher's list and wait until it is matched.

    Exit code 1 when a list could not be brought. Example: cxbadge sync
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with (
        _client(ca) as client,
        _badge(port, yes) as (badge, transport),
        Progress(*columns, console=err, transient=True) as bars,
    ):
        tasks: dict[str, Any] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done)

        result = sync.sync(badge, transport, client, progress)
    if as_json:
        _print_json(
            {
                "clock_was": result.clock_was,
                "publishers": [vars(publisher) for publisher in result.publishers],
            }
        )
    else:
        _show_sync(result)
    if not result.is_complete:
        raise typer.Exit(1)


def _show_sync(result: sync.SyncResult) -> None:
    out.print(f"Clock set; the badge's date was {show.date_text(result.clock_was)}.")
    for publisher in result.publishers:
        if publisher.error:
            err.print(f"{publisher.name}: {publisher.error}", style="red", markup=False)
        else:
            out.print(
                f"{publisher.name}: list of {show.date_text(publisher.published_at)}, "
                f"{publisher.bytes_fetched} bytes, {publisher.seeds} seeds, {publisher.new_seeds} new."
            )
    if not result.publishers:
        out.print("The badge knows no publisher: use cxbadge provision.")


@app.command()
def alerts(port: PortOption = None, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Show a badge's alerts, after its owner has pressed the button.

    Example: cxbadge alerts
    """
    with _badge(port, yes) as (badge, _):
        badge.hello()
        summary = badge.request("alerts", timeout_s=60)
    if as_json:
        _print_json(summary)
    else:
        show.show_alerts(out, summary)


@app.command()
def report(
    code: Annotated[str | None, typer.Option(help="The confirmation code from the health authority.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Send the badge's last report once more.")] = False,
    publisher: Annotated[
        str | None, typer.Option(help="Name, ID or URL, if the badge knows several.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Also keep the signed report in this file.")] = None,
    port: PortOption = None,
    ca: CaOption = None,
    yes: YesOption = False,
) -> None:
    """Give away the badge's seeds to a publisher, after its owner has pressed the button.

    Whoever was near can then find out. This cannot be taken back. The badge goes on with a new seed.

    Example: cxbadge report --code 4KQ7-93XT
    """
    if again == (code is not None):
        raise CommandError("report: give either --code or --again")
    with _badge(port, yes) as (badge, _), _client(ca) as client:
        badge.hello()
        chosen = sync.choose_publisher(badge.request("info")["publishers"], publisher)
        signed = sync.take_report_again(badge) if code is None else sync.take_report(badge, chosen, code)
        answer = sync.upload_report(client, chosen["report"], signed)
        if output is not None:
            output.write_bytes(signed)
    text = f"{chosen['name']} has the report ({len(signed)} bytes) and answers: {answer}"
    out.print(text, markup=False, highlight=False)


@app.command()
def wipe(port: PortOption = None, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Erase everything that a badge holds: contacts, alerts, seeds, publishers. Its owner presses the button.

    This cannot be taken back: who was met is forgotten, and the badge can no longer report. Publishers
    must be provisioned again. Pulling the battery does not help: the badge goes on when it is back.

    Example: cxbadge wipe --port /dev/ttyUSB0
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bars = Progress(*columns, console=err, transient=True)
    bars.add_task("wiping, takes a minute or so", total=None)
    with _badge(port, yes) as (badge, transport):
        try:
            after = sync.wipe(badge, transport, lambda *_: bars.start())  # not before the owner was asked
        finally:
            bars.stop()
    if as_json:
        _print_json({"wiped": True, "boot": after["boot"]})
    else:
        out.print("The badge is empty. Use cxbadge provision before it is worn again.")


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
    """Run the command line; known errors become one line on standard error and exit code 1."""
    try:
        app()
    except (BadgeError, PortError, CommandError, sync.FetchError, OSError, *hardware.ERRORS) as error:
        err.print(f"cxbadge: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
