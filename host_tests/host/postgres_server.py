"""A real PostgreSQL server for tests: its own folder, a Unix socket in it, no network, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

_START_S = 60


class NoPostgresError(Exception):
    """There is no PostgreSQL on this computer."""


def _program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs; ``NoPostgresError`` where there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name) or next((str(one / name) for one in folders if (one / name).exists()), None)
    if found is None:
        raise NoPostgresError(f"no {name}: install PostgreSQL (Debian: apt install postgresql)")
    return found


def _someone_else() -> dict[str, Any]:
    """Return how to start a process that is not root's: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            one = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": one.pw_uid, "group": one.pw_gid, "extra_groups": []}
    raise AssertionError("root, and neither postgres nor nobody to be")


class PostgresServer:
    """Use as a context manager; ``new_database()`` returns the URL of an empty database.

    ``is_safe``: whether what was committed survives a power cut; tests are quicker without.
    """

    def __init__(self, is_safe: bool = False) -> None:
        self._haste = [] if is_safe else ["-F"]

    def __enter__(self) -> PostgresServer:
        initdb, postgres = _program("initdb"), _program("postgres")
        who = _someone_else()
        self._folder = Path(tempfile.mkdtemp(prefix="cx-pg-"))
        if who:
            os.chown(self._folder, who["user"], who["group"])
        data = self._folder / "data"
        options = ["-D", str(data), "-U", "cx", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run(
            [initdb, *options], cwd=self._folder, capture_output=True, text=True, check=False, **who
        )
        assert made.returncode == 0, made.stderr
        self._log = (self._folder / "log").open("w")
        self._process = subprocess.Popen(
            [postgres, "-D", str(data), "-k", str(self._folder), "-c", "listen_addresses=", *self._haste],
            cwd=self._folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            **who,
        )
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGINT)  # "fast": ends sessions that are still open
        self._process.wait(_START_S)
        self._log.close()
        shutil.rmtree(self._folder)

    @property
    def _url(self) -> str:
        return f"postgresql://cx@/postgres?host={self._folder}"

    def _execute(self, statement: str) -> None:
        engine = create_engine(
            make_url(self._url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                return self._execute("SELECT 1")
            except OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self._folder / "log").read_text()) from None
                time.sleep(0.1)

    def run(self, name: str, *arguments: str, stdin: str = "") -> str:
        """Return what one of PostgreSQL's programs prints; fail if it fails."""
        done = subprocess.run(
            [_program(name), *arguments], input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def new_database(self) -> str:
        """Return the URL of an empty database; the one before is emptied for it, which is quick."""
        self._execute("DROP SCHEMA public CASCADE")
        self._execute("CREATE SCHEMA public")
        return self._url
