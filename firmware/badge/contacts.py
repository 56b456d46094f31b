"""The contact log: what the badge heard, in fixed-size records on flash.

Segments of up to ``_SEGMENT_RECORDS`` records or one day each, numbered upwards. The newest
grows; when the log is full the oldest goes, and each goes when it is older than the retention
time. Records are written in batches, because every append makes littlefs rewrite the file's last
block.
"""

import os

from cx.compat import TYPE_CHECKING, const
from cx.contact import RECORD_LEN, decode, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from badge.clock import Clock
    from badge.storage import Storage
    from cx.bloom import Bloom
    from cx.contact import Contact

_FOLDER = "log"
_SEGMENT_RECORDS = const(680)  # 16 320 bytes: four littlefs blocks
_BATCH_RECORDS = const(32)
_BATCH_S = const(900)
_READ_RECORDS = const(32)
_BLOCK_LEN = const(4096)
_DAY_S = const(86400)


class ContactLog:
    """The log on flash and the filter that mirrors it.

    ``budget_bytes``: how much flash the log may take. ``retention_days``: segments whose newest
    record is known to be older are removed. ``contact_filter`` holds every logged identifier.
    """

    def __init__(
        self,
        storage: "Storage",
        clock: "Clock",
        contact_filter: "Bloom",
        budget_bytes: int,
        retention_days: int,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._retention_s = retention_days * 86400
        self._most_blocks = budget_bytes // _BLOCK_LEN
        self.filter = contact_filter
        self._pending: "list[bytes]" = []
        self._pending_since_s = 0
        self._segment_since_s = 0
        storage.make_folder(_FOLDER)
        self._segments = sorted(int(name) for name in os.listdir(storage.path(_FOLDER)))
        self.count = 0
        for segment in self._segments:
            self.count += self._size(segment)
        for contact in self._read():
            self.filter.add(contact.contact_id)

    def append(self, contact: "Contact") -> None:
        """Add a contact; it is on flash after the next flush."""
        if not self._pending:
            self._pending_since_s = self._clock.uptime_s()
        self._pending.append(contact.encode())
        self.filter.add(contact.contact_id)
        self.count += 1
        if len(self._pending) >= _BATCH_RECORDS:
            self.flush()

    def flush_if_due(self) -> None:
        """Write pending records if the oldest has waited for a quarter of an hour."""
        if self._pending and self._clock.uptime_s() - self._pending_since_s >= _BATCH_S:
            self.flush()

    def flush(self) -> None:
        """Write pending records now, then make room."""
        if not self._pending:
            return
        if self._is_segment_over():
            self._segments.append(self._segments[-1] + 1 if self._segments else 0)
            self._segment_since_s = self._clock.uptime_s()
        with open(self._path(self._segments[-1]), "ab") as stream:
            stream.write(b"".join(self._pending))
        self._pending.clear()
        self._drop_old()

    def contacts(self) -> "Iterator[Contact]":
        """Yield every contact of the log, oldest first, pending ones included."""
        self.flush()
        return self._read()

    def _read(self) -> "Iterator[Contact]":
        for segment in self._segments:
            with open(self._path(segment), "rb") as stream:
                while True:
                    block = stream.read(RECORD_LEN * _READ_RECORDS)
                    if not block:
                        break
                    for record in records(block):
                        yield decode(record)

    def _is_segment_over(self) -> bool:
        if not self._segments or self._clock.uptime_s() - self._segment_since_s >= _DAY_S:
            return True
        return self._size(self._segments[-1]) + len(self._pending) > _SEGMENT_RECORDS

    def _drop_old(self) -> None:
        while len(self._segments) > 1 and self._blocks() > self._most_blocks:
            self._drop_first()
        now = self._clock.unix()
        while now is not None and len(self._segments) > 1 and self._ended_before(now - self._retention_s):
            self._drop_first()

    def _blocks(self) -> int:
        blocks = 0
        for segment in self._segments:
            blocks += (self._size(segment) * RECORD_LEN + _BLOCK_LEN - 1) // _BLOCK_LEN
        return blocks

    def _drop_first(self) -> None:
        segment = self._segments.pop(0)
        self.count -= self._size(segment)
        os.remove(self._path(segment))

    def _ended_before(self, limit: int) -> bool:
        segment = self._segments[0]
        with open(self._path(segment), "rb") as stream:
            stream.seek((self._size(segment) - 1) * RECORD_LEN)
            last = decode(stream.read(RECORD_LEN))
        date = self._clock.date_of(last.boot, last.start_s)
        return date is not None and date < limit

    def _size(self, segment: int) -> int:
        try:
            return os.stat(self._path(segment))[6] // RECORD_LEN
        except OSError:
            return 0  # the newest segment has no file before its first flush

    def _path(self, segment: int) -> str:
        return self._storage.path(_FOLDER + "/%06d" % segment)
