"""A publisher on real SQLite under a clock of its own, and a real HTTPS server in front of it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from postgres_server import NoPostgresError, PostgresServer
from publisher_support import NAME, Clock

from cxhost.publisher import Publisher, listen, make_localhost_tls, serve


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def listener():
    with listen() as taken:
        yield taken


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database; SQLite unless a test is parametrized with ``postgresql``."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return "sqlite:///publisher.db"
    return request.getfixturevalue("postgresql").new_database()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(PostgresServer())
        except NoPostgresError as error:
            pytest.skip(str(error))
        yield server


@pytest.fixture
def publisher(tmp_path: Path, clock: Clock, listener, database: str) -> Iterator[Publisher]:
    url = f"https://localhost:{listener.getsockname()[1]}/cx.json"
    with Publisher.create(
        tmp_path / "ruritania", NAME, url, clock, database=database, fewest_new_seeds=1
    ) as made:
        yield made


@pytest.fixture
def client(publisher: Publisher, tmp_path: Path, listener) -> Iterator[httpx.Client]:
    """A client of a running server; it trusts the throw-away CA and nothing else."""
    with serve(publisher, make_localhost_tls(tmp_path / "tls"), listener) as server:
        context = ssl.create_default_context(cafile=str(server.ca_file))
        with httpx.Client(base_url=server.base_url, verify=context, trust_env=False) as client:
            yield client
