"""Rotation is one act, whatever fails. Runs inside MicroPython."""

import asyncio

import bluetooth

from air import Counted, Drawn, Faulty, is_silent, judge
from badge.advertiser import Advertiser
from badge.radio import Radio, RadioStuckError
from cx import profiles

CALLS = ("config", "gap_advertise", "gap_scan", "active")


class Badge:
    """Radio, advertiser, and a listener that scans like the observer."""

    def __init__(self, solo, plan):
        del solo.sent[:]
        solo.loses_scans = False
        ble = bluetooth.BLE()
        ble.active(False)
        self.ble = Faulty(ble, {}, CALLS)
        self.radio = Radio(self.ble)
        self.radio.start()
        self.ble._plan = {self.ble.calls + number: fault for number, fault in plan.items()}
        self.seeds = Counted()
        self.advertiser = Advertiser(self.radio, self.seeds, Drawn(), profiles.profile("all-day"))

    async def listen(self):
        while True:
            await self.radio.scan(4000, lambda contact_id, rssi: None)
            await asyncio.sleep(56)


def run(solo, plan, seconds=3600):
    from solo import run_for

    badge = Badge(solo, plan)
    run_for([badge.advertiser.run(), badge.listen()], seconds)
    return badge, judge(solo)


def unit_without_faults(solo):
    badge, found = run(solo, {})
    assert 4 <= len(found) <= 7 and badge.advertiser.failures == 0
    assert is_silent(solo), "it went on after its task was stopped"
    for before, after in zip(found, found[1:]):
        assert 480_000_000 <= before[1] - before[0] <= 720_500_000
        assert 1_000_000 <= after[0] - before[1] <= 10_500_000


def unit_one_fault_at_each_call(solo):
    whole, _ = run(solo, {}, 2000)
    calls = whole.ble.calls
    assert calls > 30
    for fault in ("before", "after"):
        for number in range(calls):
            badge, found = run(solo, {number: fault}, 2000)
            assert len(found) >= 3, "it did not recover from a fault at call %d" % number
            assert badge.seeds.given >= len(found)
            assert is_silent(solo)


def unit_two_faults_one_after_another(solo):
    stuck = 0
    for number in range(60):
        try:
            _, found = run(solo, {number: "before", number + 1: "before"}, 2000)
            assert len(found) >= 2
        except RadioStuckError:  # silence and switching off both failed: the board is reset
            stuck += 1
            judge(solo)
    assert 0 < stuck < 60


def unit_commands_that_the_radio_ignores(solo):
    """A new address that is refused without a word, as while advertising; a stop or a start that is lost."""
    refused = 0
    for number in range(60):
        badge, found = run(solo, {number: "ignored"}, 2000)
        assert len(found) >= 2
        refused += badge.radio.restarts
    assert refused > 0


def unit_an_address_serves_once(solo):
    from badge.radio import RadioError
    from solo import run_for

    badge = Badge(solo, {})

    async def twice():
        await badge.radio.change_address()
        badge.radio.broadcast(b"\x01", 200_000)
        try:
            badge.radio.broadcast(b"\x02", 200_000)
        except RadioError:
            return
        raise AssertionError("the second broadcast was taken")

    run_for([twice()], 1)


def unit_wifi_pauses(solo):
    from solo import run_for

    badge = Badge(solo, {})
    off = []

    async def wifi():
        while True:
            await asyncio.sleep_ms(37_123)
            await badge.radio.pause()
            assert is_silent(solo) and not badge.radio.is_active()
            begun = solo.now()
            await asyncio.sleep_ms(11_777)
            off.append((begun, solo.now()))
            badge.radio.resume()

    run_for([badge.advertiser.run(), badge.listen(), wifi()], 7200)
    found = judge(solo)
    assert len(off) > 100 and len(found) > 100
    for begun, ended in off:
        assert not [one for one in found if begun <= one[0] < ended], "on air while the radio was off"
    assert badge.advertiser.failures == 0


def unit_renewing_leaves_the_identifier_at_once(solo):
    from solo import run_for

    badge = Badge(solo, {})

    async def disclose():
        for _ in range(50):
            await asyncio.sleep_ms(13_331)
            badge.advertiser.renew()
            assert is_silent(solo)

    run_for([badge.advertiser.run(), badge.listen(), disclose()], 700)
    assert len(judge(solo)) > 40


def unit_a_late_rotation_is_noticed(solo):
    badge = Badge(solo, {})
    assert not badge.advertiser.is_late()

    async def never():
        await asyncio.sleep(100_000)

    async def stop_it():
        runner = asyncio.create_task(badge.advertiser.run())
        await asyncio.sleep(30)
        assert not badge.advertiser.is_late()
        runner.coro = never()
        await asyncio.sleep(700)
        solo.spend(60_000_000)
        assert badge.advertiser.is_late()
        badge.radio.silence()

    asyncio.run(stop_it())
    asyncio.new_event_loop()
