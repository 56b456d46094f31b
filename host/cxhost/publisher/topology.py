"""Which publishers there are: upstream, all below them, and peers, found by their descriptors (CX)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from cx import descriptor
from cx.errors import CxError
from cxhost.publisher.database import Feed, Member
from cxhost.publisher.fetching import FetchError, fetch
from cxhost.publisher.settings import Settings

UPSTREAM, BELOW, PEER = "upstream", "below", "peer"
_MAX_MEMBERS = 5000
_MAX_DEPTH = 16
_MAX_URL = 1000
_MAX_DESCRIPTOR = 256 * 1024
_FETCH_AGAIN = timedelta(hours=1)
_PROBLEM_LEN = 300


@dataclass(frozen=True)
class Zones:
    """The zones of cases. ``above``: the upstream set, this publisher first; its cases go to badges here.

    ``peers``: cases of these zones are listed for those publishers only.
    """

    above: tuple[str, ...]
    peers: tuple[str, ...]

    @property
    def every(self) -> tuple[str, ...]:
        """All zones that a case can have here."""
        return (*self.above, *self.peers)


@dataclass
class Found:
    """One publisher on a walk over the topology. ``members``: its descriptor, None if never fetched."""

    url: str
    relation: str
    parent: str
    members: dict[str, Any] | None = None
    text: str | None = None
    fetched_at: datetime | None = None
    problem: str | None = None


def read_zones(session: Session, settings: Settings) -> Zones:
    """Return the zones by the settings and by what the last walk found."""
    found = [settings.url]
    if settings.upstream:
        query = select(Member.url).where(Member.is_active, Member.relation == UPSTREAM).order_by(Member.place)
        found += [settings.upstream, *session.scalars(query)]
    above = tuple(dict.fromkeys(found))
    return Zones(above, tuple(url for url in settings.peers if url not in above))


class Walk:
    """A walk from descriptor to descriptor. One that cannot be fetched counts as it was the last time.

    ``again``: fetch all, also those that were fetched less than an hour ago.
    """

    def __init__(
        self,
        settings: Settings,
        client: httpx.Client,
        stored: dict[str, Member],
        now: datetime,
        again: bool = False,
    ) -> None:
        self._settings = settings
        self._client = client
        self._stored = stored
        self._now = now
        self._again = again
        self.found: dict[str, Found] = {}

    def run(self) -> list[Found]:
        """Return every other publisher, each once, those upstream first, from near to far."""
        own = self._settings.url
        parent, url = own, self._settings.upstream
        while url and url != own and url not in self.found and len(self.found) < _MAX_DEPTH:
            one = self._visit(url, UPSTREAM, parent)
            parent, url = url, (one.members or {}).get("upstream", "")
        for url in self._settings.peers:
            if url not in self.found:
                self._visit(url, PEER, own)
        todo = [(own, one) for one in self._settings.downstream]
        for above in [one for one in self.found.values() if one.relation == UPSTREAM]:
            todo += self._below(above)
        while todo and len(self.found) < _MAX_MEMBERS:
            parent, url = todo.pop(0)
            if url == own or (url in self.found and self.found[url].relation != PEER):
                continue
            todo += self._below(self._visit(url, BELOW, parent))
        return list(self.found.values())

    @staticmethod
    def _below(one: Found) -> list[tuple[str, str]]:
        return [(one.url, url) for url in (one.members or {}).get("downstream", [])]

    def _visit(self, url: str, relation: str, parent: str) -> Found:
        one = self.found.get(url)
        if one is not None:  # a peer that is in the tree as well
            one.relation, one.parent = relation, parent
            return one
        one = self.found[url] = Found(url, relation, parent)
        stored = self._stored.get(url)
        if stored is not None and stored.descriptor is not None:
            one.text, one.fetched_at = stored.descriptor, stored.fetched_at
            one.members = json.loads(stored.descriptor)
        if stored is None or stored.problem or not self._is_fresh(one.fetched_at):
            self._fetch(one)
        return one

    def _is_fresh(self, fetched_at: datetime | None) -> bool:
        if self._again or fetched_at is None:
            return False
        return fetched_at <= self._now < fetched_at + _FETCH_AGAIN

    def _fetch(self, one: Found) -> None:
        try:
            if len(one.url) > _MAX_URL:
                raise FetchError(f"a URL with more than {_MAX_URL} characters")
            document = fetch(self._client, one.url, _MAX_DESCRIPTOR)
            one.members = descriptor.check(document, one.url)
        except (FetchError, CxError) as error:
            one.problem = str(error)[:_PROBLEM_LEN]
            return
        one.text, one.fetched_at = document.decode("utf-8"), self._now


def keep(session: Session, found: list[Found], zones: Callable[[], Zones]) -> None:
    """Store what a walk found, and which publications of it are wanted."""
    stored = {member.url: member for member in session.scalars(select(Member).with_for_update())}
    for member in stored.values():
        member.is_active = False
    for place, one in enumerate(found):
        if len(one.url) > _MAX_URL:
            continue
        member = stored.get(one.url) or Member(url=one.url)
        session.add(member)
        member.relation, member.parent, member.place = one.relation, one.parent, place
        member.is_active = True
        member.descriptor, member.fetched_at, member.problem = one.text, one.fetched_at, one.problem
    session.flush()
    _keep_feeds(session, found, zones().above)


def _keep_feeds(session: Session, found: list[Found], above: tuple[str, ...]) -> None:
    feeds = {(feed.member_url, feed.zone): feed for feed in session.scalars(select(Feed).with_for_update())}
    wanted = dict(_wanted(found, above))
    for key, feed in feeds.items():
        feed.is_active = key in wanted
    for key, url in wanted.items():
        feed = feeds.get(key) or Feed(member_url=key[0], zone=key[1], url=url, is_active=True, links="[]")
        session.add(feed)
        if feed.url != url:
            feed.url, feed.links, feed.fetch_at = url, "[]", None


def _wanted(found: list[Found], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield (publisher, zone) and URL of each publication whose zone lies in the upstream set."""
    for one in found:
        for pub in (one.members or {}).get("pubs", []):
            if pub["zone"] in above and len(pub["zone"]) <= _MAX_URL and len(one.url) <= _MAX_URL:
                yield (one.url, pub["zone"]), pub["url"]
