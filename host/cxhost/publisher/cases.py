"""Codes and the reports under them: who may report, and what a report changes (CX, "Seed Reports")."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from cxhost import extensions
from cxhost.publisher import codes
from cxhost.publisher.database import Claim, Code, Entry, Seed, transact
from cxhost.publisher.levels import level_label
from cxhost.publisher.settings import Settings
from cxhost.publisher.topology import read_zones
from cxhost.reports import Reason, ReportedSeed, ReportRefused, verify_report


class UnknownCodeError(Exception):
    """A code that this publisher did not issue, or no longer knows."""


class UnknownZoneError(Exception):
    """A zone that is neither in the upstream set nor a peer's; the message names those that are."""


_MAX_DETAIL = 200


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


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to which case, and when. ``case``: the number of the code, which tells nothing of it."""

    at: datetime
    operator: str
    action: str
    detail: str
    case: int | None


class Cases:
    """Every change that is not a publication. ``lookup_key``: the secret that codes are stored under."""

    def __init__(
        self, engine: Engine, lookup_key: bytes, settings: Settings, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._key = lookup_key
        self._settings = settings
        self._clock = clock

    def issue(
        self,
        level: int,
        valid_for: timedelta,
        operator: str,
        zone: str = "",
        count: int = 1,
        draw: Callable[[int], int] = secrets.randbelow,
    ) -> list[str]:
        """Store fresh codes, all or none, and return them; they are not kept in clear.

        ``zone``: that of the cases, else this publisher's; ``UnknownZoneError``. ``draw``: as of
        ``codes.new_code``.
        """
        now = self._clock()
        texts = [codes.new_code(draw) for _ in range(count)]
        with Session(self._engine) as session, session.begin():
            zone = self._checked(session, zone or self._settings.url)
            issued = [
                Code(
                    lookup=codes.lookup(self._key, text),
                    level=int(level),
                    zone=zone,
                    issued_at=now,
                    expires_at=now + valid_for,
                )
                for text in texts
            ]
            session.add_all(issued)
            session.flush()  # numbers them
            for code in issued:
                self._note(session, operator, "issue", level_label(level), code)
        return texts

    def accept(self, der: bytes) -> AcceptedReport:
        """Take a Seed Report, all of it or none: after ``ReportRefused`` nothing has changed."""
        report = verify_report(der, self._settings.limits)
        if report.publisher_name != self._settings.name:
            raise ReportRefused(Reason.WRONG_NAME, "The report is for another health authority.")
        return transact(self._engine, lambda session: self._take(session, report.challenge, report.seeds))

    def set_level(self, typed: str, level: int, operator: str) -> None:
        """Give the case of this code another level, for the next publication; ``UnknownCodeError``."""
        with Session(self._engine) as session, session.begin():
            code = self._known(session, typed)
            change = f"{level_label(code.level)} to {level_label(level)}"
            code.level = int(level)
            self._note(session, operator, "level", change, code)

    def set_zone(self, typed: str, zone: str, operator: str) -> None:
        """Move the case of this code to another zone; ``UnknownCodeError``, ``UnknownZoneError``."""
        with Session(self._engine) as session, session.begin():
            code = self._known(session, typed)
            code.zone = self._checked(session, zone)
            self._note(session, operator, "zone", f"to {zone}"[:_MAX_DETAIL], code)

    def _checked(self, session: Session, zone: str) -> str:
        zones = read_zones(session, self._settings).every
        if zone not in zones:
            raise UnknownZoneError(f"zone: must be one of {', '.join(zones)}")
        return zone

    def audit(self, newest: int) -> list[AuditEntry]:
        """Return the ``newest`` entries of the audit log, the latest first."""
        query = select(Entry).order_by(Entry.id.desc()).limit(newest)
        with Session(self._engine) as session, session.begin():
            return [
                AuditEntry(one.at, one.operator, one.action, one.detail, one.code_id)
                for one in session.scalars(query)
            ]

    def _note(self, session: Session, operator: str, action: str, detail: str, code: Code) -> None:
        session.add(
            Entry(at=self._clock(), operator=operator[:100], action=action, detail=detail, code_id=code.id)
        )

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
                "the code is not known here" if codes.is_well_formed(typed) else codes.mistake(typed)
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
            raise ReportRefused(Reason.CODE_MISTYPED, codes.mistake(typed))
        ends = code.expires_at if code.used_at is None else self._open_until(code)
        if self._clock() >= ends:
            raise ReportRefused(Reason.CODE_EXPIRED, "This code is too old. Please ask for a new one.")
        if code.used_at is not None and not self._is_owner(session, code, seeds):
            raise ReportRefused(
                Reason.CODE_USED, "This code was used before, with another badge. Please ask for a new one."
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
        distinct = {(one.generator_type, one.seed): one for one in sorted(seeds, key=lambda one: one.seed)}
        rows = select(Seed).where(Seed.value.in_({one.seed for one in seeds})).order_by(Seed.value)
        found = {(seed.generator_type, seed.value): seed for seed in session.scalars(rows.with_for_update())}
        known = {key: seed for key, seed in found.items() if key in distinct}
        claimed = set(session.scalars(select(Claim.seed_id).where(Claim.code_id == code.id)))
        new = {
            key: Seed(
                generator_type=one.generator_type,
                value=one.seed,
                key_hash=one.key_hash,
                code_id=code.id,
                reported_at=now,
                usage=_usage(one),
            )
            for key, one in distinct.items()
            if key not in known
        }
        for key, seed in known.items():
            self._decide(session, seed, code)
            seed.usage = seed.usage or _usage(distinct[key])
        session.add_all(new.values())
        session.flush()  # numbers the new ones
        session.add_all(
            Claim(code_id=code.id, seed_id=seed.id, reported_at=now)
            for seed in (*known.values(), *new.values())
            if seed.id not in claimed
        )
        code.used_at = code.used_at or now
        return AcceptedReport(len(distinct), len(new), code.level)

    @staticmethod
    def _decide(session: Session, seed: Seed, code: Code) -> None:
        """Let the most recently issued of all codes that claim the seed decide its level."""
        other = session.get_one(Code, seed.code_id)
        if (code.issued_at, code.id) > (other.issued_at, other.id):
            seed.code_id = code.id


def _usage(seed: ReportedSeed) -> bytes | None:
    """Return a seed's usage as the database holds it."""
    return None if seed.usage is None else extensions.encode_usage(seed.usage)
