"""Strict DER from a file larger than RAM, read twice, where the second reading is tied to the first.

``FirstPass`` reads the stream once from the start in blocks of 1 KiB. It computes the SHA-256 of one range of
it (the signed content), and for every chunk of 16 KiB keeps 16 bytes: the truncated hash of its blocks'
hashes. ``SecondPass`` reads any block again. Before the first block of a chunk is used, the whole chunk is
read and compared with what was kept; the blocks' hashes of that one chunk then tie each of its blocks, as it
is read. So a byte that changed between the two passes, in whatever way, is never handed out.

A stream needs ``seek(offset)`` and ``readinto(buffer)``, as files have: a file on flash, or a transfer of
which any part can be asked for again. RAM: one block of 1 KiB for each pass that is alive, and 16 bytes for
each 16 KiB.
"""

import hashlib

from cx import der
from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError, SignatureError

if TYPE_CHECKING:
    from typing import Protocol

    class Stream(Protocol):
        """A binary file open for reading."""

        def seek(self, __offset: int) -> object:
            """Go to this many bytes from the start."""
            ...

        def readinto(self, __buffer: memoryview) -> "int | None":
            """Fill the buffer or its start; return how many bytes came, 0 at the end."""
            ...


_BLOCK_BYTES = const(1024)
_BLOCKS = const(16)  # in a chunk of 16 KiB
_HASH_BYTES = const(16)
_PIECE_BYTES = const(256)  # of the list of chunk hashes, which grows without being moved
_ANY_LENGTH = const(0x3FFFFFFF)  # the greatest small integer where they have 31 bits


def _fill(stream: "Stream", buffer: memoryview) -> int:
    """Read until ``buffer`` is full or the stream ends; return the number of bytes read."""
    count = 0
    while count < len(buffer):
        more = stream.readinto(buffer[count:])
        if not more:
            break
        count += more
    return count


def _block_hash(block: memoryview) -> bytes:
    return hashlib.sha256(block).digest()[:_HASH_BYTES]


class _Blocks:
    """One block of a stream in RAM. ``load`` brings another; ``data`` is what is there of it."""

    def __init__(self, stream: "Stream") -> None:
        self._stream = stream
        self._buffer = memoryview(bytearray(_BLOCK_BYTES))
        self._index = -1
        self.data = self._buffer[:0]

    def load(self, index: int) -> None:
        """Bring block ``index`` (may be short at the end of the stream, or empty after it)."""
        raise NotImplementedError


