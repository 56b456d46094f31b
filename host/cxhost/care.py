"""``cxbadge configure``, ``remove``, ``events`` and ``wipe``: what is rarely done with a badge."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cxhost import show, sync
from cxhost.companion import Badge
from cxhost.session import CommandError, JsonOption, PortOption, YesOption, err, open_badge, out, print_json

_EVENT_FIELDS: tuple[str, ...] = ("start", "second", "date", "event", "detail")
_PUBLISHER_EVENTS = (
    "publisher added",
    "publisher changed",
    "publisher removed",
    "list taken",
    "list refused",
)


def configure(
    profile: Annotated[
        str | None, typer.Option(help="all-day, long-life or dense-crowd: battery against detection.")
    ] = None,
    light: Annotated[
        str | None, typer.Option(help="all, or quiet: no flash that only says the badge works.")
    ] = None,
    port: PortOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change a badge's settings, after its owner has pressed the button. The badge restarts with them.

    Without an option, show the settings. What each profile costs: cxbadge energy --help.

    Example: cxbadge configure --profile long-life --light quiet
    """
    wanted = {name: value for name, value in (("profile", profile), ("light", light)) if value is not None}
    with open_badge(port, yes) as (badge, _):
        badge.hello()
        if wanted:
            settings = badge.request("configure", timeout_s=60, **wanted)["settings"]
        else:
            settings = badge.request("info", timeout_s=30)["settings"]
    if as_json:
        print_json(settings)
        return
    for name, value in sorted(settings.items()):
        out.print(f"{name}: {value}", highlight=False)
    if wanted:
        out.print("The badge restarts with these settings.")


def remove(
    publisher: Annotated[str, typer.Argument(help="Name, ID or URL of the publisher, as cxbadge info says.")],
    port: PortOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a badge trust a publisher no more, after its owner has pressed the button.

    Its list and the alerts that came from it go too.

    Example: cxbadge remove "Ruritania Health Service"
    """
    with open_badge(port, yes) as (badge, _):
        badge.hello()
        chosen = sync.choose_publisher(badge.request("info", timeout_s=30)["publishers"], publisher)
        removed = badge.request("remove", timeout_s=60, publisher=chosen["id"])
    if as_json:
        print_json(removed)
    else:
        out.print(f"The badge no longer trusts {chosen['name']} ({chosen['url']}).", markup=False)


def events(port: PortOption = None, as_json: JsonOption = False) -> None:
    """Show a badge's log of events: starts, faults, settings, publishers and lists, and nothing of health.

    Example: cxbadge events --port /dev/ttyUSB0
    """
    with open_badge(port) as (badge, _):
        badge.hello()
        found = _all_events(badge)
    if as_json:
        print_json(found)
        return
    table = Table("start", "running for", "date", "event", "detail")
    for event in found:
        table.add_row(
            str(event["start"]),
            f"{event['second'] // 3600}:{event['second'] // 60 % 60:02}:{event['second'] % 60:02}",
            show.date_text(event["date"]),
            event["event"],
            _detail(event),
        )
    out.print(table)


def _all_events(badge: Badge) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    first: int | None = 0
    while first is not None:
        page = badge.request("log", first=first)
        found += [dict(zip(_EVENT_FIELDS, event, strict=True)) for event in page["events"]]
        if page["next"] is not None and page["next"] <= first:
            raise CommandError("events: the badge's log does not end")
        first = page["next"]
    return found


def _detail(event: dict[str, Any]) -> str:
    if event["event"] in _PUBLISHER_EVENTS:
        return f"publisher {event['detail'] & 0xFFFFFFFF:08x}"
    return str(event["detail"]) if event["detail"] else ""


def wipe(port: PortOption = None, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Erase everything that a badge holds: contacts, alerts, seeds, publishers. Its owner presses the button.

    This cannot be taken back: who was met is forgotten, and the badge can no longer report. Publishers
    must be provisioned again. Pulling the battery does not help: the badge goes on when it is back.

    Example: cxbadge wipe --port /dev/ttyUSB0
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bars = Progress(*columns, console=err, transient=True)
    bars.add_task("wiping, takes a minute or so", total=None)
    with open_badge(port, yes) as (badge, transport):
        try:
            after = sync.wipe(badge, transport, lambda *_: bars.start())  # not before the owner was asked
        finally:
            bars.stop()
    if as_json:
        print_json({"wiped": True, "boot": after["boot"]})
    else:
        out.print("The badge is empty. Use cxbadge provision before it is worn again.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (configure, remove, events, wipe):
        app.command()(command)
