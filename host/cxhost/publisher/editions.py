"""Making and writing publications (CX, section "Publications").

An edition's time is fixed and stored before its files are written, and files are written only while it is
still the newest one. So ``publishedAt`` never goes back, whatever is killed when, and however many servers
publish.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, delete, func, or_, select, update
from sqlalchemy.orm import Session

from cxhost.asn1 import PUBLICATION_OID
from cxhost.publisher.database import Claim, Code, Edition, Seed, transact
from cxhost.publisher.files import write_atomic
from cxhost.publisher.levels import AlertLevel
from cxhost.publisher.publication import Groups, Listing, cut_offs, encode, group, partial_name, update_names
from cxhost.publisher.settings import Settings
from cxhost.publisher.signing import Signer

_log = logging.getLogger(__name__)
FULL = "pub/full"
OWN = "pub/own"
PARTIAL = re.compile(r"[0-9]{10}")
# Expiry is told by partial files for a day; a case set to expired by hand may be taken back for as long.
_REMEMBER_EXPIRED = timedelta(days=3)


@dataclass(frozen=True)
class Published:
    """An edition. ``counts``: (alert level, generator type) to seeds; ``files``: path to bytes written."""

    published_at: datetime
    next_update_not_before: datetime
    next_update_not_after: datetime
    counts: dict[tuple[int, int], int]
    files: dict[Path, int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The full publication for badges."""
        return next(iter(self.files))


class Editions:
    """Turns what is in the database into signed files under ``folder``."""

    def __init__(
        self,
        engine: Engine,
        signer: Signer,
        settings: Settings,
        clock: Callable[[], datetime],
        folder: Path,
    ) -> None:
        self._engine = engine
        self._signer = signer
        self._settings = settings
        self._clock = clock
        self._folder = folder

    def publish(self) -> Published:
        """Sign and write a new edition of every file; return it. Stopped anywhere, it loses nothing."""
        edition = self._publish(only_if_due=False)
        if edition is None:
            raise AssertionError("not asked whether it is due")
        return edition

    def publish_if_due(self) -> Published | None:
        """Publish if badges may already look for a newer edition than the last one; else return None."""
        return self._publish(only_if_due=True)

    def _publish(self, only_if_due: bool) -> Published | None:
        content = transact(self._engine, lambda session: self._collect(session, only_if_due))
        if content is None:
            return None
        published_at, groups, changes = content
        edition = Published(
            published_at=published_at,
            next_update_not_before=self._earliest(published_at),
            next_update_not_after=self._latest(published_at),
            counts={key: len(seeds) for key, seeds in groups.items()},
        )
        links = [self._settings.link(f"pub/{name}") for name in update_names(published_at)]
        documents = {
            FULL: self._sign(edition, groups, update_urls=links),
            OWN: self._sign(edition, groups, aggregated=False, update_urls=[self._settings.link(OWN)]),
        }
        for cut_off, changed in changes.items():
            document = self._sign(edition, changed, update_urls=links, excludes_published_before=cut_off)
            documents[f"pub/{partial_name(cut_off)}"] = document
        self._write(edition, documents)
        edition.files.update({self._folder / name: len(document) for name, document in documents.items()})
        _log.info("published", extra={"fields": {"at": published_at, "seeds": sum(edition.counts.values())}})
        return edition

    def _collect(
        self, session: Session, only_if_due: bool
    ) -> tuple[datetime, Groups, dict[datetime, Groups]] | None:
        """Fix an edition's time and what is in it: all seeds, and by cut-off those that changed since."""
        row = session.get_one(Edition, 1, with_for_update=True)
        last = row.published_at
        if only_if_due and last is not None and self._clock() < self._earliest(last):
            return None
        published_at = self._next_time(row)
        _record_changes(session, published_at, published_at - self._settings.keep)
        changes = {cut_off: _changed(session, cut_off) for cut_off in cut_offs(published_at)}
        _forget(session, published_at - _REMEMBER_EXPIRED)
        return published_at, _listed(session), changes

    def last(self) -> tuple[datetime | None, datetime | None]:
        """Return ``publishedAt`` and ``nextUpdateNotAfter`` of the newest edition, None before the first."""
        with Session(self._engine) as session, session.begin():
            row = session.get_one(Edition, 1)
            return row.published_at, row.next_update_not_after

    def _earliest(self, published_at: datetime) -> datetime:
        return published_at + timedelta(minutes=self._settings.earliest_update_minutes)

    def _latest(self, published_at: datetime) -> datetime:
        return published_at + timedelta(minutes=self._settings.interval_minutes)

    def _next_time(self, row: Edition) -> datetime:
        """Fix the time of a new edition: now in whole seconds, and always later than the one before."""
        now = self._clock().replace(microsecond=0)
        if row.published_at is not None and now <= row.published_at:
            now = row.published_at + timedelta(seconds=1)
        row.published_at = now
        row.next_update_not_after = self._latest(now)
        return now

    def _sign(self, edition: Published, groups: Groups, **different: Any) -> bytes:
        listing = Listing(
            zone=self._settings.url,
            published_at=edition.published_at,
            next_update_not_before=edition.next_update_not_before,
            next_update_not_after=edition.next_update_not_after,
            groups=groups,
            **different,
        )
        return self._signer.sign(encode(listing), PUBLICATION_OID)

    def _write(self, edition: Published, documents: dict[str, bytes]) -> None:
        """Write the files and delete older partial ones, unless a later edition exists and holds all this."""
        with Session(self._engine) as session, session.begin():
            row = session.get_one(Edition, 1, with_for_update=True)
            if row.published_at == edition.published_at:
                for name, document in documents.items():
                    write_atomic(self._folder / name, document)
                _tidy((self._folder / FULL).parent, documents)


