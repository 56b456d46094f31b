"""A copy of ``public/`` elsewhere: in a directory, or in any store that fsspec knows, such as S3's.

An edition is first written beside the publisher, where nothing can be slow, and then brought to the target by
one server at a time, file by file, only while it is the newest one.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cx import publication, x509
from cx.errors import CxError
from cxhost.publisher.database import Edition
from cxhost.publisher.editions import DESCRIPTOR, FULL, PARTIAL, ZONE_FILE
from cxhost.publisher.files import write_atomic

_log = logging.getLogger(__name__)
_LOCK_FILE = "target.lock"
_LOCK_NUMBER = 0x43585450  # of PostgreSQL's advisory locks: "CXTP"
_CACHE = "public, max-age=60"


class TargetError(Exception):
    """A target that could not be written to; the message names the kind of error and holds no secret."""


class Target:
    """Where badges fetch from, if not from this server. For several threads and servers on one database.

    ``url``: for ``fsspec``, as in ``s3://bucket/folder``; credentials come from the store's own environment
    variables. ``directory``: the publisher's, with the files in ``public/``.
    """

    def __init__(self, url: str, engine: Engine, directory: Path, certificate_pem: bytes) -> None:
        self._url = url
        self._engine = engine
        self._directory = directory
        self._certificate = bytes(x509.from_pem(certificate_pem.decode()))

    def upload_if_behind(self) -> datetime | None:
        """Bring the newest edition to the target if it is not there yet; return its ``publishedAt`` then.

        None also if another server is at it, or if the newest edition is on another server's disk.
        ``TargetError`` for what the store answers; then it is as good as never tried.
        """
        with self._alone() as is_alone:
            if not is_alone:
                return None
            published_at, documents = self._newest()
            if published_at is None:
                return None
            try:
                self._upload(documents)
            except Exception as error:  # noqa: BLE001  every store has errors of its own
                raise TargetError(f"target: {type(error).__name__}; see docs/publisher.md") from None
            with Session(self._engine) as session, session.begin():
                session.get_one(Edition, 1, with_for_update=True).uploaded_at = published_at
            _log.info("uploaded", extra={"fields": {"at": published_at, "files": len(documents)}})
            return published_at

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Keep all other servers of this database from uploading; tell whether that worked."""
        if self._engine.dialect.name == "postgresql":
            engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                locked = connection.scalar(text(f"SELECT pg_try_advisory_lock({_LOCK_NUMBER})"))
                try:
                    yield bool(locked)
                finally:
                    if locked:
                        connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK_NUMBER})"))
            return
        import fcntl  # only POSIX has it, and the companion, which never comes here, runs anywhere

        with (self._directory / _LOCK_FILE).open("w") as stream:  # SQLite: all servers are on this computer
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _newest(self) -> tuple[datetime | None, dict[str, bytes]]:
        """Return the newest edition's time and its files as they belong together; None if not wanted here."""
        public = self._directory / "public"
        with Session(self._engine) as session, session.begin():
            row = session.get_one(Edition, 1, with_for_update=True)
            if row.published_at is None or row.uploaded_at == row.published_at:
                return None, {}
            if not (public / FULL).exists():
                return None, {}
            paths = [public / DESCRIPTOR, *(public / FULL).parent.iterdir()]
            documents = {
                path.relative_to(public).as_posix(): path.read_bytes()
                for path in paths
                if not path.name.startswith(".")
            }
            published_at = row.published_at
        try:
            header = publication.verify(io.BytesIO(documents[FULL]), self._certificate)
        except CxError as error:
            raise TargetError(f"{public / FULL}: not uploaded: {error}") from None
        if datetime.fromtimestamp(header.published_at, timezone.utc) != published_at:
            return None, {}
        return published_at, documents

    def _upload(self, documents: dict[str, bytes]) -> None:
        """Write all files, and then delete older ones."""
        import fsspec  # a tenth of a second that only this needs

        store, root = fsspec.core.url_to_fs(self._url)
        for name, document in documents.items():
            _put(store, f"{root.rstrip('/')}/{name}", document)
        store.invalidate_cache()
        folder = f"{root.rstrip('/')}/{FULL.rpartition('/')[0]}"
        for path in store.ls(folder, detail=False):
            name = path.rpartition("/")[2]
            is_ours = PARTIAL.fullmatch(name) or ZONE_FILE.fullmatch(name) or name.startswith(".")
            if is_ours and f"pub/{name}" not in documents:
                store.rm_file(path)


def _put(store: Any, path: str, document: bytes) -> None:
    """Replace one file in one step: a PUT of an object store, a rename in a directory."""
    kind = "application/json" if path.endswith(DESCRIPTOR) else "application/cms"
    if store.protocol[0] in ("file", "local"):
        write_atomic(Path(path), document)
    elif "s3" in store.protocol:
        store.pipe_file(path, document, ContentType=kind, CacheControl=_CACHE)
    else:
        store.pipe_file(path, document)
