"""Listening: what the interrupt keeps, what it drops, and scans that die. Runs inside MicroPython."""

import gc
import os
from array import array

import bluetooth
import micropython

from air import Drawn
from badge.radio import Radio
from badge.sightings import Sightings
from cx import advert


def identifier(number):
    # Spread over all bytes, as real ones are
    value = (number * 0x9E3779B97F4A7C15F39CC0605CEDC835) & ((1 << 128) - 1)
    made = bytearray(value.to_bytes(16, "big"))
    made[6] = made[6] & 0x0F | 0x40
    made[8] = made[8] & 0x3F | 0x80
    return bytes(made)


def told(sightings):
    found = {}
    sightings.tell(lambda contact_id, rssi: found.update({contact_id: rssi}))
    return found


def unit_the_search_equals_the_specified_one(solo):
    sightings = Sightings(241)
    good = advert.encode(identifier(1))
    for round_ in range(5_000):
        noise = os.urandom(40)
        kind = noise[31] % 4
        if kind == 0:
            payload = bytearray(noise[: noise[30] % 32])
        else:
            payload = bytearray(good if kind == 1 else b"\x02\x01\x06" + good + b"\x02\x0a\x00")
            for at in range(noise[32] % 3):
                payload[noise[33 + at] % len(payload)] ^= 1 << noise[36 + at] % 8
            payload = payload[: len(payload) - (noise[39] % 3 == 0) * (noise[38] % len(payload))]
        sightings.begin(round_ % 256)
        expected = advert.decode(bytes(payload))
        assert sightings.note(memoryview(payload), -60) == (expected is not None)
        assert told(sightings) == ({} if expected is None else {expected: -60})


def unit_each_identifier_once_with_its_strongest_power(solo):
    sightings = Sightings(241)
    sightings.begin(0)
    for number in range(200):
        payload = memoryview(advert.encode(identifier(number)))
        for rssi in (-80, -60 - number % 30, -95):
            assert sightings.note(payload, rssi)
    assert len(sightings) == 200 and sightings.counts()[2] == 0
    assert told(sightings) == {identifier(n): -60 - n % 30 if n % 30 < 20 else -80 for n in range(200)}
    assert len(sightings) == 0 and told(sightings) == {}


def unit_the_farthest_are_dropped_first(solo):
    sightings = Sightings(241)
    for begin in range(0, 256, 9):
        sightings.begin(begin)
        lost = sightings.counts()[2]
        for number in range(500):
            assert sightings.note(memoryview(advert.encode(identifier(number))), -100 + number * 37 % 61)
        powers = sorted((-100 + number * 37 % 61 for number in range(500)), reverse=True)
        kept = told(sightings)
        # Exactly the strongest would take a search through the whole table for each report.
        assert len(kept) >= 235 and len(kept) + sightings.counts()[2] - lost == 500
        assert sorted(kept.values(), reverse=True)[:200] == powers[:200]


def unit_a_hall_has_room_wherever_its_identifiers_fall(solo):
    sightings = Sightings(241)
    for begin in range(128):
        sightings.begin(2 * begin)
        for _ in range(200):
            payload = bytearray(advert.encode(os.urandom(16)))
            payload[13] = payload[13] & 0x0F | 0x40
            payload[15] = payload[15] & 0x3F | 0x80
            sightings.note(memoryview(payload), -90)
        assert len(sightings) == 200 and sightings.counts()[2] == 0


def unit_powers_beyond_the_range(solo):
    sightings = Sightings(5)
    sightings.begin(3)
    for rssi, expected in ((-127, -127), (-128, -128), (-300, -128), (20, 20), (127, 126)):
        sightings.note(memoryview(advert.encode(identifier(1))), rssi)
        assert list(told(sightings).values()) == [expected]


def unit_the_interrupt_allocates_nothing(solo):
    radio = Radio(bluetooth.BLE())
    ours = memoryview(advert.encode(identifier(5)))
    foreign = memoryview(bytes.fromhex("02011a0aff4c001005471c6a2b91"))
    events = [(5, (1, ours, 0, -70, view)) for view in (ours, foreign)]
    handler = radio._on_event
    for event, data in events:
        handler(event, data)
    gc.collect()
    gc.disable()
    micropython.heap_lock()
    before = gc.mem_alloc()
    for _ in range(1000):
        for event, data in events:
            handler(event, data)
    after = gc.mem_alloc()
    micropython.heap_unlock()
    gc.enable()
    assert after == before
    assert radio.counts() == (2002, 1001, 0)


