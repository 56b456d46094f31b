"""``network`` of the ESP32 port, station only, with access points that the simulation names.

Source: ports/esp32/network_wlan.c of MicroPython 1.29; the address is changed only while the station is on
and not connected, as ESP-IDF has it. A badge in virtual time finds no access point.
"""

import simlink
from fake_time import sleep_ms
from micropython import const
from simlink import link

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from typing import Any

STA_IF = const(0)
STAT_IDLE = const(1000)
STAT_CONNECTING = const(1001)
STAT_GOT_IP = const(1010)
STAT_NO_AP_FOUND = const(201)
STAT_WRONG_PASSWORD = const(202)

_SCAN_MS = const(2000)
_MAX_HOSTNAME = const(32)
_ESP_ERR_WIFI_NOT_STARTED = const(0x3002)
_ESP_ERR_WIFI_CONN = const(0x3007)
_RSSI = const(-60)
_WPA2 = const(3)

# What an access point saw: (address, host name, network), newest last.
seen: "list[tuple[bytes, str, str]]" = []

_hostname = "mpy-esp32"


def hostname(name: "str | None" = None) -> str:
    """Return the host name, after setting it if one is given."""
    global _hostname
    if name is not None:
        if not 0 < len(name) <= _MAX_HOSTNAME:
            raise ValueError
        _hostname = name
    return _hostname


def is_connected() -> bool:
    """Tell whether sockets lead anywhere."""
    return WLAN(STA_IF)._status == STAT_GOT_IP


class WLAN:
    """The one station of the chip: every ``WLAN(STA_IF)`` is the same object."""

    _station = None

    def __new__(cls, interface: int = STA_IF) -> "WLAN":
        """Return the one object."""
        if interface != STA_IF:
            raise NotImplementedError("a badge is never an access point")
        if cls._station is None:
            cls._station = object.__new__(cls)
            cls._station._on = False
            cls._station._status = STAT_IDLE
            cls._station._mac = link.mac
        return cls._station

    def _need_active(self) -> None:
        if not self._on:
            raise OSError(_ESP_ERR_WIFI_NOT_STARTED)

    def active(self, on: "bool | None" = None) -> bool:
        """Switch the radio; return whether it is on."""
        if on is not None:
            self._on = bool(on)
            if not on:
                self._status = STAT_IDLE
                simlink.has_tls = False
        return self._on

    def config(self, *names: str, **values: "Any") -> "Any":
        """Ask for ``mac``, or set ``mac`` (6 bytes) or ``reconnects``."""
        self._need_active()
        if not values:
            if names != ("mac",):
                raise ValueError("unknown config param")
            return self._mac
        for name, value in values.items():
            if name == "mac":
                if len(value) != 6:
                    raise ValueError("invalid buffer length")
                if self._status != STAT_IDLE or value[0] & 1:
                    raise OSError(_ESP_ERR_WIFI_CONN)
                self._mac = bytes(value)
            elif name != "reconnects":
                raise ValueError("unknown config param")
        return None

    def scan(self) -> "list[tuple]":
        """Return (ssid, bssid, channel, rssi, authmode, hidden) of each access point. Blocks."""
        self._need_active()
        if self._status != STAT_IDLE:
            raise OSError(_ESP_ERR_WIFI_CONN)
        points = getattr(link, "access_points", None) or {}
        sleep_ms(10 if points else _SCAN_MS)
        return [(ssid.encode(), b"\x02\0\0\0\0\1", 1, _RSSI, _WPA2, False) for ssid in points]

    def connect(self, ssid: "str | bytes", key: "str | bytes | None" = None) -> None:
        """Begin to connect."""
        self._need_active()
        if self._status != STAT_IDLE:
            raise OSError(_ESP_ERR_WIFI_CONN)
        ssid = ssid.decode() if isinstance(ssid, bytes) else ssid
        key = key.decode() if isinstance(key, bytes) else key
        points = getattr(link, "access_points", None) or {}
        if ssid not in points:
            self._status = STAT_NO_AP_FOUND
        elif points[ssid] != (key or ""):
            self._status = STAT_WRONG_PASSWORD
        else:
            seen.append((self._mac, _hostname, ssid))
            self._status = STAT_GOT_IP

    def disconnect(self) -> None:
        """Leave the access point."""
        self._need_active()
        self._status = STAT_IDLE

    def status(self) -> int:
        """Return one of the STAT constants."""
        return self._status

    def isconnected(self) -> bool:
        """Tell whether there is a connection with an address."""
        return self._status == STAT_GOT_IP

    def ifconfig(self) -> "tuple[str, str, str, str]":
        """Return (address, netmask, gateway, name server)."""
        if self._status != STAT_GOT_IP:
            return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")  # noqa: S104  what the port says
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")
