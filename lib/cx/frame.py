"""The console's frames: what the companion and the badge say to each other over a byte stream.

One frame, see ``docs/console-protocol.md``::

    C3 58      start mark
    type       1 byte, one of the constants below
    sequence   1 byte; a reply carries the number of its request
    length     2 bytes, big-endian: of the payload
    payload    0 to the receiver's limit
    crc        4 bytes, big-endian: CRC-32 (ISO-HDLC) of type to payload

A receiver that meets noise, half a frame or a wrong CRC looks for the next start mark after
the failed one, and a badge forgets half a frame when nothing came for a second. A badge takes
frames of at most 240 bytes in all, which fit the 260-byte input ring of an ESP32.
"""

import binascii
import struct

from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

# From the companion
REQUEST = const(0x01)  # JSON object, or the last part of one
PART = const(0x02)  # the first parts of a JSON object that is longer than a frame
DATA = const(0x03)  # offset (4 bytes, big-endian) and a piece of the file being put
# From the badge
REPLY = const(0x81)  # JSON object
ERROR = const(0x82)  # JSON object: error, message
CHUNK = const(0x83)  # bytes of the file being got
WAITING = const(0x84)  # JSON object: what the badge waits for; the reply follows later

VERSION = const(1)  # of the console protocol
OVERHEAD = const(10)
MAX_TO_BADGE = const(230)  # payload bytes
MAX_FROM_BADGE = const(8192)
_MARK = b"\xc3\x58"
_MARK_0 = const(0xC3)
_MARK_1 = const(0x58)
_HEADER_LEN = const(6)


def encode(kind: int, sequence: int, payload: "bytes | bytearray | memoryview") -> bytes:
    """Return one whole frame; FormatError when the payload is over 65 535 bytes."""
    head, tail = ends(kind, sequence, payload)
    return head + bytes(payload) + tail


def ends(kind: int, sequence: int, payload: "bytes | bytearray | memoryview") -> "tuple[bytes, bytes]":
    """Return what stands before and after the payload in a frame; FormatError as ``encode``."""
    if len(payload) > 0xFFFF:
        raise FormatError("frame: payload too long")
    body = struct.pack(">BBH", kind, sequence, len(payload))
    return _MARK + body, struct.pack(">I", binascii.crc32(payload, binascii.crc32(body)))


class Decoder:
    """Finds frames in a stream of bytes, whatever stands between them.

    ``limit``: the largest payload taken, in bytes. The only memory held is one buffer of
    that size. ``dropped`` counts the bytes that belonged to no frame.
    """

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray(limit + OVERHEAD)
        self._limit = limit
        self._used = 0
        self.dropped = 0

    def frames(self, data: "bytes | bytearray | memoryview") -> "Iterator[tuple[int, int, bytes]]":
        """Take bytes; yield (type, sequence, payload) of each frame that is whole now.

        All of ``data`` is taken when the iteration has come to its end. What is done for each byte is
        done in C: the badge has 87 microseconds for one.
        """
        view = memoryview(data)
        at = 0
        while at < len(view):
            count = min(len(self._buffer) - self._used, len(view) - at)
            self._buffer[self._used : self._used + count] = view[at : at + count]
            self._used += count
            at += count
            # A full buffer always gives a frame or loses its first byte, so there is room again.
            frame = self._next()
            while frame is not None:
                yield frame
                frame = self._next()

    def reset(self) -> None:
        """Forget half a frame: its other half is not coming any more."""
        self.dropped += self._used
        self._used = 0

    def _next(self) -> "tuple[int, int, bytes] | None":
        while self._used:
            size = self._expected()
            if size > self._used:
                return None
            if size:
                frame = self._whole(size)
                if frame is not None:
                    self._discard(size)
                    return frame
            self._resynchronise()
        return None

    def _expected(self) -> int:
        """Return how many bytes the frame at the buffer's start needs; 0 if none can start there."""
        buffer = self._buffer
        if buffer[0] != _MARK_0 or (self._used > 1 and buffer[1] != _MARK_1):
            return 0
        if self._used < _HEADER_LEN:
            return _HEADER_LEN
        length = buffer[4] << 8 | buffer[5]
        return length + OVERHEAD if length <= self._limit else 0

    def _whole(self, size: int) -> "tuple[int, int, bytes] | None":
        view = memoryview(self._buffer)
        (crc,) = struct.unpack(">I", view[size - 4 : size])
        if binascii.crc32(view[2 : size - 4]) != crc:
            return None
        return self._buffer[2], self._buffer[3], bytes(view[_HEADER_LEN : size - 4])

    def _resynchronise(self) -> None:
        """Drop bytes up to the next possible start mark."""
        at = self._buffer.find(_MARK, 1, self._used)
        if at < 0:  # the last byte may be the first half of a mark
            at = self._used - (self._used > 1 and self._buffer[self._used - 1] == _MARK_0)
        self.dropped += at
        self._discard(at)

    def _discard(self, count: int) -> None:
        self._buffer[: self._used - count] = memoryview(self._buffer)[count : self._used]
        self._used -= count
