"""Making and writing publications (CX, section "Publications").

An edition's time is fixed and stored before its files are written, and files are written only while it is
still the newest one. So ``publishedAt`` never goes back, whatever is killed when, and however many servers
publish.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cxhost.asn1 import PUBLICATION_OID
from cxhost.publisher import decoys, lists
from cxhost.publisher.database import Edition, transact
from cxhost.publisher.files import write_atomic
from cxhost.publisher.publication import Groups, Listing, cut_offs, encode, partial_name, update_names
from cxhost.publisher.settings import Settings
from cxhost.publisher.signing import Signer
from cxhost.publisher.topology import read_zones

_log = logging.getLogger(__name__)
FULL = "pub/full"
OWN = "pub/own"
DESCRIPTOR = "cx.json"
PARTIAL = re.compile(r"[0-9]{10}")
ZONE_FILE = re.compile(r"zone-[0-9a-f]{32}")


@dataclass(frozen=True)
class Published:
    """An edition. ``counts``: (alert level, generator type) to seeds; ``files``: path to bytes written."""

    published_at: datetime
    next_update_not_before: datetime
    next_update_not_after: datetime
    counts: dict[tuple[int, int], int]
    files: dict[Path, int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The full publication for badges."""
        return next(iter(self.files))


class Newest(NamedTuple):
    """Dates of the newest edition, and of the newest one on the target; None where there is none."""

    published_at: datetime | None
    valid_until: datetime | None
    uploaded_at: datetime | None
    uploaded_until: datetime | None


@dataclass(frozen=True)
class _Content:
    """What is in an edition: all seeds, by cut-off those that changed since, and those reported by zone."""

    published_at: datetime
    listed: Groups
    changes: dict[datetime, Groups]
    by_zone: dict[str, Groups]


def zone_path(settings: Settings, zone: str) -> str:
    """Return where the publication for other publishers is that holds the cases of ``zone``."""
    if zone == settings.url:
        return OWN
    return f"pub/zone-{hashlib.sha256(zone.encode()).hexdigest()[:32]}"


def descriptor(settings: Settings, certificate_pem: bytes, zones: Sequence[str]) -> bytes:
    """Return the publisher's descriptor (CX, section "Publisher descriptor") as it is served."""
    members: dict[str, Any] = {
        "url": settings.url,
        "cert": certificate_pem.decode("ascii"),
        "name": settings.name,
        "report": settings.link("report"),
        "pub": settings.link(FULL),
        "pubs": [{"zone": zone, "url": settings.link(zone_path(settings, zone))} for zone in zones],
    }
    if settings.upstream:
        members["upstream"] = settings.upstream
    if settings.downstream:
        members["downstream"] = list(settings.downstream)
    return (json.dumps(members, indent=2, ensure_ascii=False) + "\n").encode()


