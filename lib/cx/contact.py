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
ID_LEN = const(16)
_START_UNIT_S = const(4)
_DURATION_UNIT_S = const(10)
_MAX_START = const(0x7FFFFF)
_TAG = const(0x80)  # in the record's first byte of the start


class Contact:
    """One identifier's visit.

    ``contact_id`` 16 bytes; ``boot`` 0 to 65535; ``start_s`` seconds since that boot;
    ``duration_s`` estimated seconds near us; ``least_db`` and ``mean_db`` the smallest and
    the mean attenuation in dB (nominal transmit power less received power); ``is_tagged``: the
    owner marked this time with a double press.
    """

    def __init__(
        self,
        contact_id: bytes,
        boot: int,
        start_s: int,
        duration_s: int,
        least_db: int,
        mean_db: int,
        is_tagged: bool = False,
    ) -> None:
        self.contact_id = contact_id
        self.boot = boot
        self.start_s = start_s
        self.duration_s = duration_s
        self.least_db = least_db
        self.mean_db = mean_db
        self.is_tagged = is_tagged

    def encode(self) -> bytes:
        """Return the 24-byte record.

        Layout, big-endian: identifier (16), boot (2), the owner's tag (1 bit), start in units of
        4 s (23 bits, 388 days), duration in units of 10 s rounded to the nearest (1), least
        attenuation in dB (1), mean attenuation in dB (1). Values beyond a field's range are kept
        at its end.
        """
        start = min(self.start_s // _START_UNIT_S, _MAX_START)
        duration = min((self.duration_s + _DURATION_UNIT_S // 2) // _DURATION_UNIT_S, 255)
        return self.contact_id + struct.pack(
            ">HBHBBB",
            self.boot & 0xFFFF,
            start >> 16 | (_TAG if self.is_tagged else 0),
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
    start_s = ((high & ~_TAG) << 16 | low) * _START_UNIT_S
    duration_s = duration * _DURATION_UNIT_S
    return Contact(bytes(record[:16]), boot, start_s, duration_s, least_db, mean_db, high >= _TAG)


def records(data: "bytes | bytearray | memoryview") -> "Iterator[memoryview]":
    """Yield each whole 24-byte record of ``data`` as a memoryview; a torn last record is left out."""
    view = memoryview(data)
    for at in range(0, len(data) - RECORD_LEN + 1, RECORD_LEN):
        yield view[at : at + RECORD_LEN]
