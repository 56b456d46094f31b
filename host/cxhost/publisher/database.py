"""What a publisher remembers: codes as keyed hashes, seeds, and which code claims which. No patient data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    DateTime,
    Dialect,
    Double,
    Engine,
    ForeignKey,
    LargeBinary,
    String,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")
_BUSY_TIMEOUT_S = 30
_ATTEMPTS = 4
# The newest file of migrations/versions.
VERSION = "0006"


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: aware in, aware in UTC out, whatever the database does about zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time: it would be taken for another one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back that SQLite leaves out."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map = {datetime: UtcDateTime}


class Code(Base):
    """A confirmation code that was issued, and with it one case: its alert level and its zone.

    ``listed_*``: as the newest edition gives them, None before the first one with a seed of the case.
    """

    __tablename__ = "codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    level: Mapped[int]
    zone: Mapped[str] = mapped_column(String(2000))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    is_decoy: Mapped[bool] = mapped_column(default=False)
    listed_level: Mapped[int | None]
    listed_zone: Mapped[str | None] = mapped_column(String(2000))


class Seed(Base):
    """A reported seed. The code that was issued last among those that claim it decides its level."""

    __tablename__ = "seeds"
    __table_args__ = (UniqueConstraint("value", "generator_type", name="one_seed"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    generator_type: Mapped[int]
    value: Mapped[bytes] = mapped_column(LargeBinary(48))
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    code_id: Mapped[int] = mapped_column(ForeignKey("codes.id"), index=True)
    reported_at: Mapped[datetime] = mapped_column(index=True)
    usage: Mapped[bytes | None] = mapped_column(LargeBinary(4))
    published_level: Mapped[int | None]
    changed_at: Mapped[datetime | None] = mapped_column(index=True)


class Claim(Base):
    """A code under which a seed was reported."""

    __tablename__ = "claims"

    code_id: Mapped[int] = mapped_column(ForeignKey("codes.id"), primary_key=True)
    seed_id: Mapped[int] = mapped_column(ForeignKey("seeds.id"), primary_key=True, index=True)
    reported_at: Mapped[datetime]


class Member(Base):
    """Another publisher as its descriptor tells of it. ``relation``: upstream, below or peer.

    ``parent``: the publisher that names this one, and ``place`` the order in which they were found. One that
    is not ``is_active`` is no longer named by anybody.
    """

    __tablename__ = "members"

    url: Mapped[str] = mapped_column(String(2000), primary_key=True)
    relation: Mapped[str] = mapped_column(String(10))
    parent: Mapped[str] = mapped_column(String(2000))
    place: Mapped[int]
    is_active: Mapped[bool]
    descriptor: Mapped[str | None]
    fetched_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(String(300))


class Feed(Base):
    """Another publisher's publication for one zone, as it was taken last. ``links``: its updateURLs, JSON."""

    __tablename__ = "feeds"
    __table_args__ = (UniqueConstraint("member_url", "zone", name="one_feed"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    member_url: Mapped[str] = mapped_column(String(1000))
    zone: Mapped[str] = mapped_column(String(1000))
    url: Mapped[str] = mapped_column(String(2000))
    is_active: Mapped[bool]
    links: Mapped[str] = mapped_column(default="[]")
    published_at: Mapped[datetime | None]
    fetch_at: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    taken_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(String(300))


class Relayed(Base):
    """A seed that another publisher lists, with the level that it gives.

    Of a generator type that is not known here, all that one notification holds: ``value`` is the SHA-256 of
    ``content`` then.
    """

    __tablename__ = "relayed"
    __table_args__ = (UniqueConstraint("feed_id", "value", "generator_type", name="once_in_feed"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id"))
    generator_type: Mapped[int]
    value: Mapped[bytes] = mapped_column(LargeBinary(48), index=True)
    content: Mapped[bytes | None]
    usage: Mapped[bytes | None] = mapped_column(LargeBinary(4))
    level: Mapped[int]
    received_at: Mapped[datetime]
    published_level: Mapped[int | None]
    changed_at: Mapped[datetime | None] = mapped_column(index=True)


class Entry(Base):
    """One line of the audit log: who did what to which case. Never a code, never a person who reports."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    operator: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(20))
    detail: Mapped[str] = mapped_column(String(200))
    code_id: Mapped[int | None] = mapped_column(ForeignKey("codes.id"), index=True)


class Bucket(Base):
    """How often one client was wrong lately; ``client`` is a keyed hash. Removed after ten minutes."""

    __tablename__ = "buckets"

    client: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    level: Mapped[float] = mapped_column(Double)
    since: Mapped[datetime] = mapped_column(index=True)


class Operator(Base):
    """Someone who may use the page for staff, with a token that is kept as a keyed hash.

    ``may``: what of it, values of ``operators.Permission`` with spaces between them.
    """

    __tablename__ = "operators"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    token_lookup: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    added_at: Mapped[datetime]
    may: Mapped[str] = mapped_column(String(100))


class Edition(Base):
    """The newest publication, in one row that every server locks before it publishes.

    ``uploaded_at``: ``published_at`` of the newest one that is whole on the target, if there is a target.
    """

    __tablename__ = "edition"

    id: Mapped[int] = mapped_column(primary_key=True)
    published_at: Mapped[datetime | None]
    next_update_not_after: Mapped[datetime | None]
    uploaded_at: Mapped[datetime | None]


def connect(address: str) -> Engine:
    """Return an engine for a database URL; ``ValueError``, without the URL in it, if that is none.

    A transaction in SQLite takes its write lock at the start: otherwise two that read first and write then
    would meet in an error that no waiting can solve.
    """
    try:
        url = make_url(address)
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() != "sqlite":
            return create_engine(url, pool_pre_ping=True)
        engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S})
    except (ArgumentError, NoSuchModuleError, ImportError):
        raise ValueError(
            "database: must be like sqlite:///publisher.db or postgresql://user@host/name"
        ) from None

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours to say
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # an accepted report survives a power cut
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def transact(engine: Engine, work: Callable[[Session], T]) -> T:
    """Return what ``work`` returns, done in one transaction; done again if it met another one in its way.

    That is: both put in the same row, or each waited for the other (SQLSTATE 40P01, 40001).
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            with Session(engine) as session, session.begin():
                return work(session)
        except IntegrityError:
            continue
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in ("40P01", "40001"):
                raise
    with Session(engine) as session, session.begin():
        return work(session)


def migrate(engine: Engine) -> None:
    """Bring the database, empty or of any older version, to this version, all or nothing."""
    from alembic import command
    from alembic.config import Config  # half a second that only this needs

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, VERSION)


def version(engine: Engine) -> str | None:
    """Return the version of the database's tables, None if there are none."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.scalar(text("SELECT version_num FROM alembic_version"))