def unit_a_scan_that_dies_is_noticed_and_the_radio_restarted(solo):
    import asyncio

    from solo import run_for

    ble = bluetooth.BLE()
    ble.active(False)
    radio = Radio(ble)
    radio.start()
    outcomes = []

    async def listen():
        solo.loses_scans = True
        for _ in range(3):
            outcomes.append(await radio.scan(4000, print))
        assert radio.renew.is_set()
        solo.loses_scans = False
        await radio.change_address()
        outcomes.append(await radio.scan(4000, print))
        await asyncio.sleep(1)

    try:
        run_for([listen()], 60)
    finally:
        solo.loses_scans = False
    assert outcomes == [False, False, False, True]
    assert (radio.scan_restarts, radio.restarts) == (3, 1)


def unit_an_hour_of_nothing_restarts_the_radio(solo):
    from solo import run_for

    ble = bluetooth.BLE()
    ble.active(False)
    radio = Radio(ble)
    radio.start()

    async def listen():
        for _ in range(60):
            assert radio.restarts == 0
            await radio.change_address()
            await radio.scan(4000, print)
        await radio.change_address()

    run_for([listen()], 300)
    assert radio.restarts == 1


def unit_a_change_of_address_ends_the_scan(solo):
    import asyncio

    from solo import run_for

    ble = bluetooth.BLE()
    ble.active(False)
    radio = Radio(ble)
    radio.start()
    ends = []
    heard = []
    begun = solo.now()
    solo.hear(begun + 500_000, advert.encode(identifier(3)), -50)

    async def listen():
        assert await radio.scan(4000, lambda contact_id, rssi: heard.append(contact_id))
        ends.append(solo.now() - begun)
        assert await radio.changes_within(5000)

    async def rotate():
        await asyncio.sleep(1)
        await radio.change_address()

    run_for([listen(), rotate()], 10)
    assert ends[0] < 1_100_000 and heard == [identifier(3)]


def unit_the_scans_phase_does_not_outlive_a_rotation(solo):
    """From the last scan before a rotation to it, and from it to the next scan: nothing in common."""
    from simlink import ADVERTISE_STOP, SCAN

    from air import Counted
    from badge.advertiser import Advertiser
    from badge.observer import Observer
    from cx import profiles
    from solo import run_for

    class Clockless:
        """Stands for the log and the clock; nothing is heard."""

        boot = 0

        def uptime_s(self):
            return solo.now() // 1_000_000

        def flush_if_due(self):
            pass

    ble = bluetooth.BLE()
    ble.active(False)
    radio = Radio(ble)
    radio.start()
    profile = profiles.profile("all-day")
    befores, afters = array("I"), array("I")
    last = {}
    emit = solo.emit

    def noted(kind, payload=b""):
        now = solo.now()
        if kind == ADVERTISE_STOP:
            last[kind] = now
        elif kind == SCAN:
            stopped = last.pop(ADVERTISE_STOP, None)
            if stopped is not None and SCAN in last:
                befores.append(stopped - last[SCAN])
                afters.append(now - stopped)
            last[SCAN] = now
        emit(kind, payload)

    solo.emit = noted
    observer = Observer(radio, Clockless(), Clockless(), Drawn(), 0, profile)
    advertiser = Advertiser(radio, Counted(), Drawn(), profile)
    try:
        run_for([advertiser.run(), observer.run()], 60 * 3600)
    finally:
        del solo.emit
        del solo.sent[:]
    count = len(befores)
    assert count > 300
    pairs = list(zip(befores, afters))
    a, b = sum(befores) / count, sum(afters) / count
    top = sum((x - a) * (y - b) for x, y in pairs)
    bottom = (sum((x - a) ** 2 for x, _ in pairs) * sum((y - b) ** 2 for _, y in pairs)) ** 0.5
    assert abs(top / bottom) * count**0.5 < 4.5, "the scans after a rotation tell of those before it"
    quarters = [0] * 4
    for after in afters:
        quarters[min(after * 4 // 60_000_000, 3)] += 1
    expected = count / 4
    # chi squared with 3 degrees of freedom: above 21.1 once in 10 000
    assert sum((one - expected) ** 2 for one in quarters) / expected < 21.1, quarters


def unit_draws_are_even(solo):
    counts = [0] * 5
    for _ in range(5000):
        counts[Drawn().between(0, 4)] += 1
    assert min(counts) > 850
