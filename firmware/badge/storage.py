"""State files that are either wholly the old or wholly the new one, whenever the battery goes.

A file is written beside its place, closed (littlefs makes data durable only then) and
renamed over the old one, which littlefs does in one step. Layout: version (1 byte),
payload, CRC-32 of both (4 bytes, big-endian).
"""

import asyncio
import binascii
import json
import os
import struct

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ROOT = "/data"
_VERSION = const(1)
_CRC_LEN = const(4)
_FILLER = "filler"
_PIECE_LEN = const(512)
_KEPT_FREE = const(64)
_MOST_LOST = const(8)
_MOST_ROOM = const(2)
_ENOENT = const(2)
_EEXIST = const(17)
_ENOSPC = const(28)


class Storage:
    """The badge's folder of state files.

    ``lost`` names the first eight files that were found damaged, of another version, or could not
    be written; the badge goes on without them. ``make_room`` is called when the file system is full, to
    free at least a block; it returns whether it could.
    """

    def __init__(self, root: str = ROOT) -> None:
        self._root = root
        self.lost: "list[str]" = []
        self.make_room: "Callable[[], bool]" = bool
        self.make_folder("")
        self._remove_filler()  # of a battery that was pulled

    def path(self, name: str) -> str:
        """Return the full path of a file in this folder."""
        return self._root + "/" + name if name else self._root

    def make_folder(self, name: str) -> None:
        """Make a folder unless it is there; a full file system is noted, no error."""
        try:
            os.mkdir(self.path(name))
        except OSError as error:
            if error.errno in (_ENOSPC, _ENOENT):
                self.note_failure(name)
            elif error.errno != _EEXIST:
                raise

    def note_failure(self, name: str) -> None:
        """Note that a file was damaged or could not be written."""
        if name not in self.lost and len(self.lost) < _MOST_LOST:
            self.lost.append(name)

    def names(self, folder: str) -> "list[str]":
        """Return the names of the files in a folder, none if it could not be made."""
        try:
            return sorted(os.listdir(self.path(folder)))
        except OSError:
            return []

    def open(self, name: str, mode: str) -> "Any":
        """Open a file of this folder, ``mode`` a binary one; what is written is durable when it is closed."""
        return open(self.path(name), mode)

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
        """Replace a state file in one step; on a full file system ``make_room`` gives something up."""
        for _ in range(_MOST_ROOM):
            try:
                self._save(name, payload)
                return
            except OSError as error:
                if error.errno != _ENOSPC or not self.make_room():
                    raise
        self._save(name, payload)

    def _save(self, name: str, payload: "bytes | bytearray") -> None:
        beside = self.path(name + ".new")
        head = bytes([_VERSION])
        with open(beside, "wb") as stream:
            stream.write(head)
            stream.write(payload)
            stream.write(struct.pack(">I", binascii.crc32(payload, binascii.crc32(head))))
        os.rename(beside, self.path(name))

    def load(self, name: str) -> "bytearray | None":
        """Return a state file's payload; None when missing, damaged or of another version (see ``lost``)."""
        if not self.exists(name):
            return None
        data = bytearray()
        try:
            with open(self.path(name), "rb") as stream:
                data = bytearray(stream.read())
        except OSError:  # littlefs met a block that it cannot read
            self.note_failure(name)
        end = len(data) - _CRC_LEN
        if end < 1 or data[0] != _VERSION or struct.unpack(">I", data[end:])[0] != binascii.crc32(data[:end]):
            self.note_failure(name)
            return None
        return data[1:end]

    async def overwrite_free(self, kept_blocks: int = _KEPT_FREE) -> None:
        """Have the free blocks erased and written with zeros, in slices, for what lay in them.

        littlefs never writes in place, so what was removed or replaced stays in free blocks
        until they are taken again. It takes free blocks in turn: the ``kept_blocks`` that are left
        out, so that others can write meanwhile, are the next that they will get.
        """
        status = os.statvfs(self._root)
        free = status[3] if status[3] < status[2] else 0  # below zero, as littlefs may count, is huge here
        zeros = bytes(_PIECE_LEN)
        try:
            with open(self.path(_FILLER), "wb") as stream:
                for _ in range(max(free - kept_blocks, 0) * status[0] // _PIECE_LEN):
                    stream.write(zeros)
                    await asyncio.sleep_ms(0)
        except OSError:  # somebody else needed more than was left: enough for this time
            pass
        self._remove_filler()

    def _remove_filler(self) -> None:
        try:
            self.remove(_FILLER)
        except OSError:
            self.note_failure(_FILLER)

    def save_json(self, name: str, value: "Any") -> None:
        """Replace a state file by a value as JSON."""
        self.save(name, json.dumps(value).encode())

    def load_json(self, name: str, default: "Any") -> "Any":
        """Return a JSON state file's value, or ``default`` when it is missing or damaged."""
        payload = self.load(name)
        if payload is None:
            return default
        return json.loads(bytes(payload))
