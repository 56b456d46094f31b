"""``cxbadge publisher``: everything an operator does, from the first key to the daily list."""

from __future__ import annotations

import getpass
import os
import sys
from contextlib import nullcontext
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cxhost.publisher import server
from cxhost.publisher.backup import back_up
from cxhost.publisher.cli_common import (
    Directory,
    Json,
    one_line_errors,
    opened,
    plain,
    print_result,
    print_table,
)
from cxhost.publisher.cli_operators import operators
from cxhost.publisher.drawing import draw
from cxhost.publisher.levels import AlertLevel, level_label
from cxhost.publisher.logs import log_to_stderr
from cxhost.publisher.schedule import scheduled
from cxhost.publisher.service import Publisher, PublisherError
from cxhost.publisher.tls import TlsFiles, make_localhost_tls

app = typer.Typer(
    no_args_is_help=True,
    help="Run a health authority's server: codes, reports, signed lists.",
    rich_markup_mode=None,
)

app.add_typer(operators, name="operator")

Level = Annotated[str, typer.Option(help="diagnosed, symptomatic, debug-alert or no-alert.")]


def _operator() -> str:
    """Return who is at the keyboard, for the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _level(text: str) -> AlertLevel:
    try:
        return AlertLevel.from_label(text)
    except ValueError as error:
        raise PublisherError(str(error)) from None


def _counts(counts: dict[tuple[int, int], int]) -> list[dict[str, Any]]:
    return [
        {"level": level_label(level), "generator_type": generator_type, "seeds": count}
        for (level, generator_type), count in counts.items()
    ]


@app.command()
def init(
    directory: Directory,
    name: Annotated[str, typer.Option(help="What owners see, and what reports are addressed to.")],
    url: Annotated[str, typer.Option(help="Where the descriptor will be; your permanent identity.")],
    key: Annotated[str, typer.Option(help="Signing key: p256 (best for badges) or rsa.")] = "p256",
    as_json: Json = False,
) -> None:
    """Make a publisher: key, certificate, descriptor, settings, database.

    Example: cxbadge publisher init --name "Ruritania Health" --url https://health.example/cx.json ruritania
    """
    with one_line_errors():
        if key not in ("p256", "rsa"):
            raise PublisherError("--key: must be p256 or rsa")
        with Publisher.create(directory, name, url, key_kind=key) as publisher:
            made = {"directory": str(directory), "url": url, "descriptor": str(publisher.descriptor_file)}
    print_result(as_json, made, lambda: typer.echo(f"Made {directory}. Badges are given {url}"))


@app.command()
def code(
    directory: Directory,
    level: Level = AlertLevel.DIAGNOSED.label,
    hours: Annotated[int | None, typer.Option(min=1, help="How long it can be used; 24 unless set.")] = None,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many codes to issue.")] = 1,
    zone: Annotated[str, typer.Option(help="The case's zone, see `topology`; this publisher's own.")] = "",
    as_json: Json = False,
) -> None:
    """Issue confirmation codes, each for one person. They are shown once and cannot be looked up again.

    Example: cxbadge publisher code ruritania --level symptomatic --hours 48
    """
    with opened(directory) as publisher:
        chosen = _level(level)
        life = None if hours is None else timedelta(hours=hours)
        codes = publisher.issue_codes(count, chosen, life, _operator(), zone)
    print_result(as_json, {"codes": codes, "level": chosen.label}, lambda: typer.echo("\n".join(codes)))


@app.command()
def level(
    directory: Directory,
    new_level: Annotated[str, typer.Argument(help="The new level, for example no-alert.", metavar="LEVEL")],
    typed: Annotated[
        str | None, typer.Argument(help="The code; asked for if not given.", metavar="[CODE]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change the alert level of the case that a code opened; seen after the next `publish`.

    Example, a diagnosis withdrawn: cxbadge publisher level ruritania no-alert 7K3M-9QXT-2HVD
    """
    with opened(directory) as publisher:
        chosen = _level(new_level)
        publisher.set_level(typed or typer.prompt("Code"), chosen, _operator())
    print_result(as_json, {"level": chosen.label}, lambda: typer.echo(f"The case is {chosen.label} now."))


