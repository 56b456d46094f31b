"""State files that are either wholly the old or wholly the new one, whenever the battery goes.

A file is written beside its place, closed (littlefs makes data durable only then) and
renamed over the old one, which littlefs does in one step. Layout: version (1 byte),
payload, CRC-32 of both (4 bytes, big-endian).
"""

import binascii
import json
import os
import struct

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from typing import Any

ROOT = "/data"
_VERSION = const(1)
_CRC_LEN = const(4)
_ENOENT = const(2)
_EEXIST = const(17)


class Storage:
    """The badge's folder of state files. ``lost`` names the files that were found damaged."""

    def __init__(self, root: str = ROOT) -> None:
        self._root = root
        self.lost: "list[str]" = []
        self.make_folder("")

    def path(self, name: str) -> str:
        """Return the full path of a file in this folder."""
        return self._root + "/" + name if name else self._root

    def make_folder(self, name: str) -> None:
        """Make a folder unless it is there."""
        try:
            os.mkdir(self.path(name))
        except OSError as error:
            if error.errno != _EEXIST:
                raise

    def exists(self, name: str) -> bool:
        """Tell whether a file is there."""
        try:
            os.stat(self.path(name))
        except OSError as error:
            if error.errno == _ENOENT:
                return False
            raise
        return True

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        if self.exists(name):
            os.remove(self.path(name))

    def rename(self, old: str, new: str) -> None:
        """Put ``old`` in the place of ``new`` in one step."""
        os.rename(self.path(old), self.path(new))

    def save(self, name: str, payload: "bytes | bytearray") -> None:
        """Replace a state file in one step."""
        beside = self.path(name + ".new")
        head = bytes([_VERSION])
        with open(beside, "wb") as stream:
            stream.write(head)
            stream.write(payload)
            stream.write(struct.pack(">I", binascii.crc32(payload, binascii.crc32(head))))
        os.rename(beside, self.path(name))

    def load(self, name: str) -> "bytearray | None":
        """Return a state file's payload, or None when it is missing or damaged (noted in ``lost``)."""
        if not self.exists(name):
            return None
        with open(self.path(name), "rb") as stream:
            data = bytearray(stream.read())
        end = len(data) - _CRC_LEN
        if end < 1 or data[0] != _VERSION or struct.unpack(">I", data[end:])[0] != binascii.crc32(data[:end]):
            self.lost.append(name)
            return None
        return data[1:end]

    def save_json(self, name: str, value: "Any") -> None:
        """Replace a state file by a value as JSON."""
        self.save(name, json.dumps(value).encode())

    def load_json(self, name: str, default: "Any") -> "Any":
        """Return a JSON state file's value, or ``default`` when it is missing or damaged."""
        payload = self.load(name)
        if payload is None:
            return default
        return json.loads(bytes(payload))
