"""What reached a badge's radio, and whether the badge still has it: the judge of its contact log."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from cx import advert
from cx.contact import RECORD_LEN, Contact, decode
from cxhost.boards import load_board
from cxhost.image import Filesystem
from cxhost.sim.badge import SimulatedBadge
from cxhost.sim.radio import Heard
from cxhost.sim.simulation import Simulation

# One that was heard in a single scan need not be logged. After four scans without it a visit is over, so
# three minutes are no gap yet; two packets a minute apart are of two scans.
_LEAST_US = 60_000_000
_GAP_US = 180_000_000
# docs/contact-log.md: a power cut loses what is near now (an identifier lives for 12 minutes, its visit ends
# four scans later) and the last batch (written a quarter of an hour after its first record, at the end of a
# scan).
LOST_BY_A_CUT_S = (12 + 6 + 15 + 2) * 60
_HEAD = struct.Struct(">BBI")
_LOG = "/data/log"


@dataclass
class Visit:
    """An identifier that reached a badge: moments of the simulation, in microseconds, packets, dBm.

    ``steady_us``: its longest stretch without a gap in which the badge would take it for gone.
    """

    first_us: int
    last_us: int
    packets: int
    strongest_dbm: int
    steady_us: int = 0
    since_us: int = 0

    def add(self, when_us: int, dbm: int) -> None:
        """Take another packet."""
        if when_us - self.last_us > _GAP_US:
            self.since_us = when_us
        self.last_us = when_us
        self.steady_us = max(self.steady_us, when_us - self.since_us)
        self.packets += 1
        self.strongest_dbm = max(self.strongest_dbm, dbm)


class Hearing:
    """Notes each identifier that reaches a badge's radio, and each loss of its power."""

    def __init__(self, sim: Simulation, badge: SimulatedBadge) -> None:
        self._sim = sim
        self._badge = badge
        self.visits: dict[bytes, Visit] = {}
        badge.on_heard = self._heard

    def _heard(self, heard: list[Heard]) -> None:
        for packet in heard:
            contact_id = advert.decode(packet.payload)
            if contact_id is None:
                continue
            visit = self.visits.get(contact_id)
            if visit is None:
                self.visits[contact_id] = Visit(
                    packet.when_us, packet.when_us, 1, packet.rssi, 0, packet.when_us
                )
            else:
                visit.add(packet.when_us, packet.rssi)

    def missing(self) -> tuple[int, list[Visit]]:
        """Return how many visits the log must hold, and those of them that it does not.

        It must hold every identifier that was heard for a minute or more without a gap, unless the battery
        went so soon afterwards that it may have been lost with it. The badge must be off.
        """
        logged = {contact.contact_id for contact in read_log(self._badge)}
        losses = self._badge.use.power_losses
        bound_us = LOST_BY_A_CUT_S * 1_000_000
        count, found = 0, []
        for contact_id, visit in self.visits.items():
            if visit.steady_us < _LEAST_US:
                continue
            if any(visit.first_us <= loss_us < visit.last_us + bound_us for loss_us in losses):
                continue
            count += 1
            if contact_id not in logged:
                found.append(visit)
        return count, found


def read_log(badge: SimulatedBadge) -> list[Contact]:
    """Return the records in a badge's flash, as ``docs/contact-log.md`` describes it.

    Damaged batches left out.
    """
    flash = Filesystem(load_board("sim"), badge.flash_path.read_bytes())
    found: list[Contact] = []
    for path in sorted(flash.files(_LOG)):
        data = flash.read(path)
        while len(data) >= _HEAD.size:
            version, count, crc = _HEAD.unpack_from(data)
            end = _HEAD.size + count * RECORD_LEN
            batch = data[_HEAD.size : end]
            if zlib.crc32(bytes((version, count)) + batch) == crc:
                found += [decode(batch[at : at + RECORD_LEN]) for at in range(0, len(batch), RECORD_LEN)]
            data = data[end:]
    return found
