"""An HTTPS client for one request at a time: non-blocking sockets, bounded time, nothing wholly in memory.

Loaded only while it is needed, with Bluetooth off: a TLS session takes about 40 KB of the chip's own heap.
"""

import asyncio
import errno
import gc
import socket
import time

import tls

from badge.sockets import readable, writable
from cx import http
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_READ_LEN = const(1024)
_WRITE_LEN = const(512)
_MOST_REDIRECTS = const(3)
_HEAD_MS = const(30_000)  # from the first packet to the last header, TLS included
_BODY_MS = const(120_000)


class WebError(Exception):
    """A server that could not be reached, could not show who it is, or did not give what was asked for."""


class Answer:
    """``status``, ``etag``, ``modified`` (empty if not told) and ``body_bytes``."""

    def __init__(self, response: http.Response) -> None:
        self.status = response.status
        self.etag = response.headers.get("etag", "")
        self.modified = response.headers.get("last-modified", "")
        self.body_bytes = response.body_bytes


class Client:
    """Asks servers. ``authorities`` yields the DER certificates to trust for HTTPS; without any, none is.

    ``pins``: by host, SHA-256 (hexadecimal) of a public key (SubjectPublicKeyInfo) that must be in its chain.
    ``left_ms`` tells how much time all of it may take from now on.
    """

    def __init__(
        self,
        authorities: "Callable[[], Iterator[bytes]]",
        pins: "dict[str, str]",
        left_ms: "Callable[[], int]",
    ) -> None:
        self._authorities = authorities
        self._pins = pins
        self._left_ms = left_ms

    async def get(
        self,
        url: str,
        headers: "dict[str, str]",
        limit: int,
        sink: "Callable[[memoryview], object]",
        is_https_only: bool = False,
    ) -> Answer:
        """Fetch ``url``, over a few redirects, into ``sink``; WebError or a CxError when that fails.

        Never from HTTPS to HTTP, and with ``is_https_only`` HTTPS from the start.
        """
        for _ in range(_MOST_REDIRECTS + 1):
            response = await self._exchange("GET", url, headers, b"", limit, sink, is_https_only)
            location = response.headers.get("location")
            if response.status not in http.REDIRECTS or not location:
                return Answer(response)
            url = http.follow(url, location)
        raise WebError("redirect: more than %d" % _MOST_REDIRECTS)

    async def post(self, url: str, body: "bytes | bytearray", kind: str) -> Answer:
        """Send ``body`` of the type ``kind`` over HTTPS; a redirect is not followed."""
        headers = {"Content-Type": kind}
        return Answer(await self._exchange("POST", url, headers, body, 65536, _ignore, True))

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: "dict[str, str]",
        body: "bytes | bytearray",
        limit: int,
        sink: "Callable[[memoryview], object]",
        is_https_only: bool,
    ) -> http.Response:
        where = http.Url(url)
        if is_https_only and where.scheme != "https":
            raise WebError("URL: only https is trusted here")
        head = http.request(method, where, headers, len(body) if body else -1)
        response = http.Response(limit, sink)
        connection = self._open(where)
        try:
            start = time.ticks_ms()
            await self._within(connection.send(head), _HEAD_MS)
            await self._within(connection.send(body), _HEAD_MS)
            spent_ms = time.ticks_diff(time.ticks_ms(), start)
            await self._within(connection.receive(response, response_has_head), _HEAD_MS - spent_ms)
            await self._within(connection.receive(response, response_is_done), _BODY_MS)
        except asyncio.TimeoutError:
            raise WebError("the server is too slow")
        except (OSError, ValueError) as error:
            raise WebError("connection: " + _why(error))
        finally:
            connection.close()
        return response

    async def _within(self, work: "Any", most_ms: int) -> None:
        await asyncio.wait_for_ms(work, max(1, min(most_ms, self._left_ms())))

    def _open(self, where: http.Url) -> "_Connection":
        try:
            address = socket.getaddrinfo(where.host, where.port, 0, socket.SOCK_STREAM)[0]
            sock = socket.socket(address[0], address[1], address[2])
        except (OSError, IndexError) as error:
            raise WebError("name: not found, " + _why(error))
        try:
            sock.setblocking(False)
            _begin_to_connect(sock, address[-1])
            stream = sock
            if where.scheme == "https":
                stream = self._secure(sock, where.host)
        except (OSError, ValueError) as error:
            sock.close()
            raise WebError("connection: " + _why(error))
        return _Connection(sock, stream)

    def _secure(self, sock: "Any", host: str) -> "Any":
        """Return a TLS session over ``sock`` that goes no further than the handshake with a wrong server."""
        context: "Any" = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        is_hopeless = True
        for authority in self._authorities():
            context.load_verify_locations(authority)
            is_hopeless = False
        if is_hopeless:
            raise WebError("certificate: this badge trusts no authority, give it one over USB")
        pin = self._pins.get(host.lower())
        if pin is not None:
            context.verify_callback = _Pin(pin).check
        return context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)


class _Pin:
    """Compares the keys of a chain, which comes with the server's own certificate last (depth 0)."""

    def __init__(self, pin: str) -> None:
        self._pin = pin
        self._is_found = False

    def check(self, certificate: memoryview, depth: int) -> int:
        """Return 0, or at the end of a chain without the key -1, which ends the handshake."""
        from badge import pinning  # loaded with the first pin only

        self._is_found = self._is_found or pinning.matches(certificate, self._pin)
        return 0 if self._is_found or depth else -1


class _Connection:
    """One connection, perhaps inside TLS."""

    def __init__(self, sock: "Any", stream: "Any") -> None:
        self._sock = sock
        self._stream = stream
        self._buffer = bytearray(_READ_LEN)

    async def send(self, data: "bytes | bytearray") -> None:
        """Send all of ``data``."""
        view = memoryview(data)
        while view:
            await writable(self._stream)
            sent = self._stream.write(view[:_WRITE_LEN])
            if sent:
                view = view[sent:]

    async def receive(self, response: http.Response, is_enough: "Callable[[http.Response], bool]") -> None:
        """Feed ``response`` until ``is_enough``, or until the server ends the connection."""
        view = memoryview(self._buffer)
        while not is_enough(response):
            await readable(self._stream)
            count = self._stream.readinto(view)
            if count == 0:
                response.end()
            elif count:
                response.feed(view[:count])

    def close(self) -> None:
        """Give the sockets and, with the next collection, the session's memory back."""
        self._stream.close()
        self._sock.close()
        gc.collect()


def response_has_head(response: http.Response) -> bool:
    """Tell whether all headers have come."""
    return response.has_head


def response_is_done(response: http.Response) -> bool:
    """Tell whether all has come."""
    return response.is_done


def _begin_to_connect(sock: "Any", address: "Any") -> None:
    try:
        sock.connect(address)
    except OSError as error:
        if error.errno != errno.EINPROGRESS:
            raise


def _ignore(_piece: memoryview) -> None:
    """Take a piece of a body that nobody reads."""


def _why(error: Exception) -> str:
    """Return the reason in one line."""
    text = str(error.args[-1]) if error.args else type(error).__name__
    return text.strip().replace("\n", ", ")
