"""The one settings file of a publisher, ``publisher.toml``."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from cxhost import extensions
from cxhost.reports import Limits

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

FILE_NAME = "publisher.toml"
_MAX_URL = 1000
_FORMS = {
    "str": "texts",
    "tuple[int, int, int]": "[attenuation in dB, minutes for a low risk, minutes for a high one]",
    "tuple[str, str]": "[language, text]",
}
_TARGET = re.compile(r"[a-z][a-z0-9+.]*://[^@]+")
DATABASE_VARIABLE = "CXBADGE_PUBLISHER_DATABASE"
KEY_PASSWORD_VARIABLE = "CXBADGE_PUBLISHER_KEY_PASSWORD"  # noqa: S105  a name


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says what to do."""


def check_url(name: str, url: str) -> str:
    """Return ``url`` if it is an absolute https URL for a descriptor; else ``SettingsError`` names it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not parts.hostname or parts.fragment or parts.query or parts.username:
        raise SettingsError(f"{name}: must be an absolute https URL such as https://health.example/cx.json")
    return url


def _rows(name: str, value: object, form: str) -> tuple[Any, ...]:
    """Return a list of texts, or of rows such as ``tuple[int, int, int]``, as tuples; ``SettingsError``."""
    if not isinstance(value, (list, tuple)):
        raise SettingsError(f"{name}: must be a list")
    inner = form.removeprefix("tuple[").removesuffix(", ...]")
    if inner == "str":
        rows, is_right = tuple(value), all(isinstance(one, str) for one in value)
    else:
        kinds = [int if one == "int" else str for one in inner[len("tuple[") : -1].split(", ")]
        rows = tuple(tuple(one) if isinstance(one, (list, tuple)) else () for one in value)
        is_right = all([type(part) for part in row] == kinds for row in rows)
    if not is_right:
        raise SettingsError(f"{name}: must be a list of {_FORMS[inner]}")
    return rows


@dataclass(frozen=True)
class Settings:
    """Everything that can be set, with the worked values of the CX specification as defaults.

    ``wrong_codes_*``: how many wrong codes are answered in ten minutes before clients are told to wait;
    ``max_connections``, ``max_waiting_reports``: of one server at a time, more of them get a 503.
    ``upstream``, ``downstream``, ``peers``: descriptor URLs of other publishers. ``fewest_new_seeds``:
    editions with fewer are filled up with decoys, 1: none are. ``target``: where ``public/`` is copied to, a
    URL for fsspec. ``guidance_*``: advice for owners (docs/extensions.md).
    """

    name: str
    url: str
    database: str = "sqlite:///publisher.db"
    code_hours: int = 24
    follow_up_days: int = 14
    keep_days: int = 15
    interval_minutes: int = 60
    earliest_update_minutes: int = 30
    max_report_bytes: int = 256 * 1024
    max_report_seeds: int = 512
    wrong_codes_per_address: int = 20
    wrong_codes_overall: int = 2000
    max_connections: int = 200
    max_waiting_reports: int = 100
    listen_host: str = "127.0.0.1"
    listen_port: int = 8443
    tls_certificate: str = ""
    tls_key: str = ""
    upstream: str = ""
    downstream: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    fetch_authority: str = ""
    fewest_new_seeds: int = 28
    target: str = ""
    guidance_buckets: tuple[tuple[int, int, int], ...] = ()
    guidance_texts: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if str(one.type).startswith("tuple"):
                object.__setattr__(self, one.name, _rows(one.name, value, str(one.type)))
                continue
            kind = int if one.type == "int" else str
            if not isinstance(value, kind) or isinstance(value, bool):
                raise SettingsError(f"{one.name}: must be {'a whole number' if kind is int else 'text'}")
            if isinstance(value, int) and value < 1:
                raise SettingsError(f"{one.name}: must be 1 or more")
        if not self.name.strip() or not self.name.isprintable():
            raise SettingsError("name: must not be blank; it is what owners see")
        if self.listen_port > 65535:
            raise SettingsError("listen_port: must be 65535 or less")
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise SettingsError("tls_certificate and tls_key: give both or none")
        if self.earliest_update_minutes >= self.interval_minutes:
            raise SettingsError("earliest_update_minutes: must be less than interval_minutes")
        check_url("url", self.url)
        if self.target and not _TARGET.fullmatch(self.target):
            raise SettingsError("target: must be a URL without a password, as s3://bucket/x or file:///srv/x")
        self._check_others()
        self._check_guidance()

    def _check_others(self) -> None:
        above = (self.upstream,) if self.upstream else ()
        others = (*above, *self.downstream, *self.peers)
        for name, urls in (("upstream", above), ("downstream", self.downstream), ("peers", self.peers)):
            for url in urls:
                check_url(name, url)
                if len(url) > _MAX_URL:
                    raise SettingsError(f"{name}: a URL with more than {_MAX_URL} characters")
        if self.url in others or len(set(others)) < len(others):
            raise SettingsError("upstream, downstream, peers: each publisher once, and never this one itself")

    def _check_guidance(self) -> None:
        languages = [language for language, _ in self.guidance_texts]
        if len(set(languages)) < len(languages):
            raise SettingsError("guidance_texts: one text for each language")
        try:
            _ = self.guidance
        except ValueError as error:
            raise SettingsError(f"guidance_buckets, guidance_texts: {error}") from None

    @property
    def guidance(self) -> dict[str, Any] | None:
        """The guidance extension of every publication for badges; None if nothing is set."""
        if not self.guidance_buckets and not self.guidance_texts:
            return None
        return extensions.guidance_extension(self.guidance_buckets, dict(self.guidance_texts))

    @property
    def limits(self) -> Limits:
        """What one report may hold."""
        return Limits(max_bytes=self.max_report_bytes, max_seeds=self.max_report_seeds)

    @property
    def code_life(self) -> timedelta:
        """How long a code can be used first."""
        return timedelta(hours=self.code_hours)

    @property
    def follow_up(self) -> timedelta:
        """How long after its issue a used code takes more seeds of the same owner."""
        return timedelta(days=self.follow_up_days)

    @property
    def keep(self) -> timedelta:
        """How long after its report a seed is published."""
        return timedelta(days=self.keep_days)

    def link(self, path: str) -> str:
        """Return the URL of something beside the descriptor."""
        return urljoin(self.url, path)

    def database_url(self, directory: Path, environment: Mapping[str, str] = os.environ) -> str:
        """Return the database's URL: ``$CXBADGE_PUBLISHER_DATABASE`` first, since it may hold a password.

        An SQLite file is found from the publisher's directory.
        """
        url = environment.get(DATABASE_VARIABLE) or self.database
        scheme, separator, path = url.partition(":///")
        if scheme == "sqlite" and separator and path and not Path(path).is_absolute():
            return f"sqlite:///{(directory / path).resolve()}"
        return url


def key_password(environment: Mapping[str, str] = os.environ) -> bytes | None:
    """Return what the signing key is encrypted with: ``$CXBADGE_PUBLISHER_KEY_PASSWORD``; None if not set."""
    return environment.get(KEY_PASSWORD_VARIABLE, "").encode() or None


def load(directory: Path, **changes: Any) -> Settings:
    """Read ``publisher.toml`` in ``directory``; ``SettingsError`` names the file or the setting at fault."""
    path = directory / FILE_NAME
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: not found; make a publisher with `cxbadge publisher init`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    unknown = values.keys() - {one.name for one in fields(Settings)}
    if unknown:
        raise SettingsError(f"{path}: no such setting: {', '.join(sorted(unknown))}")
    missing = {"name", "url"} - values.keys()
    if missing:
        raise SettingsError(f"{path}: missing: {', '.join(sorted(missing))}")
    return replace(Settings(**values), **changes)


def to_toml(settings: Settings) -> str:
    """Return the text of ``publisher.toml``; a JSON string without control characters is a TOML string."""
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in asdict(settings).items())
    return "\n".join(lines) + "\n"
