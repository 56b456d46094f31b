"""Lists are fetched once, only when they can have changed, and from the best place that has them."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from cxhost import sync
from cxhost.companion import BadgeError
from cxhost.lists import FetchError, Lists, read_list
from cxhost.publisher import Publisher

START = datetime(2026, 3, 2, 8, 0, tzinfo=timezone.utc)
URL = "https://health.example/cx.json"


class Server:
    """Answers by URL with ETags, and remembers what it was asked. ``files``: {url: body}."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, int]] = []
        self.is_down = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.is_down:
            raise httpx.ConnectError("no route to host")
        url = str(request.url)
        body = self.files.get(url)
        if body is None:
            response = httpx.Response(404)
        else:
            tag = f'"{len(body)}-{body[-4:].hex()}"'
            is_held = request.headers.get("if-none-match") == tag
            status, body = (304, b"") if is_held else (200, body)
            response = httpx.Response(status, content=body, headers={"ETag": tag})
        self.asked.append((url, response.status_code))
        return response


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def client(server):
    return httpx.Client(transport=httpx.MockTransport(server))


@pytest.fixture
def editions(tmp_path):
    """Return a function that publishes after some time; it returns the full list, and partial ones by URL."""
    now = START

    with Publisher.create(
        tmp_path / "publisher", "Health", URL, clock=lambda: now, fewest_new_seeds=1
    ) as made:

        def publish(**later: float) -> tuple[bytes, dict[str, bytes]]:
            nonlocal now
            now += timedelta(**later)
            full = made.publish().path.read_bytes()
            links = read_list(full, "").update_urls
            files = {}
            for link in links:
                path = made.publication_file.with_name(link.rpartition("/")[2])
                if path.exists():
                    files[link] = path.read_bytes()
            return full, files

        yield publish


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_has_not_changed_is_not_sent_again(server, client, editions, tmp_path):
    full, _ = editions()
    server.files["https://health.example/pub"] = full
    clock = Clock()
    lists = Lists(client, tmp_path / "lists", clock)
    for _ in range(3):  # many badges want the same: one question
        assert lists.get("https://health.example/pub").data == full
    assert server.asked == [("https://health.example/pub", 200)]
    clock.now += 3600
    assert lists.get("https://health.example/pub").data == full
    again = Lists(client, tmp_path / "lists", clock)  # the next run
    assert again.get("https://health.example/pub").data == full
    assert [status for _, status in server.asked] == [200, 304, 304]
    clock.now += 3600
    newer, _ = editions(hours=1)
    server.files["https://health.example/pub"] = newer
    assert again.get("https://health.example/pub").data == newer
    assert server.asked[-1][1] == 200


