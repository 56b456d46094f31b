"""Limits for guessing codes: the bucket by itself, and in front of the server."""

from __future__ import annotations

import hashlib
import ssl
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from publisher_support import NAME, Owner, dump
from sqlalchemy import select
from sqlalchemy.orm import Session

from cxhost.publisher import Publisher, make_localhost_tls, serve
from cxhost.publisher.database import Bucket, connect, migrate
from cxhost.publisher.ratelimit import LeakyBucket, subscriber


@pytest.fixture
def engine(tmp_path):
    made = connect(f"sqlite:///{tmp_path / 'buckets.db'}")
    migrate(made)
    yield made
    made.dispose()


def test_bucket_fills_and_leaks(engine, clock):
    bucket = LeakyBucket(engine, b"secret", clock, "codes", 10)
    for _ in range(10):
        assert bucket.wait_s("a") == 0
        bucket.add("a")
    assert bucket.wait_s("a") == pytest.approx(60)
    assert bucket.wait_s("b") == 0
    clock.pass_time(seconds=59)
    assert bucket.wait_s("a") == pytest.approx(1)
    clock.pass_time(seconds=1.1)
    assert bucket.wait_s("a") == 0
    bucket.add("a")
    assert bucket.wait_s("a") > 50
    clock.pass_time(seconds=600)
    assert bucket.wait_s("a") == 0


def test_a_clock_that_is_put_back_forgives_nothing(engine, clock):
    bucket = LeakyBucket(engine, b"secret", clock, "codes", 1)
    bucket.add("a")
    clock.pass_time(hours=-5)
    assert bucket.wait_s("a") == pytest.approx(600)


def test_addresses_are_hashed_and_soon_forgotten(engine, clock):
    bucket = LeakyBucket(engine, b"secret", clock, "codes", 5)
    for number in range(20):
        bucket.add(f"192.0.2.{number}")

    def rows() -> list[bytes]:
        with Session(engine) as session:
            return list(session.scalars(select(Bucket.client)))

    assert len(rows()) == 20 and not any(b"192.0.2" in one for one in rows())
    assert hashlib.sha256(b"192.0.2.1").digest() not in rows()
    clock.pass_time(seconds=601)
    bucket.add("192.0.2.99")
    assert len(rows()) == 1


def test_what_is_counted_apart(engine, clock):
    codes, tokens = (LeakyBucket(engine, b"secret", clock, what, 1) for what in ("codes", "tokens"))
    codes.add("a")
    assert codes.wait_s("a") > 0 and tokens.wait_s("a") == 0


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_servers_of_one_database_count_together(publisher, clock):
    with Publisher.open(publisher.directory, clock) as second:
        buckets = [one.bucket("codes", 40) for one in (publisher, second)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: buckets[number % 2].add("a"), range(40)))
        assert [bucket.wait_s("a") for bucket in buckets] == [pytest.approx(15)] * 2


def test_who_counts_as_one():
    assert subscriber("192.0.2.7") != subscriber("192.0.2.8")
    assert subscriber("2001:db8::1") == subscriber("2001:db8::ffff:1:2")
    assert subscriber("2001:db8::1") != subscriber("2001:db8:0:1::1")
    assert subscriber("::ffff:192.0.2.7") == subscriber("192.0.2.7")
    assert subscriber("fe80::1%eth0") == subscriber("fe80::2")
    assert subscriber("testclient") == "testclient"


def test_guessing_is_stopped_and_right_codes_are_not_counted(client, publisher):
    headers = {"Content-Type": "application/octet-stream"}
    allowed = publisher.settings.wrong_codes_per_address
    for _ in range(allowed + 5):
        good = client.post("/report", content=Owner().report(publisher.issue_code()), headers=headers)
        assert good.status_code == 200
    wrong, right = Owner().report("0000 0000 0000"), Owner().report(publisher.issue_code())
    before = dump(publisher)
    statuses = [
        client.post("/report", content=wrong, headers=headers).status_code for _ in range(allowed + 3)
    ]
    assert statuses == [403] * allowed + [429] * 3
    answer = client.post("/report", content=right, headers=headers)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert dump(publisher) == before
    assert client.get("/cx.json").status_code == 200


def test_limit_over_all_addresses(tmp_path, clock):
    """Behind a proxy on this computer each client counts for itself, and all of them together."""
    limits = {"wrong_codes_per_address": 5, "wrong_codes_overall": 12}
    url = "https://localhost/cx.json"
    wrong = Owner().report("0000 0000 0000")
    with (
        Publisher.create(tmp_path / "new", NAME, url, clock, **limits) as publisher,
        serve(publisher, make_localhost_tls(tmp_path / "tls")) as server,
        httpx.Client(
            verify=ssl.create_default_context(cafile=str(server.ca_file)), trust_env=False
        ) as client,
    ):
        statuses = [
            client.post(
                server.base_url + "/report",
                content=wrong,
                headers={"Content-Type": "application/octet-stream", "X-Forwarded-For": f"192.0.2.{n // 4}"},
            ).status_code
            for n in range(14)
        ]
    assert statuses == [403] * 12 + [429] * 2
