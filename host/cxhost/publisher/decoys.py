"""Decoys: random seeds that nobody ever used, so that a small list does not show one person's report.

A decoy is kept as a case with seeds, so that it is listed, changed and forgotten as real ones are, and stays
the same from edition to edition. Its seeds are random bytes: none of their identifiers was ever broadcast.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from cxhost import extensions
from cxhost.publisher.database import Code, Seed
from cxhost.publisher.levels import AlertLevel
from cxhost.publisher.publication import KNOWN_TYPES
from cxhost.publisher.topology import Zones

_LARGEST_CASE = 14
# Of the editions without news, one in so many gets decoys all the same.
_QUIET_EDITIONS = 16
_EXAMPLES = 200
_TYPICAL_IDENTIFIERS = range(130, 158)
_EXPIRED = int(AlertLevel.EXPIRED)
_draw = random.SystemRandom()


class _Kind(NamedTuple):
    """What seeds that nobody can tell apart have in common."""

    zone: str
    level: int
    generator_type: int


_Reported = dict[_Kind, list[datetime]]  # and when each seed was reported
_Changes = dict[tuple[_Kind, _Kind], list[datetime]]  # from one kind to another


def fill_up(
    session: Session, zones: Zones, last: datetime | None, now: datetime, oldest: datetime, fewest: int
) -> None:
    """Add decoys to what the edition of ``now`` lists first or changes, and at times to one without news.

    ``last``: when the last edition was published; ``oldest``: seeds reported then or before are over;
    ``fewest``: how many new or changed seeds of a kind an edition has at least, 1: no decoys.
    """
    if fewest < 2:
        return
    news: dict[_Kind, Sequence[datetime]] = dict(_new(session, zones.above, last))
    if not news and not _draw.randrange(_QUIET_EDITIONS):
        news[_Kind(zones.above[0], AlertLevel.DIAGNOSED, 1)] = []
    examples = _examples(session)
    for kind, reported in news.items():
        if len(reported) < fewest:
            _add(session, kind, reported or [now], _target(fewest) - len(reported), examples)
    _change_along(session, oldest, fewest, examples)


def _target(fewest: int) -> int:
    """Draw how many there should be: a number that says nothing of how many are real."""
    return fewest + _draw.randrange(fewest)


def _new(session: Session, above: Iterable[str], last: datetime | None) -> _Reported:
    """Return what no list had so far; what only comes from another zone's list is not new."""
    since = last or datetime.min.replace(tzinfo=timezone.utc)
    is_first = or_(Code.listed_zone.is_(None), Code.listed_zone.in_(list(above)), Seed.reported_at >= since)
    rows = session.execute(
        select(Code.zone, Code.level, Seed.generator_type, Seed.reported_at)
        .join(Code, Code.id == Seed.code_id)
        .where(Seed.published_level.is_(None), Code.is_decoy.is_(False), is_first)
        .where(Code.level != _EXPIRED)
    )
    found: _Reported = {}
    for zone, level, generator_type, reported_at in rows:
        found.setdefault(_Kind(zone, level, generator_type), []).append(reported_at)
    return found


def _examples(session: Session) -> list[tuple[int, int] | None]:
    """Return usages of the latest real seeds, with days counted back from their report."""
    rows = session.execute(
        select(Seed.usage, Seed.reported_at)
        .join(Code, Code.id == Seed.code_id)
        .where(Code.is_decoy.is_(False))
        .order_by(Seed.id.desc())
        .limit(_EXAMPLES)
    )
    found: list[tuple[int, int] | None] = []
    for octets, reported_at in rows:
        usage = extensions.decode_usage(octets or b"")
        found.append(usage and (_day(reported_at) - usage[0], usage[1]))
    return found


def _day(time: datetime) -> int:
    return int(time.timestamp()) // 86400