@app.command()
def zone(
    directory: Directory,
    new_zone: Annotated[str, typer.Argument(help="A publisher's URL, see `topology`.", metavar="ZONE")],
    typed: Annotated[
        str | None, typer.Argument(help="The code; asked for if not given.", metavar="[CODE]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Move the case that a code opened to another zone, for one who travelled; seen after the next `publish`.

    Example: cxbadge publisher zone ruritania https://world.example/cx.json 7K3M-9QXT-2HVD
    """
    with opened(directory) as publisher:
        publisher.set_zone(typed or typer.prompt("Code"), new_zone, _operator())
    print_result(as_json, {"zone": new_zone}, lambda: typer.echo(f"The case belongs to {new_zone} now."))


@app.command()
def topology(
    directory: Directory,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch all descriptors and lists first.")] = False,
    as_json: Json = False,
) -> None:
    """Draw the tree of publishers, and how old each list is that is taken from them.

    Example: cxbadge publisher topology ruritania --fetch
    """
    with opened(directory) as publisher:
        if fetch:
            publisher.refresh(everything=True)
        zones, members, now = publisher.zones(), publisher.topology(), publisher.now()
    values = {**asdict(zones), "members": [asdict(one) for one in members]}
    print_result(as_json, values, lambda: Console(soft_wrap=True).print(draw(publisher.url, members, now)))


@app.command()
def lookup(
    directory: Directory,
    typed: Annotated[
        str | None, typer.Argument(help="The code; asked for if not given.", metavar="[CODE]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the state of a code: ready, used, expired or closed, its level and its dates.

    Example: cxbadge publisher lookup ruritania 7K3M-9QXT-2HVD
    """
    with opened(directory) as publisher:
        state = publisher.code_state(typed or typer.prompt("Code"))
    values = {**asdict(state), "level": level_label(state.level)}
    print_result(as_json, values, lambda: print_table(values))


@app.command()
def audit(
    directory: Directory,
    newest: Annotated[int, typer.Option(min=1, help="How many entries, the latest first.")] = 50,
    as_json: Json = False,
) -> None:
    """Show who issued codes and changed cases.

    Example: cxbadge publisher audit ruritania --newest 20
    """
    with opened(directory) as publisher:
        entries = [asdict(entry) for entry in publisher.audit(newest)]

    def text() -> None:
        for one in entries:
            done = f"{one['action']} {one['detail']}, case {one['case']}"
            typer.echo(f"{plain(one['at'])}  {one['operator']}  {done}")

    print_result(as_json, {"entries": entries}, text)


@app.command()
def backup(
    directory: Directory, target: Annotated[Path, typer.Argument(help="A new directory.", metavar="TARGET")]
) -> None:
    """Copy a publisher while it runs. The copy is a publisher: to restore, put it in the old one's place.

    It holds the signing key: keep it as safe as the publisher itself.

    Example: cxbadge publisher backup ruritania /mnt/safe/ruritania-2026-04-12
    """
    with one_line_errors():
        if back_up(directory, target):
            typer.echo(f"Copied to {target}")
        else:
            typer.echo(f"Copied to {target}, without the database: save that with its own tools (pg_dump)")


@app.command()
def migrate(directory: Directory) -> None:
    """Bring the database to this software's version. Back it up before, and stop the servers.

    Example: cxbadge publisher migrate ruritania
    """
    with one_line_errors():
        typer.echo(f"The database has version {Publisher.migrate(directory)}")


@app.command()
def publish(directory: Directory, as_json: Json = False) -> None:
    """Sign and write a new edition of the lists.

    Example: cxbadge publisher publish ruritania
    """
    with opened(directory) as publisher:
        edition = publisher.publish()
        publisher.upload_if_behind()
    values = {
        "published_at": edition.published_at,
        "next_update_not_before": edition.next_update_not_before,
        "next_update_not_after": edition.next_update_not_after,
        "notifications": _counts(edition.counts),
        "files": {str(path): size for path, size in edition.files.items()},
    }

    def text() -> None:
        typer.echo(f"Published at {plain(edition.published_at)}")
        for one in values["notifications"]:
            typer.echo(f"  {one['level']}, type {one['generator_type']}: {one['seeds']} seeds")
        for path, size in edition.files.items():
            typer.echo(f"  {path}: {size} bytes")

    print_result(as_json, values, text)


@app.command()
def status(directory: Directory, as_json: Json = False) -> None:
    """Show codes, seeds and the last edition.

    Example: cxbadge publisher status ruritania --json
    """
    with opened(directory) as publisher:
        values = publisher.status()
    values["seeds"] = {level_label(number): count for number, count in values["seeds"].items()}

    print_result(as_json, values, lambda: print_table(values))


@app.command()
def serve(
    directory: Directory,
    host: Annotated[str | None, typer.Option(help="Listen here instead of listen_host.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Instead of listen_port; 0 takes a free one.")
    ] = None,
    schedule: Annotated[bool, typer.Option(help="Publish on time, too.")] = True,
) -> None:
    """Answer over HTTPS and publish on time, until interrupted; requests under way are finished.

    Addresses, certificate and times are in DIR/publisher.toml. Without tls_certificate and tls_key there it
    makes a throw-away certificate for localhost, for trying things out.

    Example: cxbadge publisher serve ruritania --port 8443
    """
    with opened(directory) as publisher:
        chosen = publisher.settings
        if chosen.tls_certificate:
            tls = TlsFiles(directory / chosen.tls_certificate, directory / chosen.tls_key)
        else:
            tls = make_localhost_tls(directory / "tls")
            typer.echo(f"Throw-away certificate: clients must trust {tls.ca}", err=True)
        listener = server.listen(host or chosen.listen_host, chosen.listen_port if port is None else port)
        log_to_stderr()
        typer.echo(f"Listening on {':'.join(map(str, listener.getsockname()[:2]))}")
        sys.stdout.flush()
        with scheduled(publisher) if schedule else nullcontext():
            server.run(publisher, tls, listener)
