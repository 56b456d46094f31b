"""``esp32`` of the ESP32 port: the NVS, kept in a file; what was not committed is lost with the power.

Errors are those of ESP-IDF's nvs.h, raised as the port raises them: OSError(-code, name).
"""

import struct
from binascii import crc32

from micropython import const
from simlink import link

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from typing import BinaryIO, NoReturn

_NOT_FOUND = (0x1102, "ESP_ERR_NVS_NOT_FOUND")
_TYPE_MISMATCH = (0x1103, "ESP_ERR_NVS_TYPE_MISMATCH")
_NOT_ENOUGH_SPACE = (0x1105, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")
_INVALID_NAME = (0x1106, "ESP_ERR_NVS_INVALID_NAME")
_KEY_TOO_LONG = (0x1109, "ESP_ERR_NVS_KEY_TOO_LONG")
_INVALID_LENGTH = (0x110C, "ESP_ERR_NVS_INVALID_LENGTH")

_I32 = const(0x14)
_BLOB = const(0x42)
_WEAR = const(10)  # see simlink
_NAME_CHARS = const(15)
# A partition of 24 KiB: six pages of 126 entries of 32 bytes, one page always free.
_ENTRIES = const(5 * 126)
_MAGIC = b"NVS1"

_file: "BinaryIO" = None  # type: ignore[assignment]  # opened by simstart before the computer's file system goes
_live = {}  # (namespace, key): (type, bytes)


def attach(stream: "BinaryIO") -> None:
    """Take the file that stands for the partition and read it; one that is new or torn counts as erased."""
    global _file
    _file = stream
    _live.update(_load())


def _load() -> dict:
    _file.seek(0)
    head = _file.read(12)
    found = {}
    if not head or len(head) < 12 or head[:4] != _MAGIC:
        return found
    length, crc = struct.unpack_from("<II", head, 4)
    body = _file.read(length)
    if len(body) < length or crc32(body) != crc:
        return found
    at = 0
    while at < length:
        names, keys, kind, size = struct.unpack_from("<BBBH", body, at)
        at += 5
        name, key = body[at : at + names].decode(), body[at + names : at + names + keys].decode()
        at += names + keys
        found[(name, key)] = (kind, body[at : at + size])
        at += size
    return found


def _fail(error: "tuple[int, str]") -> "NoReturn":
    raise OSError(-error[0], error[1])


def _entries(kind: int, size: int) -> int:
    return 1 if kind == _I32 else 2 + (size + 31) // 32


class NVS:
    """One namespace of the NVS."""

    def __init__(self, namespace: str) -> None:
        if not 0 < len(namespace) <= _NAME_CHARS:
            _fail(_INVALID_NAME if not namespace else _KEY_TOO_LONG)
        self._name = namespace

    def _get(self, key: str, kind: int) -> bytes:
        found = _live.get((self._name, key))
        if found is None:
            _fail(_NOT_FOUND)
        if found[0] != kind:
            _fail(_TYPE_MISMATCH)
        return found[1]

    def _set(self, key: str, kind: int, data: bytes) -> None:
        if not key:
            _fail(_INVALID_NAME)
        if len(key) > _NAME_CHARS:
            _fail(_KEY_TOO_LONG)
        before = _live.get((self._name, key))
        if before and before[0] != kind:
            _fail(_TYPE_MISMATCH)
        used = sum(_entries(t, len(d)) for t, d in _live.values())
        if used + _entries(kind, len(data)) > _ENTRIES:  # the old one goes after the new one is there
            _fail(_NOT_ENOUGH_SPACE)
        _live[(self._name, key)] = (kind, data)

    def get_i32(self, key: str) -> int:
        """Return the number under ``key``."""
        return struct.unpack("<i", self._get(key, _I32))[0]

    def set_i32(self, key: str, value: int) -> None:
        """Keep a number of 32 bits with a sign."""
        if not -(1 << 31) <= value < 1 << 31:
            raise OverflowError("overflow converting long int to machine word")
        self._set(key, _I32, struct.pack("<i", value))

    def get_blob(self, key: str, buffer: bytearray) -> int:
        """Copy the bytes under ``key`` into ``buffer``; return how many they are."""
        data = self._get(key, _BLOB)
        if len(data) > len(buffer):
            _fail(_INVALID_LENGTH)
        buffer[: len(data)] = data
        return len(data)

    def set_blob(self, key: str, data: bytes) -> None:
        """Keep bytes."""
        self._set(key, _BLOB, bytes(data))

    def erase_key(self, key: str) -> None:
        """Forget ``key``."""
        if _live.pop((self._name, key), None) is None:
            _fail(_NOT_FOUND)

    def commit(self) -> None:
        """Put what this namespace holds into flash."""
        body = bytearray()
        for kept, mine in ((_load(), False), (_live, True)):
            for (name, key), (kind, data) in kept.items():
                if (name == self._name) is mine:
                    body += struct.pack("<BBBH", len(name), len(key), kind, len(data))
                    body += name.encode() + key.encode() + data
        link.flash_write()
        link.emit(_WEAR, b"\xff\xff")
        _file.seek(0)
        _file.write(_MAGIC + struct.pack("<II", len(body), crc32(body)) + body)
        _file.flush()
