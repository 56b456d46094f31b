"""Codes and the reports under them: who may report, and what a report changes (CX, "Seed Reports")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cxhost.publisher import codes
from cxhost.publisher.database import Claim, Code, Seed
from cxhost.publisher.settings import Settings
from cxhost.reports import Reason, ReportedSeed, ReportRefused, verify_report

# Two first reports of the same seed at the same moment: one of them is done again. More often means a fault.
_ATTEMPTS = 3


class UnknownCodeError(Exception):
    """A code that this publisher did not issue, or no longer knows."""


@dataclass(frozen=True)
class AcceptedReport:
    """What a report brought: how many seeds it holds, how many of them are new, and the level of its case."""

    seeds: int
    new_seeds: int
    level: int


@dataclass(frozen=True)
class CodeState:
    """All that is known of a code. ``state``: ``ready``, ``used``, ``expired`` or ``closed``.

    ``used``: reported, and open for more seeds of the same owner; ``closed``: no longer open for them.
    """

    state: str
    level: int
    zone: str
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None
    seeds: int


class Cases:
    """Every change that is not a publication. ``lookup_key``: the secret that codes are stored under."""

    def __init__(
        self, engine: Engine, lookup_key: bytes, settings: Settings, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._key = lookup_key
        self._settings = settings
        self._clock = clock

    def issue(self, level: int, valid_for: timedelta, zone: str) -> str:
        """Store a fresh code and return it; it is not kept in clear and cannot be shown again."""
        now = self._clock()
        text = codes.new_code()
        with Session(self._engine) as session, session.begin():
            session.add(
                Code(
                    lookup=codes.lookup(self._key, text),
                    level=int(level),
                    zone=zone,
                    issued_at=now,
                    expires_at=now + valid_for,
                )
            )
        return text

    def accept(self, der: bytes) -> AcceptedReport:
        """Take a Seed Report, all of it or none: after ``ReportRefused`` nothing has changed."""
        report = verify_report(der, self._settings.limits)
        if report.publisher_name != self._settings.name:
            raise ReportRefused(Reason.WRONG_NAME, "The report is for another health authority.")
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with Session(self._engine) as session, session.begin():
                    return self._take(session, report.challenge, report.seeds)
            except IntegrityError:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("not reached")

    def set_level(self, typed: str, level: int) -> None:
        """Give the case of this code another level, for the next publication; ``UnknownCodeError``."""
        with Session(self._engine) as session, session.begin():
            self._known(session, typed).level = int(level)

    def state(self, typed: str) -> CodeState:
        """Return what is known of a code; ``UnknownCodeError``."""
        with Session(self._engine) as session, session.begin():
            code = self._known(session, typed)
            seeds = session.scalar(select(func.count()).select_from(Claim).where(Claim.code_id == code.id))
            if code.used_at is None:
                state = "ready" if self._clock() < code.expires_at else "expired"
            else:
                state = "used" if self._clock() < self._open_until(code) else "closed"
            return CodeState(
                state, code.level, code.zone, code.issued_at, code.expires_at, code.used_at, seeds or 0
            )

    def _find(self, session: Session, typed: str) -> Code | None:
        query = select(Code).where(Code.lookup == codes.lookup(self._key, typed)).with_for_update()
        return session.scalar(query)

    def _known(self, session: Session, typed: str) -> Code:
        code = self._find(session, typed)
        if code is None:
            raise UnknownCodeError(
                "the code is not known here"
                if codes.is_well_formed(typed)
                else "the code is mistyped: its check character does not fit"
            )
        return code

    def _open_until(self, code: Code) -> datetime:
        """Return until when a used code takes more seeds of its owner."""
        return max(code.expires_at, code.issued_at + self._settings.follow_up)

    def _usable_code(self, session: Session, typed: str, seeds: Sequence[ReportedSeed]) -> Code:
        code = self._find(session, typed)
        if code is None:
            if codes.is_well_formed(typed):
                raise ReportRefused(Reason.CODE_UNKNOWN, "This code was not issued here.")
            raise ReportRefused(
                Reason.CODE_MISTYPED, "The code was mistyped: please compare each character and try again."
            )
        ends = code.expires_at if code.used_at is None else self._open_until(code)
        if self._clock() >= ends:
            raise ReportRefused(Reason.CODE_EXPIRED, "This code is too old: please ask for a new one.")
        if code.used_at is not None and not self._is_owner(session, code, seeds):
            raise ReportRefused(
                Reason.CODE_USED, "This code was used before, with another badge: please ask for a new one."
            )
        return code

    @staticmethod
    def _is_owner(session: Session, code: Code, seeds: Sequence[ReportedSeed]) -> bool:
        """Return whether one of these keys signed a verified report under this code before."""
        query = (
            select(Claim.seed_id)
            .join(Seed, Seed.id == Claim.seed_id)
            .where(Claim.code_id == code.id, Seed.key_hash.in_({seed.key_hash for seed in seeds}))
            .limit(1)
        )
        return session.scalar(query) is not None

    def _take(self, session: Session, challenge: str, seeds: Sequence[ReportedSeed]) -> AcceptedReport:
        code = self._usable_code(session, challenge, seeds)
        now = self._clock()
        distinct = {(one.generator_type, one.seed): one for one in seeds}
        known = {
            (seed.generator_type, seed.value): seed
            for seed in session.scalars(select(Seed).where(Seed.value.in_({one.seed for one in seeds})))
        }
        claimed = set(session.scalars(select(Claim.seed_id).where(Claim.code_id == code.id)))
        new_seeds = 0
        for key, reported in distinct.items():
            seed = known.get(key)
            if seed is None:
                seed = Seed(
                    generator_type=reported.generator_type,
                    value=reported.seed,
                    key_hash=reported.key_hash,
                    code_id=code.id,
                    reported_at=now,
                )
                session.add(seed)
                session.flush()
                new_seeds += 1
            else:
                self._decide(session, seed, code)
            if seed.id not in claimed:
                session.add(Claim(code_id=code.id, seed_id=seed.id, reported_at=now))
        code.used_at = code.used_at or now
        return AcceptedReport(len(distinct), new_seeds, code.level)

    @staticmethod
    def _decide(session: Session, seed: Seed, code: Code) -> None:
        """Let the most recently issued of all codes that claim the seed decide its level."""
        other = session.get_one(Code, seed.code_id)
        if (code.issued_at, code.id) > (other.issued_at, other.id):
            seed.code_id = code.id
