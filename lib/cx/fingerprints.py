"""Sorted fingerprints of the contact log, to thin the filter's candidates when the log is large.

Up to 20 000 contacts the filter alone leaves about five false candidates of a seed's 2048
identifiers. At 40 000 it leaves about 96, at 65 000 about 440, and each would have to be compared
with the log. Here that costs a look at 4 bytes for each contact, for many candidates at once. With
n contacts a false candidate survives with probability n / 2^28, at 65 000 one in 4 100.

Layout of the stream: runs of 1024 fingerprints, 4 bytes big-endian each, sorted: 4 KiB, one block
of flash. The last run is padded with 3f ff ff ff, which no fingerprint is.
"""

from array import array
from struct import pack_into

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from cx.compat import Buffer

WORTH_FROM = 20000  # contacts; below, the filter is enough
_RUN = const(1024)
_RUN_BYTES = const(4096)
_PADDING = const(0x3FFFFFFF)  # a small integer on every chip


def fingerprint(contact_id: "Buffer") -> int:
    """Return 28 of the identifier's last 32 bits, none of which is fixed."""
    high = (contact_id[12] & 0x0F) << 8 | contact_id[13]
    return high << 16 | contact_id[14] << 8 | contact_id[15]


class Fingerprints:
    """The fingerprints in a stream that can be read, written and sought: empty, or written by this class.

    Holds the run that is not full yet, and one while it reads: about 8 KiB on a chip.
    """

    def __init__(self, stream: "BinaryIO") -> None:
        self._stream = stream
        self._block = bytearray(_RUN_BYTES)
        self._new: "list[int]" = []
        # What a power cut left of a run is not taken: those contacts have to be added again from the log.
        self._runs = stream.seek(0, 2) // _RUN_BYTES
        if self._runs:
            stream.seek((self._runs - 1) * _RUN_BYTES)
            stream.readinto(self._block)  # type: ignore[attr-defined]
            if self._value(_RUN - 1) == _PADDING:
                self._runs -= 1
                self._new = [value for value in map(self._value, range(_RUN)) if value != _PADDING]

    def __len__(self) -> int:
        return self._runs * _RUN + len(self._new)

    def add(self, contact_id: "Buffer") -> None:
        """Take a contact's identifier, 16 bytes. Every 1024th call writes a run."""
        self._new.append(fingerprint(contact_id))
        if len(self._new) == _RUN:
            self.flush()
            self._runs += 1
            self._new.clear()

    def flush(self) -> None:
        """Write what is new; until its run is full it is written again, at the same place."""
        self._pack()
        self._stream.seek(self._runs * _RUN_BYTES)
        self._stream.write(self._block)
        self._stream.flush()

    def thin(self, contact_ids: "Iterable[bytes]") -> "list[bytes]":
        """Return those identifiers whose fingerprint is here, in ascending order of fingerprints.

        Reads every run once, so it is best called with many at a time; needs 4 bytes more for each.
        """
        order = sorted(contact_ids, key=fingerprint)
        wanted = array("i", [fingerprint(contact_id) for contact_id in order])
        found = bytearray(len(order))
        self._pack()
        self._mark(wanted, found)
        self._stream.seek(0)
        for _ in range(self._runs):
            self._stream.readinto(self._block)  # type: ignore[attr-defined]
            self._mark(wanted, found)
        return [order[at] for at in range(len(order)) if found[at]]

    def clear(self) -> None:
        """Forget all; the next run is written at the beginning. The caller may cut the file off."""
        self._runs = 0
        self._new.clear()

    def _pack(self) -> None:
        """Put what is new into the block, sorted and padded."""
        new = self._new
        new.sort()
        for at in range(_RUN):
            pack_into(">I", self._block, 4 * at, new[at] if at < len(new) else _PADDING)

    def _value(self, at: int) -> int:
        block = self._block
        at *= 4
        return block[at] << 24 | block[at + 1] << 16 | block[at + 2] << 8 | block[at + 3]

    def _mark(self, wanted: "array[int]", found: bytearray) -> None:
        """Mark those of ``wanted`` that are in the block: one walk through both, as both are sorted."""
        at = 0
        value = self._value(0)
        for place in range(len(wanted)):
            while value < wanted[place] and at < _RUN - 1:
                at += 1
                value = self._value(at)
            if value == wanted[place]:
                found[place] = 1