class Editions:
    """Turns what is in the database into signed files under ``folder``."""

    def __init__(
        self,
        engine: Engine,
        signer: Signer,
        settings: Settings,
        clock: Callable[[], datetime],
        folder: Path,
        certificate_pem: bytes,
    ) -> None:
        self._engine = engine
        self._signer = signer
        self._settings = settings
        self._clock = clock
        self._folder = folder
        self._certificate_pem = certificate_pem

    def publish(self) -> Published:
        """Sign and write a new edition of every file; return it. Stopped anywhere, it loses nothing."""
        edition = self._publish(only_if_due=False)
        if edition is None:
            raise AssertionError("not asked whether it is due")
        return edition

    def publish_if_due(self) -> Published | None:
        """Publish if badges may already look for a newer edition than the last one; else return None."""
        return self._publish(only_if_due=True)

    def _publish(self, only_if_due: bool) -> Published | None:
        content = transact(self._engine, lambda session: self._collect(session, only_if_due))
        if content is None:
            return None
        published_at, groups = content.published_at, content.listed
        edition = Published(
            published_at=published_at,
            next_update_not_before=self._earliest(published_at),
            next_update_not_after=self._latest(published_at),
            counts={key: len(seeds) for key, seeds in groups.items()},
        )
        links = [self._settings.link(f"pub/{name}") for name in update_names(published_at)]
        documents = {
            FULL: self._sign(edition, groups, update_urls=links),
        }
        for cut_off, changed in content.changes.items():
            document = self._sign(edition, changed, update_urls=links, excludes_published_before=cut_off)
            documents[f"pub/{partial_name(cut_off)}"] = document
        for zone, reported in content.by_zone.items():
            name = zone_path(self._settings, zone)
            document = self._sign(
                edition, reported, zone=zone, aggregated=False, update_urls=[self._settings.link(name)]
            )
            documents[name] = document
        self._write(edition, documents, list(content.by_zone))
        edition.files.update({self._folder / name: len(document) for name, document in documents.items()})
        _log.info("published", extra={"fields": {"at": published_at, "seeds": sum(edition.counts.values())}})
        return edition

    def _collect(self, session: Session, only_if_due: bool) -> _Content | None:
        """Fix an edition's time and what is in it."""
        row = session.get_one(Edition, 1, with_for_update=True)
        last = row.published_at
        if only_if_due and last is not None and self._clock() < self._earliest(last):
            return None
        published_at = self._next_time(row)
        oldest = published_at - self._settings.keep
        zones = read_zones(session, self._settings)
        fewest = self._settings.fewest_new_seeds
        decoys.fill_up(session, zones, last, published_at, oldest, fewest)
        lists.record_changes(session, published_at, oldest, zones.above)
        changes = {cut_off: lists.changed(session, cut_off) for cut_off in cut_offs(published_at)}
        lists.forget(session, published_at, oldest)
        by_zone = {zone: lists.of_zone(session, zone, oldest) for zone in zones.every}
        return _Content(published_at, lists.listed(session), changes, by_zone)

    def last(self) -> Newest:
        """Return the dates of the newest edition."""
        with Session(self._engine) as session, session.begin():
            row = session.get_one(Edition, 1)
            until = self._latest(row.uploaded_at) if row.uploaded_at else None
            return Newest(row.published_at, row.next_update_not_after, row.uploaded_at, until)

    def _earliest(self, published_at: datetime) -> datetime:
        return published_at + timedelta(minutes=self._settings.earliest_update_minutes)

    def _latest(self, published_at: datetime) -> datetime:
        return published_at + timedelta(minutes=self._settings.interval_minutes)

    def _next_time(self, row: Edition) -> datetime:
        """Fix the time of a new edition: now in whole seconds, and always later than the one before."""
        now = self._clock().replace(microsecond=0)
        if row.published_at is not None and now <= row.published_at:
            now = row.published_at + timedelta(seconds=1)
        row.published_at = now
        row.next_update_not_after = self._latest(now)
        return now

    def _sign(self, edition: Published, groups: Groups, **different: Any) -> bytes:
        is_for_badges = different.get("aggregated", True)
        listing = Listing(
            zone=different.pop("zone", self._settings.url),
            guidance=self._settings.guidance if is_for_badges else None,
            published_at=edition.published_at,
            next_update_not_before=edition.next_update_not_before,
            next_update_not_after=edition.next_update_not_after,
            groups=groups,
            **different,
        )
        return self._signer.sign(encode(listing), PUBLICATION_OID)

    def _write(self, edition: Published, documents: dict[str, bytes], zones: list[str]) -> None:
        """Write the files and delete older ones, unless a later edition exists and holds all this.

        The descriptor is written, too, if it has changed: it tells where the list for each of ``zones`` is.
        """
        text = descriptor(self._settings, self._certificate_pem, zones)
        with Session(self._engine) as session, session.begin():
            row = session.get_one(Edition, 1, with_for_update=True)
            if row.published_at == edition.published_at:
                for name, document in documents.items():
                    write_atomic(self._folder / name, document)
                path = self._folder / DESCRIPTOR
                if not path.exists() or path.read_bytes() != text:
                    write_atomic(path, text)
                _tidy((self._folder / FULL).parent, documents)


def _tidy(folder: Path, documents: dict[str, bytes]) -> None:
    """Delete old partial files, and what a process that was killed left half-written."""
    for path in folder.iterdir():
        is_ours = PARTIAL.fullmatch(path.name) or ZONE_FILE.fullmatch(path.name)
        is_old = is_ours and f"pub/{path.name}" not in documents
        if is_old or path.name.startswith("."):
            path.unlink(missing_ok=True)
