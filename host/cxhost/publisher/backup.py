"""A copy of a publisher that can be used in its place, made while it runs."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from sqlalchemy.engine import make_url

from cxhost.publisher import settings
from cxhost.publisher.service import (
    CERTIFICATE_FILE,
    CODE_KEY_FILE,
    KEY_FILE,
    PublisherError,
)

_BESIDE = "sqlite:///publisher.db"


def back_up(directory: Path, target: Path) -> bool:
    """Copy keys, settings, public files and an SQLite database from ``directory`` to the new ``target``.

    Returns whether the database is in the copy: one on a server has its own tools, such as pg_dump.
    ``PublisherError`` if ``target`` is in use, ``SettingsError`` if ``directory`` holds no publisher.
    """
    chosen = settings.load(directory)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise PublisherError(f"{target}: not empty; choose another directory")
    target.mkdir(parents=True, exist_ok=True)
    target.chmod(0o700)
    url = make_url(chosen.database_url(directory.resolve()))
    is_sqlite = url.get_backend_name() == "sqlite" and url.database is not None
    for name in (KEY_FILE, CODE_KEY_FILE, CERTIFICATE_FILE, settings.FILE_NAME):
        shutil.copy2(directory / name, target / name)
    shutil.copytree(directory / "public", target / "public")
    if is_sqlite:
        _copy_sqlite(Path(str(url.database)), target / "publisher.db")
        if chosen.database != _BESIDE:
            chosen = replace(chosen, database=_BESIDE)
            (target / settings.FILE_NAME).write_text(settings.to_toml(chosen), encoding="utf-8")
    return is_sqlite


def _copy_sqlite(path: Path, copy: Path) -> None:
    with (
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as to,
    ):
        source.backup(to)
    copy.chmod(0o600)
