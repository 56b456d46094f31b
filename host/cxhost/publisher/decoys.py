"""Decoys: random seeds that nobody ever used, so that a small list does not show one person's report.

A decoy is kept as a case with seeds, so that it is listed, changed and forgotten as real ones are, and stays
the same from edition to edition. Its seeds are random bytes: none of their identifiers was ever broadcast.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from cxhost import extensions
from cxhost.publisher.database import Code, Seed
from cxhost.publisher.levels import AlertLevel
from cxhost.publisher.publication import KNOWN_TYPES

_LARGEST_CASE = 14
# Of the editions without news, one in so many gets decoys all the same.
_QUIET_EDITIONS = 16
_EXAMPLES = 200
_TYPICAL_IDENTIFIERS = range(130, 158)
_draw = random.SystemRandom()


@dataclass(frozen=True)
class _News:
    """Seeds that the next edition lists first: how many, and when each was reported."""

    zone: str
    level: int
    generator_type: int
    reported: Sequence[datetime]


def fill_up(
    session: Session, own_zone: str, above: Iterable[str], last: datetime | None, now: datetime, fewest: int
) -> None:
    """Add decoys to what the edition of ``now`` lists first or changes, and at times to one without news.

    ``above``: the zones whose cases are in the list for badges; ``last``: when the last edition was
    published; ``fewest``: how many new or changed seeds of a kind an edition has at least, 1: no decoys.
    """
    if fewest < 2:
        return
    news = _new(session, above, last)
    if not news and not _draw.randrange(_QUIET_EDITIONS):
        news = [_News(own_zone, AlertLevel.DIAGNOSED, 1, [])]
    examples = _examples(session)
    for one in news:
        missing = _target(fewest) - len(one.reported)
        if len(one.reported) < fewest:
            _add(session, one, missing, now, examples)
    _change_along(session, fewest)


def _target(fewest: int) -> int:
    """Draw how many there should be: a number that says nothing of how many are real."""
    return fewest + _draw.randrange(fewest)


def _new(session: Session, above: Iterable[str], last: datetime | None) -> list[_News]:
    since = last or datetime.min.replace(tzinfo=timezone.utc)
    rows = session.execute(
        select(Code.zone, Code.level, Seed.generator_type, Seed.reported_at)
        .join(Code, Code.id == Seed.code_id)
        .where(Seed.published_level.is_(None), Code.is_decoy.is_(False))
        .where(Code.level != int(AlertLevel.EXPIRED))
        .where(or_(Code.zone.in_(list(above)), Seed.reported_at >= since))
    )
    found: dict[tuple[str, int, int], list[datetime]] = {}
    for zone, level, generator_type, reported_at in rows:
        found.setdefault((zone, level, generator_type), []).append(reported_at)
    return [_News(*kind, reported) for kind, reported in found.items()]


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
    session: Session, news: _News, count: int, now: datetime, examples: Sequence[tuple[int, int] | None]
) -> None:
    while count > 0:
        reported_at = _draw.choice(news.reported) if news.reported else now
        code = Code(
            lookup=secrets.token_bytes(32),
            level=int(news.level),
            zone=news.zone,
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
                generator_type=news.generator_type,
                value=secrets.token_bytes(KNOWN_TYPES[news.generator_type]),
                key_hash=secrets.token_bytes(32),
                code_id=code.id,
                reported_at=reported_at,
                usage=_usage(reported_at, examples),
            )
            for _ in range(size)
        )
        count -= size
    session.flush()


def _change_along(session: Session, fewest: int) -> None:
    """Change the level of decoys where that of few real seeds is, so that these do not stand alone."""
    old, new = Seed.published_level, Code.level
    changes = session.execute(
        select(Code.zone, old, new, func.count())
        .select_from(Seed)
        .join(Code, Code.id == Seed.code_id)
        .where(Code.is_decoy.is_(False), old.is_not(None), old != new, old != int(AlertLevel.EXPIRED))
        .group_by(Code.zone, old, new)
    ).all()
    for zone, before, after, count in changes:
        missing = _target(fewest) - count if count < fewest else 0
        decoys = session.execute(
            select(Code, func.count(Seed.id))
            .join(Seed, Seed.code_id == Code.id)
            .where(and_(Code.is_decoy, Code.zone == zone, Code.level == before, old == before))
            .group_by(Code.id)
        ).all()
        for code, seeds in _draw.sample(decoys, len(decoys)):
            if missing <= 0:
                break
            code.level = after
            missing -= seeds
        session.flush()
