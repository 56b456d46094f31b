"""The contact log's files: a ring of segments on flash, each a chain of batches.

A segment (``log/NNNNNN``) takes at most four littlefs blocks and one day. A batch is what one
append wrote: version (1), number of records (1), CRC-32 of both and of the records (4,
big-endian), then the records of 24 bytes. A batch whose CRC is wrong is passed over; what follows a
header that makes no sense is given up. littlefs makes an append durable as a whole when the file is
closed, so a power cut leaves no half batch; the CRC is for flash that fails.
"""

import binascii
import os
import struct
from array import array

from cx.compat import TYPE_CHECKING, const
from cx.contact import RECORD_LEN

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import BinaryIO

    from badge.storage import Storage

FOLDER = "log"
BATCH_RECORDS = const(32)
HEAD_LEN = const(6)
BATCH_LEN = const(774)  # HEAD_LEN + BATCH_RECORDS * RECORD_LEN
_VERSION = const(2)
_BLOCK_LEN = const(4096)
# Four blocks less the 16 bytes that littlefs needs in them for the chain of blocks (SPEC.md, CTZ lists).
_SEGMENT_LEN = const(16368)
_NAME_LEN = const(6)
# More than any board's flash holds: whatever is further behind the newest is no part of the ring.
_MOST_SEGMENTS = const(1024)


