"""What the commands share that talk to a badge: options, the opened badge, HTTPS, errors and exit codes."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from cxhost import consent
from cxhost.companion import Badge, BadgeError
from cxhost.lists import FetchError
from cxhost.transport import PortError, Transport, open_transport

out = Console()
err = Console(stderr=True)

EXIT_FAILED = 1
EXIT_NO_BADGE = 3
EXIT_NO_CONSENT = 4
EXIT_CODES = (
    "Exit codes: 0 done; 1 failed, or not everything was done; 2 wrong arguments; 3 no badge found, or none "
    "answers; 4 the badge's button was not pressed."
)

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
        "--yes", help="Ask nothing, and press a simulated badge's button. A real one's is for its owner."
    ),
]


class CommandError(Exception):
    """Ends a command with one line on standard error and exit code 1."""


@contextmanager
def open_badge(
    port: str | None, press_without_asking: bool = False, may_create: bool = False
) -> Iterator[tuple[Badge, Transport]]:
    """Open a badge for one command; tell its owner when it waits for the button.

    ``may_create``: a simulated badge that is not there is made.
    """
    transport = open_transport(port, may_create)

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


def open_client(ca: Path | None) -> httpx.Client:
    """Return an HTTPS client that checks certificates, and follows no redirection."""
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise CommandError(f"--ca: {ca} is not a readable PEM file ({error})") from None
    return httpx.Client(verify=context, timeout=30, follow_redirects=False)


def own_folder(name: str) -> Path:
    """Return where the companion keeps things for this user: ``$CXBADGE_HOME``, else the usual place."""
    return Path(os.environ.get("CXBADGE_HOME") or typer.get_app_dir("cxbadge")) / name


def print_json(value: Any) -> None:
    """Print a value for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def exit_code(error: BaseException) -> int:
    """Return the exit code that stands for an error."""
    if isinstance(error, PortError) or (isinstance(error, BadgeError) and error.error == "timeout"):
        return EXIT_NO_BADGE
    if isinstance(error, BadgeError) and str(error).startswith("consent:"):
        return EXIT_NO_CONSENT
    return EXIT_FAILED


ERRORS = (BadgeError, PortError, CommandError, FetchError)


def show_error(error: BaseException) -> None:
    """Print an error as one line on standard error."""
    err.print(f"cxbadge: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
