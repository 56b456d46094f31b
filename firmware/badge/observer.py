"""Listens in short scans and turns what it hears into contacts.

Scans are passive, start at a random moment, and the time between them is redrawn each time,
so that nothing periodic shows.
"""

import asyncio

from cx.compat import TYPE_CHECKING, const
from cx.contact import Visits

if TYPE_CHECKING:
    from badge.clock import Clock
    from badge.contacts import ContactLog
    from badge.radio import Radio
    from badge.randomness import Randomness
    from cx.profiles import Profile

# The power, in dBm, that every badge is meant to send with: part of the mapping (docs/ble-mapping.md).
NOMINAL_TX_DBM = const(0)
_IDLE_SCANS = const(4)  # a visit is over when its identifier was not heard for four scans
_VISITS = const(256)


class Observer:
    """The listening half of the badge.

    ``receive_offset_db``: what the board's antenna takes away. ``scans`` counts finished scans,
    ``overflow`` sightings lost because one scan heard more identifiers than are kept.
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
        self._visits = Visits(_VISITS, profile.period_s)
        self._best: "dict[bytes, int]" = {}
        self.scans = 0
        self.overflow = 0

    @property
    def near(self) -> int:
        """Number of identifiers that are near now."""
        return len(self._visits)

    async def run(self) -> None:
        """Scan for ever."""
        await asyncio.sleep_ms(self._randomness.between(0, self._period_ms))
        while True:
            if await self._radio.scan(self._scan_ms, self._heard):
                self.scans += 1
            self._end_of_scan()
            self._close(self._idle_s)
            self._log.flush_if_due()
            rest_ms = self._period_ms - self._scan_ms
            spread_ms = self._period_ms // 4
            rest_ms = self._randomness.between(rest_ms - spread_ms, rest_ms + spread_ms)
            if await self._radio.changes_within(rest_ms):
                # The time since the last scan would tie the new address to the old one: draw the phase anew.
                await asyncio.sleep_ms(self._randomness.between(0, self._period_ms))

    def close_all(self) -> None:
        """Turn everything that is near into contacts now and write them, before a list is matched."""
        self._end_of_scan()
        self._close(0)
        self._log.flush()

    def _heard(self, contact_id: bytes, rssi_dbm: int) -> None:
        best = self._best.get(contact_id)
        if best is None and len(self._best) >= _VISITS:
            self.overflow += 1
        elif best is None or rssi_dbm > best:
            self._best[contact_id] = rssi_dbm

    def _end_of_scan(self) -> None:
        """Count one sighting for each identifier heard, at the strongest power of this scan.

        The strongest, because bodies and echoes only ever take power away.
        """
        now_s = self._clock.uptime_s()
        for contact_id, rssi_dbm in self._best.items():
            attenuation_db = NOMINAL_TX_DBM - (rssi_dbm + self._receive_offset_db)
            crowded_out = self._visits.saw(contact_id, now_s, attenuation_db)
            if crowded_out is not None:
                self._log.append(self._visits.close(crowded_out, self._clock.boot))
        self._best.clear()

    def _close(self, idle_s: int) -> None:
        now_s = self._clock.uptime_s()
        for contact_id in self._visits.over(now_s, idle_s):
            self._log.append(self._visits.close(contact_id, self._clock.boot))
