"""Servers on loopback: a plain one for static files, and whatever a test makes of a bare connection."""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from email.utils import formatdate

NTP_EPOCH = 2208988800
Handler = Callable[[socket.socket, str], None]


class Server:
    """Answers GET with ``files`` (path to bytes) and their ETags, POST by keeping the body in ``posted``.

    ``requests``: (method, path, headers, status, bytes of the body sent). ``hostile``: path to a function
    that gets the connection and the request instead, and may do with it what it likes.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.hostile: dict[str, Handler] = {}
        self.requests: list[tuple[str, str, dict[str, str], int, int]] = []
        self.posted: list[bytes] = []
        self.post_status = 200
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://localhost:{self.port}"

    @property
    def paths(self) -> list[tuple[str, int]]:
        """What was asked for, and how it was answered."""
        return [(path, status) for _method, path, _headers, status, _sent in self.requests]

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                self._answer(connection)
        except (OSError, ValueError):  # the badge left
            connection.close()

    def _answer(self, connection: socket.socket) -> None:
        head, body = b"", b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(4096)
            if not piece:
                return
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        method, path, _version = lines[0].split(" ")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        if path in self.hostile:
            self.requests.append((method, path, headers, 0, 0))
            self.hostile[path](connection, head.decode())
            return
        if method == "POST":
            while len(body) < int(headers["Content-Length"]):
                body += connection.recv(4096)
            self.posted.append(body)
            self._send(connection, (method, path, headers), self.post_status, b"<p>thanks</p>", "")
            return
        data = self.files.get(path)
        etag = "" if data is None else f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        if data is None:
            self._send(connection, (method, path, headers), 404, b"not here", "")
        elif headers.get("If-None-Match") == etag:
            self._send(connection, (method, path, headers), 304, b"", etag)
        else:
            self._send(connection, (method, path, headers), 200, data, etag)

    def _send(
        self,
        connection: socket.socket,
        request: tuple[str, str, dict[str, str]],
        status: int,
        body: bytes,
        etag: str,
    ) -> None:
        self.requests.append((*request, status, len(body)))
        head = f"HTTP/1.1 {status} X\r\nDate: {formatdate(usegmt=True)}\r\n"
        if etag:
            head += f"ETag: {etag}\r\n"
        if status != 304:
            head += f"Content-Length: {len(body)}\r\n"
        connection.sendall(head.encode() + b"\r\n" + body)


class TimeServer:
    """An SNTP server that tells ``unix``; ``forge`` may change an answer (a bytearray of 48 bytes)."""

    def __init__(self, unix: float, forge: Callable[[bytearray], object] | None = None) -> None:
        self.unix = unix
        self.asked = 0
        self._forge = forge
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                request, client = self._socket.recvfrom(100)
            except TimeoutError:
                continue
            self.asked += 1
            answer = bytearray(48)
            answer[0] = 0x24  # version 4, server
            answer[1] = 2
            answer[24:32] = request[40:48]
            struct.pack_into(">II", answer, 40, (int(self.unix) + NTP_EPOCH) & 0xFFFFFFFF, 0)
            if self._forge is not None:
                self._forge(answer)
            self._socket.sendto(bytes(answer), client)
