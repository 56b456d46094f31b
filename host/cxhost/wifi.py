"""``cxbadge wifi``, ``cxbadge mirror`` and ``cxbadge sync --wifi``: lists without a cable."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from rich.table import Table

from cxhost import door, show
from cxhost.mirror import Mirror, make_server
from cxhost.session import (
    EXIT_FAILED,
    EXIT_NO_BADGE,
    CaOption,
    CommandError,
    JsonOption,
    PortOption,
    YesOption,
    err,
    open_badge,
    open_client,
    out,
    print_json,
)

wifi = typer.Typer(
    help="Tell a badge about Wi-Fi, over USB. Each change needs its button; nothing of it is ever read back.",
    no_args_is_help=True,
)
mirror = typer.Typer(
    help="A verified copy of publishers' files, for sites without internet.", no_args_is_help=True
)

FolderArgument = Annotated[Path, typer.Argument(help="The folder of the mirror; made when missing.")]


def _change(port: str | None, yes: bool, as_json: bool, **request: Any) -> None:
    with open_badge(port, yes) as (badge, _):
        badge.hello()
        answer = badge.request("wifi", timeout_s=60, **request)
    _tell(answer, as_json)


def _tell(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        parts = [f"{count} {name if count != 1 else name[:-1]}" for name, count in answer.items()]
        out.print(
            "The badge knows " + ", ".join(parts).replace("authoritie,", "authority,") + ".", highlight=False
        )


@wifi.command()
def add(
    name: Annotated[str, typer.Argument(help="The network's name (SSID).")],
    key: Annotated[
        str | None,
        typer.Option(
            help="Its key. Without this option it is asked for, and not shown; - reads standard input."
        ),
    ] = None,
    is_open: Annotated[bool, typer.Option("--open", help="A network without a key.")] = False,
    port: PortOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a badge join a network, or give it the network's new key.

    Example: cxbadge wifi add "Ward 3"
    """
    if is_open:
        secret = ""
    elif key == "-":
        secret = sys.stdin.readline().rstrip("\r\n")
    else:
        secret = key if key is not None else typer.prompt("Key", hide_input=True)
    _change(port, yes, as_json, ssid=name, key=secret)


