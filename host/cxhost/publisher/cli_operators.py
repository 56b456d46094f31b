"""``cxbadge publisher operator``: who may use the page for staff, and for what."""

from __future__ import annotations

from typing import Annotated

import typer

from cxhost.publisher.cli_common import Directory, Json, opened, print_result
from cxhost.publisher.operators import permissions

operators = typer.Typer(
    no_args_is_help=True, help="Say who may use the page for staff.", rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(metavar="NAME")]
May = Annotated[
    list[str] | None, typer.Option(help="issue, look-up or withdraw; several times for several; else all.")
]


@operators.command()
def add(directory: Directory, name: Name, may: May = None, as_json: Json = False) -> None:
    """Let someone use the page for staff. Their token is shown once.

    Example, a helpline that issues codes only: cxbadge publisher operator add ruritania Helpline --may issue
    """
    with opened(directory) as publisher:
        token = publisher.operators.add(name, permissions(may or []))
    print_result(as_json, {"name": name, "token": token}, lambda: typer.echo(token))


@operators.command()
def permit(directory: Directory, name: Name, may: May = None) -> None:
    """Change what someone may do, from now on.

    Example: cxbadge publisher operator permit ruritania Helpline --may issue --may look-up
    """
    with opened(directory) as publisher:
        allowed = permissions(may or [])
        publisher.operators.permit(name, allowed)
    typer.echo(f"{name} may {', '.join(sorted(one.value for one in allowed))} now.")


@operators.command()
def remove(directory: Directory, name: Name) -> None:
    """Take someone's access away at once.

    Example: cxbadge publisher operator remove ruritania "Clinic East"
    """
    with opened(directory) as publisher:
        publisher.operators.remove(name)
    typer.echo(f"{name} has no access any more.")


@operators.command("list")
def list_operators(directory: Directory, as_json: Json = False) -> None:
    """Show who may use the page for staff, and what each may do.

    Example: cxbadge publisher operator list ruritania
    """
    with opened(directory) as publisher:
        found = {one.name: sorted(may.value for may in one.may) for one in publisher.operators.members()}
    lines = [f"{name}: {', '.join(may)}" for name, may in found.items()]
    print_result(as_json, {"operators": found}, lambda: typer.echo("\n".join(lines) or "none"))
