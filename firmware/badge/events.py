"""What happened to the badge lately, for whoever looks after it: a small ring that survives restarts.

Nothing about its owner's health: no report, no alert, no look at the alerts. Nothing secret either.
"""

import struct

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from badge.clock import Clock
    from badge.storage import Storage

START = const(0)  # detail: machine.reset_cause()
CRASH = const(1)
CLOCK_SET = const(2)  # detail: 1 with the owner's button
PUBLISHER_ADDED = const(3)  # detail of these: the publisher's ID
PUBLISHER_CHANGED = const(4)
PUBLISHER_REMOVED = const(5)
LIST_TAKEN = const(6)
LIST_REFUSED = const(7)
SETTINGS = const(8)
NOT_AGREED = const(9)  # the button was not pressed; what for is not said

_FILE = "events"
# An entry: boot (2), second of the boot (4), kind (1), detail (4); big-endian, oldest first.
_ENTRY = ">HIBI"
_ENTRY_LEN = const(11)
_MOST = const(48)


class Events:
    """The ring of the last 48 events."""

    def __init__(self, storage: "Storage", clock: "Clock") -> None:
        self._storage = storage
        self._clock = clock
        entries = storage.load(_FILE)
        if entries is None or len(entries) % _ENTRY_LEN:
            entries = bytearray()
        self._entries = entries
        self._is_new = False

    def note(self, kind: int, detail: int = 0) -> None:
        """Add an event; it is on flash after the next ``save``."""
        entry = struct.pack(_ENTRY, self._clock.boot, self._clock.uptime_s(), kind, detail)
        self._entries = self._entries[-(_MOST - 1) * _ENTRY_LEN :] + entry
        self._is_new = True

    def save(self) -> None:
        """Write what is new; a full or broken flash is noted, no error."""
        if not self._is_new:
            return
        try:
            self._storage.save(_FILE, self._entries)
        except OSError:
            self._storage.note_failure(_FILE)
        self._is_new = False

    def page(self, first: int, count: int) -> "tuple[list, int]":
        """Return up to ``count`` events from number ``first`` on, oldest first, and how many there are.

        Each is (boot, second of the boot, date or None, kind, detail).
        """
        found = []
        for at in range(
            first * _ENTRY_LEN, min(len(self._entries), (first + count) * _ENTRY_LEN), _ENTRY_LEN
        ):
            boot, second, kind, detail = struct.unpack_from(_ENTRY, self._entries, at)
            found.append((boot, second, self._clock.date_of(boot, second), kind, detail))
        return found, len(self._entries) // _ENTRY_LEN
