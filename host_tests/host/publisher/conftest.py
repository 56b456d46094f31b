"""A publisher on real SQLite under a clock of its own, and a real HTTPS server in front of it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
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
def publisher(tmp_path: Path, clock: Clock, listener) -> Iterator[Publisher]:
    url = f"https://localhost:{listener.getsockname()[1]}/cx.json"
    with Publisher.create(tmp_path / "ruritania", NAME, url, clock) as made:
        yield made


@pytest.fixture
def client(publisher: Publisher, tmp_path: Path, listener) -> Iterator[httpx.Client]:
    """A client of a running server; it trusts the throw-away CA and nothing else."""
    with serve(publisher, make_localhost_tls(tmp_path / "tls"), listener) as server:
        context = ssl.create_default_context(cafile=str(server.ca_file))
        with httpx.Client(base_url=server.base_url, verify=context, trust_env=False) as client:
            yield client
