"""The Wi-Fi door: a computer on the same network may bring signed lists. Loaded only while it is open.

Frames are those of the console (``docs/console-protocol.md``) over TCP, one computer at a time. Only this is
answered: ``info`` (which publishers, which of their lists), ``put`` of a publication with its data and
``end``, and ``progress``. A list counts because it is signed, whoever brings it; everything else is refused.
"""

import asyncio
import socket
import time

from badge.console import Console
from badge.loading import Loaded
from badge.transfer import RequestError, Transfer
from cx import frame
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from badge.app import App

ANNOUNCEMENT = b"cx-badge door"  # and the port, two bytes, big-endian
_FILE = "door"
_IDLE_MS = const(20_000)
_ANNOUNCE_S = const(3)
_WRITE_MS = const(10_000)
# Whoever brings more than this wears out the flash: refused lists, announced ones, bytes as a multiple of
# the largest list.
_MOST_REFUSED = const(3)
_MOST_PUTS = const(32)
_MOST_LISTS_BYTES = const(8)


async def serve(app: "App", broadcast: str, seconds: int) -> None:
    """Let computers in for so many seconds; tell the network at its ``broadcast`` address that they may."""
    door = _Door(app)
    with Loaded("badge.networks") as networks:
        port = networks.load(app.storage)["door_port"]
    server = await asyncio.start_server(door.enter, "0.0.0.0", port, backlog=1)  # noqa: S104  any computer may
    start = time.ticks_ms()
    try:
        while not door.is_shut and time.ticks_diff(time.ticks_ms(), start) < seconds * 1000:
            _announce(broadcast, port)
            await asyncio.sleep(_ANNOUNCE_S)
    finally:
        server.close()
        await server.wait_closed()
        door.shut()


class _Door:
    """Serves one computer after another."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._requests = DoorRequests(app)
        self._task: "asyncio.Task | None" = None

    @property
    def is_shut(self) -> bool:
        """Tell whether too much was brought, or a list that is now to be matched, which takes all memory."""
        return self._requests.is_exhausted or (self._task is None and self._app.matching.is_waiting)

    async def enter(self, reader: "asyncio.StreamReader", writer: "asyncio.StreamWriter") -> None:
        """Serve a connection, or end it at once while there is another."""
        if self._task is None:
            self._task = asyncio.current_task()
            try:
                console = Console(_TcpSerial(reader), self._requests, self._app.processor.hurry)  # type: ignore[arg-type]
                await console.run()
            except (OSError, EOFError, asyncio.TimeoutError):
                pass  # the computer has left, or says nothing
            finally:
                self._task = None
                self._requests.close()
        writer.close()
        await writer.wait_closed()

    def shut(self) -> None:
        """End the connection that is there."""
        if self._task is not None:
            self._task.cancel()


def _announce(broadcast: str, port: int) -> None:
    """Tell the network that a door is open; nothing in it tells which badge's."""
    address = socket.getaddrinfo(broadcast, port, 0, socket.SOCK_DGRAM)[0]
    sock = socket.socket(address[0], socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.sendto(ANNOUNCEMENT + port.to_bytes(2, "big"), address[-1])
    except OSError:  # the network is gone, or takes no broadcasts: whoever knows the address may still come
        pass
    finally:
        sock.close()


class _TcpSerial:
    """A connection with the face of a serial port."""

    def __init__(self, stream: "Any") -> None:
        self._stream = stream

    async def read(self, buffer: bytearray) -> int:
        """Send what was written, then wait for bytes; EOFError at the end, TimeoutError after silence."""
        await asyncio.wait_for_ms(self._stream.drain(), _WRITE_MS)
        count = await asyncio.wait_for_ms(self._stream.readinto(buffer), _IDLE_MS)
        if count == 0:
            raise EOFError
        return count or 0

    def write(self, data: bytes) -> None:
        """Have ``data`` sent before the next read."""
        self._stream.out_buf += data


class DoorRequests:
    """What the console may ask through this door."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._transfer = Transfer(app.storage, _FILE)
        self._refused = self._puts = 0
        self._bytes_left = app.publications.limit_bytes * _MOST_LISTS_BYTES

    @property
    def is_exhausted(self) -> bool:
        """Tell whether more was brought than an honest computer would."""
        return self._refused >= _MOST_REFUSED or self._puts >= _MOST_PUTS or self._bytes_left <= 0

    def close(self) -> None:
        """Note that the computer has left; a file that was cut off goes on when it comes again."""
        self._transfer.close()

    async def carry_out(self, request: dict, _waiting: "Callable[[str, int], None]") -> dict:
        """Carry out one of the requests that pass; RequestError for every other."""
        what = request.get("do")
        if what == "info":
            return self._info()
        if what == "progress":
            return self._progress()
        if what == "put":
            return self._put(request)
        if what == "end":
            return await self._end()
        raise RequestError("do: over Wi-Fi this badge takes info, put, end and progress only")

    def data(self, payload: bytes) -> dict:
        """Take one piece of the list that is being put."""
        if self._bytes_left <= 0:
            raise RequestError("data: too much, the door is shut")
        self._bytes_left -= len(payload)
        return {"offset": self._transfer.data(payload)}

    def store(self) -> None:
        """Write that piece to flash."""
        self._transfer.store()

    def get(self, _request: dict) -> bytes:
        """Give nothing away."""
        raise RequestError("get: not over Wi-Fi")

    def _info(self) -> dict:
        return {
            "protocol": frame.VERSION,
            "publishers": [
                {"id": known.id, "published_at": known.published_at, "pending": known.is_pending}
                for known in self._app.publications.publishers.values()
            ],
        }

    def _progress(self) -> dict:
        said = self._app.matching.info()
        return {key: said[key] for key in ("waiting", "seeds", "total", "left_s", "error")}

    def _put(self, request: dict) -> dict:
        if request.get("what") != "publication":
            raise RequestError("what: over Wi-Fi only a publication")
        publisher, sha256, size = request.get("publisher"), request.get("sha256"), request.get("size")
        if not isinstance(publisher, str) or not isinstance(sha256, str) or len(sha256) != 64:
            raise RequestError("publisher, sha256: text expected")
        self._app.publications.get(publisher)
        most = self._app.publications.limit_bytes
        if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= most:
            raise RequestError("size: a whole number from 1 to %d expected" % most)
        if self.is_exhausted:
            raise RequestError("put: too much was refused, the door is shut")
        self._puts += 1
        return {"offset": self._transfer.begin("publication", publisher, size, sha256)}

    async def _end(self) -> dict:
        """Verify what was put and take it; whatever is refused is removed and changes nothing."""
        self._refused += 1
        self._transfer.check()
        try:
            publisher = self._app.publications.get(self._transfer.publisher)
            published_at = await self._app.take_list(publisher, self._transfer.name)
            self._refused -= 1
        finally:
            self._transfer.clear()
        return {"published_at": published_at}
