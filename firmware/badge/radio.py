"""The only owner of the Bluetooth radio.

Others ask it to advertise, to scan, or to change the address; what was heard comes back
through ``drain``. Facts about MicroPython's ``bluetooth`` module that shape this code:

- A new non-resolvable private address (``addr_mode=3``) is taken only while neither
  advertising nor scanning is on, and a failure is silent: so both are stopped first and the
  address is compared afterwards.
- The interrupt handler's memoryviews die with the call, and an allocation there can lose the
  event: so it copies into slots made beforehand and counts what it had to drop.
"""

import asyncio

from cx import advert
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluetooth import BLE

_IRQ_SCAN_RESULT = const(5)
_IRQ_SCAN_DONE = const(6)
_ADV_TYPES = (0, 2, 3)  # ADV_IND, ADV_SCAN_IND, ADV_NONCONN_IND
_ADDR_MODE_NRPA = const(3)
_SLOT_LEN = const(17)  # identifier (16), received power + 128 (1)


class RadioError(Exception):
    """The radio did not do what it was told."""


class Radio:
    """One BLE radio. ``heard`` and ``dropped`` count identifiers received and lost for want of a slot."""

    def __init__(self, ble: "BLE", slots: int = 64) -> None:
        self._ble = ble
        self._slots = bytearray(slots * _SLOT_LEN)
        self._count = slots
        # The handler alone moves _head, drain alone moves _tail; equal means empty.
        self._head = 0
        self._tail = 0
        self._scanning = False
        self._event = asyncio.ThreadSafeFlag()
        # Held during a scan and during a change of address: the one excludes the other.
        self.lock = asyncio.Lock()
        self.heard = 0
        self.dropped = 0

    def start(self) -> None:
        """Switch the radio on, silent."""
        self._ble.active(True)
        self._ble.irq(self._on_event)

    def stop(self) -> None:
        """Switch the radio off."""
        self._ble.active(False)

    def is_active(self) -> bool:
        """Tell whether the radio is on (the chip's random generator is a true one only then)."""
        return self._ble.active()

    def new_address(self) -> None:
        """Take a fresh non-resolvable private address; advertising and scanning must be off.

        RadioError when the address did not change.
        """
        before = self._ble.config("mac")
        self._ble.config(addr_mode=_ADDR_MODE_NRPA)
        if self._ble.config("mac") == before:
            raise RadioError("address: the radio kept the old one")

    def advertise(self, payload: bytes, interval_us: int) -> None:
        """Broadcast ``payload`` about every ``interval_us`` until told otherwise."""
        # Always bytes: None would repeat the old payload. An empty scan response names nobody.
        self._ble.gap_advertise(interval_us, adv_data=payload, resp_data=b"", connectable=False)  # type: ignore[call-arg]

    def silence(self) -> None:
        """Stop advertising."""
        self._ble.gap_advertise(None)  # type: ignore[arg-type]

    async def scan(self, duration_ms: int, on_heard: "Callable[[bytes, int], None]") -> None:
        """Listen passively for ``duration_ms`` and pass on (identifier, received power in dBm)."""
        async with self.lock:
            self._scanning = True
            # Window equal to interval: the receiver is on all the time of a scan.
            self._ble.gap_scan(duration_ms, 30_000, 30_000, False)
            while self._scanning:
                await self._event.wait()
                self._drain(on_heard)
            self._drain(on_heard)

    def _drain(self, on_heard: "Callable[[bytes, int], None]") -> None:
        while self._tail != self._head:
            at = self._tail * _SLOT_LEN
            contact_id = bytes(self._slots[at : at + 16])
            rssi_dbm = self._slots[at + 16] - 128
            self._tail = (self._tail + 1) % self._count
            on_heard(contact_id, rssi_dbm)

    def _on_event(self, event: int, data: tuple) -> None:
        """Handle a radio event: copy and return, without allocating."""
        if event == _IRQ_SCAN_RESULT:
            adv_type = data[2]
            if adv_type in _ADV_TYPES:
                self._take(data[4], data[3])
        elif event == _IRQ_SCAN_DONE:
            self._scanning = False
            self._event.set()

    def _take(self, payload: memoryview, rssi_dbm: int) -> None:
        found = advert.find(payload)
        if found < 0:
            return
        self.heard += 1
        following = (self._head + 1) % self._count
        if following == self._tail:
            self.dropped += 1
            return
        at = self._head * _SLOT_LEN
        slots = self._slots
        for i in range(16):
            slots[at + i] = payload[found + i]
        slots[at + 16] = min(max(rssi_dbm + 128, 0), 255)
        self._head = following
        self._event.set()
