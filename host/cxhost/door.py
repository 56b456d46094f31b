"""Badges over Wi-Fi: finding those whose door is open, and bringing them lists (docs/wifi.md).

A badge on its charging cable, or whose button was held, tells its network every three seconds that it takes
lists. It is not asked who it is, and does not say; the lists count because they are signed.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cx import frame
from cx.publication import Publication
from cxhost.companion import Badge, BadgeError
from cxhost.transport import PortError

PORT = 21589
_ANNOUNCEMENT = b"cx-badge door"
_CONNECT_S = 5.0
_POLL_S = 1.0
_AGAIN_S = 600.0


class TcpTransport:
    """A badge's door, with the face of a serial port."""

    def __init__(self, host: str, port: int) -> None:
        try:
            self._socket = socket.create_connection((host, port), timeout=_CONNECT_S)
        except OSError as error:
            raise PortError(f"{host}:{port}: no badge's door is open there ({error})") from None

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        self._socket.settimeout(_CONNECT_S)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise BadgeError("timeout", f"the badge has left: {error}") from None

    def read(self, timeout_s: float) -> bytes:
        """Return what has come, ``b""`` after ``timeout_s`` of silence; BadgeError when it has left."""
        self._socket.settimeout(max(timeout_s, 0.001))
        try:
            data = self._socket.recv(4096)
        except TimeoutError:
            return b""
        except OSError as error:
            raise BadgeError("timeout", f"the badge has left: {error}") from None
        if not data:
            raise BadgeError("timeout", "the badge has closed its door")
        return data

    def now(self) -> float:
        """Return the computer's time, in seconds since 1970 UTC."""
        return time.time()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


@dataclass(frozen=True)
class Offer:
    """One publisher's lists as this computer has them: full, and partial ones; each with what it says."""

    publisher: str
    name: str
    lists: tuple[tuple[bytes, Publication], ...]

    def best(self, published_at: int | None) -> tuple[bytes, Publication] | None:
        """Return the smallest newest list without a gap after ``published_at``; None if none is newer."""
        fits = [
            (data, header)
            for data, header in self.lists
            if (published_at is None or header.published_at > published_at)
            and (
                header.excludes_published_before is None
                or (published_at is not None and header.excludes_published_before < published_at)
            )
        ]
        return min(fits, key=lambda one: (-one[1].published_at, len(one[0])), default=None)


@dataclass
class Served:
    """What came of one badge: for each publisher that it trusts, what it has now, or the error."""

    address: str
    publishers: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None


def announcements(seconds: float, port: int = PORT) -> Iterator[tuple[str, int]]:
    """Yield (host, port) of each open door that is heard of within ``seconds``, once in ten minutes."""
    heard: dict[tuple[str, int], float] = {}
    ends = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        while (left := ends - time.monotonic()) > 0:
            if not select.select([listener], [], [], min(left, _POLL_S))[0]:
                continue
            data, (host, _) = listener.recvfrom(64)
            if not data.startswith(_ANNOUNCEMENT) or len(data) != len(_ANNOUNCEMENT) + 2:
                continue
            door = (host, int.from_bytes(data[-2:], "big"))
            if time.monotonic() - heard.get(door, -_AGAIN_S) >= _AGAIN_S:
                heard[door] = time.monotonic()
                yield door


def serve(host: str, port: int, offers: list[Offer], progress: Callable[[str, int, int], None]) -> Served:
    """Bring a badge whose door is open what it lacks; errors are in the result.

    ``progress`` is called with (the publisher's name, bytes that the badge holds, bytes in all). The badge
    shuts its door when the computer has left, and matches what it took.
    """
    result = Served(f"{host}:{port}")
    try:
        transport = TcpTransport(host, port)
    except PortError as error:
        result.error = str(error)
        return result
    try:
        badge = Badge(transport)
        info = badge.request("info")
        if info.get("protocol") != frame.VERSION:
            raise BadgeError("protocol", f"the badge speaks console protocol {info.get('protocol')}")
        for known in info["publishers"]:
            _bring(badge, known, offers, result, progress)
    except BadgeError as error:
        result.error = str(error)
    finally:
        transport.close()
    return result


def _bring(
    badge: Badge,
    known: dict[str, Any],
    offers: list[Offer],
    result: Served,
    progress: Callable[[str, int, int], None],
) -> None:
    """Bring one publisher's list if the badge lacks it."""
    outcome: dict[str, Any] = {"publisher": known["id"], "published_at": known["published_at"]}
    result.publishers.append(outcome)
    offer = next((one for one in offers if one.publisher == known["id"]), None)
    if offer is None or known["pending"]:
        return
    found = offer.best(known["published_at"])
    if found is None:
        return
    data, header = found
    try:
        badge.put(
            "publication", data, lambda done, total: progress(offer.name, done, total), publisher=known["id"]
        )
        outcome["published_at"] = header.published_at
        outcome["brought"] = len(data)
    except BadgeError as error:
        if error.error == "timeout":
            raise
        outcome["error"] = str(error)
