"""From single sightings to contacts, and a contact's 24 bytes on flash.

A *visit* is one identifier near us now. When its time is over it becomes one *contact*
record. Times are seconds since the badge started, with the number of that start (the
*boot*), because a badge without a clock battery may not know the date.
"""

import struct

from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD_LEN = const(24)
_START_UNIT_S = const(4)
_DURATION_UNIT_S = const(10)
_MAX_START = const(0xFFFFFF)

# Slots of a visit's list
_FIRST = const(0)
_LAST = const(1)
_COUNT = const(2)
_SUM_DB = const(3)
_LEAST_DB = const(4)


class Contact:
    """One identifier's visit.

    ``contact_id`` 16 bytes; ``boot`` 0 to 65535; ``start_s`` seconds since that boot;
    ``duration_s`` estimated seconds near us; ``least_db`` and ``mean_db`` the smallest and
    the mean attenuation in dB (nominal transmit power less received power).
    """

    def __init__(
        self, contact_id: bytes, boot: int, start_s: int, duration_s: int, least_db: int, mean_db: int
    ) -> None:
        self.contact_id = contact_id
        self.boot = boot
        self.start_s = start_s
        self.duration_s = duration_s
        self.least_db = least_db
        self.mean_db = mean_db

    def encode(self) -> bytes:
        """Return the 24-byte record.

        Layout, big-endian: identifier (16), boot (2), start in units of 4 s (3), duration in
        units of 10 s rounded to the nearest (1), least attenuation in dB (1), mean attenuation
        in dB (1). Values beyond a field's range are kept at its end.
        """
        start = min(self.start_s // _START_UNIT_S, _MAX_START)
        duration = min((self.duration_s + _DURATION_UNIT_S // 2) // _DURATION_UNIT_S, 255)
        return self.contact_id + struct.pack(
            ">HBHBBB",
            self.boot & 0xFFFF,
            start >> 16,
            start & 0xFFFF,
            duration,
            min(max(self.least_db, 0), 255),
            min(max(self.mean_db, 0), 255),
        )


def decode(record: "bytes | bytearray | memoryview") -> Contact:
    """Return the Contact of a 24-byte record; FormatError for any other length."""
    if len(record) != RECORD_LEN:
        raise FormatError("contact record: 24 bytes expected")
    boot, high, low, duration, least_db, mean_db = struct.unpack(">HBHBBB", record[16:])
    start_s = (high << 16 | low) * _START_UNIT_S
    return Contact(bytes(record[:16]), boot, start_s, duration * _DURATION_UNIT_S, least_db, mean_db)


class Visits:
    """A bounded table of the identifiers that are near now.

    ``limit``: the most identifiers held; past it, the one unseen for longest is closed early.
    ``period_s``: the mean time between two scans. A visit seen in *n* scans began up to one
    period before the first and ended up to one after the last sighting, so on average it
    lasted one period longer than what was seen.
    """

    def __init__(self, limit: int, period_s: int) -> None:
        self._limit = limit
        self._period_s = period_s
        self._visits: "dict[bytes, list[int]]" = {}

    def __len__(self) -> int:
        return len(self._visits)

    def saw(self, contact_id: bytes, now_s: int, attenuation_db: int) -> "bytes | None":
        """Note one sighting; return the identifier that must be closed to stay within the limit."""
        visit = self._visits.get(contact_id)
        if visit is not None:
            visit[_LAST] = now_s
            visit[_COUNT] += 1
            visit[_SUM_DB] += attenuation_db
            visit[_LEAST_DB] = min(visit[_LEAST_DB], attenuation_db)
            return None
        oldest = self._least_recent() if len(self._visits) >= self._limit else None
        self._visits[contact_id] = [now_s, now_s, 1, attenuation_db, attenuation_db]
        return oldest

    def _least_recent(self) -> bytes:
        return min(self._visits, key=lambda contact_id: self._visits[contact_id][_LAST])

    def over(self, now_s: int, idle_s: int) -> "list[bytes]":
        """Return the identifiers not seen for ``idle_s`` seconds; with ``idle_s`` 0, all of them."""
        return [i for i, visit in self._visits.items() if now_s - visit[_LAST] >= idle_s]

    def close(self, contact_id: bytes, boot: int) -> Contact:
        """Take one visit out of the table and return it as a Contact of boot number ``boot``."""
        first, last, count, sum_db, least_db = self._visits.pop(contact_id)
        duration_s = last - first + self._period_s
        return Contact(contact_id, boot, first, duration_s, least_db, sum_db // count)


def records(data: "bytes | memoryview") -> "Iterator[memoryview]":
    """Yield each whole 24-byte record of ``data`` as a memoryview; a torn last record is left out."""
    view = memoryview(data)
    for at in range(0, len(data) - RECORD_LEN + 1, RECORD_LEN):
        yield view[at : at + RECORD_LEN]
