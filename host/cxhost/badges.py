"""``cxbadge devices``, ``info``, ``watch``, ``provision``, ``sync``: one badge on a desk, or a full hub."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from cxhost import door, fleet, show, sync, wifi
from cxhost.companion import Badge, BadgeError
from cxhost.fleet import Fleet, Line
from cxhost.lists import Lists, fetch
from cxhost.session import (
    EXIT_FAILED,
    CaOption,
    CommandError,
    JsonOption,
    PortOption,
    YesOption,
    err,
    exit_code,
    open_badge,
    open_client,
    out,
    own_folder,
    print_json,
    show_error,
)
from cxhost.transport import PortError, Transport, describe_ports, only_port

_EVERY_MIN = 60.0
_REFRESH_PER_S = 4
_BAR_WIDTH = 20

PortsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--port",
        help="Serial port, sim:FOLDER, or a pattern such as '/dev/ttyUSB*'; may be given several times. "
        "Found by itself if only one.",
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="Every USB serial port of this computer, at once.")]
ForeverOption = Annotated[
    bool,
    typer.Option(
        "--forever", help="Unattended: go on until Ctrl-C, serving each badge when it is plugged in."
    ),
]
EveryOption = Annotated[
    float, typer.Option(help="With --forever: minutes after which a badge that stays is served again.", min=0)
]


def devices(as_json: JsonOption = False) -> None:
    """List the USB serial ports that a badge may be on.

    Example: cxbadge devices
    """
    ports = describe_ports()
    if as_json:
        print_json(ports)
        return
    for port in ports:
        typer.echo(f"{port['port']}  {port['description']}")
    if not ports:
        err.print("No USB serial port found.")


def info(port: PortOption = None, as_json: JsonOption = False) -> None:
    """Show what a badge says of itself.

    Example: cxbadge info --port /dev/ttyUSB0
    """
    with open_badge(port) as (badge, _):
        badge.hello()
        answer = badge.request("info", timeout_s=30)
    if as_json:
        print_json(answer)
    else:
        show.show_info(out, answer)


def watch(
    port: PortOption = None,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = 1.0,
    count: Annotated[int | None, typer.Option(help="End after so many looks.", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each look.")] = False,
) -> None:
    """Show what a badge does, live, until Ctrl-C.

    Example: cxbadge watch --port /dev/ttyUSB0
    """
    looks = 0
    with open_badge(port) as (badge, _), Live(console=out, auto_refresh=False) as live:
        badge.hello()
        try:
            while True:
                answer = badge.request("info", timeout_s=30)
                if as_json:
                    typer.echo(json.dumps(answer, ensure_ascii=False))
                else:
                    live.update(show.info_view(answer), refresh=True)
                looks += 1
                if looks == count:
                    return
                time.sleep(every)
        except KeyboardInterrupt:
            return


def provision(
    descriptor: Annotated[str, typer.Argument(help="The publisher's descriptor: an https URL or a file.")],
    port: PortsOption = None,
    every_port: AllOption = False,
    forever: ForeverOption = False,
    ca: CaOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let badges trust a publisher, and set their clocks.

    A badge takes its first publisher without its button. A simulated badge that is not there is made.

    Examples: cxbadge provision https://health.example/cx.json;
    cxbadge provision descriptor.json --all --forever
    """
    text = _descriptor(descriptor, ca)

    def work(badge: Badge, transport: Transport, line: Line) -> None:
        badge.hello()
        line.progress("setting the clock", 0, 0)
        badge.request("set_time", unix=int(transport.now()), timeout_s=60)
        line.progress("descriptor", 0, len(text))
        taken = sync.provision(badge, text, lambda done, total: line.progress("descriptor", done, total))
        line.result = taken
        line.what = f"trusts {taken['name']} ({taken['url']})"

    crew = Crew(port, every_port, forever, 24 * 60, yes, as_json, may_create=True)
    crew.serve(work)


