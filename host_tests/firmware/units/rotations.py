"""The badge's own advertiser, radio, seeds and randomness, rotation after rotation, in virtual time.

``rotations.py SCRATCH SEED COUNT OUT``: writes for each broadcast, little endian, start and end (us, 8 bytes
each), advertising interval (us, 4), address (6), identifier (16). Runs inside MicroPython. Only the console,
the observer and the log are missing: nobody hears them on air.
"""

import struct
import sys
from hashlib import sha256

import solo


class Recording(solo.Solo):
    """Writes what goes on air to a file, so that a long run needs no memory."""

    def __init__(self, seed, out, count):
        super().__init__(seed)
        self._out = out
        self._open = None
        self.left = count

    def emit(self, kind, payload=b""):
        import simlink

        if kind in (simlink.ADVERTISE, simlink.ADVERTISE_STOP) and self._open is not None:
            start, interval_us, data = self._open
            self._out.write(struct.pack("<qqI", start, self._now, interval_us) + data)
            self._open = None
            self.left -= 1
        if kind == simlink.ADVERTISE:
            interval_us = struct.unpack_from("<I", payload)[0]
            self._open = (self._now, interval_us, bytes(payload[6:12]) + bytes(payload[-16:]))


def main(arguments):
    scratch, seed, count, out_path = arguments
    out = open(out_path, "wb")
    line = solo.start(Recording(sha256(seed.encode()).digest(), out, int(count)))
    import asyncio

    import bluetooth
    import esp32
    import machine

    from badge.advertiser import Advertiser
    from badge.clock import Clock
    from badge.radio import Radio
    from badge.randomness import Randomness
    from badge.seeds import Seeds
    from badge.storage import Storage
    from cx import profiles

    storage = Storage(scratch + "/data")
    nvs = esp32.NVS("cx")
    clock = Clock(storage, nvs, machine.RTC(), 14 * 86400)
    radio = Radio(bluetooth.BLE())
    randomness = Randomness(storage, radio)
    seeds = Seeds(storage, nvs, clock, randomness, 14)
    radio.start()
    clock.set_unix(1_772_438_400)
    advertiser = Advertiser(radio, seeds, randomness, profiles.profile("all-day"))

    async def run():
        task = asyncio.create_task(advertiser.run())
        while line.left > 0:
            await asyncio.sleep(3600)
            clock.uptime_s()
            if task.done():
                await task

    asyncio.run(run())
    radio.silence()
    out.close()
    print("seeds", seeds.held, "failures", advertiser.failures)


main(sys.argv[1:])