class Segments:
    """The segments, oldest first, numbered from ``first`` to just before ``end``.

    ``damaged`` counts the records that could not be read, as well as that can be known.
    ``most_blocks``: how many blocks of 4 KiB the log may take.
    """

    def __init__(self, storage: "Storage", most_blocks: int) -> None:
        self._storage = storage
        self._most_blocks = most_blocks
        storage.make_folder(FOLDER)
        self.first = self.end = 0
        self._find()
        # Three bytes a segment, in two pieces: these grow for weeks.
        self._blocks = bytearray(len(self.numbers))
        # Records of each segment, known once it was read
        self._counts = array("H", bytes(2 * len(self.numbers)))
        self._newest_len = 0  # bytes
        for number in self.numbers:
            self._newest_len = self._size_on_flash(number)
            self._blocks[number - self.first] = min(_blocks(self._newest_len), 255)
        self._damaged_to: "dict[int, int]" = {}  # number: where the last damage that was counted begins
        self.damaged = 0
        if self.numbers and not self._is_whole(self.end - 1):
            self._begin()

    @property
    def numbers(self) -> range:
        """The numbers of the segments there are, oldest first."""
        return range(self.first, self.end)

    @property
    def count(self) -> int:
        """Number of records in the segments that were read or written since the start."""
        return sum(self._counts)

    @property
    def blocks(self) -> int:
        """Number of blocks that the segments take."""
        return sum(self._blocks)

    @property
    def is_over_budget(self) -> bool:
        """Tell whether the oldest segment must go."""
        return self.blocks > self._most_blocks

    def append(self, batch: bytearray, count: int, is_new_day: bool) -> bool:
        """Append ``count`` records, which lie in ``batch`` behind room for the header.

        Return whether they are the first of their segment.
        OSError when the file system is full or fails; nothing was appended then.
        """
        end = HEAD_LEN + count * RECORD_LEN
        view = memoryview(batch)
        crc = binascii.crc32(view[HEAD_LEN:end], binascii.crc32(bytes((_VERSION, count))))
        struct.pack_into(">BBI", batch, 0, _VERSION, count, crc)
        if not self.numbers or is_new_day or self._newest_len + end > _SEGMENT_LEN:
            self._begin()
        with open(self.path(self.end - 1), "ab") as stream:
            stream.write(view[:end])
        self._newest_len += end
        self._blocks[-1] = _blocks(self._newest_len)
        self._counts[-1] += count
        return self._newest_len == end

    def drop_first(self) -> int:
        """Remove the oldest segment; return the records that were in it."""
        count = self._counts[0]
        if not count:  # it was not read yet
            for _, batch in self.batches(self.first):
                count += len(batch) // RECORD_LEN
        self._damaged_to.pop(self.first, None)
        try:
            self._storage.remove(FOLDER + "/%06d" % self.first)
        except OSError:  # the flash is broken there; the segment is found again at the next start
            self._storage.note_failure(FOLDER)
        self.first += 1
        self._blocks = self._blocks[1:]
        self._counts = self._counts[1:]
        return count

    def batches(self, number: int, at: int = 0) -> "Generator[tuple[int, memoryview], None, None]":
        """Yield (where the next batch begins, records) of each good batch from byte ``at`` on.

        The memoryview is that of one buffer, which the next batch overwrites. Who does not go to
        the end must close the generator, or the file stays open.
        """
        if number < self.first or not self._blocks[number - self.first]:
            return  # dropped meanwhile, or begun and nothing was appended yet
        buffer = bytearray(BATCH_LEN)
        view = memoryview(buffer)
        try:
            with open(self.path(number), "rb") as stream:
                stream.seek(at)
                while True:
                    count = self._read_batch(stream, number, at, view)
                    if count < 0:
                        return
                    if not count:
                        at = stream.tell()
                        continue
                    at += HEAD_LEN + count * RECORD_LEN
                    yield at, view[HEAD_LEN : HEAD_LEN + count * RECORD_LEN]
        except OSError:  # littlefs met a block that it cannot read
            self._give_up(number, at)

    def note_count(self, number: int, count: int) -> None:
        """Take what was counted in a segment."""
        if number >= self.first:
            self._counts[number - self.first] = count

    def path(self, number: int) -> str:
        """Return the full path of a segment's file."""
        return self._storage.path(FOLDER + "/%06d" % number)

    def _find(self) -> None:
        """Look which segments there are. A number that is missing among them counts as empty."""
        for name in self._storage.names(FOLDER):
            if len(name) != _NAME_LEN or not name.isdigit():
                continue
            number = int(name)
            if number - self.first > _MOST_SEGMENTS:
                for stray in range(self.first, self.end):
                    self._storage.remove(FOLDER + "/%06d" % stray)
            if number - self.first > _MOST_SEGMENTS or not self.end:
                self.first = number
            self.end = number + 1

    def _begin(self) -> None:
        self.end += 1
        self._newest_len = 0
        self._blocks.append(0)
        self._counts.append(0)

    def _read_batch(self, stream: "BinaryIO", number: int, start: int, view: memoryview) -> int:
        """Read the batch at ``start`` into ``view``; return its records, 0 if damaged, -1 at the end."""
        got = stream.readinto(view[:HEAD_LEN])  # type: ignore[attr-defined]
        if not got:
            return -1
        version, count, crc = struct.unpack(">BBI", view[:HEAD_LEN])
        records = view[HEAD_LEN : HEAD_LEN + count * RECORD_LEN]
        if (
            got < HEAD_LEN
            or version != _VERSION
            or not 0 < count <= BATCH_RECORDS
            or stream.readinto(records) < len(records)  # type: ignore[attr-defined]
        ):
            self._give_up(number, start)
            return -1
        if binascii.crc32(records, binascii.crc32(view[:2])) == crc:
            return count
        self._note_damage(number, start, count)
        return 0

    def _is_whole(self, number: int) -> bool:
        for _ in self.batches(number):
            pass
        return number not in self._damaged_to

    def _give_up(self, number: int, at: int) -> None:
        self._note_damage(number, at, max((self._size_on_flash(number) - at) // RECORD_LEN, 1))

    def _note_damage(self, number: int, at: int, count: int) -> None:
        # A segment is read more than once, always from its beginning.
        if at > self._damaged_to.get(number, -1):
            self._damaged_to[number] = at
            self.damaged += count

    def _size_on_flash(self, number: int) -> int:
        try:
            return os.stat(self.path(number))[6]
        except OSError:
            return 0


def _blocks(size: int) -> int:
    return (size + _BLOCK_LEN - 1) // _BLOCK_LEN
