"""Many clients at once: nobody is turned away below the limits, and above them with a clean 503."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from publisher_support import NAME, Clock, Owner

from cxhost.publisher import Publisher, make_localhost_tls, serve

KIND = {"Content-Type": "application/octet-stream"}
CLIENTS, ROUNDS = 12, 6


class Crowd:
    """Clients that all ask at the same time, each on a connection of its own."""

    def __init__(self, base_url: str, ca_file: Path) -> None:
        context = ssl.create_default_context(cafile=str(ca_file))
        self._clients = [
            httpx.Client(base_url=base_url, verify=context, trust_env=False, timeout=60)
            for _ in range(CLIENTS)
        ]

    def ask(self, question: Callable[[httpx.Client, int], Any]) -> list[Any]:
        """Return what each client got; ``question`` is told which client it is."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(question, self._clients, range(CLIENTS)))

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def crowded(tmp_path: Path, clock: Clock, database: str, request: pytest.FixtureRequest):
    """A publisher with the limit of waiting reports that a test asks for, and a crowd in front of it."""
    limit, url = request.node.get_closest_marker("limit").args[0], "https://localhost/cx.json"
    with (
        Publisher.create(
            tmp_path / "new", NAME, url, clock, database=database, max_waiting_reports=limit
        ) as publisher,
        serve(publisher, make_localhost_tls(tmp_path / "tls")) as server,
    ):
        publisher.publish()
        crowd = Crowd(server.base_url, Path(str(server.ca_file)))
        yield publisher, crowd
        crowd.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.limit(CLIENTS)
def test_below_the_limit_everybody_is_served(crowded):
    publisher, crowd = crowded
    reports = [[Owner(seeds=2).report(publisher.issue_code()) for _ in range(ROUNDS)] for _ in range(CLIENTS)]

    def life(client: httpx.Client, number: int) -> set[int]:
        found = set()
        for report in reports[number]:
            found.add(client.post("/report", content=report, headers=KIND).status_code)
            found |= {
                client.get(path).status_code for path in ("/cx.json", "/pub/full", "/health", "/status")
            }
        return found

    assert set().union(*crowd.ask(life)) == {200}
    assert publisher.status()["codes_used"] == CLIENTS * ROUNDS


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.limit(2)
def test_above_the_limit_a_clean_503(crowded):
    publisher, crowd = crowded
    reports = [Owner(seeds=8).report(publisher.issue_code()) for _ in range(CLIENTS)]

    def try_once(client: httpx.Client, number: int) -> httpx.Response:
        return client.post("/report", content=reports[number], headers=KIND)

    answers = crowd.ask(try_once)
    assert {answer.status_code for answer in answers} == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
            assert answer.headers["content-type"].startswith("text/html")
    accepted = sum(answer.status_code == 200 for answer in answers)
    assert publisher.status()["codes_used"] == accepted

    def try_until_taken(client: httpx.Client, number: int) -> set[int]:
        found = set()
        while 200 not in found:
            found.add(client.get("/health").status_code + 1000)  # answered whatever is in the queue
            found.add(try_once(client, number).status_code)
        return found

    assert set().union(*crowd.ask(try_until_taken)) <= {200, 503, 1200}
    assert publisher.status()["codes_used"] == CLIENTS