def test_twenty_badges_ask_once(server, client, editions, tmp_path):
    server.files["https://health.example/pub"], _ = editions()
    lists = Lists(client, tmp_path / "lists")
    threads = [threading.Thread(target=lists.get, args=("https://health.example/pub",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1


def test_what_is_no_list_is_refused_and_takes_no_place(server, client, editions, tmp_path):
    server.files["https://health.example/pub"], _ = editions()
    clock = Clock()
    lists = Lists(client, tmp_path / "lists", clock)
    kept = lists.get("https://health.example/pub")
    clock.now += 3600
    for body in (b"", b"<html>", kept.data[:-1], bytes(17 * 1024 * 1024)):
        server.files["https://health.example/pub"] = body
        with pytest.raises(FetchError, match=r"health\.example"):
            lists.get("https://health.example/pub")
    server.is_down = True
    with pytest.raises(FetchError, match="no route to host"):
        lists.get("https://health.example/pub")
    server.is_down = False
    server.files["https://health.example/pub"] = kept.data
    assert lists.get("https://health.example/pub").data == kept.data


class Badge:
    """A badge that takes every list of its publisher but those in ``refused``."""

    def __init__(self) -> None:
        self.published_at = None
        self.taken: list[bytes] = []
        self.refused: list[bytes] = []

    def hello(self) -> dict:
        return {}

    def request(self, do: str, timeout_s: float = 5, **_fields: object) -> dict:
        if do == "set_time":
            return {"was": None}
        publisher = {
            "id": "1",
            "name": "Health",
            "url": URL,
            "pub": "https://health.example/full",
            "published_at": self.published_at,
            "pending": False,
        }
        matching = {"waiting": False, "seeds": 0, "total": 0, "new_seeds": 0, "error": None}
        return {"publishers": [publisher], "matching": matching}

    def put(self, _what: str, data: bytes, progress=None, **_fields: str) -> dict:
        if data in self.refused:
            raise BadgeError("SignatureError", "signature: wrong")
        self.taken.append(data)
        self.published_at = read_list(data, "").published_at
        return {"published_at": self.published_at}


class Cable:
    def __init__(self) -> None:
        self.moment = START

    def now(self) -> float:
        return self.moment.timestamp()


@pytest.fixture
def bring(client, tmp_path):
    """Return a function that syncs a badge, each time in a run of its own, and returns what was done."""

    def once(badge: Badge, cable: Cable, **options: bool) -> sync.PublisherResult:
        lists = Lists(client, tmp_path / "lists")
        result = sync.sync(badge, cable, lists, lambda *_: None, **options)  # type: ignore[arg-type]
        return result.publishers[0]

    return once


def test_a_badge_takes_the_smallest_list_that_has_no_gap(server, editions, bring):
    badge, cable = Badge(), Cable()
    server.files["https://health.example/full"], _ = editions()
    assert bring(badge, cable).state == "taken"
    for step in ({"minutes": 70}, {"minutes": 60}, {"days": 3}):
        cable.moment += timedelta(**step)
        full, partial = editions(**step)
        server.files = {"https://health.example/full": full, **partial}
        server.asked.clear()
        before = badge.published_at
        assert bring(badge, cable).state == "taken"
        has_gap = {url: read_list(data, url).leaves_a_gap_after(before) for url, data in partial.items()}
        expected = next((url for url in partial if not has_gap[url]), "https://health.example/full")
        assert server.asked[-1][0] == expected
        assert badge.taken[-1] == server.files[expected]
        assert badge.published_at == read_list(full, "").published_at
    # Three days later only the full one will do: the others were looked at, and did not cross the cable.
    assert badge.taken[-1] == full and len(badge.taken) == 4


def test_a_failure_leads_to_the_next_place(server, editions, bring):
    badge, cable = Badge(), Cable()
    server.files["https://health.example/full"], _ = editions()
    bring(badge, cable)
    cable.moment += timedelta(minutes=70)
    full, partial = editions(minutes=70)
    server.files = {"https://health.example/full": full, **partial}
    first = next(iter(partial))
    badge.refused = [partial[first]]
    outcome = bring(badge, cable)
    assert outcome.state == "taken" and outcome.error is None
    assert badge.taken[-1] != partial[first]
    # Nothing works: the first reason is told, and the badge keeps what it has.
    cable.moment += timedelta(minutes=70)
    newer, _ = editions(minutes=70)
    server.files = {"https://health.example/full": newer}
    badge.refused = [newer]
    outcome = bring(badge, cable)
    assert outcome.state == "failed" and "404" in (outcome.error or "")
    assert len(badge.taken) == 2


def test_nobody_is_asked_before_it_is_time_but_on_request(server, editions, bring):
    badge, cable = Badge(), Cable()
    server.files["https://health.example/full"], _ = editions()
    one = read_list(server.files["https://health.example/full"], "")
    assert one.next_update_not_before > START.timestamp()
    bring(badge, cable)
    server.asked.clear()
    cable.moment = datetime.fromtimestamp(one.next_update_not_before - 1, timezone.utc)
    assert bring(badge, cable).state == "not due"
    assert server.asked == []
    assert bring(badge, cable, is_forced=True).state == "current"
    # After that time, and a random minute at the most, it is asked for.
    cable.moment = datetime.fromtimestamp(one.next_update_not_before + 61, timezone.utc)
    assert bring(badge, cable).state == "current"
    # A clock that was set back far does not keep a badge from asking: more than a day ahead is a mistake.
    cable.moment = START - timedelta(days=30)
    assert bring(badge, cable).state == "current"


def test_a_list_of_another_zone_or_an_older_one_does_not_cross_the_cable(server, editions, bring, tmp_path):
    badge, cable = Badge(), Cable()
    old, _ = editions()
    server.files["https://health.example/full"], _ = editions(hours=2)
    cable.moment += timedelta(hours=2)
    bring(badge, cable)
    server.files = {"https://health.example/full": old}
    outcome = bring(badge, cable, is_forced=True)
    assert outcome.state == "failed"
    other = "https://other.example/cx.json"
    with Publisher.create(tmp_path / "other", "Other", other, clock=lambda: cable.moment) as made:
        server.files = {"https://health.example/full": made.publish().path.read_bytes()}
    outcome = bring(Badge(), cable, is_forced=True)
    assert outcome.state == "failed" and "a list of https://other.example" in (outcome.error or "")
    assert len(badge.taken) == 1
