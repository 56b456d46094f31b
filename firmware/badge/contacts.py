"""The contact log: what the badge heard, in fixed-size records on flash, and the filter that mirrors it.

Records are written in batches, because every append makes littlefs erase a block. The oldest
segment goes when the log is over its budget, and each when it is older than the retention time. The
filter cannot forget, so it is made again from the log, in slices: after a start, and when much was
dropped.
"""

import asyncio

from badge.segments import BATCH_LEN, BATCH_RECORDS, HEAD_LEN, Segments
from cx.compat import TYPE_CHECKING, const
from cx.contact import RECORD_LEN, decode, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from badge.clock import Clock
    from badge.storage import Storage
    from cx.bloom import Bloom
    from cx.contact import Contact

_BATCH_S = const(900)
_BLOCK_LEN = const(4096)
_DAY_S = const(86400)
_SLICE_RECORDS = const(64)  # about 0.1 s on an ESP32 at 80 MHz (bench/contactlog.py)
# When the file system is full, this many segments may go for one batch.
_MOST_DROPPED = const(1)


class ContactLog:
    """The log on flash and the filter that mirrors it.

    ``budget_bytes``: how much flash the log may take. ``retention_days``: segments whose newest
    record is older are removed. ``contact_filter`` holds every logged identifier once
    ``whole`` is set; whoever relies on that holds ``lock`` meanwhile.

    Counters: ``dropped`` records that went before their time because the log was full, ``unwritten``
    records that flash did not take.
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
        self._retention_s = retention_days * _DAY_S
        self.filter = contact_filter
        self._batch = bytearray(BATCH_LEN)
        self._pending = 0
        self._pending_since_s = 0
        self._segments = Segments(storage, budget_bytes // _BLOCK_LEN)
        self._first = self._first_of_newest()
        self._forgotten = 0
        self._wants_scrub = False
        self._scrubbed_s = -_DAY_S
        self.dropped = 0
        self.unwritten = 0
        self.lock = asyncio.Lock()
        self.whole = asyncio.Event()
        self._stale = asyncio.Event()
        self._stale.set()

    @property
    def count(self) -> int:
        """Number of contacts held; while the filter is not whole, of those read so far."""
        return self._segments.count + self._pending

    async def run(self) -> None:
        """Make the filter again whenever that is needed, and overwrite what was removed, for ever."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            async with self.lock:
                await self._rebuild()
            if self._is_scrub_due():
                self._wants_scrub = False
                self._scrubbed_s = self._clock.uptime_s()
                await self._storage.overwrite_free()

    def append(self, contact: "Contact") -> None:
        """Add a contact; it is on flash after the next flush. Allocates nothing that stays."""
        if not self._pending:
            self._pending_since_s = self._clock.uptime_s()
        at = HEAD_LEN + self._pending * RECORD_LEN
        self._batch[at : at + RECORD_LEN] = contact.encode()
        self._pending += 1
        self.filter.add(contact.contact_id)
        if self._pending >= BATCH_RECORDS:
            self.flush()

    def flush_if_due(self) -> None:
        """Write pending records if the oldest has waited for a quarter of an hour; drop what is expired."""
        if self._pending and self._clock.uptime_s() - self._pending_since_s >= _BATCH_S:
            self.flush()

    def flush(self) -> None:
        """Write pending records now, then make room; what flash refuses is counted and given up."""
        if not self._pending:
            return
        for _ in range(_MOST_DROPPED + 1):
            try:
                self._write()
                break
            except OSError:
                if not self._segments.numbers:
                    break
                self._drop_first()
        if self._pending:
            self.unwritten += self._pending
            self._storage.note_failure("log")
            self._pending = 0
        while self._segments.is_over_budget:
            self._drop_first()

    def give_up_oldest(self) -> bool:
        """Drop the oldest segment, for state files that find no room; return whether there was one."""
        if not self._segments.numbers:
            return False
        self._drop_first()
        return True

    def drop_expired(self) -> None:
        """Remove the segments whose newest record is older than the retention time."""
        while self._is_first_expired():
            self._forgotten += self._segments.drop_first()
            self._wants_scrub = True
            self._stale.set()
        if self._is_scrub_due():
            self._stale.set()

    def contacts(self) -> "Iterator[Contact]":
        """Yield every contact of the log, oldest first, pending ones included."""
        for batch in self.blocks():
            for record in records(batch):
                yield decode(record)

    def blocks(self) -> "Iterator[memoryview]":
        """Yield the log in blocks of whole 24-byte records, oldest first, pending ones included.

        A block is good until the next is asked for.
        """
        self.flush()
        for number in self._segments.numbers:
            for _, batch in self._segments.batches(number):
                yield batch

    def summary(self) -> dict:
        """Return what may be told of the log: counts, days held, what was lost; no contact."""
        oldest = self._oldest()
        days = None if oldest is None else (self._clock.life_s() - oldest) / _DAY_S
        return {
            "held": self.count,
            "is_counted": self.whole.is_set(),
            "days": None if days is None else round(days, 1),
            "blocks": self._segments.blocks,
            "dropped": self.dropped,
            "damaged": self._segments.damaged,
            "unwritten": self.unwritten,
        }

    def _write(self) -> None:
        if self._segments.append(self._batch, self._pending, self._is_new_day()):
            self._first = decode(memoryview(self._batch)[HEAD_LEN : HEAD_LEN + RECORD_LEN])
        self._pending = 0

    def _drop_first(self) -> None:
        count = self._segments.drop_first()
        self.dropped += count
        self._forgotten += count
        # Every identifier that is gone but still in the filter costs a needless look-up.
        if self._forgotten > self.count // 8:
            self._stale.set()

    async def _rebuild(self) -> None:
        self.whole.clear()
        self._forgotten = 0
        self.filter.clear()
        for record in records(memoryview(self._batch)[HEAD_LEN : HEAD_LEN + self._pending * RECORD_LEN]):
            self.filter.add(record)
        for number in self._segments.numbers:
            at = count = 0
            while at >= 0:
                # Before each slice and not after: what is appended after the last one counts itself.
                await asyncio.sleep_ms(0)
                at, added = self._add_slice(number, at)
                count += added
            self._segments.note_count(number, count)
        self.whole.set()

    def _add_slice(self, number: int, at: int) -> "tuple[int, int]":
        """Add a few batches to the filter; return where to go on (-1 at the end) and how many records."""
        added = 0
        batches = self._segments.batches(number, at)
        for following, batch in batches:
            for record in records(batch):
                self.filter.add(record)
            added += len(batch) // RECORD_LEN
            if added >= _SLICE_RECORDS:
                batches.close()  # and the file with it
                return following, added
        return -1, added

    def _is_first_expired(self) -> bool:
        newest = self._newest_of_first()
        return newest is not None and self._clock.is_expired(newest.boot, newest.start_s, self._retention_s)

    def _is_scrub_due(self) -> bool:
        """Tell whether free blocks are to be overwritten: once a day at most, as that erases each of them."""
        return self._wants_scrub and self._clock.uptime_s() - self._scrubbed_s >= _DAY_S

    def _newest_of_first(self) -> "Contact | None":
        """Return the last record of the oldest segment; of the next if that one is unreadable."""
        for number in self._segments.numbers:
            last = None
            for _, batch in self._segments.batches(number):
                last = decode(batch[len(batch) - RECORD_LEN :])
            if last is not None:
                return last
        return None

    def _first_of(self, number: int) -> "Contact | None":
        batches = self._segments.batches(number)
        for _, batch in batches:
            first = decode(batch[:RECORD_LEN])
            batches.close()  # and the file with it
            return first
        return None

    def _first_of_newest(self) -> "Contact | None":
        return self._first_of(self._segments.end - 1) if self._segments.numbers else None

    def _is_new_day(self) -> bool:
        """Tell whether the newest segment began a day ago, so that it holds no more than a day."""
        first, clock = self._first, self._clock
        if first is None:
            return False
        if clock.life_s() - clock.life_of(first.boot, first.start_s) >= _DAY_S:
            return True
        now, date = clock.unix(), clock.date_of(first.boot, first.start_s)
        return now is not None and date is not None and now - date >= _DAY_S

    def _oldest(self) -> "int | None":
        for number in self._segments.numbers:
            first = self._first_of(number)
            if first is not None:
                return self._clock.life_of(first.boot, first.start_s)
        return None
