"""The publisher over real TLS on loopback: good requests, and bad ones of every kind."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from invalid_reports import invalid_reports
from publisher_support import NAME, Owner, dump
from sqlalchemy.exc import OperationalError

from cxhost.asn1 import publication_data
from cxhost.publisher import Publisher, Reason, listen, make_localhost_tls, serve
from cxhost.sync import FetchError as UploadError
from cxhost.sync import upload_report

KIND = {"Content-Type": "application/octet-stream"}


def post(client: httpx.Client, content: bytes, headers: dict[str, str] = KIND) -> httpx.Response:
    return client.post("/report", content=content, headers=headers)


def test_the_whole_way(client, publisher):
    about = client.get("/cx.json")
    assert about.status_code == 200
    assert about.headers["content-type"] == "application/json"
    links = about.json()
    assert links["url"] == str(about.url)
    assert client.get(links["pub"]).status_code == 404
    owner = Owner(seeds=2)
    answer = client.post(links["report"], content=owner.report(publisher.issue_code()), headers=KIND)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "2 seeds" in answer.text
    assert publisher.name in answer.text
    publisher.publish()
    document = client.get(links["pub"])
    data = publication_data(document.content).native
    joined = data["notifications"][0]["seed_values"]
    assert {joined[:24], joined[24:]} == set(owner.seed_values())
    assert publication_data(client.get(links["pubs"][0]["url"]).content).native["aggregated"] is False


def test_files_are_cached_by_their_tag(client, publisher):
    publisher.publish()
    first = client.get("/pub/full")
    again = client.get("/pub/full", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = client.head("/pub/full")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(first.content)))
    publisher.publish()
    assert client.get("/pub/full", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_a_list_is_whole_while_it_is_replaced(client, publisher):
    """Every download is one edition from end to end, and editions never go back."""
    for _ in range(20):
        publisher.accept_report(Owner(seeds=5).report(publisher.issue_code()))
    publisher.publish()
    done = threading.Event()

    def keep_publishing() -> None:
        while not done.is_set():
            publisher.publish()

    thread = threading.Thread(target=keep_publishing)
    thread.start()
    try:
        times = [publication_data(client.get("/pub/full").content).native["published_at"] for _ in range(60)]
    finally:
        done.set()
        thread.join()
    assert times == sorted(times)
    assert len(set(times)) > 1


def bad_reports(publisher) -> dict[str, tuple[bytes, str]]:
    """Return name: (body, reason), one for each reason at least, and more."""
    code = publisher.issue_code()
    used = publisher.issue_code()
    publisher.accept_report(Owner().report(used))
    return {
        **invalid_reports(publisher.name, code),
        "no code": (Owner().report(""), "code-mistyped"),
        "markup": (Owner().report("<script>alert(1)</script>"), "code-mistyped"),
        "a code too short": (Owner().report(code[:-1]), "code-mistyped"),
        "unknown": (Owner().report("0000 0000 0000"), "code-unknown"),
        "used": (Owner().report(used), "code-used"),
        "oversize": (bytes(publisher.settings.max_report_bytes + 1), "too-large"),
    }


def test_bad_reports_are_answered_and_change_nothing(client, publisher):
    wrong = bad_reports(publisher)
    reasons = {reason.value for reason in Reason} - {"code-expired"}  # see below
    assert {reason for _, reason in wrong.values()} == reasons
    before = dump(publisher)
    for name, (body, reason) in wrong.items():
        answer = post(client, body)
        status = 413 if reason == "too-large" else 403 if reason.startswith(("code-", "wrong-pub")) else 400
        assert (name, answer.status_code, answer.headers["cx-reason"]) == (name, status, reason)
        assert "not accepted" in answer.text
        assert "<script" not in answer.text
    assert dump(publisher) == before


def test_expired_code(client, publisher, clock):
    code = publisher.issue_code()
    clock.pass_time(days=2)
    answer = post(client, Owner().report(code))
    assert (answer.status_code, answer.headers["cx-reason"]) == (403, "code-expired")


def test_oversize_without_a_length_is_cut_off(client, publisher):
    limit = publisher.settings.max_report_bytes
    sent = 0

    def endless():
        nonlocal sent
        while sent < limit * 40:
            sent += 65536
            yield bytes(65536)

    try:
        answer = client.post("/report", content=endless(), headers=KIND)
        assert answer.status_code == 413
    except httpx.TransportError:
        pass  # the server hung up while we still wrote
    assert sent < limit * 40
    assert post(client, b"").status_code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/json"])
def test_wrong_content_type(client, publisher, kind):
    report = Owner().report(publisher.issue_code())
    before = dump(publisher)
    answer = post(client, report, {"Content-Type": kind} if kind else {})
    assert answer.status_code == 415
    assert "octet-stream" in answer.text
    assert dump(publisher) == before


def test_content_type_with_a_parameter_is_taken(client, publisher):
    headers = {"Content-Type": "Application/Octet-Stream; v=1"}
    assert post(client, Owner().report(publisher.issue_code()), headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/report", 405),
        ("PUT", "/report", 405),
        ("POST", "/cx.json", 405),
        ("DELETE", "/pub/full", 405),
        ("GET", "/", 404),
        ("GET", "/publisher.db", 404),
        ("GET", "/pub/../../key.pem", 404),
        ("GET", "/pub/%2e%2e/%2e%2e/key.pem", 404),
        ("GET", "/pub/full/", 404),
        ("GET", "/%00", 404),
        ("GET", "/" + "a" * 5000, 404),
    ],
)
def test_other_requests(client, publisher, method, path, status):
    publisher.publish()
    answer = client.request(method, path, follow_redirects=True)
    assert answer.status_code == status
    assert "PRIVATE" not in answer.text


def test_every_kind_of_damage_gets_a_4xx(client, publisher):
    good = Owner().report(publisher.issue_code())
    before = dump(publisher)
    for at in range(0, len(good), 5):
        answer = post(client, good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :])
        assert 400 <= answer.status_code < 500
        assert answer.headers["cx-reason"]
    assert dump(publisher) == before
    assert post(client, good).status_code == 200


def test_a_request_that_breaks_off_does_no_harm(client, publisher, tmp_path: Path):
    address = urlsplit(publisher.url)
    context = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.pem"))
    before = dump(publisher)
    with (
        socket.create_connection(("127.0.0.1", address.port or 0)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(
            b"POST /report HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Length: 500\r\n\r\nabc"
        )
    assert post(client, b"x").status_code == 400
    assert dump(publisher) == before


def test_only_tls_is_spoken(client, publisher):
    with pytest.raises(httpx.HTTPError):
        httpx.get(publisher.url.replace("https", "http"), trust_env=False)
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(publisher.url, trust_env=False)


def test_server_stops_and_frees_its_port(publisher, tmp_path: Path):
    tls = make_localhost_tls(tmp_path / "tls")
    with serve(publisher, tls) as server:
        assert server.base_url == f"https://localhost:{server.port}"
    assert not [thread for thread in threading.enumerate() if thread.name == "publisher"]
    with listen(port=server.port):
        pass


def test_busy_database_is_a_503(client, publisher, monkeypatch):
    def busy(der: bytes) -> None:
        raise OperationalError("select", {}, Exception("locked"))

    monkeypatch.setattr(publisher, "accept_report", busy)
    answer = post(client, Owner().report("X"))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "locked" not in answer.text


def test_links_of_a_publication_lead_to_it(client, publisher):
    publisher.publish()
    data = publication_data(client.get("/pub/full").content).native
    for url in data["update_urls"]:
        linked = publication_data(client.get(url).content).native
        assert linked["published_at"] == data["published_at"]
    for name in ("1999010100", "20260412", "abcdefghij", "..%2fcx.json", "2026041210x"):
        assert client.get("/pub/" + name).status_code == 404


def test_health(client, publisher, clock, monkeypatch):
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "problem": "publication"})
    publisher.publish()
    assert client.get("/health").json() == {"ok": True, "problem": None}
    clock.pass_time(hours=1, seconds=1)
    assert client.get("/health").status_code == 503
    publisher.publish()
    assert client.get("/health").status_code == 200

    def unreachable() -> None:
        raise OperationalError("select", {}, Exception("no route"))

    monkeypatch.setattr(publisher._editions, "last", unreachable)
    assert client.get("/health").json() == {"ok": False, "problem": "database"}


def test_too_many_connections_get_a_clean_503(tmp_path: Path, clock):
    url = "https://localhost/cx.json"
    with (
        Publisher.create(tmp_path / "new", NAME, url, clock, max_connections=4) as publisher,
        serve(publisher, make_localhost_tls(tmp_path / "tls")) as server,
    ):
        context = ssl.create_default_context(cafile=str(server.ca_file))
        clients = [httpx.Client(base_url=server.base_url, verify=context, trust_env=False) for _ in range(8)]
        try:
            statuses = [client.get("/cx.json").status_code for client in clients]
        finally:
            for client in clients:
                client.close()
        with httpx.Client(base_url=server.base_url, verify=context, trust_env=False) as again:
            assert again.get("/cx.json").status_code == 200
    assert set(statuses) == {200, 503}
    assert statuses[0] == 200
    assert statuses == sorted(statuses)


def test_every_slip_of_the_finger_is_answered_exactly(publisher, client):
    """Each damaged letter of a code, and each two that changed places, is mistyped, not unknown; in words."""
    code = publisher.issue_code()
    slips = {code[:at] + ("7" if code[at] != "7" else "8") + code[at + 1 :] for at in (0, 5, 13)}
    slips |= {code[:at] + code[at + 1] + code[at] + code[at + 2 :] for at in (0, 5, 10)} - {code}
    for typed in slips:
        with pytest.raises(UploadError) as caught:
            upload_report(client, publisher.url.replace("cx.json", "report"), Owner().report(typed))
        assert (
            "Your report was not accepted. The code was mistyped: its check character does not fit. "
            f"Please compare each character. {NAME}. (HTTP status 403)"
        ) in str(caught.value)
    spoken = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    said = upload_report(client, publisher.url.replace("cx.json", "report"), Owner().report(spoken))
    assert said.startswith("Thank you. Your report of 1 seed was accepted.")
    assert said.endswith(f"{NAME}.")
