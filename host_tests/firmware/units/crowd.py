"""The badge's own observer, log and advertiser among 200 badges and 1 000 other devices, in virtual time.

``crowd.py SCRATCH MINUTES``: 1 000 reports are delivered for each second of a scan, less than half of them
badges'. One in twenty is an identifier that is on air once only, weaker than the badges; the rest are random,
malformed, or nearly right. Prints what the heap held after each scan, the badges' longest gaps, and what the
log says of each. Runs inside MicroPython.
"""

import gc
import os
import random
import struct
import sys
from array import array

import solo

BADGES = 200
DEVICES = 1000
REPORT_US = 1000
HEADER = b"\x16\xff\xff\xff\x43\x58\x01"
SCAN_RSP = 4


def identifier():
    made = bytearray(os.urandom(16))
    made[6] = made[6] & 0x0F | 0x40
    made[8] = made[8] & 0x3F | 0x80
    return bytes(made)


def device_payload(number):
    """Return (advertising type, payload) of a device that is no badge; one kind for each of eight."""
    noise = os.urandom(31)
    ours = HEADER + identifier()
    kind = number % 8
    if kind == 0:
        return 0, noise[: noise[30] % 32]
    if kind == 1:  # structures one into the other, or none
        return 0, bytes(noise[at] % 5 for at in range(31))
    if kind == 2:  # cut off
        return 0, ours[: noise[0] % 23]
    if kind == 3:  # no version 4 UUID
        return 0, ours[:13] + bytes([noise[0] & 0x3F]) + ours[14:]
    if kind == 4:  # another version of the mapping, another company
        return 0, ours[: 3 + noise[0] % 4] + b"\x99" + ours[4 + noise[0] % 4 :]
    if kind == 5:  # behind a structure that runs over the end
        return 0, b"\x1e\xff" + ours + noise[:6]
    if kind == 6:  # an answer, which nobody asked for
        return SCAN_RSP, ours
    return 0, b"\x02\x01\x1a\x1b\xff\x4c\x00" + noise[:24]


class Neighbour:
    """A badge near: one identifier after the other."""

    def __init__(self, number):
        self.rssi = -45 - number * 36 // BADGES
        self.ends_us = 0
        self.heard_us = -1
        self.longest_us = 0
        self.payload = b""


class Crowd(solo.Solo):
    """Delivers reports while a scan is on, one each millisecond, without making any beforehand."""

    def __init__(self, names):
        super().__init__(b"crowd")
        self.badges = [Neighbour(number) for number in range(BADGES)]
        self.devices = [device_payload(number) for number in range(DEVICES)]
        self.by_id = {}
        self._names = names
        self._next_us = None

    def emit(self, kind, payload=b""):
        import simlink

        super().emit(kind, payload)
        if kind in (simlink.ADVERTISE, simlink.ADVERTISE_STOP):
            del self.sent[:]
        elif kind == simlink.SCAN:
            self._next_us = self._now + REPORT_US
        elif kind == simlink.SCAN_STOP:
            self._next_us = None

    def idle(self, until_us):
        import simlink

        due = self._events[0][0] if self._events else until_us
        if self._next_us is None or self._next_us > min(due, until_us):
            if self._events and due <= until_us:  # the end of the scan
                self._next_us = None
            super().idle(until_us)
            return
        self._now = max(self._now, self._next_us)
        self._next_us += REPORT_US
        self.dispatching = True
        self._handlers[simlink.HEARD](self._report())
        self.dispatching = False

    def _report(self):
        drawn = random.getrandbits(30)
        if drawn % 20 == 0:
            adv_type, rssi, payload = 2, -82 - drawn % 13, HEADER + identifier()
        elif drawn % 20 < 10:
            one = self.badges[(drawn >> 8) % BADGES]
            if self._now > one.ends_us:
                self._rotate(one)
            adv_type, rssi, payload = 2, one.rssi - drawn % 3, one.payload
        else:
            adv_type, payload = self.devices[(drawn >> 8) % DEVICES]
            rssi = -30 - (drawn >> 4) % 60
        return struct.pack("<B6sBb", 1, b"\1\2\3\4\5\6", adv_type, rssi) + payload

    def _rotate(self, one):
        self.by_id.pop(one.payload[7:], None)
        made = identifier()
        one.payload = HEADER + made
        one.ends_us = self._now + (480 + random.getrandbits(16) % 240) * 1_000_000
        self.by_id[made] = one
        self._names.write(made + struct.pack("<H", self.badges.index(one)))

    def heard(self, contact_id):
        """Note that the badge under test kept an identifier in this scan."""
        one = self.by_id.get(contact_id)
        if one is not None:
            since = 0 if one.heard_us < 0 else one.heard_us
            one.longest_us = max(one.longest_us, self._now - since)
            one.heard_us = self._now


def main(arguments):
    scratch, minutes = arguments[0], int(arguments[1])
    random.seed(7)
    names = open(scratch + "/names", "w+b")
    line = solo.start(Crowd(names))
    import bluetooth
    import esp32
    import machine

    from air import Counted
    from badge.advertiser import Advertiser
    from badge.clock import Clock
    from badge.contacts import ContactLog
    from badge.observer import Observer
    from badge.radio import Radio
    from badge.randomness import Randomness
    from badge.storage import Storage
    from cx import profiles
    from cx.bloom import Bloom

    profile = profiles.profile("all-day")
    storage = Storage(scratch + "/data")
    clock = Clock(storage, esp32.NVS("cx"), machine.RTC(), 14 * 86400)
    radio = Radio(bluetooth.BLE())
    randomness = Randomness(storage, radio)
    log = ContactLog(storage, clock, Bloom(32768), 737_280, 14)
    # Made beforehand, so that what grows is the badge's.
    allocated = array("I", bytes(4 * 2 * minutes))
    scans = [0]

    class Watched(Observer):
        """The observer, and what its scans keep and leave."""

        def heard(self, contact_id, rssi_dbm):
            line.heard(contact_id)
            super().heard(contact_id, rssi_dbm)

        def end_scan(self):
            super().end_scan()
            gc.collect()
            allocated[scans[0]] = gc.mem_alloc()
            scans[0] += 1

    observer = Watched(radio, log, clock, randomness, 0, profile)
    advertiser = Advertiser(radio, Counted(), randomness, profile)
    radio.start()
    solo.run_for([advertiser.run(), observer.run()], minutes * 60)
    observer.log_all()
    for one in line.badges:
        one.longest_us = max(one.longest_us, line.now() - one.heard_us)
    names.seek(0)
    owners = {}
    while True:
        row = names.read(18)
        if len(row) < 18:
            break
        owners[row[:16]] = row[16] | row[17] << 8
    logged = [0] * BADGES
    strangers = 0
    for contact in log.contacts():
        if contact.contact_id in owners:
            logged[owners[contact.contact_id]] += contact.duration_s
        else:
            strangers += 1
    print(
        {
            "heap": list(allocated[: scans[0]]),
            "period_s": profile.period_s,
            "gaps_s": [one.longest_us // 1_000_000 for one in line.badges],
            "logged_s": logged,
            "strangers": strangers,
            "counts": radio.counts(),
            "scans": observer.scans,
            "scan_restarts": radio.scan_restarts,
            "not_logged": observer.summary(),
            "failures": advertiser.failures,
        }
    )


main(sys.argv[1:])
