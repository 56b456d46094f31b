"""HTTPS for a publisher: uvicorn in the foreground, or on a thread of its own for demos and tests."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from cxhost.publisher.service import Publisher
from cxhost.publisher.tls import TlsFiles
from cxhost.publisher.web import build_app

_START_TIMEOUT_S = 30
_STOP_TIMEOUT_S = 30
_BACKLOG = 128
_LINGER_S = 2.0


@dataclass(frozen=True)
class RunningServer:
    """A server that is answering. ``ca_file``: what a client must trust, None for a public certificate."""

    base_url: str
    port: int
    ca_file: Path | None


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a listening socket; port 0 takes any free one (``getsockname()[1]`` tells which).

    Taken before a publisher is made, it lets the descriptor name the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: 40 ms for each answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class _Connection(H11Protocol):
    """One client's connection. One that we end is cut off soon, even if the client goes on sending.

    Python 3.10 would otherwise wait for such a client's TLS goodbye without end.
    """

    def on_response_complete(self) -> None:
        """See that a connection that is over goes away."""
        super().on_response_complete()
        if self.conn.our_state in (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR):
            self.loop.call_later(_LINGER_S, self.transport.abort)


def _server(publisher: Publisher, tls: TlsFiles) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            build_app(publisher),
            ssl_certfile=str(tls.certificate),
            ssl_keyfile=str(tls.key),
            loop="asyncio",
            http=_Connection,
            ws="none",
            lifespan="off",
            access_log=False,  # addresses of people who report are nobody's business
            server_header=False,
            log_config=None,
            limit_concurrency=publisher.settings.max_connections,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=10,
        )
    )


def run(publisher: Publisher, tls: TlsFiles, listener: socket.socket) -> None:
    """Answer on ``listener`` until SIGINT or SIGTERM; requests under way are finished first."""
    # uvicorn stops on these, and then raises them again: by then all is done.
    before = {one: signal.signal(one, _ignore) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        with listener:
            _server(publisher, tls).run(sockets=[listener])
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Let a signal pass."""


@contextmanager
def serve(
    publisher: Publisher, tls: TlsFiles, listener: socket.socket | None = None
) -> Iterator[RunningServer]:
    """Answer on a thread while the ``with`` block runs, on ``listener`` or on a free port of 127.0.0.1."""
    with listener or listen() as taken:
        server = _server(publisher, tls)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [taken]}, name="publisher", daemon=True
        )
        thread.start()
        try:
            _wait_until_started(server, thread)
            port = taken.getsockname()[1]
            yield RunningServer(f"https://localhost:{port}", port, tls.ca)
        finally:
            server.should_exit = True
            thread.join(_STOP_TIMEOUT_S)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the publisher's server did not start; see the log above")
        time.sleep(0.01)
