"""Limits for guessing codes: the bucket by itself, and in front of the server."""

from __future__ import annotations

import ssl

import httpx
import pytest
from publisher_support import NAME, Owner, dump

from cxhost.publisher import Publisher, make_localhost_tls, ratelimit, serve
from cxhost.publisher.ratelimit import LeakyBucket, subscriber


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_bucket_fills_and_leaks():
    time = Seconds()
    bucket = LeakyBucket(10, time)
    for _ in range(10):
        assert bucket.wait_s("a") == 0
        bucket.add("a")
    assert bucket.wait_s("a") == pytest.approx(60)
    assert bucket.wait_s("b") == 0
    time.now += 59
    assert bucket.wait_s("a") == pytest.approx(1)
    time.now += 1.1
    assert bucket.wait_s("a") == 0
    bucket.add("a")
    assert bucket.wait_s("a") > 50
    time.now += 600
    assert bucket.wait_s("a") == 0


def test_bucket_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(ratelimit, "_MAX_KEYS", 100)
    bucket = LeakyBucket(1, Seconds())
    for number in range(1000):
        bucket.add(str(number))
    assert bucket.wait_s("999") > 0
    assert bucket.wait_s("0") == 0


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