def sync_command(
    port: PortsOption = None,
    every_port: AllOption = False,
    forever: ForeverOption = False,
    every: EveryOption = _EVERY_MIN,
    force: Annotated[
        bool, typer.Option("--force", help="Also ask publishers that said there is no newer list yet.")
    ] = False,
    over_wifi: Annotated[
        Path | None,
        typer.Option(
            "--wifi", help="Over Wi-Fi instead: the lists of this mirror, to badges with an open door."
        ),
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(help="With --wifi: HOST[:PORT] of a badge; may be given several times."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="With --wifi: for how long to listen for badges.", min=0)
    ] = 10.0,
    ca: CaOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Set badges' clocks, bring them every publisher's list and wait until it is matched.

    Exit code 1 when a list could not be brought. What is fetched once serves every badge.

    Examples: cxbadge sync; cxbadge sync --all; cxbadge sync --all --forever --every 30;
    cxbadge sync --wifi shelf --minutes 480
    """
    if over_wifi is not None:
        wifi.serve_shelf(over_wifi, address or [], minutes, door.PORT, as_json)
        return
    crew = Crew(port, every_port, forever, every, yes, as_json)
    with open_client(ca) as client:
        lists = Lists(client, own_folder("lists"))

        def work(badge: Badge, transport: Transport, line: Line) -> None:
            result = sync.sync(badge, transport, lists, line.progress, force)
            publishers = [vars(one) for one in result.publishers]
            line.result = {"clock_was": result.clock_was, "publishers": publishers}
            line.what = _sync_text(result)
            if not result.is_complete:
                raise BadgeError("sync", line.what)

        crew.serve(work)


def _descriptor(place: str, ca: Path | None) -> str:
    if place.startswith("https://"):
        with open_client(ca) as client:
            return fetch(client, place).decode(errors="replace")
    if "://" in place:
        raise CommandError("descriptor: only https URLs and files are trusted")
    try:
        return Path(place).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"descriptor: {place} cannot be read as text ({error})") from None


def _sync_text(result: sync.SyncResult) -> str:
    if not result.publishers:
        return "knows no publisher: use cxbadge provision"
    return "; ".join(_publisher_text(one) for one in result.publishers)


def _publisher_text(one: sync.PublisherResult) -> str:
    if one.error:
        return f"{one.name}: {one.error}"
    text = f"{one.name}: list of {show.date_text(one.published_at)}"
    if one.state == "taken":
        return f"{text}, {one.bytes_sent} bytes, {one.seeds} seeds, {one.new_seeds} new"
    return f"{text} is the newest" if one.state == "current" else f"{text}, no newer one is due"


@dataclass
class Crew:
    """The badges that a command means, and how it shows what happens to them.

    ``every_min``: with ``forever``, after so many minutes a badge that stays is served again.
    """

    named: list[str] | None
    every_port: bool
    forever: bool
    every_min: float
    yes: bool
    as_json: bool
    may_create: bool = False

    def __post_init__(self) -> None:
        """Find the ports. PortError, at once, when there is none and nobody waits for one."""
        self._lock = threading.Lock()
        if not self.named and not self.every_port:
            if self.forever:
                raise CommandError("--forever: say which badges: --all, or --port with a name or a pattern")
            self.named = [only_port()]
        self._is_one = not self.every_port and not self.forever and fleet.is_one(self.named or [])
        if not self.forever and not self._find():
            raise PortError("no badge found: plug one in, or name its port with --port")

    def serve(self, work: fleet.Work) -> None:
        """Serve them, show it, and end the program with the right exit code."""
        group = Fleet(self._find, work, self._tell, may_press=self.yes, may_create=self.may_create)
        with Live(_View(group), console=err, refresh_per_second=_REFRESH_PER_S, transient=True):
            try:
                lines = group.run_forever(self.every_min * 60) if self.forever else group.run_once()
            except KeyboardInterrupt:
                lines = list(group.lines.values())
        self._conclude(lines)
        failures = [line.error for line in lines if line.error is not None]
        if failures:
            codes = {exit_code(error) for error in failures}
            raise typer.Exit(codes.pop() if len(codes) == 1 and len(failures) == len(lines) else EXIT_FAILED)

    def _find(self) -> list[str]:
        return fleet.ports(self.named or (), self.every_port)

    def _tell(self, line: Line) -> None:
        """Tell of one badge when it is done: with ``forever`` nobody may see the table at the end."""
        if not self.forever:
            return
        with self._lock:
            if self.as_json:
                typer.echo(json.dumps(_for_programs(line), ensure_ascii=False))
            else:
                text = f"{time.strftime('%H:%M:%S')} {line.port}: {line.state}: {line.what}"
                err.print(text, markup=False, highlight=False, soft_wrap=True)

    def _conclude(self, lines: list[Line]) -> None:
        if self.as_json:
            if self._is_one:
                print_json(_for_programs(lines[0]))
            elif not self.forever:
                print_json([_for_programs(line) for line in lines])
        elif not self._is_one:
            out.print(_table(lines))
        elif lines[0].error is None:
            out.print(lines[0].what, markup=False, highlight=False, soft_wrap=True)
        if self._is_one and lines[0].error is not None:
            show_error(lines[0].error)


def _for_programs(line: Line) -> dict[str, Any]:
    return {
        "port": line.port,
        "state": line.state,
        "error": None if line.error is None else str(line.error),
        "took_s": round(line.took_s, 2),
        **line.result,
    }


def _table(lines: list[Line]) -> Table:
    table = Table("port", "state", "", "seconds")
    for line in sorted(lines, key=lambda line: line.port):
        table.add_row(line.port, line.state, line.what, f"{line.took_s:.1f}")
    return table


class _View:
    """The live table: rich asks for it a few times a second."""

    def __init__(self, crew: Fleet) -> None:
        self._crew = crew

    def __rich__(self) -> Table:
        table = Table(show_header=False, box=None)
        for line in list(self._crew.lines.values()):
            total = line.total or None
            bar = ProgressBar(total=total, completed=line.done, width=_BAR_WIDTH, pulse=total is None)
            table.add_row(line.port, line.state, bar if line.state == "working" else "", line.what)
        return table


def register(app: typer.Typer) -> None:
    """Add the commands to ``cxbadge``."""
    app.command()(devices)
    app.command()(info)
    app.command()(watch)
    app.command()(provision)
    app.command(name="sync")(sync_command)
