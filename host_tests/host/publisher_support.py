"""What the publisher's tests share: a clock, owners with badges, a look into the database."""

from __future__ import annotations

import secrets
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import report_builder as build
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import MetaData

from cxhost.drbg import seed_value
from cxhost.publisher import Publisher
from cxhost.publisher.database import connect

NAME = "Ruritania Health Service"


class Clock:
    """A time that only moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 4, 12, 10, 20, 30, 123456, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)


class Owner:
    """A person with a badge: seeds of their own, and the reports made of them."""

    def __init__(self, seeds: int = 1, name: str = NAME) -> None:
        self.name = name
        self.seeds: list[build.Seed] = []
        self.more(seeds)

    def more(self, seeds: int = 1) -> None:
        for _ in range(seeds):
            self.seeds.append(build.Seed(secrets.token_bytes(24), ec.generate_private_key(ec.SECP256R1())))

    def seed_values(self) -> list[bytes]:
        return [seed_value(1, seed.preseed, build.spki(seed.key)) for seed in self.seeds]

    def report(self, code: str) -> bytes:
        return build.build_report(self.name, code, self.seeds)


def dump(publisher: Publisher) -> list[str]:
    """Return everything in the database, row by row, to see whether something changed.

    Without the counts of who was wrong, which are there to change.
    """
    engine = connect(publisher.settings.database_url(publisher.directory))
    tables = MetaData()
    try:
        with engine.connect() as connection:
            tables.reflect(connection)
            return [
                f"{table.name}: {tuple(row)}"
                for table in tables.sorted_tables
                if table.name != "buckets"
                for row in sorted(connection.execute(table.select()), key=repr)
            ]
    finally:
        engine.dispose()


def openssl_verified(document: Path, certificate: Path) -> bytes:
    """Return what ``openssl cms -verify`` finds in a signed document; fail if it does not verify."""
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", str(document)]
    run = subprocess.run([*command, "-CAfile", str(certificate)], capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout
