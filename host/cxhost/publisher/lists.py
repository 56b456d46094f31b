"""What is in each list: of the cases here and of what other publishers list, and what changed since when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from cxhost.publisher.database import Claim, Code, Entry, Feed, Relayed, Seed
from cxhost.publisher.levels import AlertLevel
from cxhost.publisher.publication import Groups, group

_EXPIRED = int(AlertLevel.EXPIRED)
# Expiry is told by partial files for a day; a case set to expired by hand may be taken back for as long.
_REMEMBER_EXPIRED = timedelta(days=3)
_FORGET_CODES = timedelta(days=90)

_Row = tuple[int, int, bytes, bytes | None]  # level, generator type, seed, usage


def record_changes(session: Session, now: datetime, oldest: datetime, above: Sequence[str]) -> None:
    """Note on each seed the level that this edition gives it in the list for badges.

    Reported at ``oldest`` or before, or of a zone that is not in ``above``: expired, if it was listed before.
    """
    outside = select(Code.id).where(Code.zone.not_in(above))
    session.execute(
        update(Seed)
        .where(or_(Seed.reported_at <= oldest, Seed.code_id.in_(outside)), Seed.published_level != _EXPIRED)
        .values(published_level=_EXPIRED, changed_at=now)
    )
    level = select(Code.level).where(Code.id == Seed.code_id).scalar_subquery()
    session.execute(
        update(Seed)
        .where(Seed.reported_at > oldest, Seed.code_id.not_in(outside))
        .where(Seed.published_level.is_distinct_from(level))
        .values(published_level=level, changed_at=now)
        .execution_options(synchronize_session=False)
    )
    _record_relayed(session, now, oldest, above)
    is_listed = and_(
        Code.listed_level.is_not_distinct_from(Code.level), Code.listed_zone.is_not_distinct_from(Code.zone)
    )
    session.execute(
        update(Code)
        .where(Code.used_at.is_not(None), ~is_listed)
        .values(listed_level=Code.level, listed_zone=Code.zone)
        .execution_options(synchronize_session=False)
    )


def _record_relayed(session: Session, now: datetime, oldest: datetime, above: Sequence[str]) -> None:
    """Do the same for other publishers' seeds. Of one that is down, each stays as long as one of our own."""
    left = select(Feed.id).where(or_(Feed.is_active.is_(False), Feed.zone.not_in(above)))
    silent = select(Feed.id).where(Feed.valid_until < now)
    is_over = or_(Relayed.feed_id.in_(left), and_(Relayed.feed_id.in_(silent), Relayed.received_at <= oldest))
    level = case((is_over, _EXPIRED), else_=Relayed.level)
    session.execute(
        update(Relayed)
        .where(Relayed.published_level.is_distinct_from(level))
        .where(or_(Relayed.published_level.is_not(None), level != _EXPIRED))
        .values(published_level=level, changed_at=now)
        .execution_options(synchronize_session=False)
    )


def listed(session: Session) -> Groups:
    """Return every seed of a full list for badges: all that have a level, but not those that have expired."""
    return group(row for row in _merged(session, None) if row[0] != _EXPIRED)


def changed(session: Session, cut_off: datetime) -> Groups:
    """Return every seed whose level changed at ``cut_off`` or later, those that expired included."""
    return group(_merged(session, cut_off))


def of_zone(session: Session, zone: str, oldest: datetime) -> Groups:
    """Return the seeds that were reported here for ``zone`` after ``oldest``: a list for other publishers."""
    rows = session.execute(
        select(Code.level, Seed.generator_type, Seed.value, Seed.usage)
        .join(Code, Code.id == Seed.code_id)
        .where(Code.zone == zone, Code.level != _EXPIRED, Seed.reported_at > oldest)
    )
    return group((level, kind, value, usage) for level, kind, value, usage in rows)


def _query(table: type[Seed] | type[Relayed]) -> Any:
    """Return the query for level, type, seed, usage and time of change of all that was ever listed."""
    content = Seed.value if table is Seed else func.coalesce(Relayed.content, Relayed.value)
    columns = (table.published_level, table.generator_type, content, table.usage, table.changed_at)
    return select(*columns).where(table.published_level.is_not(None))


