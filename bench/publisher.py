"""What a publisher can do on this computer: lists of many seeds, small lists for badges, reports in a second.

python bench/publisher.py [--seeds 1000000] [--reports 2000] [--seeds-each 14] [--database URL] [--json]

Everything is real: SQLite (or the database of ``--database``, which must be empty), signed files on disk.
"""

from __future__ import annotations

import argparse
import json
import resource
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cxhost import asn1
from cxhost.publisher import Publisher
from cxhost.publisher.database import Code, Seed, connect
from cxhost.reports import ECDSA_WITH_SHA256

sys.path.insert(0, str(Path(__file__).parents[1] / "host_tests" / "host"))
from postgres_server import PostgresServer

NAME, URL = "Benchmark", "https://health.example/cx.json"
_CHUNK = 20_000
_THREADS = 4


class Clock:
    """A time that moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 4, 12, 10, 20, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        """Return it."""
        return self.now


def make_report(code: str, seeds: int) -> bytes:
    """Return a Seed Report of fresh seeds of type 1 with P-256 keys."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(seeds)]
    descriptors = []
    for key in keys:
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        preseed = asn1.core.OctetString(secrets.token_bytes(24)).dump()
        descriptors.append(asn1.sequence(asn1.core.Integer(1).dump(), preseed, spki))
    content = asn1.sequence(
        asn1.core.Integer(1).dump(),
        asn1.sequence(*descriptors),
        asn1.core.UTF8String(NAME).dump(),
        asn1.core.UTF8String(code).dump(),
    )
    message = asn1.sequence(content, ECDSA_WITH_SHA256)
    signatures = [
        asn1.sequence(ECDSA_WITH_SHA256, asn1.core.OctetString(key.sign(message, ec.ECDSA(SHA256()))).dump())
        for key in keys
    ]
    return asn1.sequence(content, asn1.sequence(*signatures))


def fill(publisher: Publisher, count: int, now: datetime) -> None:
    """Put ``count`` reported seeds into the database, without reports."""
    publisher.issue_code()
    engine = connect(publisher.settings.database_url(publisher.directory))
    with Session(engine) as session, session.begin():
        code = session.scalar(select(Code.id))
        for start in range(0, count, _CHUNK):
            session.execute(
                insert(Seed),
                [
                    {
                        "generator_type": 1,
                        "value": secrets.token_bytes(24),
                        "key_hash": secrets.token_bytes(32),
                        "code_id": code,
                        "reported_at": now,
                    }
                    for _ in range(min(_CHUNK, count - start))
                ],
            )
    engine.dispose()


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that ``work`` took, and what it returned."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def bench_lists(publisher: Publisher, clock: Clock, seeds: int) -> dict[str, Any]:
    """Sign lists of ``seeds`` seeds; then an hour with 500 more, and what badges fetch for it."""
    fill(publisher, seeds, clock.now)
    first_s, _ = timed(publisher.publish)
    clock.now += timedelta(days=2)
    fill(publisher, 500, clock.now)
    cpu_s = time.process_time()
    again_s, edition = timed(publisher.publish)
    cpu_s = time.process_time() - cpu_s
    sizes = list(edition.files.values())
    return {
        "seeds": seeds,
        "first_publish_s": round(first_s, 2),
        "publish_s": round(again_s, 2),
        "publish_processor_s": round(cpu_s, 2),
        "full_bytes": sizes[0],
        "hour_bytes": min(sizes),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def bench_reports(publisher: Publisher, count: int, seeds_each: int) -> dict[str, Any]:
    """Take ``count`` reports, half of them on one thread and half on four."""
    half = count // 2
    reports = [make_report(publisher.issue_code(), seeds_each) for _ in range(2 * half)]

    def take(some: list[bytes]) -> None:
        for der in some:
            publisher.accept_report(der)

    def take_together() -> None:
        threads = [
            threading.Thread(target=take, args=(reports[half + i :: _THREADS],)) for i in range(_THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    cpu_s = time.process_time()
    alone_s, _ = timed(lambda: take(reports[:half]))
    cpu_s = time.process_time() - cpu_s
    together_s, _ = timed(take_together)
    return {
        "reports": 2 * half,
        "seeds_each": seeds_each,
        "report_bytes": len(reports[0]),
        "reports_per_s": round(half / alone_s),
        "processor_ms_per_report": round(1000 * cpu_s / half, 1),  # ours: without the database server's
        f"reports_per_s_{_THREADS}_threads": round(half / together_s),
        "publish_s": round(timed(publisher.publish)[0], 2),
    }


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1_000_000, help="seeds in the list; 0: leave this out")
    parser.add_argument("--reports", type=int, default=2000, help="reports to take; 0: leave this out")
    parser.add_argument("--seeds-each", type=int, default=14, help="seeds in one report")
    parser.add_argument("--database", default="sqlite:///publisher.db", help="an empty database")
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL server of its own")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    chosen = parser.parse_args()
    clock = Clock()
    figures: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = chosen.database
        if chosen.postgresql:
            database = stack.enter_context(PostgresServer(is_safe=True)).new_database()
        publisher = stack.enter_context(
            Publisher.create(folder / "publisher", NAME, URL, clock, database=database)
        )
        if chosen.reports:
            figures["reports"] = bench_reports(publisher, chosen.reports, chosen.seeds_each)
        if chosen.seeds:
            figures["lists"] = bench_lists(publisher, clock, chosen.seeds)
    if chosen.json:
        print(json.dumps(figures))
        return 0
    for part, values in figures.items():
        print(part)
        for name, value in values.items():
            print(f"  {name.replace('_', ' '):<26}{value:>14,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
