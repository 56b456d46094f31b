"""Servers that are not who they should be, or do harm: little time, little memory, nothing lost."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time

import pytest
from sites import Site

from certificates import Authority, der, pin, self_signed
from servers import Server

NOBODY = "127.0.0.1:9"
# A badge spends no more than this on a visit, whatever a server does (firmware/badge/syncing.py).
BUDGET_S = 240 + 10


@pytest.fixture
def make_site(tmp_path, serve):
    """Return a function that makes a publisher behind a TLS context; its lists are on an own server."""
    made = []

    def make(tls: ssl.SSLContext | None = None, lists: Server | None = None) -> Site:
        made.append(Site(tmp_path / f"publisher{len(made)}", serve(tls=True, context=tls), lists))
        return made[-1]

    yield make
    for site in made:
        site.publisher.close()


@pytest.fixture(scope="module")
def victim(tmp_path_factory, authority):
    """A publisher whose server a test makes hostile."""
    folder = tmp_path_factory.mktemp("victim")
    server = Server(authority.server(folder)[0])
    site = Site(folder / "publisher", server)
    yield site
    site.publisher.close()
    server.close()


def begin(site: Site, *authorities: Authority, pins=None):
    ca = b"".join(authority.der for authority in authorities)
    return [["date", site.unix], ["configure", ca.hex(), pins or {}, NOBODY], ["trust", site.descriptor]]


def test_a_server_with_the_right_certificate_is_asked(visitor, make_site, authority, tmp_path):
    tls, certificate = authority.server(tmp_path)
    site = make_site(tls)
    for pins in ({}, {"localhost": pin(certificate)}, {"localhost": pin(authority.certificate)}):
        other = Authority("another one")
        assert visitor.run(*begin(site, other, authority, pins=pins), ["sync"])[-1]["error"] == "", pins
        visitor.reset()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("expired", "expired"),
        ("not yet valid", "future"),
        ("wrong name", "expected CN"),
        ("self-signed", "not correctly signed"),
        ("unknown authority", "not correctly signed"),
        ("wrong pin", "connection"),
        ("no authorities", "trusts no authority"),
    ],
)
def test_a_server_with_a_wrong_certificate_learns_nothing(visitor, make_site, authority, tmp_path, kind, why):
    tls, _ = {
        "expired": lambda: authority.server(tmp_path, begins_d=-9, ends_d=-1),
        "not yet valid": lambda: authority.server(tmp_path, begins_d=1),
        "wrong name": lambda: authority.server(tmp_path, "elsewhere.example"),
        "self-signed": lambda: self_signed(tmp_path),
        "unknown authority": lambda: Authority("unknown").server(tmp_path),
    }.get(kind, lambda: authority.server(tmp_path))()
    site = make_site(tls)
    pins = {"localhost": "00" * 32} if kind == "wrong pin" else {}
    trusted = () if kind == "no authorities" else (authority,)
    *_, synced, state = visitor.run(
        *begin(site, *trusted, pins=pins), ["report", "4KQ7-93XT"], ["sync"], ["state"]
    )
    assert why in synced["error"], synced["error"]
    assert site.server.requests == [] and site.server.posted == []
    assert state["publishers"][0]["published_at"] is None and "unsent" in synced["files"]


def test_a_self_signed_certificate_that_was_given_to_the_badge_is_good(visitor, make_site, tmp_path):
    tls, certificate = self_signed(tmp_path)
    site = make_site(tls)

    steps = begin(site)
    steps[1][1] = der(certificate).hex()
    assert visitor.run(*steps, ["sync"])[-1]["error"] == ""


def test_lists_may_come_without_tls_but_nothing_else(visitor, make_site, serve, authority):
    """The list's signature is enough; the descriptor and a report go over HTTPS only."""
    lists = serve()
    site = make_site(lists=lists)
    assert visitor.run(*begin(site, authority), ["sync"])[-1]["error"] == ""
    assert lists.paths == [("/pub/full", 200)] and site.server.requests == []


# Hostile servers. Each gets the connection once the request has come.


