"""The only owner of the Bluetooth radio: it holds the rule that an address and an identifier live together.

An address is good for one broadcast. ``change_address`` ends the broadcast and the scan that are on and takes
a new address; ``broadcast`` uses it up; a second ``broadcast`` without a new address is refused, whoever asks
for it. Facts about MicroPython's ``bluetooth`` module (NimBLE) that shape this code:

- A new non-resolvable private address (``addr_mode=3``) is taken only while neither advertising nor scanning
  is on, and a failure is silent: so both are stopped first, and the address is looked at afterwards.
- The interrupt handler's memoryviews die with the call, and an allocation there can lose the event: so
  ``Sightings`` copies what counts into a table made beforehand.
- A scan can stop without a word: so one that does not end in time is ended, and a radio whose scans keep
  dying, or that has heard nothing at all for an hour, is switched off and on.
"""

import asyncio
import os

from badge.sightings import Sightings
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluetooth import BLE

_IRQ_SCAN_RESULT = const(5)
_IRQ_SCAN_DONE = const(6)
_ADV_DIRECT_IND = const(1)
_SCAN_RSP = const(4)
_ADDR_MODE_NRPA = const(3)
_ADDR_TYPE_RANDOM = const(1)
_ENTRIES = const(241)  # what one scan can hold: 4 KiB
_SCAN_STEP_US = const(30_000)
_SCAN_GRACE_MS = const(1_000)
_DEAD_SCANS = const(3)  # so many dead scans one after another, and the radio is switched off and on
_DEAF_SCANS = const(60)  # so many scans without any report of any device: about an hour
_NOTHING = b""


class RadioError(Exception):
    """The radio did not do what it was told; nothing is on air."""


class RadioStuckError(Exception):
    """The radio could not be silenced. Only a reset of the board helps."""