class FirstPass(_Blocks):
    """Reads a stream from the start, once and in order, hashing what goes by."""

    def __init__(self, stream: "Stream") -> None:
        super().__init__(stream)
        self._chunk = hashlib.sha256()
        self.chunk_hashes: list[bytearray] = []
        self._content = hashlib.sha256()
        self._start = self._end = _ANY_LENGTH
        stream.seek(0)

    def load(self, index: int) -> None:
        """Bring block ``index``, reading all blocks before it."""
        while self._index < index:
            self._hash_content()
            self._index += 1
            self.data = self._buffer[: _fill(self._stream, self._buffer)]
            self._chunk.update(_block_hash(self.data))
            if self._index % _BLOCKS == _BLOCKS - 1 or len(self.data) < _BLOCK_BYTES:
                self._keep(self._index // _BLOCKS * _HASH_BYTES)
            if len(self.data) < _BLOCK_BYTES:
                break

    def _keep(self, place: int) -> None:
        """Write the hash of the chunk that ends here at ``place`` of the joined pieces."""
        place %= _PIECE_BYTES
        if not place:
            self.chunk_hashes.append(bytearray(_PIECE_BYTES))
        self.chunk_hashes[-1][place : place + _HASH_BYTES] = self._chunk.digest()[:_HASH_BYTES]
        self._chunk = hashlib.sha256()

    def watch(self, start: int, end: int) -> None:
        """Hash the bytes from ``start``, which has not gone by, to ``end``."""
        self._start, self._end = start, end

    def _hash_content(self) -> None:
        """Hash what the block in RAM has of the watched range."""
        offset = self._index * _BLOCK_BYTES
        start = max(self._start - offset, 0)
        end = min(self._end - offset, len(self.data))
        if start < end:
            self._content.update(self.data[start:end])

    def digest(self) -> bytes:
        """Return the SHA-256 of the watched range, once, when the reader is past its end."""
        self.load((self._end - 1) // _BLOCK_BYTES)
        self._hash_content()
        self._start = self._end = _ANY_LENGTH
        return self._content.digest()

    def finish(self, size: int, what: str) -> None:
        """Check that the stream has exactly ``size`` bytes."""
        self.load(size // _BLOCK_BYTES)
        length = self._index * _BLOCK_BYTES + len(self.data)
        if length < size:
            raise FormatError(what + ": cut off after " + str(length) + " of " + str(size) + " bytes")
        if length > size:
            raise FormatError(what + ": unexpected bytes after the document, at byte " + str(size))


class SecondPass(_Blocks):
    """Reads any block of a stream, and hands out nothing but what the first pass has seen."""

    def __init__(self, stream: "Stream", chunk_hashes: "list[bytearray]") -> None:
        super().__init__(stream)
        self._chunk_hashes = chunk_hashes
        self._chunk = -1
        self._hashes = bytearray(_BLOCKS * _HASH_BYTES)

    def load(self, index: int) -> None:
        """Bring block ``index``; raise ``SignatureError`` if it is not what the first pass read."""
        if index == self._index:
            return
        self._index = -1
        chunk, place = divmod(index, _BLOCKS)
        if chunk != self._chunk:
            self._check_chunk(chunk)
        self._read(index)
        if _block_hash(self.data) != self._hashes[place * _HASH_BYTES : (place + 1) * _HASH_BYTES]:
            raise SignatureError("the document changed after its signature was checked: fetch it again")
        self._index = index

    def _read(self, index: int) -> None:
        self._stream.seek(index * _BLOCK_BYTES)
        self.data = self._buffer[: _fill(self._stream, self._buffer)]

    def _check_chunk(self, chunk: int) -> None:
        self._chunk = -1
        whole = hashlib.sha256()
        for place in range(_BLOCKS):
            self._read(chunk * _BLOCKS + place)
            digest = _block_hash(self.data)
            self._hashes[place * _HASH_BYTES : (place + 1) * _HASH_BYTES] = digest
            whole.update(digest)
            if len(self.data) < _BLOCK_BYTES:
                break
        piece, place = divmod(chunk * _HASH_BYTES, _PIECE_BYTES)
        known = self._chunk_hashes[piece] if piece < len(self._chunk_hashes) else b""
        if whole.digest()[:_HASH_BYTES] != known[place : place + _HASH_BYTES]:
            raise SignatureError("the document changed after its signature was checked: fetch it again")
        self._chunk = chunk


class StreamReader(der.Reader):
    """``der.Reader`` over a pass: the same methods, but what they return are copies.

    ``position`` may be set to go elsewhere on a second pass; ``end`` is then the caller's to set too.
    """

    def __init__(self, blocks: _Blocks) -> None:
        super().__init__(b"")
        self._blocks = blocks
        self.end = _ANY_LENGTH  # until the outermost element is entered

    def _octet(self) -> int:
        self._blocks.load(self.position // _BLOCK_BYTES)
        place = self.position % _BLOCK_BYTES
        if place >= len(self._blocks.data):
            raise FormatError("the document is cut off at byte " + str(self.position))
        return self._blocks.data[place]

    def take(self, length: int) -> bytes:
        """Return the next ``length`` bytes as a copy: callers keep it short."""
        copy = bytearray(length)
        done = 0
        while done < length:
            self._octet()
            place = self.position % _BLOCK_BYTES
            part = self._blocks.data[place : place + length - done]
            copy[done : done + len(part)] = part
            done += len(part)
            self.position += len(part)
        return bytes(copy)

    def element(self, what: str, limit: int = 4096) -> bytes:
        """Return the next element whole. Its header, of which DER has one form, is written anew.

        A first pass cannot go back to the block in which the header began.
        """
        start = self.position
        tag, length = self.header(what)
        if tag > 0xFF:
            raise self.fail(what, "a long tag")
        self._bound(self.position - start + length, what, limit)
        return der.encode(tag, self.take(length))
