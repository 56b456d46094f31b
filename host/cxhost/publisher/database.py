"""What a publisher remembers: codes as keyed hashes, seeds, and which code claims which. No patient data."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    DateTime,
    Dialect,
    Engine,
    ForeignKey,
    LargeBinary,
    String,
    UniqueConstraint,
    create_engine,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

_BUSY_TIMEOUT_S = 30


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
    """A confirmation code that was issued, and with it one case: its alert level and its zone."""

    __tablename__ = "codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    level: Mapped[int]
    zone: Mapped[str] = mapped_column(String(2000))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Seed(Base):
    """A reported seed. The code that was issued last among those that claim it decides its level."""

    __tablename__ = "seeds"
    __table_args__ = (UniqueConstraint("generator_type", "value"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    generator_type: Mapped[int]
    value: Mapped[bytes] = mapped_column(LargeBinary(48))
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    code_id: Mapped[int] = mapped_column(ForeignKey("codes.id"), index=True)
    reported_at: Mapped[datetime] = mapped_column(index=True)
    published_level: Mapped[int | None]
    changed_at: Mapped[datetime | None] = mapped_column(index=True)


class Claim(Base):
    """A code under which a seed was reported."""

    __tablename__ = "claims"

    code_id: Mapped[int] = mapped_column(ForeignKey("codes.id"), primary_key=True)
    seed_id: Mapped[int] = mapped_column(ForeignKey("seeds.id"), primary_key=True, index=True)
    reported_at: Mapped[datetime]


class Edition(Base):
    """The newest publication, in one row that every server locks before it publishes."""

    __tablename__ = "edition"

    id: Mapped[int] = mapped_column(primary_key=True)
    published_at: Mapped[datetime | None]
    next_update_not_after: Mapped[datetime | None]


def connect(url: str) -> Engine:
    """Return an engine for ``url``. A transaction in SQLite takes its write lock at the start.

    Otherwise two that read first and write then would meet in an error that no waiting can solve.
    """
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S})

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


def create_tables(engine: Engine) -> None:
    """Make all tables and the one row of ``edition`` in an empty database."""
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(Edition.__table__.insert().values(id=1))  # type: ignore[attr-defined]
