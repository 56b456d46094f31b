"""``cxbadge report``: which days, the owner's consent, the badge's signed report, the publisher's answer.

A report gives seeds away for ever. So it is shown first what would go, and nothing that was signed is lost:
the badge has left those seeds already. The badge keeps its last report, and this computer keeps each one
that could not be delivered.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from cxhost import sync
from cxhost.asn1 import SeedReport
from cxhost.companion import Badge, BadgeError
from cxhost.lists import FetchError
from cxhost.publisher import codes
from cxhost.session import (
    CaOption,
    CommandError,
    PortOption,
    YesOption,
    err,
    open_badge,
    open_client,
    out,
    own_folder,
)

_UNDATED = 0
_UNDATED_TEXT = "unknown"
_EPOCH = date(1970, 1, 1)
_KEPT_S = 14 * 86400  # the badge deletes these seeds by then, and publishers take no older ones


def report(
    code: Annotated[
        str | None,
        typer.Option(
            help="The confirmation code; asked for if not given, which keeps it out of the shell's history. "
            "- reads it from standard input."
        ),
    ] = None,
    since: Annotated[str | None, typer.Option(help="Disclose this day (YYYY-MM-DD) and later ones.")] = None,
    days: Annotated[
        str | None,
        typer.Option(
            help="Disclose these days, with commas; 'unknown' for those whose date the badge does not know."
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Send the badge's last report once more.")] = False,
    file: Annotated[
        Path | None,
        typer.Option(help="Send this kept report once more; no badge is needed but to find the publisher."),
    ] = None,
    publisher: Annotated[
        str | None, typer.Option(help="Name, ID or URL, if the badge knows several.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Also keep the signed report in this file.")] = None,
    unchecked: Annotated[
        bool,
        typer.Option(
            "--unchecked", help="The code has another form than this software's, so do not check it."
        ),
    ] = False,
    port: PortOption = None,
    ca: CaOption = None,
    yes: YesOption = False,
) -> None:
    """Give away the badge's seeds to a publisher, after its owner has pressed the button.

    Whoever was near can then find out. This cannot be taken back. The badge goes on with a new seed. Later
    days can be added with the same code: choose the days again, with those that were sent before.

    Examples: cxbadge report; cxbadge report --since 2026-03-01; cxbadge report --again
    """
    if again + (code is not None) + (file is not None) > 1:
        raise CommandError("report: give either --code, --again or --file")
    wanted = None if again or file else _read_code(code, unchecked)
    with open_badge(port, yes) as (badge, _), open_client(ca) as client:
        badge.hello()
        known = badge.request("info", timeout_s=30)["publishers"]
        if wanted is None:
            signed = _kept_report(badge, file)
            chosen = _its_publisher(known, signed, publisher)
        else:
            chosen = sync.choose_publisher(known, publisher)
            signed = _new_report(badge, chosen, wanted, _Choice(since, days), yes)
        if output is not None:
            _keep(output, signed)
        try:
            answer = sync.upload_report(client, chosen["report"], signed)
        except FetchError as error:
            kept = file or _keep(_kept_name(chosen), signed)
            raise FetchError(f"{error}. Kept: send it again with --again, or with --file {kept}") from None
        with suppress(BadgeError):  # an older badge does not know it, and one with Wi-Fi sends it once more
            badge.request("sent", sha256=hashlib.sha256(signed).hexdigest())
    if file is None:
        _kept_name(chosen).unlink(missing_ok=True)
    text = f"{chosen['name']} has the report ({len(signed)} bytes) and answers: {answer}"
    out.print(text, markup=False, highlight=False)


def _read_code(given: str | None, unchecked: bool) -> str:
    """Return the confirmation code; CommandError, before the badge is asked, if it is mistyped."""
    if given is None and not sys.stdin.isatty():
        raise CommandError("report: give --code, --again or --file; --code - reads it from standard input")
    if given is None:
        given = typer.prompt("Confirmation code", err=True)
    elif given == "-":
        given = sys.stdin.readline()
    code = str(given).strip()
    if not code:
        raise CommandError("code: empty")
    if not unchecked and not codes.is_well_formed(code):
        raise CommandError(
            "code: mistyped: its length or its check character is not right. If the authority's codes have "
            "another form, use --unchecked"
        )
    return code


class _Choice:
    """Which days the owner named on the command line."""

    def __init__(self, since: str | None, days: str | None) -> None:
        if since is not None and days is not None:
            raise CommandError("report: give either --since or --days")
        self._since = None if since is None else _parse_day(since)
        self._days = (
            None if days is None else [_parse_day(text) for text in re.split(r"[,\s]+", days.strip())]
        )

    @property
    def is_made(self) -> bool:
        """Whether anything was named."""
        return self._since is not None or self._days is not None

    def of(self, held: list[int]) -> list[int]:
        """Return the chosen ones of the days that the badge holds; CommandError if a day is not there."""
        if self._since is not None:
            # A seed without a date may be of any day.
            return [day for day in held if day >= self._since or day == _UNDATED]
        if self._days is None:
            return held
        for day in self._days:
            if day not in held:
                raise CommandError(f"--days: the badge has no seed of {_day_text(day)}")
        return [day for day in held if day in self._days]


def _parse_day(text: str) -> int:
    if text == _UNDATED_TEXT:
        return _UNDATED
    try:
        return (date.fromisoformat(text) - _EPOCH).days
    except ValueError:
        raise CommandError(f"{text}: not a day; expected YYYY-MM-DD, as {date.today().isoformat()}") from None


def _day_text(day: int) -> str:
    return _UNDATED_TEXT if day == _UNDATED else (_EPOCH + timedelta(days=day)).isoformat()


def _new_report(badge: Badge, publisher: dict[str, Any], code: str, choice: _Choice, yes: bool) -> bytes:
    """Show the days, let the owner choose and agree, and return the signed report."""
    held = badge.request("days", timeout_s=30)["days"]
    if not held:
        raise CommandError("report: the badge has no seed yet: it was never on")
    chosen = choice.of(held)
    err.print(f"The badge has seeds of: {', '.join(map(_day_text, held))} (UTC)", highlight=False)
    if not yes:
        if not choice.is_made:
            typed = typer.prompt(
                "Which days, or since which day? (Enter: all)", default="", show_default=False, err=True
            )
            chosen = _typed_choice(typed).of(held)
        days = ", ".join(map(_day_text, chosen))
        question = f"Give {days} to {publisher['name']}? This cannot be taken back."
        if not chosen or not typer.confirm(question, err=True):
            raise CommandError("report: nothing was disclosed")
    if not chosen:
        raise CommandError("report: the badge has no seed of these days; nothing was disclosed")
    err.print(
        f"To {publisher['name']} go: {', '.join(map(_day_text, chosen))}", highlight=False, markup=False
    )
    return sync.take_report(badge, publisher, code, None if chosen == held else chosen)


def _typed_choice(typed: str) -> _Choice:
    typed = typed.strip()
    if typed.startswith("since"):
        return _Choice(typed.removeprefix("since").strip(), None)
    return _Choice(None, typed or None)


def _kept_report(badge: Badge, file: Path | None) -> bytes:
    if file is None:
        return sync.take_report_again(badge)
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"--file: {file} cannot be read ({error.strerror})") from None


def _its_publisher(known: list[dict[str, Any]], signed: bytes, wanted: str | None) -> dict[str, Any]:
    """Return the publisher that a report was signed for; CommandError if another is wanted, or unknown."""
    try:
        name = SeedReport.load(signed, strict=True)["content"]["publisher_name"].native
    except (ValueError, TypeError):
        raise CommandError("report: what is kept is not a seed report") from None
    if wanted is not None and sync.choose_publisher(known, wanted)["name"] != name:
        raise CommandError(f"report: it was signed for {name!r}, not for {wanted!r}; nothing was sent")
    matching = [one for one in known if one["name"] == name]
    if len(matching) != 1:
        raise CommandError(
            f"report: it was signed for {name!r}, which this badge does not know; nothing was sent"
        )
    return matching[0]


def _kept_name(publisher: dict[str, Any]) -> Path:
    return own_folder("reports") / f"{publisher['id']}.der"


def _keep(path: Path, signed: bytes) -> Path:
    """Write a report for its owner's eyes only: seeds are in it. Old ones beside it are removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent == own_folder("reports"):
        for old in path.parent.glob("*.der"):
            if old.stat().st_mtime < time.time() - _KEPT_S:
                old.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    binary = getattr(os, "O_BINARY", 0)  # Windows
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(signed)
    return path


def register(app: typer.Typer) -> None:
    """Add the command to ``cxbadge``."""
    app.command()(report)