def _tidy(folder: Path, documents: dict[str, bytes]) -> None:
    """Delete old partial files, and what a process that was killed left half-written."""
    for path in folder.iterdir():
        is_old = PARTIAL.fullmatch(path.name) and f"pub/{path.name}" not in documents
        if is_old or path.name.startswith("."):
            path.unlink(missing_ok=True)


def _record_changes(session: Session, now: datetime, oldest: datetime) -> None:
    """Note on each seed the level that this edition gives it. Reported at ``oldest`` or before: expired."""
    expired = int(AlertLevel.EXPIRED)
    session.execute(
        update(Seed)
        .where(Seed.reported_at <= oldest, Seed.published_level.is_distinct_from(expired))
        .values(published_level=expired, changed_at=now)
    )
    level = select(Code.level).where(Code.id == Seed.code_id).scalar_subquery()
    session.execute(
        update(Seed)
        .where(Seed.reported_at > oldest, Seed.published_level.is_distinct_from(level))
        .values(published_level=level, changed_at=now)
        .execution_options(synchronize_session=False)
    )


def _listed(session: Session) -> Groups:
    """Return every seed of a full publication: all that have a level, but not those that have expired."""
    return _grouped(session, Seed.published_level != int(AlertLevel.EXPIRED))


def _changed(session: Session, cut_off: datetime) -> Groups:
    """Return every seed whose level changed at ``cut_off`` or later, those that expired included."""
    return _grouped(session, Seed.changed_at >= cut_off)


def _grouped(session: Session, condition: ColumnElement[bool]) -> Groups:
    rows = session.execute(
        select(Seed.published_level, Seed.generator_type, Seed.value, Seed.usage).where(condition)
    )
    return group(
        (level, generator_type, value, usage)
        for level, generator_type, value, usage in rows
        if level is not None
    )


def _forget(session: Session, before: datetime) -> None:
    """Delete what nobody needs to be told any more: seeds that expired before, and who claimed them."""
    gone = select(Seed.id).where(
        Seed.published_level == int(AlertLevel.EXPIRED), Seed.changed_at < before, Seed.reported_at < before
    )
    session.execute(delete(Claim).where(Claim.seed_id.in_(gone)))
    session.execute(delete(Seed).where(Seed.id.in_(gone)).execution_options(synchronize_session=False))


def waiting(session: Session) -> int:
    """Return how many seeds the next edition adds or changes, expiry left aside."""
    query = (
        select(func.count())
        .select_from(Seed)
        .join(Code, Code.id == Seed.code_id)
        .where(or_(Seed.published_level.is_(None), Seed.published_level != Code.level))
        .where(Seed.published_level.is_distinct_from(int(AlertLevel.EXPIRED)))
    )
    return session.scalar(query) or 0
