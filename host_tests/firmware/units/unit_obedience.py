"""What the radio's driver refuses, the firmware never asks for. Runs inside MicroPython.

Every refusal of the simulated driver (simulator/test_fake_bluetooth.py) has a test here: it brings about the
situation in which a careless program would be refused. ``Watch`` stands between and notes each refusal.
"""

import asyncio

import bluetooth

from air import Counted, Drawn
from badge.advertiser import Advertiser
from badge.observer import Observer
from badge.radio import Radio, RadioError
from cx import advert, profiles
from solo import run_for

IDENTIFIER = bytes.fromhex("aeaa089103d8400cbeb0046a2dab8522")


class Watch:
    """The driver; ``refused``: what it did not do, ``calls``: the last hundred or more that it was asked."""

    def __init__(self):
        self._ble = bluetooth.BLE()
        self._ble.active(False)
        self.refused = []
        self.calls = []

    def __getattr__(self, name):
        inner = getattr(self._ble, name)
        if not callable(inner) or name.startswith("_"):
            return inner

        def call(*arguments, **named):
            if len(self.calls) > 200:
                del self.calls[:100]
            self.calls.append((name, arguments, named))
            before = self._ble._random_addr
            try:
                result = inner(*arguments, **named)
            except Exception as error:
                self.refused.append((name, repr(error)))
                raise
            if "addr_mode" in named and self._ble._random_addr == before:
                self.refused.append((name, "the address stays"))
            return result

        return call

    def of(self, name):
        """Return the arguments of every call of a method."""
        return [(arguments, named) for called, arguments, named in self.calls if called == name]


def started():
    watch = Watch()
    radio = Radio(watch)
    radio.start()
    return watch, radio


class Unlogged:
    """A log, a clock for the observer; nothing is kept."""

    boot = 0

    def uptime_s(self):
        import time

        return time.ticks_ms() // 1000

    def append(self, contact):
        pass

    def flush_if_due(self):
        pass


def on_air(radio, interval_us=200_000):
    """Have a broadcast on air."""
    radio.broadcast(advert.encode(IDENTIFIER), interval_us)


def unit_the_watch_sees_every_refusal(solo):
    watch = Watch()
    wrong = [
        lambda: watch.config("mac"),
        lambda: watch.config(addr_mode=3),
        lambda: watch.gap_advertise(200_000, b""),
        lambda: watch.gap_scan(1000),
        lambda: watch.irq(7),
        lambda: watch.active(True) and watch.config(rxbuf=512),
        lambda: watch.config("mac", "mtu"),
        lambda: watch.config("mac", addr_mode=3),
        lambda: watch.gap_advertise(90_000, b"", connectable=False),
        lambda: watch.gap_advertise(11_000_000, b"", connectable=False),
        lambda: watch.gap_advertise(200_000, bytes(32), connectable=False),
        lambda: watch.gap_scan(1000, 30_000, 40_000),
        lambda: watch.gap_scan(1000, 30_000, 30_000, True),
        lambda: watch.gap_scan(0) or watch.gap_scan(0),
        lambda: watch.config(addr_mode=3),  # while it scans: ignored in silence
    ]
    for number, call in enumerate(wrong):
        try:
            call()
        except Exception as error:  # noqa: BLE001  of any kind: the watch has it
            assert watch.refused[-1][1] == repr(error)
        assert len(watch.refused) == number + 1, number
    watch._ble.active(False)


def unit_eight_hours_of_a_whole_badge(solo):
    """Rotations, scans and Wi-Fi in between, each at its own moments: no refusal of any kind."""
    for name in profiles.NAMES:
        watch, radio = started()
        unlogged = Unlogged()
        observer = Observer(radio, unlogged, unlogged, Drawn(), 0, profiles.profile(name))
        advertiser = Advertiser(radio, Counted(), Drawn(), profiles.profile(name))

        async def wifi(radio=radio):
            while True:
                await asyncio.sleep_ms(Drawn().between(1_000, 900_000))
                await radio.pause()
                await asyncio.sleep_ms(Drawn().between(100, 60_000))
                radio.resume()

        run_for([advertiser.run(), observer.run(), wifi()], 28_800)
        del solo.sent[:]
        assert advertiser.rotations > 40 and observer.scans > 240 and advertiser.failures == 0
        assert watch.refused == []


def unit_an_address_changes_only_in_silence(solo):
    watch, radio = started()

    async def change():
        scan = asyncio.create_task(radio.scan(4000, print))
        await radio.change_address()
        on_air(radio)
        await asyncio.sleep_ms(100)
        assert watch._scanning or scan.done()
        again = asyncio.create_task(radio.scan(4000, print))
        await asyncio.sleep_ms(100)
        assert watch._advertising and watch._scanning, "the situation that is tested"
        before = watch._ble._random_addr
        await radio.change_address()
        assert watch._ble._random_addr != before and not watch._advertising and not watch._scanning
        await scan
        await again

    run_for([change()], 10)
    assert watch.refused == []


