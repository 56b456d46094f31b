"""Making and writing publications (CX, section "Publications").

An edition's time is fixed and stored before its files are written, and files are written only while it is
still the newest one. So ``publishedAt`` never goes back, whatever is killed when, and however many servers
publish.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, func, or_, select, update
from sqlalchemy.orm import Session

from cxhost.asn1 import PUBLICATION_OID
from cxhost.publisher.database import Code, Edition, Seed
from cxhost.publisher.files import write_atomic
from cxhost.publisher.levels import AlertLevel
from cxhost.publisher.publication import Groups, Listing, encode, group
from cxhost.publisher.settings import Settings
from cxhost.publisher.signing import Signer

_log = logging.getLogger(__name__)
FULL = "pub/full"
OWN = "pub/own"


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
        with Session(self._engine) as session, session.begin():
            row = session.get_one(Edition, 1, with_for_update=True)
            if (
                only_if_due
                and row.published_at is not None
                and self._clock() < self._earliest(row.published_at)
            ):
                return None
            published_at = self._next_time(row)
            _record_changes(session, published_at, published_at - self._settings.keep)
            groups = _listed(session)
        edition = Published(
            published_at=published_at,
            next_update_not_before=self._earliest(published_at),
            next_update_not_after=self._latest(published_at),
            counts={key: len(seeds) for key, seeds in groups.items()},
        )
        documents = {
            self._folder / name: self._document(edition, groups, aggregated)
            for name, aggregated in ((FULL, True), (OWN, False))
        }
        self._write(edition, documents)
        edition.files.update({path: len(document) for path, document in documents.items()})
        _log.info("published", extra={"fields": {"at": published_at, "seeds": sum(edition.counts.values())}})
        return edition

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

    def _document(self, edition: Published, groups: Groups, aggregated: bool) -> bytes:
        listing = Listing(
            zone=self._settings.url,
            aggregated=aggregated,
            published_at=edition.published_at,
            next_update_not_before=edition.next_update_not_before,
            next_update_not_after=edition.next_update_not_after,
            groups=groups,
            update_urls=[self._settings.link(FULL if aggregated else OWN)],
        )
        return self._signer.sign(encode(listing), PUBLICATION_OID)

    def _write(self, edition: Published, documents: dict[Path, bytes]) -> None:
        """Write the files, unless a later edition exists: it holds all of this one."""
        with Session(self._engine) as session, session.begin():
            row = session.get_one(Edition, 1, with_for_update=True)
            if row.published_at == edition.published_at:
                for path, document in documents.items():
                    write_atomic(path, document)


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
    columns = select(Seed.published_level, Seed.generator_type, Seed.value)
    rows = session.execute(columns.where(Seed.published_level != int(AlertLevel.EXPIRED)))
    return group((level, generator_type, value) for level, generator_type, value in rows if level is not None)


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
