"""The Wi-Fi door: lists come in, nothing else does, and nothing goes out."""

from __future__ import annotations

import json
import os
import socket
import time

import pytest
from sites import Site
from test_visit import begin, configure, first

from cx import frame
from cxhost import door
from cxhost.companion import Badge, BadgeError
from cxhost.mirror import Mirror, publisher_id

FRAMES = int(os.environ.get("CXBADGE_FRAMES", "3000"))
SECONDS = 25
PROGRESS = "reply error left_s seeds total waiting"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def opened(visitor, site, authority, port):
    """A badge that knows the publisher, on its network, with its door open."""
    steps = begin(site, authority)
    steps[1] = [*configure(authority), port]
    running = visitor.start(*steps, ["files"], ["door", SECONDS], ["files"])
    ends = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            assert time.monotonic() < ends
            time.sleep(0.1)
    time.sleep(0.3)  # that connection is over
    yield running
    running.answers()


@pytest.fixture
def companion(opened, port):
    transport = door.TcpTransport("127.0.0.1", port)
    yield Badge(transport)
    transport.close()


def offers(site: Site) -> list[door.Offer]:
    """Return a publisher's lists as a mirror has them."""
    import io

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from cx import publication

    der = x509.load_pem_x509_certificate(site.publisher.certificate_pem).public_bytes(Encoding.DER)
    lists = []
    for name in site.names:
        data = site.lists.files[f"/pub/{name}"]
        lists.append((data, publication.verify(io.BytesIO(data), der)))
    return [door.Offer(publisher_id(site.publisher.url), "Ruritania", tuple(lists))]


def quiet(_what: str, _done: int, _total: int) -> None:
    """Nobody looks."""


def test_a_door_is_heard_of_and_a_list_comes_in(opened, site, port):
    assert next(door.announcements(10, port)) == ("127.0.0.1", port)
    served = door.serve("127.0.0.1", port, offers(site), quiet)
    assert served.error is None
    assert served.publishers[0]["brought"] == len(site.server.files["/pub/full"])
    *_, state, _files = opened.answers()
    assert first(state)["published_at"] == site.unix, state
    assert not first(state)["pending"]


def test_every_other_request_is_refused(opened, site, port, companion):
    badge = companion
    names = [
        "hello",
        "set_time",
        "alerts",
        "days",
        "report",
        "wipe",
        "configure",
        "remove",
        "log",
        "wifi",
        "sent",
        "authorities",
        "get",
        "x",
    ]
    for name in names:
        with pytest.raises(BadgeError, match="over Wi-Fi"):
            badge.request(
                name, publisher=publisher_id(site.publisher.url), code="x", unix=1795489090, ssid="x"
            )
    with pytest.raises(BadgeError, match="only a publication"):
        badge.put("descriptor", b"{}")
    with pytest.raises(BadgeError, match="only a publication"):
        badge.put("authorities", b"x", publisher=publisher_id(site.publisher.url))
    said = badge.request("info")
    assert said == {
        "protocol": frame.VERSION,
        "publishers": [{"id": publisher_id(site.publisher.url), "published_at": None, "pending": False}],
    }
    for wrong in (b"no list", site.server.files["/pub/own"]):
        with pytest.raises(BadgeError):
            badge.put("publication", wrong, publisher=publisher_id(site.publisher.url))
    answers = opened.answers()
    files = [answer for answer in answers if isinstance(answer, dict) and "/data/wifi" in answer]
    assert {name for name, value in files[1].items() if files[0].get(name) != value} <= {
        "/data/seeds",
        "/data/clock",
    }


def test_too_much_that_is_refused_shuts_the_door(opened, site, companion):
    badge = companion
    refused = 0
    with pytest.raises(BadgeError):
        for number in range(10):
            try:
                badge.put("publication", b"no list %d" % number, publisher=publisher_id(site.publisher.url))
            except BadgeError as error:
                refused += 1
                if error.error == "timeout" or "shut" in str(error):
                    raise
    assert refused <= 5


def test_hostile_frames_do_nothing(visitor, site, authority, capsys):
    """In full: ``make door``, a million frames."""
    visitor.run(*begin(site, authority), ["sync"], ["match"])
    before, answers, after = visitor.run(["files"], ["frames", FRAMES, 1], ["files"], timeout_s=7200)
    with capsys.disabled():
        print(f"\n{FRAMES} frames: {json.dumps(answers)}")
    # Pieces of requests and of lists, info, progress: no list was taken, and nothing else came out.
    assert set(answers) == {"error", "reply ", "reply offset", "reply protocol publishers", PROGRESS}
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changed <= {"/data/door", "/data/door.about", "/data/clock"}


def test_a_mirror_gives_badges_their_lists(tmp_path, site, authority, serve):
    import ssl

    import httpx

    ca = tmp_path / "ca.pem"
    from cryptography.hazmat.primitives.serialization import Encoding

    ca.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    folder = tmp_path / "mirror"
    with httpx.Client(verify=ssl.create_default_context(cafile=str(ca)), trust_env=False) as client:
        copy = Mirror(folder)
        url = site.publisher.url
        done = copy.update(client, url, site.unix)
        assert done.is_complete and done.published_at == site.unix and len(done.fetched) == 3
        offered = Mirror(folder).offers()
        assert [len(offer.lists) for offer in offered] == [3]
        site.server.files["/pub/full"] = site.signed(zone="https://else.example/cx.json")
        worse = copy.update(client, url, site.unix)
        assert not worse.is_complete and "zone" in next(iter(worse.errors.values()))
        assert [len(offer.lists) for offer in Mirror(folder).offers()] == [3]
