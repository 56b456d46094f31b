"""How often someone may be wrong: a leaky bucket for each address and one for all of them together.

Kept in the database, so that servers behind one balancer count together and a restart forgives nothing. An
address is written down as a keyed hash only, and forgotten ten minutes after it was wrong the last time.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from cxhost.publisher import database
from cxhost.publisher.database import Bucket

WINDOW = timedelta(minutes=10)
_IPV6_SUBSCRIBER = 64  # one subscriber has at least this network to choose addresses from


class LeakyBucket:
    """Holds up to ``size`` drops for each client and loses that many in ten minutes.

    ``what`` is counted, apart from what other buckets count. ``secret``: the publisher's key; clients are
    hashed with one derived from it. ``clock``: the time, aware. For several threads and several servers.
    """

    def __init__(
        self, engine: Engine, secret: bytes, clock: Callable[[], datetime], what: str, size: int
    ) -> None:
        self._engine = engine
        self._key = hmac.digest(secret, b"cx bucket " + what.encode(), hashlib.sha256)
        self._clock = clock
        self._size = size

    def _hash(self, client: str) -> bytes:
        return hmac.digest(self._key, client.encode(), hashlib.sha256)

    def _level(self, row: Bucket | None) -> float:
        if row is None:
            return 0.0
        passed = max(0.0, (self._clock() - row.since) / WINDOW)  # clocks may be put back
        return max(0.0, row.level - passed * self._size)

    def wait_s(self, client: str) -> float:
        """Return how many seconds until there is room for one more drop; 0 if there is."""
        with Session(self._engine) as session:
            level = self._level(session.get(Bucket, self._hash(client)))
        return max(0.0, level + 1 - self._size) * WINDOW.total_seconds() / self._size

    def add(self, client: str) -> None:
        """Let a drop fall in."""
        database.transact(self._engine, lambda session: self._add(session, client))

    def _add(self, session: Session, client: str) -> None:
        now = self._clock()
        row = session.get(Bucket, self._hash(client), with_for_update=True)
        level = min(self._level(row) + 1, float(self._size))
        if row is None:
            session.add(Bucket(client=self._hash(client), level=level, since=now))
        else:
            row.level, row.since = level, now
        session.flush()
        session.execute(delete(Bucket).where(Bucket.since < now - WINDOW))


def subscriber(address: str) -> str:
    """Return what stands for one client: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_SUBSCRIBER), strict=False))
