"""What a companion does with a badge: tell it the time, bring it lists, take its report to the publisher."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from cxhost.companion import Badge, BadgeError
from cxhost.lists import FetchError, List, Lists
from cxhost.transport import Transport

_POLL_S = 0.1
_MATCHING_S = 4 * 3600
# After a wipe: the restart with its three seconds for the prompt, and overwriting the whole flash.
_RESTART_S = 10.0
_WIPING_S = 300.0

Progress = Callable[[str, int, int], None]


_BLOCKS = ("p", "h1", "h2", "h3", "div", "main", "li", "br", "tr", "td", "title")


class _Text(HTMLParser):
    """Gathers what a page says in its body, block by block."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = [""]
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("head", "script", "style")
        self._separate(tag)

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("head", "script", "style")
        self._separate(tag)

    def _separate(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.blocks.append("")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.blocks[-1] += data


def _plain_text(page: str) -> str:
    """Return what a page says in one line, each block as a sentence of its own."""
    text = _Text()
    text.feed(page)
    blocks = filter(None, (" ".join(block.split()) for block in text.blocks))
    return " ".join(block if block[-1] in ".!?:;," else f"{block}." for block in blocks)


@dataclass
class PublisherResult:
    """What a sync did for one publisher.

    ``state``: "taken"; "current", when the badge has the newest list already; "not due", when the publisher
    said that there is none yet; "failed", with the reason in ``error``. ``bytes_sent``: to the badge.
    """

    name: str
    state: str = "failed"
    bytes_sent: int = 0
    published_at: int | None = None
    seeds: int = 0
    new_seeds: int = 0
    error: str | None = None


@dataclass
class SyncResult:
    """What a sync did for one badge. ``clock_was``: the badge's date before, None if it had none."""

    clock_was: int | None
    publishers: list[PublisherResult] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Tell whether the badge has every publisher's newest list, and has matched it."""
        return all(result.error is None for result in self.publishers)


def sync(
    badge: Badge, transport: Transport, lists: Lists, progress: Progress, is_forced: bool = False
) -> SyncResult:
    """Set the badge's clock, bring it every publisher's list, and wait until each is matched.

    ``progress`` is called with (what is being done, done, in all). One publisher's failure does
    not keep the others from being served; it is in the result. ``is_forced``: ask also publishers that said
    that there is no newer list yet.
    """
    badge.hello()
    now = int(transport.now())
    result = SyncResult(badge.request("set_time", timeout_s=60, unix=now)["was"])
    for publisher in badge.request("info", timeout_s=30)["publishers"]:
        outcome = PublisherResult(publisher["name"], published_at=publisher["published_at"])
        result.publishers.append(outcome)
        if publisher["pending"]:
            _follow(badge, publisher, outcome, progress)
            publisher["published_at"] = outcome.published_at
        is_due = is_forced or not lists.due_at(publisher["url"], publisher["published_at"], now)
        if publisher["published_at"] is not None and not is_due and not publisher.get("needs_full"):
            outcome.state = "not due"
            continue
        _serve(badge, lists, publisher, outcome, progress)
    return result


def _serve(
    badge: Badge,
    lists: Lists,
    publisher: dict[str, Any],
    outcome: PublisherResult,
    progress: Progress,
) -> None:
    """Try each place of the next list in order; any failure, the badge's refusal too, leads to the next."""
    for url in lists.candidates(publisher):
        try:
            one = lists.get(url)
            _check(one, publisher, url)
            if one.published_at != publisher["published_at"] or publisher.get("needs_full"):
                _bring(badge, one, publisher, outcome, progress)
                lists.taken(publisher["url"], one)
            else:
                outcome.state = "current"
        except (BadgeError, FetchError) as error:
            outcome.error = outcome.error or str(error)
            if isinstance(error, BadgeError) and error.error == "timeout":
                return
            continue
        outcome.error = None
        return


def _check(one: List, publisher: dict[str, Any], url: str) -> None:
    """FetchError for a list that this badge would refuse: so it need not cross the cable."""
    has = None if publisher.get("needs_full") else publisher["published_at"]
    if one.zone != publisher["url"]:
        raise FetchError(f"{url}: a list of {one.zone}")
    if has is not None and one.published_at < has:
        raise FetchError(f"{url}: older than the list that the badge has")
    if one.published_at != has and one.leaves_a_gap_after(has):
        raise FetchError(f"{url}: begins after the list that the badge has")


def _bring(
    badge: Badge, one: List, publisher: dict[str, Any], outcome: PublisherResult, progress: Progress
) -> None:
    name = publisher["name"]
    outcome.bytes_sent += len(one.data)
    answer = badge.put(
        "publication",
        one.data,
        progress=lambda done, total: progress(f"list of {name}", done, total),
        publisher=publisher["id"],
    )
    _follow(badge, publisher, outcome, progress)
    outcome.published_at = answer["published_at"]
    outcome.state = "taken"


def _follow(badge: Badge, publisher: dict[str, Any], outcome: PublisherResult, progress: Progress) -> None:
    """Wait until the badge has matched the list that it took."""
    matching = _wait_for_matching(badge, publisher["name"], progress)
    outcome.seeds = matching["seeds"]
    outcome.new_seeds = matching["new_seeds"]
    for known in badge.request("info", timeout_s=30)["publishers"]:
        if known["id"] == publisher["id"]:
            outcome.published_at = known["published_at"]
    if matching["error"]:
        raise BadgeError("matching", matching["error"])


def _wait_for_matching(badge: Badge, name: str, progress: Progress) -> dict[str, Any]:
    deadline = time.monotonic() + _MATCHING_S
    while True:
        matching = badge.request("info", timeout_s=30)["matching"]
        progress(f"matching {name}", matching["seeds"], matching["total"])
        if not matching["waiting"]:
            return matching
        if time.monotonic() > deadline:
            raise BadgeError("matching", "the badge is still matching: look again later with info")
        time.sleep(_POLL_S)


def provision(
    badge: Badge, descriptor: str, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Let the badge trust the publisher of this descriptor (JSON text); return what it took."""
    badge.hello()
    return badge.put("descriptor", descriptor.encode(), progress)


def take_report(badge: Badge, publisher: dict[str, Any], code: str, days: list[int] | None = None) -> bytes:
    """Let the badge sign a report for one of its publishers and return it; the owner presses the button.

    ``days``: since 1970-01-01, 0 for seeds whose date is not known; None for all that the badge has.
    """
    chosen = {} if days is None else {"days": days}
    answer = badge.request("report", timeout_s=60, publisher=publisher["id"], code=code, **chosen)
    return badge.get(answer["size"], answer["sha256"])


def take_report_again(badge: Badge) -> bytes:
    """Return the badge's last report once more, after the owner's button."""
    answer = badge.request("report", timeout_s=60, again=True)
    return badge.get(answer["size"], answer["sha256"])


def wipe(badge: Badge, transport: Transport, progress: Progress) -> dict[str, Any]:
    """Let the badge erase everything that it holds, after the owner's button, and wait until it is back.

    Return its info from then. BadgeError when the owner does not agree, when the badge does not come
    back within five minutes, or when it comes back with something left.
    """
    badge.hello()
    before = badge.request("info")
    badge.request("wipe", timeout_s=60)
    started = transport.now()
    # Silence first: until the application runs, Ctrl-C among the bytes would stop the badge's start.
    while transport.now() - started < _RESTART_S:
        transport.read(started + _RESTART_S - transport.now())
    while True:
        progress("wiping", int(transport.now() - started), 0)
        try:
            badge.hello()
            break
        except BadgeError as error:
            if error.error != "timeout":
                raise
            if transport.now() - started > _WIPING_S:
                text = "the badge was told to wipe itself but has not come back: look again with info"
                raise BadgeError("wipe", text) from None
    after = badge.request("info", timeout_s=30)
    if after["boot"] == before["boot"] or after["publishers"] or after["contacts"]:
        raise BadgeError(
            "wipe", "the badge is back but not empty: its flash may be worn, erase it with flash"
        )
    return after


def upload_report(client: httpx.Client, url: str, report: bytes) -> str:
    """Send a report to a publisher and return its answer as plain text; FetchError when it is refused."""
    try:
        response = client.post(url, content=report, headers={"Content-Type": "application/octet-stream"})
    except httpx.HTTPError as error:
        raise FetchError(f"{url}: {error}; the badge keeps the report, send it again later") from None
    answer = _plain_text(response.text)
    if not response.is_success:
        raise FetchError(f"{url}: {answer[:300]} (HTTP status {response.status_code})")
    return answer


def choose_publisher(publishers: list[dict[str, Any]], wanted: str | None) -> dict[str, Any]:
    """Return the publisher named by ID, name or URL, or the only one; BadgeError otherwise."""
    if not publishers:
        raise BadgeError("publisher", "the badge knows no publisher: provision it first")
    if wanted is None:
        if len(publishers) == 1:
            return publishers[0]
        names = ", ".join(f"{known['name']} ({known['id']})" for known in publishers)
        raise BadgeError(
            "publisher", f"the badge knows several publishers, name one with --publisher: {names}"
        )
    for known in publishers:
        if wanted in (known["id"], known["name"], known["url"]):
            return known
    raise BadgeError("publisher", f"the badge does not know {wanted!r}")
