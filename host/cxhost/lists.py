"""Publishers' lists on this computer: fetched with conditional requests, kept, and given to many badges.

CX protocol, rules for observers: a list names the places of the next one (updateURLs, best first) and the
time before which there will be none (nextUpdateNotBefore). What a list says of itself is believed only after
a badge, which checks the signature, has taken it.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from cxhost.asn1 import publication_data

# The largest file that is fetched from a publisher: a country's list on its worst day is 3 MB.
_LIMIT_BYTES = 16 * 1024 * 1024
_KEPT_S = 14 * 86400
_DAY_S = 86400
_JITTER_S = 60
_HEADER = (
    "zone",
    "published_at",
    "next_update_not_before",
    "excludes_published_before",
    "update_urls",
)
_ROUND_S = 60.0  # what was fetched less than this ago is not asked for again: many badges want the same


class FetchError(Exception):
    """A publisher that could not be reached or did not give what was asked for, in one line."""


@dataclass(frozen=True)
class List:
    """A publication as it came, and what it says of itself; times in seconds since 1970 UTC."""

    data: bytes
    zone: str
    published_at: int
    next_update_not_before: int
    excludes_published_before: int | None
    update_urls: tuple[str, ...]

    def leaves_a_gap_after(self, published_at: int | None) -> bool:
        """Tell whether a badge with the list of ``published_at`` (None: with none) would miss something."""
        excludes = self.excludes_published_before
        return excludes is not None and (published_at is None or excludes >= published_at)


def read_list(data: bytes, url: str) -> List:
    """Return the list in ``data``, unverified; FetchError if it is none."""
    try:
        said: dict[str, Any] = {name: field.native for name, field in _fields(data)}
    except ValueError as error:
        raise FetchError(f"{url}: {error}") from None
    excludes = said["excludes_published_before"]
    return List(
        data=data,
        zone=said["zone"],
        published_at=_seconds(said["published_at"]),
        next_update_not_before=_seconds(said["next_update_not_before"]),
        excludes_published_before=None if excludes is None else _seconds(excludes),
        update_urls=tuple(said["update_urls"] or ()),
    )


def _fields(data: bytes) -> Iterator[tuple[str, Any]]:
    found = publication_data(data)
    for name in _HEADER:
        yield name, found[name]


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


class Lists:
    """Lists by URL, for all badges of this computer. Usable from several threads.

    ``folder`` keeps them from one run to the next; what was not used for 14 days is removed.
    """

    def __init__(
        self, client: httpx.Client, folder: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._folder = folder
        self._clock = clock
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()
        self._fresh: dict[str, float] = {}
        self.fetched_bytes = 0
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.stat().st_mtime < time.time() - _KEPT_S:
                path.unlink(missing_ok=True)

    def due_at(self, publisher: str, published_at: int | None, now: float) -> float:
        """Return when a newer list than the one that a badge has taken may be there; 0 for at once."""
        known = self._recall(publisher, published_at)
        due = float(known.get("due_at", 0))
        # More than a day ahead is a mistake of the publisher, and is ignored.
        return due if now < due <= now + _DAY_S + _JITTER_S else 0.0

    def candidates(self, publisher: dict[str, Any]) -> Iterator[str]:
        """Yield the URLs where a badge's next list may be, the best first. ``publisher``: from its info."""
        known = self._recall(publisher["url"], publisher["published_at"])
        yield from dict.fromkeys([*known.get("update_urls", ()), publisher["pub"]])

    def taken(self, publisher: str, one: List) -> None:
        """Remember what a list says of its successors, now that a badge has verified and taken it."""
        due = one.next_update_not_before + random.SystemRandom().randrange(_JITTER_S)
        known = {"due_at": due, "update_urls": one.update_urls}
        _write(self._note(publisher, one.published_at), json.dumps(known).encode())

    def get(self, url: str) -> List:
        """Return the list at ``url``, from this computer if the server says that it has not changed.

        FetchError when that fails, or when it is no list.
        """
        with self._lock:
            lock = self._locks[url]
        with lock:
            body, about = self._stem(url).with_suffix(".list"), self._stem(url).with_suffix(".json")
            held = _read_json(about) if body.exists() else {}
            if url not in self._fresh or self._clock() - self._fresh[url] > _ROUND_S:
                data, validators = self._fetch(url, held)
                if data is not None:
                    read_list(data, url)
                    _write(body, data)
                _write(about, json.dumps(validators).encode())
                self._fresh[url] = self._clock()
            return read_list(body.read_bytes(), url)

    def _fetch(self, url: str, held: dict[str, str]) -> tuple[bytes | None, dict[str, str]]:
        """Return (data or None if unchanged, validators for the next request)."""
        headers = {}
        if "etag" in held:
            headers["If-None-Match"] = held["etag"]
        if "last-modified" in held:
            headers["If-Modified-Since"] = held["last-modified"]
        data, response = fetch_response(self._client, url, headers)
        with self._lock:
            self.fetched_bytes += len(data)
        validators = {
            name: response.headers[name] for name in ("etag", "last-modified") if name in response.headers
        }
        return (
            (None, held | validators)
            if response.status_code == httpx.codes.NOT_MODIFIED
            else (data, validators)
        )

    def _recall(self, publisher: str, published_at: int | None) -> dict[str, Any]:
        return {} if published_at is None else _read_json(self._note(publisher, published_at))

    def _note(self, publisher: str, published_at: int) -> Path:
        return self._stem(f"{publisher} {published_at}").with_suffix(".note")

    def _stem(self, name: str) -> Path:
        return self._folder / hashlib.sha256(name.encode()).hexdigest()[:32]


def fetch(client: httpx.Client, url: str) -> bytes:
    """Return the body of a GET; FetchError when that fails or is over 16 MiB."""
    return fetch_response(client, url, {})[0]


def fetch_response(client: httpx.Client, url: str, headers: dict[str, str]) -> tuple[bytes, httpx.Response]:
    """Return the body and the head of a GET, 304 (not modified) included; FetchError when it fails."""
    data = bytearray()
    try:
        with client.stream("GET", url, headers=headers) as response:
            if response.status_code != httpx.codes.NOT_MODIFIED or not headers:
                response.raise_for_status()
            for piece in response.iter_bytes():
                data += piece
                if len(data) > _LIMIT_BYTES:
                    raise FetchError(f"{url}: larger than {_LIMIT_BYTES} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        said = str(error).splitlines()
        raise FetchError(f"{url}: {said[0] if said else type(error).__name__}") from None
    return bytes(data), response


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _write(path: Path, data: bytes) -> None:
    """Replace a file in one step; threads and other processes may do so at the same time."""
    partial = path.with_name(f"{path.name}.{threading.get_ident()}.partial")
    partial.write_bytes(data)
    partial.replace(path)
