"""A publisher as one object: made or opened from its directory, used by web server and command line."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cxhost.publisher import database, editions, lists, settings, signing
from cxhost.publisher.cases import (
    AcceptedReport,
    AuditEntry,
    Cases,
    CodeState,
    UnknownCodeError,
    UnknownZoneError,
)
from cxhost.publisher.database import Code, Relayed, Seed
from cxhost.publisher.editions import Editions, Newest, Published
from cxhost.publisher.feeds import Feeds, MemberState
from cxhost.publisher.files import write_atomic
from cxhost.publisher.levels import AlertLevel
from cxhost.publisher.operators import Operators
from cxhost.publisher.ratelimit import LeakyBucket
from cxhost.publisher.settings import KEY_PASSWORD_VARIABLE, Settings, SettingsError, key_password
from cxhost.publisher.target import Target, TargetError
from cxhost.publisher.topology import Zones, read_zones

KEY_FILE, CERTIFICATE_FILE, CODE_KEY_FILE = "key.pem", "cert.pem", "code.key"
LOCAL_OPERATOR = "local"
_PUBLIC = "public"
_CODE_KEY_LEN = 32


class PublisherError(Exception):
    """Something that was asked of the publisher and cannot be done; the message says what to do."""


def utc_now() -> datetime:
    """Return the real time, aware."""
    return datetime.now(timezone.utc)


def _require_zone(clock: Callable[[], datetime]) -> None:
    if clock().tzinfo is None:
        raise PublisherError("the clock tells no time zone; give it one, best UTC")


def _empty(directory: Path) -> None:
    """Remove everything in a directory that was empty before."""
    for path in directory.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


class Publisher:
    """One health authority's publisher. For several threads; close it, or use it as a context manager.

    ``clock`` returns the time, aware; everything that the publisher dates comes from it. ``operators``: who
    may use the page for staff.
    """

    def __init__(
        self, directory: Path, settings: Settings, engine: Engine, clock: Callable[[], datetime]
    ) -> None:
        self.directory = directory
        self.settings = settings
        self.certificate_pem = (directory / CERTIFICATE_FILE).read_bytes()
        self._engine = engine
        self._clock = clock
        key = (directory / KEY_FILE).read_bytes()
        try:
            signer = signing.Signer(key, self.certificate_pem, key_password())
        except ValueError as error:
            raise PublisherError(f"{directory / KEY_FILE}: {error}: ${KEY_PASSWORD_VARIABLE}") from None
        self._secret = (directory / CODE_KEY_FILE).read_bytes()
        self._cases = Cases(engine, self._secret, settings, clock)
        self.operators = Operators(engine, self._secret, clock)
        self._editions = Editions(engine, signer, settings, clock, self.public, self.certificate_pem)
        self._feeds = Feeds(engine, settings, clock, directory)
        url = settings.target
        self._target = Target(url, engine, directory, self.certificate_pem) if url else None

    @classmethod
    def create(
        cls,
        directory: Path,
        name: str,
        url: str,
        clock: Callable[[], datetime] = utc_now,
        key_kind: str = "p256",
        **options: Any,
    ) -> Publisher:
        """Make a publisher in an empty ``directory``: key, certificate, descriptor, settings, database.

        ``url``: where the descriptor will be, https. ``key_kind``: p256 or rsa. ``options``: other fields of
        ``Settings``. ``SettingsError`` names a bad one, ``PublisherError`` tells of a directory in use.
        """
        chosen = Settings(name=name, url=url, **options)
        _require_zone(clock)
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise PublisherError(f"{directory}: not empty; choose another directory")
        directory.chmod(0o700)
        try:
            return cls._fill(directory, chosen, key_kind, clock)
        except BaseException as error:
            _empty(directory)
            if isinstance(error, SQLAlchemyError):
                raise PublisherError(f"database: cannot be used: {type(error).__name__}") from None
            if isinstance(error, ValueError):
                raise PublisherError(str(error)) from None
            raise

    @classmethod
    def _fill(
        cls, directory: Path, chosen: Settings, key_kind: str, clock: Callable[[], datetime]
    ) -> Publisher:
        engine = database.connect(chosen.database_url(directory.resolve()))
        try:
            database.migrate(engine)
        except SQLAlchemyError:
            engine.dispose()
            raise
        key = signing.new_key(key_kind)
        certificate = signing.certificate_pem(signing.self_signed(key, chosen.name, clock()))
        write_atomic(directory / KEY_FILE, signing.key_pem(key, key_password()), 0o600)
        write_atomic(directory / CODE_KEY_FILE, secrets.token_bytes(_CODE_KEY_LEN), 0o600)
        write_atomic(directory / CERTIFICATE_FILE, certificate)
        text = editions.descriptor(chosen, certificate, [chosen.url])
        write_atomic(directory / _PUBLIC / editions.DESCRIPTOR, text)
        write_atomic(directory / settings.FILE_NAME, settings.to_toml(chosen).encode())
        return cls(directory, chosen, engine, clock)

    @classmethod
    def open(cls, directory: Path, clock: Callable[[], datetime] = utc_now) -> Publisher:
        """Open what ``create`` made; ``SettingsError`` or ``PublisherError`` tell what is wrong with it."""
        chosen = settings.load(directory)
        _require_zone(clock)
        try:
            engine = database.connect(chosen.database_url(directory.resolve()))
        except ValueError as error:
            raise PublisherError(str(error)) from None
        try:
            version = database.version(engine)
            if version != database.VERSION:
                raise PublisherError(
                    f"the database has version {version or 'none'}, this software needs {database.VERSION}; "
                    f"back it up, then: cxbadge publisher migrate {directory}"
                )
            return cls(directory, chosen, engine, clock)
        except (OSError, ValueError) as error:
            engine.dispose()
            raise PublisherError(f"{directory}: {error}") from None
        except (PublisherError, SQLAlchemyError):
            engine.dispose()
            raise

    @staticmethod
    def migrate(directory: Path) -> str:
        """Bring the database of ``directory`` to this software's version, and return that version."""
        engine = database.connect(settings.load(directory).database_url(directory.resolve()))
        try:
            database.migrate(engine)
        finally:
            engine.dispose()
        return database.VERSION

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The name that owners see and that reports are addressed to."""
        return self.settings.name

    @property
    def url(self) -> str:
        """The publisher's permanent identity: the URL of its descriptor."""
        return self.settings.url

    @property
    def public(self) -> Path:
        """The directory of everything that anyone may fetch."""
        return self.directory / _PUBLIC

    @property
    def descriptor_file(self) -> Path:
        """The descriptor, as it is served."""
        return self.public / editions.DESCRIPTOR

    @property
    def publication_file(self) -> Path:
        """The newest full publication for badges, as it is served."""
        return self.public / editions.FULL

    def issue_code(
        self,
        level: int = AlertLevel.DIAGNOSED,
        valid_for: timedelta | None = None,
        operator: str = LOCAL_OPERATOR,
        zone: str = "",
    ) -> str:
        """Return a fresh confirmation code, in groups; the arguments are those of ``issue_codes``."""
        return self.issue_codes(1, level, valid_for, operator, zone)[0]

    def issue_codes(
        self,
        count: int,
        level: int = AlertLevel.DIAGNOSED,
        valid_for: timedelta | None = None,
        operator: str = LOCAL_OPERATOR,
        zone: str = "",
        draw: Callable[[int], int] = secrets.randbelow,
    ) -> list[str]:
        """Return fresh confirmation codes, in groups, all or none. ``valid_for``: 24 h unless set otherwise.

        ``operator``: who issues them, for the audit log. ``zone``: of the cases, one of ``zones``; else ours.
        ``draw``: where the random characters come from, for simulations.
        """
        life = self.settings.code_life if valid_for is None else valid_for
        if life <= timedelta(0):
            raise PublisherError("a code must be valid for more than no time")
        try:
            return self._cases.issue(level, life, operator, zone, count, draw)
        except UnknownZoneError as error:
            raise PublisherError(str(error)) from None

    def accept_report(self, der: bytes) -> AcceptedReport:
        """Take a Seed Report, all of it or none; ``ReportRefused`` carries the ``reason``."""
        return self._cases.accept(der)

    def set_level(self, code: str, level: int, operator: str = LOCAL_OPERATOR) -> None:
        """Change the level of the case that this code opened; visible with the next publication.

        ``operator``: who does it, for the audit log. ``PublisherError`` for a code that is not known.
        """
        try:
            self._cases.set_level(code, level, operator)
        except UnknownCodeError as error:
            raise PublisherError(str(error)) from None

    def set_zone(self, code: str, zone: str, operator: str = LOCAL_OPERATOR) -> None:
        """Move the case that this code opened to another zone; visible with the next publication.

        ``PublisherError`` for a code that is not known, and for a zone that is not one of ``zones``.
        """
        try:
            self._cases.set_zone(code, zone, operator)
        except (UnknownCodeError, UnknownZoneError) as error:
            raise PublisherError(str(error)) from None

    def bucket(self, what: str, size: int) -> LeakyBucket:
        """Return what counts how often each client was wrong with ``what``: ``size`` times in ten minutes."""
        return LeakyBucket(self._engine, self._secret, self._clock, what, size)

    def zones(self) -> Zones:
        """Return the zones that cases can have here, by the settings and the last ``refresh``."""
        with Session(self._engine) as session, session.begin():
            return read_zones(session, self.settings)

    def refresh(self, everything: bool = False) -> None:
        """Fetch other publishers' descriptors and lists that are due; with ``everything``, all of them.

        What cannot be had is noted for ``topology``, and nothing is lost by it.
        """
        self._feeds.refresh(everything)

    def now(self) -> datetime:
        """Return the time by the publisher's clock."""
        return self._clock()

    def topology(self) -> list[MemberState]:
        """Return the other publishers, those upstream first, and the state of what is taken from each."""
        return self._feeds.states()

    def audit(self, newest: int = 100) -> list[AuditEntry]:
        """Return the newest entries of the audit log, the latest first."""
        return self._cases.audit(newest)

    def code_state(self, code: str) -> CodeState:
        """Return what is known of a code; ``PublisherError`` if nothing is."""
        try:
            return self._cases.state(code)
        except UnknownCodeError as error:
            raise PublisherError(str(error)) from None

    def publish(self) -> Published:
        """Sign and write a new edition of the publication."""
        return self._editions.publish()

    def publish_if_due(self) -> Published | None:
        """Publish if badges may look for a newer edition by now; None if not. For schedules."""
        return self._editions.publish_if_due()

    def upload_if_behind(self) -> datetime | None:
        """Bring the newest edition to the target if it is not there; return its time if that was done.

        Nothing without a target. ``PublisherError`` for what the store answers; try again later.
        """
        try:
            return self._target.upload_if_behind() if self._target else None
        except TargetError as error:
            raise PublisherError(str(error)) from None

    def health(self) -> dict[str, Any]:
        """Return whether the database answers and the newest list is valid (``ok``), and what is wrong.

        With a target: whether the list there is valid, too.
        """
        try:
            last = self._editions.last()
        except SQLAlchemyError:
            return {"ok": False, "problem": "database"}
        if last.valid_until is None or self._clock() > last.valid_until:
            return {"ok": False, "problem": "publication"}
        if self._target and (last.uploaded_until is None or self._clock() > last.uploaded_until):
            return {"ok": False, "problem": "target"}
        return {"ok": True, "problem": None}

    def last_edition(self) -> Newest:
        """Return the dates of the newest edition, here and on the target."""
        return self._editions.last()

    def status(self) -> dict[str, Any]:
        """Return numbers for operators: codes, seeds by published level, what waits, the last edition."""
        with Session(self._engine) as session, session.begin():
            codes = select(func.count()).select_from(Code).where(Code.is_decoy.is_(False))
            issued = session.scalar(codes)
            used = session.scalar(codes.where(Code.used_at.is_not(None)))
            seeds = session.execute(
                select(Seed.published_level, func.count())
                .join(Code, Code.id == Seed.code_id)
                .where(Code.is_decoy.is_(False))
                .group_by(Seed.published_level)
            )
            levels = {level: count for level, count in seeds if level is not None}
            all_seeds = select(func.count()).select_from(Seed).join(Code, Code.id == Seed.code_id)
            decoys = session.scalar(all_seeds.where(Code.is_decoy))
            relayed = session.scalar(
                select(func.count())
                .select_from(Relayed)
                .where(Relayed.published_level != int(AlertLevel.EXPIRED))
            )
            pending = lists.waiting(session, read_zones(session, self.settings).above)
        last = self._editions.last()
        file = self.publication_file
        return {
            "name": self.name,
            "url": self.url,
            "codes_issued": issued,
            "codes_used": used,
            "seeds": levels,
            "decoys": decoys,
            "relayed": relayed,
            "waiting": pending,
            "published_at": last.published_at,
            "next_update_not_after": last.valid_until,
            "uploaded_at": last.uploaded_at,
            "publication_bytes": file.stat().st_size if file.exists() else None,
        }


__all__ = [
    "AcceptedReport",
    "AuditEntry",
    "CodeState",
    "Published",
    "Publisher",
    "PublisherError",
    "Settings",
    "SettingsError",
]