class Radio:
    """One BLE radio. Counters for the badge's info:

    ``scan_restarts``: scans that died; ``restarts``: how often the radio had to be switched off and on.
    ``renew`` is set when what was on air is gone or must go: whoever broadcasts then takes a new address and
    a new identifier.
    """

    def __init__(self, ble: "BLE") -> None:
        self._ble = ble
        self._sightings = Sightings(_ENTRIES)
        self._event = asyncio.ThreadSafeFlag()
        self._changed = asyncio.Event()
        # Held during a scan, a change of address, and while the radio is off: each excludes the others.
        self._lock = asyncio.Lock()
        self.renew = asyncio.Event()
        self._is_scanning = False
        self._is_fresh = False  # the address has not been on air
        self._is_broken = False
        self._dead_scans = 0
        self._deaf_scans = 0
        self.scan_restarts = 0
        self.restarts = 0

    def counts(self) -> "tuple[int, ...]":
        """Return (reports, heard, lost) of all scans: see ``Sightings.counts``."""
        return self._sightings.counts()

    def start(self) -> None:
        """Switch the radio on, silent. OSError when it does not come up."""
        self._ble.active(True)
        self._ble.irq(self._on_event)

    def is_active(self) -> bool:
        """Tell whether the radio is on (the chip's random generator is a true one only then)."""
        return self._ble.active()

    async def change_address(self) -> None:
        """End broadcast and scan, and take a fresh non-resolvable private address.

        Core Specification 5.4, Vol 6, Part B, 1.3.2.2. Waits while the radio is off. RadioError or OSError
        when it was not possible; then nothing is on air.
        """
        self.silence()
        self._end_scan()
        async with self._lock:
            self.silence()
            if self._is_broken or self._deaf_scans >= _DEAF_SCANS:
                self._restart()
            before = self._ble.config("mac")
            self._ble.config(addr_mode=_ADDR_MODE_NRPA)
            kind, address = self._ble.config("mac")
            if address == before[1] or kind != _ADDR_TYPE_RANDOM or address[0] >> 6:
                self._is_broken = True
                raise RadioError("address: the radio did not take a new one")
            self._is_fresh = True
            self.renew.clear()
        self._changed.set()

    def broadcast(self, payload: bytes, interval_us: int) -> None:
        """Broadcast ``payload`` about every ``interval_us`` until ``silence``, under an unused address.

        RadioError when the address was used or lost; OSError when the radio refuses.
        """
        if not self._is_fresh:
            raise RadioError("address: it was used already")
        self._is_fresh = False
        # Always bytes: None would repeat the old payload. An empty scan response names nobody.
        self._ble.gap_advertise(interval_us, adv_data=payload, resp_data=b"", connectable=False)  # type: ignore[call-arg]

    def silence(self) -> None:
        """Stop advertising; if the radio will not, switch it off. RadioStuckError when even that fails."""
        self._is_fresh = False
        try:
            self._ble.gap_advertise(None)  # type: ignore[arg-type]
        except OSError:
            self._is_broken = True
            try:
                self._ble.active(False)
            except OSError as error:
                raise RadioStuckError("radio: it cannot be silenced, code %s" % error.errno)

    async def changes_within(self, duration_ms: int) -> bool:
        """Wait for ``duration_ms``, or less if the address changes or has changed since the last scan began.

        Tells whether it has.
        """
        try:
            await asyncio.wait_for_ms(self._changed.wait(), duration_ms)
        except asyncio.TimeoutError:
            return False
        return True

    async def pause(self) -> None:
        """Switch the radio off, for Wi-Fi, until ``resume``. What was on air will not come back."""
        self.silence()
        self._end_scan()
        await self._lock.acquire()
        self._is_fresh = False
        self._ble.active(False)
        self.renew.set()

    def resume(self) -> None:
        """Switch the radio on after ``pause``; if it does not come up, the next rotation tries again."""
        try:
            self.start()
        except OSError:
            self._is_broken = True
        self._lock.release()

    def _restart(self) -> None:
        self._is_broken = True
        self.restarts += 1
        self._dead_scans = self._deaf_scans = 0
        self._ble.active(False)
        self.start()
        self._is_broken = False

    async def scan(self, duration_ms: int, on_heard: "Callable[[bytes, int], None]") -> bool:
        """Listen passively, then pass on each identifier once: (identifier, strongest power in dBm).

        Ends after ``duration_ms``, or earlier when the address changes. Returns False when the scan did not
        start or had to be ended.
        """
        async with self._lock:
            self._changed.clear()
            before = self.counts()[0]
            self._sightings.begin(int.from_bytes(os.urandom(4), "big") & 0x3FFFFFFF)
            is_good = await self._scan(duration_ms)
            self._sightings.tell(on_heard)
            self._deaf_scans = self._deaf_scans + 1 if self.counts()[0] == before else 0
        if is_good:
            self._dead_scans = 0
            return True
        self.scan_restarts += 1
        self._dead_scans += 1
        if self._dead_scans >= _DEAD_SCANS:
            self._is_broken = True
            self.renew.set()
        return False

    async def _scan(self, duration_ms: int) -> bool:
        self._event.clear()
        self._is_scanning = True
        try:
            # Window equal to interval: the receiver is on all the time of a scan.
            self._ble.gap_scan(duration_ms, _SCAN_STEP_US, _SCAN_STEP_US, False)
            await asyncio.wait_for_ms(self._event.wait(), duration_ms + _SCAN_GRACE_MS)
        except (OSError, asyncio.TimeoutError):
            self._end_scan()
            self._is_scanning = False
            return False
        return True

    def _end_scan(self) -> None:
        if self._is_scanning:
            try:
                self._ble.gap_scan(None)  # type: ignore[arg-type]
            except OSError:
                self._is_broken = True

    def _on_event(self, event: int, data: tuple) -> None:
        """Handle a radio event: copy and return, without allocating."""
        if event == _IRQ_SCAN_RESULT:
            _, _, kind, rssi_dbm, payload = data
            # A scan response is an answer, and a directed event is for somebody else.
            is_ignored = kind in (_SCAN_RSP, _ADV_DIRECT_IND)
            self._sightings.note(_NOTHING if is_ignored else payload, rssi_dbm)
        elif event == _IRQ_SCAN_DONE:
            self._is_scanning = False
            self._event.set()