def _merged(session: Session, since: datetime | None) -> Iterator[_Row]:
    """Yield each seed once, of those that changed since then, or of all."""
    has_relayed = session.scalar(select(Relayed.id).limit(1)) is not None
    twice = {table: _is_twice(table) for table in (Seed, Relayed)} if has_relayed else {}
    for table in (Seed, Relayed) if has_relayed else (Seed,):
        query = _query(table)
        if since is not None:
            query = query.where(table.changed_at >= since)
        if has_relayed:
            query = query.where(~twice[table])
        rows: Any = session.execute(query)
        for level, kind, value, usage, _ in rows:
            yield level, kind, value, usage
    if has_relayed:
        yield from _doubles(session, since, twice)


def _is_twice(table: type[Seed] | type[Relayed]) -> ColumnElement[bool]:
    """Return the condition that somebody else lists the seed, too."""
    other = aliased(Relayed)
    same = (other.value == table.value, other.generator_type == table.generator_type)
    if table is Seed:
        return exists().where(*same)
    elsewhere = exists().where(*same, other.id != Relayed.id)
    ours = exists().where(Seed.value == table.value, Seed.generator_type == table.generator_type)
    return or_(elsewhere, ours)


def _doubles(
    session: Session, since: datetime | None, twice: dict[Any, ColumnElement[bool]]
) -> Iterator[_Row]:
    """Yield what several publishers list, with the gravest of the levels: each can only take back its own."""
    found: dict[tuple[int, bytes], tuple[list[int], list[bytes | None], list[datetime]]] = {}
    for table in (Seed, Relayed):
        rows: Any = session.execute(_query(table).where(twice[table]))
        for level, kind, value, usage, changed_at in rows:
            levels, usages, changes = found.setdefault((kind, value), ([], [], []))
            levels.append(level)
            usages.append(usage)
            changes.append(changed_at)
    for (kind, value), (levels, usages, changes) in found.items():
        if since is None or max(changes) >= since:
            yield max(levels, key=_gravity), kind, value, next((one for one in usages if one), None)


def _gravity(level: int) -> tuple[int, int]:
    """Return how grave a level is; one that is not known counts as badges take it; expired is least."""
    known = level if 0 <= level <= AlertLevel.DIAGNOSED else int(AlertLevel.UNKNOWN_ALERT)
    return (-1 if level == _EXPIRED else known), level


def forget(session: Session, now: datetime, oldest: datetime) -> None:
    """Delete what nobody needs to be told any more: seeds that expired, who claimed them, codes of old."""
    before = now - _REMEMBER_EXPIRED
    by_hand = select(Code.id).where(Code.level == _EXPIRED)
    is_told = and_(Seed.published_level == _EXPIRED, Seed.changed_at < before, Seed.reported_at < before)
    is_over = or_(Seed.reported_at <= oldest, Seed.code_id.in_(by_hand))
    never_told = and_(Seed.published_level.is_(None), Seed.reported_at <= oldest - _REMEMBER_EXPIRED)
    gone = select(Seed.id).where(or_(and_(is_told, is_over), never_told))
    session.execute(delete(Claim).where(Claim.seed_id.in_(gone)))
    session.execute(delete(Seed).where(Seed.id.in_(gone)).execution_options(synchronize_session=False))
    is_told = and_(Relayed.published_level == _EXPIRED, Relayed.changed_at < before)
    session.execute(delete(Relayed).where(is_told, Relayed.level == _EXPIRED))
    left = select(Feed.id).where(Feed.is_active.is_(False))
    session.execute(delete(Relayed).where(is_told, Relayed.feed_id.in_(left)))
    _forget_codes(session, min(now - _FORGET_CODES, oldest - _REMEMBER_EXPIRED))


def _forget_codes(session: Session, before: datetime) -> None:
    """Delete codes that have been useless for long; the audit log goes on without their number."""
    old = (
        select(Code.id)
        .where(Code.issued_at < before, Code.expires_at < before)
        .where(~exists().where(Seed.code_id == Code.id), ~exists().where(Claim.code_id == Code.id))
    )
    session.execute(update(Entry).where(Entry.code_id.in_(old)).values(code_id=None))
    session.execute(delete(Code).where(Code.id.in_(old)).execution_options(synchronize_session=False))


def waiting(session: Session, above: Sequence[str]) -> int:
    """Return how many real seeds the next edition adds or changes, expiry left aside."""
    query = (
        select(func.count())
        .select_from(Seed)
        .join(Code, Code.id == Seed.code_id)
        .where(or_(Seed.published_level.is_(None), Seed.published_level != Code.level))
        .where(Seed.published_level.is_distinct_from(_EXPIRED))
        .where(Code.zone.in_(above), Code.is_decoy.is_(False))
    )
    return session.scalar(query) or 0
