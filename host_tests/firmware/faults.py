"""Runs inside a simulated badge, before main.py: drivers that fail now and then, a radio that is borrowed.

Appended to boot.py by test_sniffer.py. Nothing of the badge's own code is changed.
"""

import asyncio
import random

import bluetooth
import esp32
import machine

PERMILLE = 15
EIO = 5


depth = [0]


def failing(inner, may_be_ignored):
    """Return a method that sometimes raises before or after its work, or says that it did what it did not."""

    def call(self, *arguments, **named):
        if depth[0]:  # the driver calls itself
            return inner(self, *arguments, **named)
        kind = random.getrandbits(20) % 1000
        if kind < PERMILLE:
            raise OSError(EIO)
        if kind < 2 * PERMILLE and may_be_ignored and not (arguments and isinstance(arguments[0], str)):
            return None
        depth[0] += 1
        try:
            result = inner(self, *arguments, **named)
        finally:
            depth[0] -= 1
        if kind >= 1000 - PERMILLE:
            raise OSError(EIO)
        return result

    return call


def sometimes(coroutine):
    """Return an App.run that also borrows the radio for Wi-Fi, for half a minute a few times a day."""

    async def wifi(app):
        while True:
            await asyncio.sleep(3600 + random.getrandbits(20) % 20_000)
            await app.radio.pause()
            await asyncio.sleep(5 + random.getrandbits(20) % 40)
            app.radio.resume()

    async def run(self):
        await asyncio.gather(coroutine(self), wifi(self))

    return run


def break_things():
    """Put the failing drivers in place."""
    for name in ("gap_advertise", "gap_scan", "config"):
        setattr(bluetooth.BLE, name, failing(getattr(bluetooth.BLE, name), True))
    bluetooth.BLE.active = failing(bluetooth.BLE.active, False)
    set_i32, commit = esp32.NVS.set_i32, esp32.NVS.commit
    last = [""]

    def set_and_note(self, key, value):
        last[0] = key
        set_i32(self, key, value)

    def commit_or_fail(self):
        if last[0] == "position" and random.getrandbits(20) % 1000 < PERMILLE:
            raise OSError(EIO)
        commit(self)

    esp32.NVS.set_i32 = set_and_note
    esp32.NVS.commit = commit_or_fail
    freq = machine.freq

    def freq_and_borrow(hz=None):
        """The last thing that main.py does before it runs the application, which is loaded by now."""
        from badge.app import App

        App.run = sometimes(App.run)
        return freq(hz)

    machine.freq = freq_and_borrow


break_things()