def head(text: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\n{text}\r\n".encode()


def endless_body(connection: socket.socket, _request: str) -> None:
    connection.sendall(head(""))
    while True:
        connection.sendall(bytes(65536))


def endless_chunks(connection: socket.socket, _request: str) -> None:
    connection.sendall(head("Transfer-Encoding: chunked\r\n"))
    while True:
        connection.sendall(b"1000\r\n" + bytes(4096) + b"\r\n")


def slow_drip(connection: socket.socket, _request: str) -> None:
    connection.sendall(head("Content-Length: 100000\r\n"))
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def slow_headers(connection: socket.socket, _request: str) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X")
        time.sleep(0.05)


def silence(connection: socket.socket, _request: str) -> None:
    connection.recv(1)


def huge_headers(connection: socket.socket, _request: str) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Y: " + b"z" * 4000 + b"\r\n")


def huge_line(connection: socket.socket, _request: str) -> None:
    while True:
        connection.sendall(b"H" * 4096)


def too_long(connection: socket.socket, _request: str) -> None:
    connection.sendall(head("Content-Length: 999999999\r\n") + bytes(100))


def too_short(connection: socket.socket, _request: str) -> None:
    connection.sendall(head("Content-Length: 5000\r\n") + bytes(100))


def two_lengths(connection: socket.socket, _request: str) -> None:
    connection.sendall(head("Content-Length: 5\r\nContent-Length: 6\r\n") + bytes(6))


def compressed(connection: socket.socket, _request: str) -> None:
    connection.sendall(head("Content-Encoding: gzip\r\nContent-Length: 5\r\n") + bytes(5))


def cut_tls(connection: socket.socket, _request: str) -> None:
    connection.sendall(head("") + bytes(1000))
    socket.socket.close(connection)  # no TLS goodbye


def server_error(connection: socket.socket, _request: str) -> None:
    connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nabc")


def unasked_304(connection: socket.socket, _request: str) -> None:
    connection.sendall(b"HTTP/1.1 304 Not Modified\r\n\r\n")


def loop(connection: socket.socket, request: str) -> None:
    path = request.split(" ")[1]
    connection.sendall(f"HTTP/1.1 302 F\r\nLocation: {path}\r\nContent-Length: 0\r\n\r\n".encode())


def to_http(connection: socket.socket, _request: str) -> None:
    connection.sendall(
        b"HTTP/1.1 302 F\r\nLocation: http://localhost:9/pub/full\r\nContent-Length: 0\r\n\r\n"
    )


def nonsense(connection: socket.socket, _request: str) -> None:
    connection.sendall(b"\x00\xff" * 5000)


HOSTILE = {
    endless_body: "more than 655360 bytes",
    endless_chunks: "more than 655360 bytes",
    slow_drip: "too slow",
    slow_headers: "too slow",
    silence: "too slow",
    huge_headers: "headers over",
    huge_line: "headers over",
    too_long: "more than 655360",
    too_short: "ended in the middle",
    two_lengths: "two lengths",
    compressed: "compressed",
    cut_tls: "",
    server_error: "status 500",
    unasked_304: "status 304",
    loop: "more than 3",
    to_http: "from https to http",
    nonsense: "ended in the middle",
}


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.__name__)
def test_a_hostile_server_changes_nothing_and_costs_little(visitor, victim, authority, hostile):
    victim.server.hostile["/pub/full"] = hostile
    steps = [*begin(victim, authority), ["state"], ["sync"], ["state"]]
    *_, before, synced, after = visitor.run(*steps, speed=30)
    assert HOSTILE[hostile] in synced["error"] and synced["error"], synced["error"]
    assert after["publishers"] == before["publishers"]
    assert synced["spent_s"] <= BUDGET_S and synced["radio_is_on"] and synced["failures"] == 1
    assert "wifi.list" not in synced["files"]
    assert "MemoryError" not in json.dumps(synced)


def test_tls_that_is_not_tls(visitor, make_site, serve, authority):
    """A plain server where TLS is expected, and one that ends in the middle of the handshake."""
    site = make_site()
    plain = serve()
    listener = socket.create_server(("127.0.0.1", 0))
    described = json.loads(site.descriptor)
    for port in (plain.port, listener.getsockname()[1]):
        described["pub"] = f"https://localhost:{port}/pub/full"
        site.server.files["/cx.json"] = json.dumps(described).encode()
        steps = begin(site, authority)
        steps[2] = ["trust", json.dumps(described)]
        synced = visitor.run(*steps, ["sync"], speed=30)[-1]
        assert "connection" in synced["error"] or "slow" in synced["error"]
        assert synced["spent_s"] <= BUDGET_S
        visitor.reset()
    listener.close()


def test_a_tls_record_cut_off(visitor, make_site, authority):
    """A server that breaks off inside its certificate."""
    site = make_site()
    listener = socket.create_server(("127.0.0.1", 0))

    def break_off() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.recv(1000)
            connection.sendall(b"\x16\x03\x03\x02\x00\x02\x00\x01\xfc\x03\x03")
            connection.close()

    threading.Thread(target=break_off, daemon=True).start()
    described = json.loads(site.descriptor) | {"pub": f"https://localhost:{listener.getsockname()[1]}/x"}
    site.server.files["/cx.json"] = json.dumps(described).encode()
    steps = begin(site, authority)
    steps[2] = ["trust", json.dumps(described)]
    synced = visitor.run(*steps, ["sync"], speed=30)[-1]
    listener.close()
    assert "connection" in synced["error"] and synced["failures"] == 1
