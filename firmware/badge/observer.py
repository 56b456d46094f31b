"""Listens in short scans and turns what it hears into contacts.

Scans are passive, start at a random moment, and the time between them is redrawn each time,
so that nothing periodic shows.
"""

import asyncio

from cx.compat import TYPE_CHECKING, const
from cx.visits import Allowance, Visits

if TYPE_CHECKING:
    from badge.clock import Clock
    from badge.contacts import ContactLog
    from badge.radio import Radio
    from badge.randomness import Randomness
    from cx.contact import Contact
    from cx.profiles import Profile

# The power, in dBm, that every badge is meant to send with: part of the mapping (docs/ble-mapping.md).
NOMINAL_TX_DBM = const(0)
_IDLE_SCANS = const(4)  # a visit is over when its identifier was not heard for four scans
_LONGEST_S = const(900)  # no honest identifier lives longer
# A hall of 200 has 280 in the table: each stays for the 10 minutes of its life and four more.
_VISITS = const(384)
_SCANS = const(2)
# So flash wears at most twice as fast as by 5 000 contacts a day, and two hours a day in a hall of 200 (2 400
# records) are logged.
_RECORDS_A_DAY = const(7_200)
_RECORDS_AT_ONCE = const(2_400)
# When records run short, visits go without that are shorter or farther than what counts for the risk.
_BRIEF_S = const(300)
_FAR_DB = const(63)
_MARK_S = const(3600)


class Observer:
    """The listening half of the badge.

    ``receive_offset_db``: what the board's antenna takes away. ``scans`` counts finished scans.
    """

    def __init__(
        self,
        radio: "Radio",
        log: "ContactLog",
        clock: "Clock",
        randomness: "Randomness",
        receive_offset_db: int,
        profile: "Profile",
    ) -> None:
        self._radio = radio
        self._log = log
        self._clock = clock
        self._randomness = randomness
        self._receive_offset_db = receive_offset_db
        self._scan_ms = profile.scan_ms
        self._period_ms = profile.period_s * 1000
        self._idle_s = profile.period_s * _IDLE_SCANS
        self._visits = Visits(_VISITS, profile.period_s, _SCANS, clock.boot, self._over)
        self._allowance = Allowance(_RECORDS_A_DAY, _RECORDS_AT_ONCE)
        self._marked_until_s = 0
        self.scans = 0

    @property
    def near(self) -> int:
        """Number of identifiers that are near now."""
        return len(self._visits)

    @property
    def is_marked(self) -> bool:
        """Tell whether the owner's mark is on what is heard now."""
        return self._clock.uptime_s() < self._marked_until_s

    def mark(self) -> bool:
        """Mark what is heard in the next hour, or end the mark; return which."""
        is_on = not self.is_marked
        self._marked_until_s = self._clock.uptime_s() + _MARK_S if is_on else 0
        return is_on

    async def run(self) -> None:
        """Scan for ever."""
        await asyncio.sleep_ms(self._randomness.between(0, self._period_ms))
        while True:
            if await self._radio.scan(self._scan_ms, self.heard):
                self.scans += 1
            self.end_scan()
            rest_ms = self._period_ms - self._scan_ms
            spread_ms = self._period_ms // 4
            rest_ms = self._randomness.between(rest_ms - spread_ms, rest_ms + spread_ms)
            if await self._radio.changes_within(rest_ms):
                # The time since the last scan would tie the new address to the old one: draw the phase anew.
                await asyncio.sleep_ms(self._randomness.between(0, self._period_ms))

    def heard(self, contact_id: bytes, rssi_dbm: int) -> None:
        """Take one packet: the identifier and the received power."""
        self._visits.heard(contact_id, NOMINAL_TX_DBM - (rssi_dbm + self._receive_offset_db))

    def end_scan(self) -> None:
        """Count what this scan heard, and log the visits that are over."""
        now_s = self._clock.uptime_s()
        self._visits.end_scan(now_s, self.is_marked)
        self._visits.close(now_s, self._idle_s, _LONGEST_S)
        self._log.flush_if_due()

    def log_all(self) -> None:
        """Log everything that is near up to now and write it, before a list is matched."""
        self._visits.split()
        self._log.flush()

    def summary(self) -> dict:
        """Return the counters of what did not become a record, and why."""
        visits = self._visits
        return {
            "brief": visits.brief,
            "no_room": visits.no_room,
            "crowded_out": visits.crowded_out,
            "over_allowance": self._allowance.refused,
        }

    def _over(self, contact: "Contact") -> None:
        is_minor = contact.duration_s < _BRIEF_S or contact.mean_db > _FAR_DB
        if self._allowance.take(self._clock.uptime_s(), is_minor):
            self._log.append(contact)
