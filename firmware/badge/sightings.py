"""What one scan hears: a table of fixed size that the radio's interrupt fills without allocating.

Each identifier has one entry, with the strongest power at which it was heard: the strongest, because bodies
and echoes only ever take power away. So a scan needs room for as many entries as there are badges, and not
for as many as there are reports, and nobody has to empty anything while it lasts.

An identifier's place, and how to go on from one that is taken, come from a hash with a key drawn for each
scan (double hashing): what collides in one scan does not in the next, and nobody can choose identifiers that
collide with another's. A search looks at 64 places at the most, so that a spray of identifiers that fills the
table cannot make a report cost more than that. If all are taken the weakest of them makes room for a
stronger one: who is far away is lost first.
"""

import struct

import micropython

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable

    from cx.compat import ptr8, ptr32

# Entry: power in dBm + 129 (1 to 255; 0: free), then the identifier.
_ENTRY_LEN = const(17)
_ID_LEN = const(16)
_POWER_BIAS = const(129)
# Head: three counters and the hash's key (words), entries in use, entries (bytes).
_COUNTS = "3I"
_KEY_AT = const(12)
_USED_AT = const(16)
_ENTRIES_AT = const(17)
_HEAD_LEN = const(18)


@micropython.viper
def _note(table: ptr8, payload: ptr8, length: int, rssi_dbm: int) -> int:  # noqa: C901  a call costs more than all of it
    """Put the identifier in ``payload``, if there is one, into ``table``.

    The same search as ``cx.advert.find``, which is its judge. Returns 1 if there is one, else 0.
    """
    counts = ptr32(table)
    counts[0] = counts[0] + 1 & 0x3FFFFFFF
    at = 0
    found = 0
    while at + 1 < length and found == 0:
        size = int(payload[at])
        if size == 0 or at + 1 + size > length:
            return 0
        if (
            size == 22
            and int(payload[at + 1]) == 0xFF
            and int(payload[at + 2]) == 0xFF
            and int(payload[at + 3]) == 0xFF
            and int(payload[at + 4]) == 0x43
            and int(payload[at + 5]) == 0x58
            and int(payload[at + 6]) == 1
            and int(payload[at + 13]) & 0xF0 == 0x40
            and int(payload[at + 15]) & 0xC0 == 0x80
        ):
            found = at + 7
        at += 1 + size
    if found == 0:
        return 0
    counts[1] = counts[1] + 1 & 0x3FFFFFFF
    power = rssi_dbm + 129
    if power < 1:
        power = 1
    if power > 255:
        power = 255
    mixed = counts[3]
    at = 0
    while at < 16:  # Fowler, Noll and Vo's prime; 30 bits, which are small integers everywhere
        mixed = (mixed ^ int(payload[found + at])) * 16777619 & 0x3FFFFFFF
        at += 1
    entries = int(table[17])
    place = (mixed >> 15) * entries >> 15
    step = 1 + ((mixed & 0x7FFF) * (entries - 1) >> 15)
    weakest = place
    tried = 0
    while tried < 64:
        entry = 18 + place * 17
        kept = int(table[entry])
        same = 0
        if kept != 0:
            while same < 16 and int(table[entry + 1 + same]) == int(payload[found + same]):
                same += 1
            if same == 16:
                if power > kept:
                    table[entry] = power
                return 1
            if kept < int(table[18 + weakest * 17]):
                weakest = place
        else:
            weakest = place
            tried = 64
        tried += 1
        place += step
        if place >= entries:
            place -= entries
    entry = 18 + weakest * 17
    if int(table[entry]) == 0:
        table[16] = int(table[16]) + 1
    else:
        counts[2] = counts[2] + 1 & 0x3FFFFFFF
    if power > int(table[entry]):
        table[entry] = power
        same = 0
        while same < 16:
            table[entry + 1 + same] = payload[found + same]
            same += 1
    return 1


class Sightings:
    """Up to ``entries`` identifiers (a prime below 255) of the scan that is on; 17 bytes for each."""

    def __init__(self, entries: int) -> None:
        self._table = bytearray(_HEAD_LEN + entries * _ENTRY_LEN)
        self._table[_ENTRIES_AT] = entries

    def __len__(self) -> int:
        return self._table[_USED_AT]

    def counts(self) -> "tuple[int, ...]":
        """Return the counters over all scans: (reports, heard, lost).

        ``heard``: reports that held an identifier; ``lost``: of these, how often it or a weaker one had no
        place.
        """
        return struct.unpack(_COUNTS, self._table)

    def begin(self, key: int) -> None:
        """Forget everything, for a new scan. ``key``, 30 random bits, decides who has which place."""
        table = self._table
        for at in range(_HEAD_LEN, len(table), _ENTRY_LEN):
            table[at] = 0
        struct.pack_into("I", table, _KEY_AT, key)
        table[_USED_AT] = 0

    def note(self, payload: "memoryview | bytes", rssi_dbm: int) -> bool:
        """Take one report, in the interrupt; tell whether an identifier was found. Allocates nothing."""
        return _note(self._table, payload, len(payload), rssi_dbm) != 0  # type: ignore[arg-type]

    def tell(self, on_heard: "Callable[[bytes, int], None]") -> None:
        """Pass on (identifier, strongest power in dBm) of each entry, then forget them."""
        table = self._table
        for at in range(_HEAD_LEN, len(table), _ENTRY_LEN):
            if table[at]:
                on_heard(bytes(table[at + 1 : at + 1 + _ID_LEN]), table[at] - _POWER_BIAS)
                table[at] = 0
        table[_USED_AT] = 0