def unit_nothing_is_asked_of_a_radio_that_is_off(solo):
    watch, radio = started()

    async def off():
        await radio.change_address()
        on_air(radio)
        scan = asyncio.create_task(radio.scan(4000, print))
        await asyncio.sleep_ms(100)
        await radio.pause()
        del watch.calls[:]
        try:
            on_air(radio)
            raise AssertionError("a broadcast while the radio is off")
        except RadioError:
            pass
        later = [asyncio.create_task(radio.change_address()), asyncio.create_task(radio.scan(4000, print))]
        await asyncio.sleep(60)
        assert [call for call in watch.calls if call[:2] != ("gap_advertise", (None,))] == []
        radio.resume()
        for task in [scan] + later:
            await task

    run_for([off()], 100)
    assert watch.refused == [] and len(watch.of("gap_scan")) >= 1


def unit_a_second_scan_waits_for_the_first(solo):
    watch, radio = started()

    async def both():
        begun = solo.now()
        assert await asyncio.gather(radio.scan(4000, print), radio.scan(4000, print)) == [True, True]
        assert solo.now() - begun >= 8_000_000

    run_for([both()], 20)
    assert watch.refused == []


def unit_the_address_is_asked_for_only_when_there_is_one(solo):
    """After every start the driver is back at the public address, and asked for that, not a random one."""
    watch, radio = started()

    async def again():
        for _ in range(3):
            await radio.change_address()
            on_air(radio)
            await radio.pause()
            radio.resume()
        await radio.change_address()

    run_for([again()], 10)
    assert watch.refused == []


def unit_only_settings_that_the_driver_knows(solo):
    watch, radio = started()
    run_for([radio.change_address()], 5)
    asked = watch.of("config")
    assert {arguments for arguments, _ in asked if arguments} == {("mac",)}
    assert [named for _, named in asked if named] == [{"addr_mode": 3}]
    assert watch.refused == []


def unit_intervals_and_payloads_are_within_the_limits(solo):
    watch, radio = started()

    async def both_ends():
        for name in profiles.NAMES:
            profile = profiles.profile(name)
            for interval_us in (profile.interval_min_us, profile.interval_max_us):
                await radio.change_address()
                on_air(radio, interval_us)

    run_for([both_ends()], 20)
    assert watch.refused == []
    sent = [named for arguments, named in watch.of("gap_advertise") if arguments != (None,)]
    assert len(sent) == 6
    for named in sent:
        # None would send the payload of before once more; and nobody is to connect
        assert len(named["adv_data"]) == 23 and named["resp_data"] == b"" and named["connectable"] is False


def unit_scans_are_passive_and_within_the_limits(solo):
    watch, radio = started()

    async def scans():
        for name in profiles.NAMES:
            assert await radio.scan(profiles.profile(name).scan_ms, print)

    run_for([scans()], 60)
    assert watch.refused == []
    for arguments, _ in watch.of("gap_scan"):
        _, interval_us, window_us, is_active = arguments
        assert window_us <= interval_us and is_active is False


def unit_views_are_copied_before_they_die(solo):
    _, radio = started()
    heard = []
    now = solo.now()
    for number in range(20):
        solo.hear(now + 100_000 + number * 1000, advert.encode(bytes([number]) + IDENTIFIER[1:]), -50)

    async def listen():
        assert await radio.scan(1000, lambda contact_id, rssi: heard.append((contact_id, rssi)))

    run_for([listen()], 5)
    assert sorted(heard) == [(bytes([number]) + IDENTIFIER[1:], -50) for number in range(20)]


def unit_no_report_makes_the_handler_raise(solo):
    """The driver would never call it again. Any length, type and power, and an event that nobody knows."""
    watch, radio = started()
    heard = []
    payload = b"\x02\x01\x06" + advert.encode(IDENTIFIER) + b"\x02\x0a\x00\x1f\xff"
    now = solo.now()
    when = now + 1000
    for length in range(len(payload) + 1):
        for adv_type in range(5):
            for rssi in (-128, -127, 0, 20, 127):
                solo.hear(when, payload[:length], rssi, adv_type)
                when += 100

    async def listen():
        watch._ble._call(99, (1, 2))
        watch._ble._call(99, ())
        assert await radio.scan(2000, lambda contact_id, rssi: heard.append(contact_id))

    run_for([listen()], 5)
    assert watch._ble._irq is not None and heard == [IDENTIFIER]
    assert radio.counts()[0] == (len(payload) + 1) * 25