@wifi.command()
def forget(
    name: Annotated[str, typer.Argument(help="The network's name (SSID).")],
    port: PortOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a badge forget a network.

    Example: cxbadge wifi forget "Ward 3"
    """
    _change(port, yes, as_json, ssid=name, forget=True)


@wifi.command()
def pin(
    host: Annotated[str, typer.Argument(help="Host name of an HTTPS server.")],
    key: Annotated[
        str | None,
        typer.Option(
            help="SHA-256 of a public key of its certificate chain, 64 hexadecimal digits; none: no pin."
        ),
    ] = None,
    port: PortOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a badge trust a server only with a certain key in its chain; without --key, remove that.

    Example: cxbadge wifi pin health.example --key 9f86d0...
    """
    if key is None:
        _change(port, yes, as_json, host=host, forget=True)
    else:
        _change(port, yes, as_json, host=host, pin=key)


@wifi.command(name="time-server")
def time_server(
    host: Annotated[str, typer.Argument(help="Host name, with :PORT if it is not 123.")],
    port: PortOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a badge ask this server for the date (SNTP), for lack of a better one.

    Example: cxbadge wifi time-server time.example
    """
    _change(port, yes, as_json, time_server=host)


@wifi.command()
def authorities(
    files: Annotated[list[Path], typer.Argument(help="PEM or DER files of certificate authorities.")],
    port: PortOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Tell a badge which authorities it trusts for HTTPS; they replace those that it knew.

    Choose the few that your publishers' servers need: each takes memory beside TLS.

    Example: cxbadge wifi authorities isrg-root-x1.pem
    """
    data = b"".join(certificate.public_bytes(Encoding.DER) for certificate in _certificates(files))
    with open_badge(port, yes) as (badge, _):
        badge.hello()
        answer = badge.put("authorities", data)
    _tell(answer, as_json)


def _certificates(files: list[Path]) -> list[x509.Certificate]:
    found = []
    for path in files:
        try:
            data = path.read_bytes()
            is_pem = b"-----BEGIN" in data
            found += (
                x509.load_pem_x509_certificates(data) if is_pem else [x509.load_der_x509_certificate(data)]
            )
        except (OSError, ValueError) as error:
            raise CommandError(f"authorities: {path} holds no certificate ({error})") from None
    return found


@mirror.command()
def update(
    folder: FolderArgument,
    publishers: Annotated[
        list[str] | None,
        typer.Argument(help="URLs of publishers' descriptors; without any, those that are there."),
    ] = None,
    ca: CaOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch publishers' descriptors and lists, verify them and keep them.

    What fails leaves the older copy in place, and ends in exit code 1.

    Example: cxbadge mirror update shelf https://health.example/cx.json
    """
    copy = Mirror(folder)
    urls = publishers or copy.publishers
    if not urls:
        raise CommandError("mirror: name the URL of a publisher's descriptor")
    for url in urls:
        if urlsplit(url).scheme != "https":
            raise CommandError(f"mirror: {url}: only https URLs are trusted")
    with open_client(ca) as client:
        results = [copy.update(client, url, int(time.time())) for url in urls]
    if as_json:
        print_json([vars(one) for one in results])
    for one in results:
        if not as_json:
            out.print(
                f"{one.name or one.url}: list of {show.date_text(one.published_at)}, "
                f"{len(one.fetched)} lists, {sum(one.fetched.values())} bytes",
                markup=False,
                highlight=False,
            )
        for url, why in one.errors.items():
            err.print(f"{url}: {why}", style="red", markup=False, highlight=False, soft_wrap=True)
    if not all(one.is_complete for one in results):
        raise typer.Exit(EXIT_FAILED)


@mirror.command()
def serve(
    folder: FolderArgument,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 for the whole network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 8080,
) -> None:
    """Serve a mirror's files over HTTP, by the publishers' host names or as /HOST/PATH, until Ctrl-C.

    Example: cxbadge mirror serve shelf --host 0.0.0.0 --port 80
    """
    if not folder.is_dir():
        raise CommandError(f"mirror: there is no folder {folder}: use cxbadge mirror update first")
    server = make_server(folder, host, port)
    err.print(f"Serving {folder} at http://{host}:{server.server_address[1]} until Ctrl-C.", markup=False)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def serve_shelf(folder: Path, badges: list[str], minutes: float, port: int, as_json: bool) -> None:
    """Bring the lists of a mirror to badges whose doors open within ``minutes``, or to those named.

    Ends the program: 1 when a badge was not served, 3 when none came.
    """
    offers = Mirror(folder).offers()
    if not any(offer.lists for offer in offers):
        raise CommandError(f"{folder}: no verified list is here: use cxbadge mirror update first")
    doors = (_door(name, port) for name in badges) if badges else door.announcements(minutes * 60, port)
    served = []

    def progress(what: str, done: int, total: int) -> None:
        """The lines of finished badges are enough."""

    try:
        for host, number in doors:
            one = door.serve(host, number, offers, progress)
            served.append(one)
            if not as_json:
                err.print(_line(one), markup=False, highlight=False, soft_wrap=True)
    except KeyboardInterrupt:
        pass
    _conclude(served, as_json)


def _door(name: str, port: int) -> tuple[str, int]:
    host, _, number = name.partition(":")
    return host, int(number) if number.isdigit() else port


def _line(one: door.Served) -> str:
    if one.error:
        return f"{one.address}: {one.error}"
    brought = sum(known.get("brought", 0) for known in one.publishers)
    wrong = [known["error"] for known in one.publishers if "error" in known]
    what = "; ".join(wrong) or (f"{brought} bytes brought" if brought else "current")
    return f"{one.address}: {what}"


def _conclude(served: list[door.Served], as_json: bool) -> None:
    if as_json:
        print_json([vars(one) for one in served])
    elif served:
        table = Table("badge", "what")
        for one in served:
            table.add_row(*_line(one).split(": ", 1))
        out.print(table)
    if not served:
        err.print("No badge opened its door: put it on its cable, or hold its button for three seconds.")
        raise typer.Exit(EXIT_NO_BADGE)
    if any(one.error or any("error" in known for known in one.publishers) for one in served):
        raise typer.Exit(EXIT_FAILED)


def register(app: typer.Typer) -> None:
    """Add the commands to ``cxbadge``."""
    app.add_typer(wifi, name="wifi")
    app.add_typer(mirror, name="mirror")
