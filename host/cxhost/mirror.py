"""A verified copy of publishers' files: for sites without internet, and for shelves of badges.

The folder holds every file under its host and path, as it came, so that any web server can serve it under
the publishers' own names; ``serve`` does. Nothing unverified is ever kept: a descriptor must be what its URL
says, a list must be signed by the publisher whose descriptor is here.
"""

from __future__ import annotations

import io
import json
import mimetypes
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from cx import descriptor, publication, x509
from cx.errors import CxError, RefusedError
from cxhost.door import Offer
from cxhost.lists import FetchError, fetch_response
from cxhost.publisher.files import write_atomic

_INDEX = "mirror.json"
_OK = 200


@dataclass
class Mirrored:
    """What an update did for one publisher. ``fetched``: bytes by URL; ``errors``: what failed, by URL."""

    url: str
    name: str = ""
    published_at: int | None = None
    fetched: dict[str, int] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Tell whether the full list is here and nothing failed that matters."""
        return self.published_at is not None and not self.errors


class Mirror:
    """The copy in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._index = _read_index(folder / _INDEX)

    @property
    def publishers(self) -> list[str]:
        """The URLs of the mirrored publishers."""
        return sorted(self._index)

    def update(self, client: httpx.Client, url: str, now: int) -> Mirrored:
        """Fetch a publisher's descriptor and lists, verify them, keep what is good.

        What fails leaves the older copy where it is.
        """
        result = Mirrored(url)
        try:
            text = self._get(client, url)
            described = descriptor.check(text, url)
        except (CxError, FetchError) as error:
            result.errors[url] = str(error)
            return result
        self._keep(url, text)
        result.name = described["name"]
        certificate = x509.from_pem(described["cert"])
        recorded = self._index.get(url, {}).get("published_at")
        try:
            header = self._update_list(client, described["pub"], (url, certificate), recorded, now, result)
        except (CxError, FetchError) as error:
            result.errors[described["pub"]] = str(error)
            return result
        result.published_at = header.published_at
        links = [link for link in dict.fromkeys(header.update_urls) if link != described["pub"]]
        for link in links:
            try:
                self._update_list(client, link, (url, certificate), header.published_at, now, result)
            except (CxError, FetchError):  # the full one is enough
                continue
        self._index[url] = {"published_at": header.published_at, "links": links}
        write_atomic(self.folder / _INDEX, json.dumps(self._index, indent=1).encode())
        return result

    def offers(self) -> list[Offer]:
        """Return the lists that are here, verified again, for badges."""
        found = []
        for url, known in self._index.items():
            try:
                described = descriptor.check(self.path(url).read_bytes(), url)
                certificate = x509.from_pem(described["cert"])
            except (OSError, CxError):
                continue
            lists = []
            for place in dict.fromkeys([described["pub"], *known["links"]]):
                try:
                    data = self.path(place).read_bytes()
                    header = publication.verify(io.BytesIO(data), certificate)
                except (OSError, CxError):
                    continue
                if header.zone == url and header.aggregated:
                    lists.append((data, header))
            found.append(Offer(publisher_id(url), described["name"], tuple(lists)))
        return found

    def path(self, url: str) -> Path:
        """Return where the file at ``url`` lies; FetchError when its path would lead out of the folder."""
        parts = urlsplit(url)
        pieces = [piece for piece in parts.path.split("/") if piece] or ["index"]
        if (
            not parts.hostname
            or any(piece in (".", "..") or "\\" in piece for piece in pieces)
            or parts.query
        ):
            raise FetchError(f"{url}: cannot be mirrored")
        return self.folder.joinpath(parts.netloc.replace(":", "_"), *pieces)

    def _get(self, client: httpx.Client, url: str) -> bytes:
        data, response = fetch_response(client, url, {})
        if response.status_code != _OK:
            raise FetchError(f"{url}: status {response.status_code}")
        return data

    def _update_list(
        self,
        client: httpx.Client,
        url: str,
        publisher: tuple[str, bytes],
        recorded: int | None,
        now: int,
        result: Mirrored,
    ) -> publication.Publication:
        """Fetch one list, keep it if it is genuine and not older than ``recorded``, and return its header.

        ``publisher``: its URL and certificate.
        """
        data = self._get(client, url)
        header = publication.verify(io.BytesIO(data), publisher[1])
        if header.zone != publisher[0] or not header.aggregated:
            raise RefusedError("zone: a list of somebody else")
        if recorded is not None and header.published_at < recorded:
            raise RefusedError("publishedAt: older than the copy that is here")
        if header.next_update_not_after < now:
            raise RefusedError("nextUpdateNotAfter: past, the publisher has stopped")
        self._keep(url, data)
        result.fetched[url] = len(data)
        return header

    def _keep(self, url: str, data: bytes) -> None:
        write_atomic(self.path(url), data)


def publisher_id(url: str) -> str:
    """Return the eight hexadecimal digits that stand for a publisher on a badge."""
    return sha256(url.encode()).hexdigest()[:8]


def make_server(folder: Path, host: str, port: int) -> ThreadingHTTPServer:
    """Return a server of the mirrored files: by the request's host name, or for ``/HOST/PATH``."""

    class Handler(BaseHTTPRequestHandler):
        """Files below the folder, with ETags, nothing else."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer with a file, 304 if the client has it, or 404."""
            path = _requested(folder, self.headers.get("Host", ""), self.path)
            data = None if path is None else path.read_bytes()
            if path is None or data is None:
                self._answer(404, b"not mirrored\n", {})
                return
            etag = f'"{sha256(data).hexdigest()[:32]}"'
            headers = {
                "ETag": etag,
                "Content-Type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            }
            if self.headers.get("If-None-Match") == etag:
                self._answer(304, b"", headers)
            else:
                self._answer(200, data, headers)

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing: who fetches what is nobody's business."""

    return ThreadingHTTPServer((host, port), Handler)


def _requested(folder: Path, host: str, target: str) -> Path | None:
    pieces = [piece for piece in target.split("?")[0].split("/") if piece]
    if any(piece in (".", "..") or "\\" in piece for piece in pieces):
        return None
    for path in (folder.joinpath(host.replace(":", "_"), *pieces), folder.joinpath(*pieces)):
        if path.is_file() and folder.resolve() in path.resolve().parents and path.name != _INDEX:
            return path
    return None


def _read_index(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
