"""Other publishers' lists: fetched, judged by the rules for consuming publishers, and kept seed by seed.

Signatures and rules are those of ``cx.publication``, as on a badge. A list that is refused, or a publisher
that is down, changes nothing of what was taken before.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import random
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path

import httpx
from sqlalchemy import Engine, func, or_, select, update
from sqlalchemy.orm import Session

from cx import publication, x509
from cx.errors import CxError, RefusedError
from cxhost import asn1, extensions
from cxhost.publisher import topology
from cxhost.publisher.database import Feed, Member, Relayed, transact
from cxhost.publisher.fetching import FetchError, fetch, new_client, trusting
from cxhost.publisher.levels import AlertLevel
from cxhost.publisher.publication import KNOWN_TYPES
from cxhost.publisher.settings import Settings

_log = logging.getLogger(__name__)
_MAX_PUBLICATION = 512 * 1024 * 1024
_RETRY = timedelta(minutes=5)
_JITTER_S = 60
_AT_ONCE = 4
_PROBLEM_LEN = 300
_INT32 = 1 << 31

Key = tuple[int, bytes]  # generator type, seed (or the SHA-256 of what is under an unknown type)


@dataclass(frozen=True)
class Taken:
    """A publication that passed every rule. ``seeds``: by key, level, usage, and the content if opaque."""

    header: publication.Publication
    seeds: dict[Key, tuple[int, bytes | None, bytes | None]]


@dataclass(frozen=True)
class FeedState:
    """What is taken from another publisher for one zone. ``problem``: why the last attempt failed."""

    zone: str
    published_at: datetime | None
    taken_at: datetime | None
    seeds: int
    problem: str | None

    def age(self, now: datetime) -> str:
        """Return how old the list is that was taken last, and what is wrong, in words."""
        if self.published_at is None:
            text = "never taken"
        else:
            minutes = max(0, int((now - self.published_at).total_seconds()) // 60)
            text = f"{self.seeds} seeds, {minutes // 60} h {minutes % 60} min old"
        return f"{text}; {self.problem}" if self.problem else text


@dataclass(frozen=True)
class MemberState:
    """Another publisher, for people. ``problem``: why its descriptor could not be fetched."""

    url: str
    relation: str
    parent: str
    name: str | None
    problem: str | None
    feeds: list[FeedState]


def judge(document: bytes, certificate: bytes, zone: str, recorded: int | None, now: int) -> Taken:
    """Return what a publication holds if a consuming publisher must not refuse it; else a ``CxError``.

    ``certificate``: DER, of the other publisher's descriptor. ``recorded``: publishedAt of the one before.
    """
    stream = io.BytesIO(document)
    header = publication.verify(stream, certificate)
    publication.check_publisher(header, zone, recorded, now)
    publication.check_duplicates(publication.notifications(stream, header))
    try:
        return Taken(header, dict(_seeds(asn1.publication_data(document))))
    except (ValueError, OverflowError):
        raise RefusedError("publication: cannot be read", "malformed") from None


def _seeds(data: asn1.PublicationData) -> Iterator[tuple[Key, tuple[int, bytes | None, bytes | None]]]:
    notifications: list[dict] = data["notifications"].native or []
    usages = _usages(data, notifications)
    for one, usage in zip(notifications, usages, strict=True):
        level, kind, joined = one["alert_level"], one["generator_type"], one["seed_values"]
        if not (-_INT32 <= level < _INT32 and -_INT32 <= kind < _INT32):
            raise ValueError("a number that cannot be kept")
        size = KNOWN_TYPES.get(kind)
        if size is None:
            yield (kind, hashlib.sha256(joined).digest()), (level, None, joined)
            continue
        for at in range(0, len(joined), size):
            known = usage[at // size] if usage else None
            octets = None if known is None else extensions.encode_usage(known)
            yield (kind, joined[at : at + size]), (level, octets, None)


def _usages(data: asn1.PublicationData, notifications: list[dict]) -> list[list[extensions.Usage | None]]:
    """Return the usages by notification, all of them empty where they are not as they should be."""
    none: list[list[extensions.Usage | None]] = [[] for _ in notifications]
    parameters = extensions.parameters_of(data["extensions"], extensions.USAGE)
    if parameters is None:
        return none
    try:
        found = extensions.publication_usages(parameters)
    except (ValueError, TypeError, KeyError):
        return none
    counts = [len(n["seed_values"]) / KNOWN_TYPES.get(n["generator_type"], 1) for n in notifications]
    kinds = [n["generator_type"] in KNOWN_TYPES for n in notifications]
    is_right = len(found) == len(counts) and all(
        len(one) == count for one, count, known in zip(found, counts, kinds, strict=False) if known
    )
    return found if is_right else none


def _seconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


class Feeds:
    """All that this publisher takes from others. For several threads and servers on one database."""

    def __init__(
        self, engine: Engine, settings: Settings, clock: Callable[[], datetime], directory: Path
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._has_left = False
        self._authority = directory / settings.fetch_authority if settings.fetch_authority else None

    @property
    def is_alone(self) -> bool:
        """Whether the settings name no other publisher."""
        one = self._settings
        return not (one.upstream or one.downstream or one.peers)

    def refresh(self, everything: bool = False) -> None:
        """Walk over the topology and take each publication that is due, or all with ``everything``."""
        if self.is_alone:
            if not self._has_left:  # those that the settings named before
                transact(
                    self._engine, lambda session: topology.keep(session, [], lambda: self._zones(session))
                )
                self._has_left = True
            return
        with new_client(self._tls) as client:
            with Session(self._engine) as session, session.begin():
                stored = {one.url: one for one in session.scalars(select(Member))}
                session.expunge_all()
            found = topology.Walk(self._settings, client, stored, self._clock(), everything).run()
            transact(
                self._engine, lambda session: topology.keep(session, found, lambda: self._zones(session))
            )
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(lambda number: self._take(client, number), self._due(everything)))

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return trusting(self._authority)

    def _zones(self, session: Session) -> topology.Zones:
        return topology.read_zones(session, self._settings)

    def _due(self, everything: bool) -> list[int]:
        query = select(Feed.id).where(Feed.is_active).order_by(Feed.id)
        if not everything:
            query = query.where(or_(Feed.fetch_at.is_(None), Feed.fetch_at <= self._clock()))
        with Session(self._engine) as session, session.begin():
            return list(session.scalars(query))

    def _take(self, client: httpx.Client, number: int) -> None:
        """Fetch one publication from the first of its URLs that has a good one."""
        with Session(self._engine) as session, session.begin():
            feed = session.get_one(Feed, number)
            text = session.get_one(Member, feed.member_url).descriptor
            session.expunge_all()
        certificate = bytes(x509.from_pem(json.loads(text or "{}")["cert"]))
        now, problem = self._clock(), ""
        for url in dict.fromkeys([*json.loads(feed.links), feed.url]):
            try:
                document = fetch(client, url, _MAX_PUBLICATION)
                taken = judge(
                    document, certificate, feed.zone, _seconds(feed.published_at), int(now.timestamp())
                )
            except (FetchError, CxError) as error:
                problem = problem or str(error)
                continue
            transact(self._engine, lambda session, taken=taken: self._keep(session, feed, taken, now))
            return
        _log.warning("feed failed", extra={"fields": {"publisher": feed.member_url, "zone": feed.zone}})
        with Session(self._engine) as session, session.begin():
            session.execute(
                update(Feed)
                .where(Feed.id == number)
                .values(problem=problem[:_PROBLEM_LEN], fetch_at=now + _RETRY)
            )

    def _keep(self, session: Session, before: Feed, taken: Taken, now: datetime) -> None:
        """Let a publication take the place of the one before, unless another server was quicker."""
        feed = session.get_one(Feed, before.id, with_for_update=True)
        if feed.published_at != before.published_at:
            return
        header = taken.header
        delay_s = random.SystemRandom().randrange(_JITTER_S)
        feed.published_at = _moment(header.published_at)
        feed.fetch_at = _moment(publication.fetch_not_before(header, int(now.timestamp()), delay_s))
        feed.valid_until = _moment(header.next_update_not_after)
        feed.links = json.dumps(header.update_urls)
        feed.taken_at, feed.problem = now, None
        known = {
            (one.generator_type, one.value): one
            for one in session.scalars(select(Relayed).where(Relayed.feed_id == feed.id))
        }
        for (kind, value), (level, usage, content) in taken.seeds.items():
            row = known.pop((kind, value), None)
            if row is None:
                row = Relayed(
                    feed_id=feed.id, generator_type=kind, value=value, content=content, received_at=now
                )
                session.add(row)
            row.level, row.usage = level, usage or row.usage
        if header.excludes_published_before is None:
            for row in known.values():
                row.level = int(AlertLevel.EXPIRED)

    def states(self) -> list[MemberState]:
        """Return every other publisher that belongs to the topology now, in the order of the last walk."""
        with Session(self._engine) as session, session.begin():
            query = select(Relayed.feed_id, func.count()).group_by(Relayed.feed_id)
            listed = query.where(Relayed.level != int(AlertLevel.EXPIRED))
            counts = {row[0]: row[1] for row in session.execute(listed)}
            feeds: dict[str, list[Feed]] = {}
            for feed in session.scalars(select(Feed).where(Feed.is_active).order_by(Feed.id)):
                feeds.setdefault(feed.member_url, []).append(feed)
            return [
                MemberState(
                    one.url,
                    one.relation,
                    one.parent,
                    json.loads(one.descriptor)["name"] if one.descriptor else None,
                    one.problem,
                    [
                        FeedState(
                            feed.zone, feed.published_at, feed.taken_at, counts.get(feed.id, 0), feed.problem
                        )
                        for feed in feeds.get(one.url, [])
                    ],
                )
                for one in session.scalars(select(Member).where(Member.is_active).order_by(Member.place))
            ]