def _usage(reported_at: datetime, examples: Sequence[tuple[int, int] | None]) -> bytes | None:
    """Draw the usage of a decoy that looks as if it had been reported then."""
    typical = (_draw.randrange(_LARGEST_CASE), _draw.choice(_TYPICAL_IDENTIFIERS))
    drawn = _draw.choice(examples) if examples else typical
    if drawn is None:
        return None
    usage = max(0, min(_day(reported_at) - drawn[0], extensions.MAX_DAY)), drawn[1]
    return extensions.encode_usage(usage)


def _add(
    session: Session,
    kind: _Kind,
    reported: Sequence[datetime],
    count: int,
    examples: Sequence[tuple[int, int] | None],
) -> None:
    """Add ``count`` seeds in cases of usual size that look as if reported at one of these times."""
    while count > 0:
        reported_at = _draw.choice(reported)
        code = Code(
            lookup=secrets.token_bytes(32),
            level=int(kind.level),
            zone=kind.zone,
            issued_at=reported_at,
            expires_at=reported_at,
            used_at=reported_at,
            is_decoy=True,
        )
        session.add(code)
        session.flush()  # numbers it
        size = min(count, _draw.randint(1, _LARGEST_CASE))
        session.add_all(
            Seed(
                generator_type=kind.generator_type,
                value=secrets.token_bytes(KNOWN_TYPES[kind.generator_type]),
                key_hash=secrets.token_bytes(32),
                code_id=code.id,
                reported_at=reported_at,
                usage=_usage(reported_at, examples),
            )
            for _ in range(size)
        )
        count -= size
    session.flush()


def _change_along(
    session: Session, oldest: datetime, fewest: int, examples: Sequence[tuple[int, int] | None]
) -> None:
    """Let decoys change level and zone where few real seeds do, so that these do not stand alone.

    In another zone, decoys that never were anywhere else make up for what is missing.
    """
    for (before, now), reported in _changed(session, oldest).items():
        missing = _target(fewest) - len(reported) if len(reported) < fewest else 0
        for code, seeds in _decoys_of(session, before):
            if missing <= 0:
                break
            code.zone, code.level = now.zone, now.level
            missing -= seeds
        session.flush()
        if now.zone != before.zone:
            _add(session, now, reported, missing, examples)


def _changed(session: Session, oldest: datetime) -> _Changes:
    """Return how real seeds were listed and will be, where that differs, with the times of their reports."""
    is_unlisted = or_(Seed.published_level.is_(None), Seed.published_level == _EXPIRED)
    level = case((is_unlisted, Code.listed_level), else_=Seed.published_level)
    zone = func.coalesce(Code.listed_zone, Code.zone)
    rows = session.execute(
        select(zone, level, Code.zone, Code.level, Seed.generator_type, Seed.reported_at)
        .select_from(Seed)
        .join(Code, Code.id == Seed.code_id)
        .where(Code.is_decoy.is_(False), Seed.reported_at > oldest)
        .where(level != _EXPIRED, or_(zone != Code.zone, level != Code.level))
    )
    found: _Changes = {}
    for old_zone, old_level, new_zone, new_level, generator_type, reported_at in rows:
        change = _Kind(old_zone, old_level, generator_type), _Kind(new_zone, new_level, generator_type)
        found.setdefault(change, []).append(reported_at)
    return found


def _decoys_of(session: Session, kind: _Kind) -> list[tuple[Code, int]]:
    """Return decoys listed so that do not change yet, in random order, each with its number of seeds."""
    rows = session.execute(
        select(Code, func.count(Seed.id))
        .join(Seed, Seed.code_id == Code.id)
        .where(Code.is_decoy, Seed.generator_type == kind.generator_type)
        .where(Code.zone == kind.zone, Code.listed_zone == kind.zone)
        .where(Code.level == kind.level, Code.listed_level == kind.level)
        .group_by(Code.id)
    ).all()
    return [(code, seeds) for code, seeds in _draw.sample(rows, len(rows))]
