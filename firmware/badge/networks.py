"""What the owner told the badge about Wi-Fi, over USB and with the button. Loaded only while it is needed.

One state file: networks (``ssid``, ``key``), pinned keys by host, the time server, the door's port. Keys are
never read back: requests can add and forget, and learn how many there are. Authorities for HTTPS, DER one
after the other, are a file beside it.
"""

from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from badge.storage import Storage

FILE = "wifi"
UNSENT = "unsent"  # the state file that tells of a report which its publisher may not have yet
_AUTHORITIES = "wifi.ca"
_MOST_NETWORKS = const(8)
_MOST_PINS = const(8)
_MAX_SSID_BYTES = const(32)
_MIN_KEY_LEN = const(8)
_MAX_KEY_LEN = const(63)
_MAX_HOST_LEN = const(128)
_MAX_CERTIFICATE_LEN = const(4092)
_PIN_LEN = const(64)
_TIME_SERVER = "pool.ntp.org"
_DOOR_PORT = const(21589)


def load(storage: "Storage") -> dict:
    """Return the configuration: ``networks``, ``pins``, ``time_server``, ``door_port``."""
    return storage.load_json(
        FILE, {"networks": [], "pins": {}, "time_server": _TIME_SERVER, "door_port": _DOOR_PORT}
    )


def change(storage: "Storage", request: dict) -> dict:
    """Return the configuration as it will be after one request; FormatError names the field at fault.

    ``ssid`` with ``key`` (empty for an open network) adds a network or replaces its key; with ``forget``:
    true, it is forgotten. ``host`` with ``pin`` (64 hexadecimal digits) pins a key, with ``forget`` removes
    the pin. ``time_server`` and ``door_port`` replace theirs.
    """
    config = load(storage)
    is_forgotten = request.get("forget") is True
    if "ssid" in request:
        _change_network(config, request, is_forgotten)
    elif "host" in request:
        _change_pin(config, request, is_forgotten)
    elif "time_server" in request:
        config["time_server"] = _text(request, "time_server", _MAX_HOST_LEN)
    elif "door_port" in request:
        port = request["door_port"]
        if not isinstance(port, int) or isinstance(port, bool) or not 1024 <= port <= 65535:
            raise FormatError("door_port: a number from 1024 to 65535 expected")
        config["door_port"] = port
    else:
        raise FormatError("wifi: ssid, host, time_server or door_port expected")
    return config


def configure(storage: "Storage", request: dict) -> dict:
    """Let the change of a request take effect; return how much is configured, and nothing of what."""
    config = change(storage, request)
    storage.save_json(FILE, config)
    return {
        "networks": len(config["networks"]),
        "pins": len(config["pins"]),
        "authorities": sum([1 for _ in authorities(storage)]),
    }


def authorities(storage: "Storage") -> "Iterator[bytes]":
    """Yield the DER certificates that are trusted for HTTPS, one at a time."""
    return _certificates(storage.path(_AUTHORITIES)) if storage.exists(_AUTHORITIES) else iter(())


def take_authorities(storage: "Storage", name: str) -> dict:
    """Let the file ``name``, DER certificates one after the other, replace the authorities.

    Return how many they are. FormatError when the file is not that.
    """
    from cx.x509 import Certificate

    count = 0
    for certificate in _certificates(storage.path(name)):
        Certificate(certificate)
        count += 1
    storage.rename(name, _AUTHORITIES)
    return {"authorities": count}


def _certificates(path: str) -> "Iterator[bytes]":
    """Yield the elements of a row of DER SEQUENCEs."""
    with open(path, "rb") as stream:
        while True:
            head = stream.read(4)
            if not head:
                return
            if len(head) < 4 or head[:2] != b"\x30\x82":
                raise FormatError("authorities: DER certificates expected, one after the other")
            length = head[2] << 8 | head[3]
            body = stream.read(length) if length <= _MAX_CERTIFICATE_LEN else b""
            if len(body) < length:
                raise FormatError("authorities: a certificate is cut off, or longer than 4 KiB")
            yield head + body


def _change_network(config: dict, request: dict, is_forgotten: bool) -> None:
    ssid = _text(request, "ssid", _MAX_SSID_BYTES)
    others = [known for known in config["networks"] if known["ssid"] != ssid]
    if not is_forgotten:
        key = request.get("key")
        is_hex = isinstance(key, str) and len(key) == 64
        if not isinstance(key, str) or (key and not is_hex and not _MIN_KEY_LEN <= len(key) <= _MAX_KEY_LEN):
            raise FormatError("key: %d to %d characters, or empty" % (_MIN_KEY_LEN, _MAX_KEY_LEN))
        if len(others) >= _MOST_NETWORKS:
            raise RefusedError("ssid: this badge keeps at most %d networks" % _MOST_NETWORKS)
        others.append({"ssid": ssid, "key": key})
    elif len(others) == len(config["networks"]):
        raise RefusedError("ssid: this badge does not know that network")
    config["networks"] = others


def _change_pin(config: dict, request: dict, is_forgotten: bool) -> None:
    host = _text(request, "host", _MAX_HOST_LEN).lower()
    pins = config["pins"]
    if is_forgotten:
        if host not in pins:
            raise RefusedError("host: this badge has no pin for it")
        del pins[host]
        return
    pin = _text(request, "pin", _PIN_LEN).lower()
    if len(pin) != _PIN_LEN or any(digit not in "0123456789abcdef" for digit in pin):
        raise FormatError("pin: %d hexadecimal digits expected" % _PIN_LEN)
    if host not in pins and len(pins) >= _MOST_PINS:
        raise RefusedError("host: this badge keeps at most %d pins" % _MOST_PINS)
    pins[host] = pin


def _text(request: "dict[str, Any]", name: str, most_bytes: int) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not 0 < len(value.encode()) <= most_bytes:
        raise FormatError("%s: text of 1 to %d bytes expected" % (name, most_bytes))
    return value
