"""What all commands of ``cxbadge publisher`` share: opening, printing, one line for each error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from cxhost.publisher.operators import OperatorError
from cxhost.publisher.service import Publisher, PublisherError, SettingsError

Directory = Annotated[Path, typer.Argument(help="The publisher's directory.", metavar="DIR")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Say in one line what went wrong, and leave with exit code 1."""
    try:
        yield
    except (PublisherError, SettingsError, OperatorError) as error:
        message = str(error)
    except SQLAlchemyError as error:
        message = f"database: {type(error).__name__}; check `database` in publisher.toml"
    except OSError as error:
        message = f"{error.filename or 'network'}: {error.strerror or error}"
    else:
        return
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)


@contextmanager
def opened(directory: Path) -> Iterator[Publisher]:
    """Open a publisher for one command."""
    with one_line_errors(), Publisher.open(directory) as publisher:
        yield publisher


def print_result(as_json: bool, values: dict[str, Any], text: Callable[[], None]) -> None:
    """Print ``values`` for programs, or let ``text`` print them for people."""
    if as_json:
        typer.echo(json.dumps(values, default=plain, ensure_ascii=False))
    else:
        text()


def print_table(values: dict[str, Any]) -> None:
    """Print names and values below each other."""
    table = Table("", "", show_header=False)
    for key, value in values.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        table.add_row(key.replace("_", " "), "-" if shown in (None, "") else plain(shown))
    Console().print(table)


def plain(value: object) -> str:
    """Return a value as text, times as in the protocol."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else str(value)
