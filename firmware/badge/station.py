"""Joining a known Wi-Fi network as somebody that nobody has seen before. Loaded only while it is needed.

Wi-Fi must not undo what the radio does: the address and the host name are drawn for each connection, and the
names of known networks are never sent out: the badge looks who is there, and joins only whom it knows.
"""

import asyncio
import os
import time

import network

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable

_JOIN_MS = const(15_000)
_POLL_MS = const(100)
_LOCAL = const(0x02)  # IEEE 802: a locally administered address
_GROUP = const(0x01)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NAME_LEN = const(10)


class AbsentError(Exception):
    """No known network is near; for a badge that is carried about, nothing is wrong."""


class StationError(Exception):
    """A known network is near, but did not let this badge in, or the radio did not do what it was told."""


async def join(networks: "list[dict]", left_ms: "Callable[[], int]") -> str:
    """Switch Wi-Fi on and join the strongest of ``networks`` (dicts of ``ssid``, ``key``).

    Return the network's broadcast address.

    AbsentError or StationError when that is not possible. ``leave`` must be called afterwards in any case.
    """
    station = network.WLAN(network.STA_IF)
    station.active(False)
    station.active(True)
    _become_nobody(station)
    known = _strongest(station, networks)
    if known is None:
        raise AbsentError("no known network is near")
    station.connect(known["ssid"], known["key"] or None)
    start = time.ticks_ms()
    while not station.isconnected():
        if time.ticks_diff(time.ticks_ms(), start) > _JOIN_MS or left_ms() <= 0:
            raise StationError("the network did not answer")
        if station.status() not in (network.STAT_CONNECTING, network.STAT_IDLE, network.STAT_GOT_IP):
            raise StationError("the network did not let this badge in, status %d" % station.status())
        await asyncio.sleep_ms(_POLL_MS)
    address, mask = station.ifconfig()[:2]
    return _broadcast_address(address, mask)


def leave() -> None:
    """Switch Wi-Fi off, which also frees its memory."""
    station = network.WLAN(network.STA_IF)
    try:
        station.disconnect()
    except OSError:  # it was not connected
        pass
    station.active(False)


def _become_nobody(station: "network.WLAN") -> None:
    """Take a random address and host name, before anything is sent. StationError when the radio refuses."""
    address = bytearray(os.urandom(6))
    address[0] = address[0] & ~_GROUP & 0xFF | _LOCAL
    station.config(mac=bytes(address))
    if station.config("mac") != bytes(address):
        raise StationError("the radio did not take a new address")
    network.hostname("".join([_LETTERS[value % 26] for value in os.urandom(_NAME_LEN)]))


def _strongest(station: "network.WLAN", networks: "list[dict]") -> "dict | None":
    found, strongest = None, -1000
    for entry in station.scan():
        for known in networks:
            if entry[0] == known["ssid"].encode() and entry[3] > strongest:
                found, strongest = known, entry[3]
    return found


def _broadcast_address(address: str, mask: str) -> str:
    bits = mask.split(".")
    octets = [int(octet) | ~int(bits[place]) & 255 for place, octet in enumerate(address.split("."))]
    return ".".join([str(octet) for octet in octets])
