"""What one scan hears: a table of fixed size that the radio's interrupt fills without allocating.

Each identifier has one entry, with the strongest power at which it was heard: the strongest, because bodies
and echoes only ever take power away. So a scan needs room for as many entries as there are badges, and not
for as many as there are reports, and nobody has to empty anything while it lasts.

When the table is full the weakest entry makes room for a stronger one: who is far away is lost first. An
identifier's place comes from one of its own bytes, another one for each scan, and then the next free place.
That keeps the search short, and what collides in one scan does not collide in the next.
"""

import micropython

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable

    from cx.compat import ptr8

# Entry: power in dBm + 129 (1 to 255; 0: free), then the identifier.
_ENTRY_LEN = const(17)
_ID_LEN = const(16)
_POWER_BIAS = const(129)
# Head: byte of the identifier that gives its place, entries in use.
_HEAD_LEN = const(2)
# Bytes 6 and 8 of a version 4 UUID are not wholly random.
_PLACE_BYTES = b"\x00\x01\x02\x03\x04\x05\x07\x09\x0a\x0b\x0c\x0d\x0e\x0f"

_FOREIGN = const(0)
_KEPT = const(1)
_LOST = const(2)


@micropython.viper
def _note(table: ptr8, entries: int, payload: ptr8, length_and_power: int) -> int:  # noqa: C901  a call costs more than all of it
    """Put the identifier in ``payload``, if there is one, into ``table``.

    The same search as ``cx.advert.find``, which is its judge. ``length_and_power``: the payload's length and,
    times 256, the power as kept in an entry. Returns _FOREIGN, _KEPT, or _LOST when it or a weaker one has no
    place.
    """
    length = length_and_power & 255
    power = length_and_power >> 8
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
    place = int(payload[found + int(table[0])]) * entries >> 8
    weakest = place
    tried = 0
    while tried < entries:
        entry = 2 + place * 17
        kept = int(table[entry])
        same = 0
        if kept != 0:
            while same < 16 and int(table[entry + 1 + same]) == int(payload[found + same]):
                same += 1
            if same == 16:
                if power > kept:
                    table[entry] = power
                return 1
            if kept < int(table[2 + weakest * 17]):
                weakest = place
        else:
            weakest = place
            tried = entries
        tried += 1
        place += 1
        if place == entries:
            place = 0
    entry = 2 + weakest * 17
    result = 2
    if int(table[entry]) == 0:
        table[1] = int(table[1]) + 1
        result = 1
    if power > int(table[entry]):
        table[entry] = power
        same = 0
        while same < 16:
            table[entry + 1 + same] = payload[found + same]
            same += 1
    return result


class Sightings:
    """Up to ``entries`` identifiers (255 at the most) of the scan that is on; 17 bytes for each.

    ``lost`` counts reports for which a weaker one, or they themselves, had no place, over all scans.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._table = bytearray(_HEAD_LEN + entries * _ENTRY_LEN)
        self.lost = 0

    def __len__(self) -> int:
        return self._table[1]

    def begin(self, random_byte: int) -> None:
        """Forget everything, for a new scan. ``random_byte`` decides where identifiers have their places."""
        table = self._table
        for at in range(_HEAD_LEN, len(table), _ENTRY_LEN):
            table[at] = 0
        table[0] = _PLACE_BYTES[random_byte % len(_PLACE_BYTES)]
        table[1] = 0

    def note(self, payload: memoryview, rssi_dbm: int) -> bool:
        """Take one report, in the interrupt; tell whether it holds an identifier. Allocates nothing."""
        power = min(max(rssi_dbm + _POWER_BIAS, 1), 255)
        outcome = _note(self._table, self._entries, payload, power << 8 | len(payload))  # type: ignore[arg-type]
        if outcome == _LOST:
            self.lost = (self.lost + 1) & 0xFFFFFF
        return outcome != _FOREIGN

    def tell(self, on_heard: "Callable[[bytes, int], None]") -> None:
        """Pass on (identifier, strongest power in dBm) of each entry, then forget them."""
        table = self._table
        for at in range(_HEAD_LEN, len(table), _ENTRY_LEN):
            if table[at]:
                on_heard(bytes(table[at + 1 : at + 1 + _ID_LEN]), table[at] - _POWER_BIAS)
                table[at] = 0
        table[1] = 0
