"""Files that come in over the console in pieces, and the one that may go out.

An incoming file lies in ``put`` with its description in ``put.about``, so that a transfer that
was cut off, even by a restart, goes on where it stopped if the same file is put again.
"""

import binascii
import hashlib
import os
import struct
import time

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from typing import BinaryIO

    from badge.storage import Storage

_FILE = "put"
_READ_LEN = const(512)
_OFFER_MS = const(120_000)  # the owner consented to this transfer, not to a later one
_CHUNK_LEN = const(512)
# A littlefs block. What came after the last whole one is sent again after a power cut.
_BLOCK_LEN = const(4096)
_POINTER_LEN = const(4)
_NOTHING = memoryview(b"")


class RequestError(Exception):
    """A request that is not carried out. The message names the field at fault and what to do."""


class Transfer:
    """One file coming in at a time, and one going out. ``name``: the incoming file's in the storage."""

    def __init__(self, storage: "Storage", name: str = _FILE) -> None:
        self._storage = storage
        self.name = name
        self._about: "dict" = storage.load_json(self._about_name, {})
        self._stream: "BinaryIO | None" = None
        self._held = self._stored = self._size()  # taken; of these, in the file
        self._piece = _NOTHING
        self._failure: "OSError | None" = None
        self._block_end = 0
        self._offered = b""
        self._offered_ms = 0

    @property
    def _about_name(self) -> str:
        return self.name + ".about"

    @property
    def what(self) -> str:
        """What the incoming file is: descriptor or publication."""
        return self._about.get("what", "")

    @property
    def publisher(self) -> str:
        """The ID of the publisher whose publication it is."""
        return self._about.get("publisher", "")

    def begin(self, what: str, publisher: str, size: int, sha256: str) -> int:
        """Announce a file; return how many of its bytes are held already."""
        about = {"what": what, "publisher": publisher, "size": size, "sha256": sha256}
        self.close()
        if about != self._about:
            self.clear()
            self._storage.save_json(self._about_name, about)
            self._about = about
        self._failure = None
        self._held = self._stored = self._size()
        return self._held

    def data(self, payload: bytes) -> int:
        """Take a piece that begins with its offset (4 bytes, big-endian); return the bytes held.

        A piece that is not the next one changes nothing: the answer tells where to go on. The piece is held
        in memory until ``store``, so that the answer does not wait for the flash; what went wrong there, the
        next piece reports as OSError.
        """
        if not self._about:
            raise RequestError("data: announce the file with put first")
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if len(payload) < 5:
            raise RequestError("data: empty")
        (offset,) = struct.unpack(">I", payload[:4])
        if offset != self._held:
            return self._held
        piece = memoryview(payload)[4:]
        if offset + len(piece) > self._about["size"]:
            raise RequestError("data: more bytes than were announced")
        self._piece = piece
        self._held += len(piece)
        return self._held

    def store(self) -> None:
        """Append the piece that was taken last; close, which makes it durable, at the end of each block."""
        piece, self._piece = self._piece, _NOTHING
        try:
            while piece:
                if self._stream is None:
                    self._open()
                count = min(len(piece), self._block_end - self._stored)
                self._stream.write(piece[:count])  # type: ignore[union-attr]  opened just before
                self._stored += count
                piece = piece[count:]
                if self._stored in (self._block_end, self._about["size"]):
                    self.close()
        except OSError as error:
            self.close()
            self._held = self._stored = self._size()
            self._failure = error

    def check(self) -> None:
        """RequestError unless the whole file has come and its hash is right; a wrong one is removed."""
        self.close()
        if not self._about:
            raise RequestError("end: nothing was put")
        if self._size() != self._about["size"]:
            raise RequestError("end: %d of %d bytes have come" % (self._size(), self._about["size"]))
        digest = hashlib.sha256()
        with open(self._storage.path(self.name), "rb") as stream:
            while True:
                piece = stream.read(_READ_LEN)
                if not piece:
                    break
                digest.update(piece)
        if binascii.hexlify(digest.digest()).decode() != self._about["sha256"]:
            self.clear()
            raise RequestError("sha256: the file was damaged on its way; put it again")

    def content(self) -> bytes:
        """Return the whole incoming file."""
        with open(self._storage.path(self.name), "rb") as stream:
            return stream.read()

    def text(self) -> str:
        """Return the incoming file as text; RequestError when it is not UTF-8."""
        try:
            return self.content().decode()
        except (UnicodeError, ValueError):
            raise RequestError("descriptor: not UTF-8")

    def clear(self) -> None:
        """Forget the incoming file; one that was renamed in the meantime stays where it is."""
        self.close()
        self._about = {}
        self._held = self._stored = 0
        self._storage.remove(self._about_name)
        self._storage.remove(self.name)

    def offer(self, data: "bytes | bytearray") -> str:
        """Let ``data`` be fetched in chunks; return its SHA-256 in hexadecimal."""
        self._offered = bytes(data)
        self._offered_ms = time.ticks_ms()
        return self.digest(self._offered)

    def digest(self, data: "bytes | bytearray") -> str:
        """Return the SHA-256 of ``data`` in hexadecimal."""
        return binascii.hexlify(hashlib.sha256(data).digest()).decode()

    def get(self, offset: int) -> bytes:
        """Return up to 512 bytes from ``offset`` of what is offered."""
        if time.ticks_diff(time.ticks_ms(), self._offered_ms) > _OFFER_MS:
            self.withdraw()
        if not self._offered:
            raise RequestError("get: nothing is offered; ask for a report first")
        return self._offered[offset : offset + _CHUNK_LEN]

    def withdraw(self) -> None:
        """Offer nothing any more."""
        self._offered = b""

    def _open(self) -> None:
        self._stream = open(self._storage.path(self.name), "ab")  # noqa: SIM115  open over many pieces
        blocks = self._stored // _BLOCK_LEN + 1
        while _capacity(blocks) <= self._stored:
            blocks += 1
        self._block_end = _capacity(blocks)

    def close(self) -> None:
        """Let go of the file; what has come of it stays."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _size(self) -> int:
        if not self._storage.exists(self.name):
            return 0
        return os.stat(self._storage.path(self.name))[6]


def _capacity(blocks: int) -> int:
    """Return how many bytes of a file fit into ``blocks`` of littlefs.

    Each block but the first begins with pointers to earlier ones (littlefs, DESIGN.md, CTZ skip lists).
    An append to a block that is not full makes littlefs copy it to another, and the line waits for the erase.
    """
    pointers = 2 * (blocks - 1)
    rest = blocks - 1
    while rest:
        pointers -= rest & 1
        rest >>= 1
    return _BLOCK_LEN * blocks - _POINTER_LEN * pointers


def whole_number(request: dict, name: str, least: int, most: int) -> int:
    """Return a field of a request; RequestError unless it is a whole number in this range."""
    value = request.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RequestError("%s: a whole number from %d to %d expected" % (name, least, most))
    return value
