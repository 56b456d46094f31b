"""The date from a time server (SNTP, RFC 4330). Loaded only while it is needed.

Nobody signs this date: what may be done with it is decided in ``cx.updates``.
"""

import asyncio
import os
import socket
import time

from badge.sockets import readable
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from typing import Any

_PORT = const(123)
_PACKET_LEN = const(48)
_REQUEST = b"\x23"  # no warning, version 4, client
_SERVER_MODE = const(4)
_WAIT_MS = const(3000)
_TRIES = const(2)
_1900_TO_1970_S = 2208988800
_ERA_S = 1 << 32  # seconds since 1900 wrap in 2036


async def ask(server: str) -> "int | None":
    """Return the date (seconds since 1970 UTC) that ``server`` (HOST or HOST:PORT) tells, or None."""
    host, _, port = server.partition(":")
    for _ in range(_TRIES):
        try:
            address = socket.getaddrinfo(host, int(port or _PORT), 0, socket.SOCK_DGRAM)[0]
            sock = socket.socket(address[0], socket.SOCK_DGRAM)
        except (OSError, ValueError, IndexError):
            return None
        try:
            sock.setblocking(False)
            sock.connect(address[-1])
            return await _exchange(sock)
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            sock.close()
    return None


async def _exchange(sock: "Any") -> "int | None":
    """Send one request, and wait for the answer that carries its nonce."""
    # RFC 4330, section 5: whatever the client sends as transmit time, the server returns as originate time.
    nonce = os.urandom(8)
    request = _REQUEST + bytes(_PACKET_LEN - 9) + nonce
    start = time.ticks_ms()
    sock.send(request)
    while True:
        left_ms = _WAIT_MS - time.ticks_diff(time.ticks_ms(), start)
        await asyncio.wait_for_ms(readable(sock), max(left_ms, 1))
        date = _date(sock.recv(_PACKET_LEN), nonce)
        if date is not None:
            return date


def _date(packet: bytes, nonce: bytes) -> "int | None":
    if len(packet) < _PACKET_LEN or packet[24:32] != nonce:
        return None
    warning, mode, stratum = packet[0] >> 6, packet[0] & 7, packet[1]
    if warning == 3 or mode != _SERVER_MODE or not 0 < stratum < 16:
        return None
    seconds = int.from_bytes(packet[40:44], "big")
    if seconds < _1900_TO_1970_S:
        seconds += _ERA_S
    return seconds - _1900_TO_1970_S
