"""What happened to the badge lately, for whoever looks after it: a small ring that survives restarts.

Nothing about its owner's health: no report, no alert, no look at the alerts. Nothing secret either.

Kinds, and what their detail is: 0 start (``machine.reset_cause()``), 1 crash, 2 clock set (1 with the owner's
button), 3 publisher added, 4 changed, 5 removed, 6 its list taken, 7 refused (all: the publisher's ID),
8 settings changed, 9 not agreed (the button was not pressed; what for is not said).
"""

import struct

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from badge.clock import Clock
    from badge.storage import Storage

_FILE = "events"
# An entry: boot (2), second of the boot (4), kind (1), detail (4); big-endian, oldest first.
ENTRY = ">HIBI"
ENTRY_LEN = const(11)
_MOST = const(48)


class Events:
    """The ring of the last 48 events: ``entries`` as they lie on flash."""

    def __init__(self, storage: "Storage", clock: "Clock") -> None:
        self._storage = storage
        self._clock = clock
        entries = storage.load(_FILE)
        if entries is None or len(entries) % ENTRY_LEN:
            entries = bytearray()
        self.entries = entries
        self._is_new = False

    def note(self, kind: int, detail: int = 0) -> None:
        """Add an event; it is on flash after the next ``save``."""
        entry = struct.pack(ENTRY, self._clock.boot, self._clock.uptime_s(), kind, detail)
        self.entries = self.entries[-(_MOST - 1) * ENTRY_LEN :] + entry
        self._is_new = True

    def save(self) -> None:
        """Write what is new; a full or broken flash is noted, no error."""
        if not self._is_new:
            return
        try:
            self._storage.save(_FILE, self.entries)
        except OSError:
            self._storage.note_failure(_FILE)
        self._is_new = False
