"""A badge that visits a network: real sockets and real TLS in one MicroPython process, everything else faked.

Runs inside MicroPython: ``-m visits FLASH NVS STEPS SPEED``, the image of a simulated badge with its
application, its NVS, and a file of JSON: a list of lists, each the name of a function below (without ``do_``)
and its arguments. Prints one line of JSON for each step. The application is built as ``main.py`` does, but
only what a step asks runs.
"""

import gc
import json
import os
import sys

import simlink
import simstart

NETWORK, KEY = "shelf", "correct horse"


class Fast(simlink.RealTime):
    """Real time, but the badge's clock goes ``speed`` times as fast: for waiting that takes minutes."""

    speed = 1

    def now(self):
        return super().now() * self.speed

    def idle(self, until_us):
        import utime

        utime.sleep_us(max(0, min((until_us - self.now()) // self.speed, 1_000_000)))

    def wait_streams(self, poller, until_us):
        poller.poll(max(0, min((until_us - self.now()) // self.speed // 1000 + 1, 1000)))


def start(flash, nvs, speed):
    """Put the fakes in place; return the badge's application, which nothing runs yet."""
    link = Fast(b"", b"\x24\x0a\xc4\x01\x02\x03", 1)
    link.speed = speed
    link.access_points = {"other": "x" * 8, NETWORK: KEY}
    simstart.prepare(link, flash, nvs)
    gc.threshold(2048)
    from cx.bloom import Bloom

    contact_filter = Bloom(16384)
    import bluetooth
    from esp32 import NVS

    from badge.app import App
    from badge.drivers.button import Button
    from badge.drivers.led import Led
    from cx import aes

    aes.engine()
    with open("/board.json") as stream:
        board = json.load(stream)
    import board as parts

    app = App(
        board,
        contact_filter,
        bluetooth.BLE(),
        NVS("cx"),
        None,
        Led(parts.led()),
        Button(parts.button()),
        None,
        cable=parts.cable(),
    )
    gc.collect()
    gc.threshold(-1)
    return app


class Badge:
    """What the steps do."""

    def __init__(self, app):
        import asyncio

        self.app = app
        self.asyncio = asyncio

    def do_configure(self, ca, pins, time_server, door_port=21589, key=KEY):
        """Configure as USB would, without the button. ``ca``: DER in hexadecimal."""
        import binascii

        from badge.loading import Loaded

        storage = self.app.storage
        with Loaded("badge.networks") as networks:
            config = networks.load(storage)
            config["networks"] = [{"ssid": NETWORK, "key": key}]
            config["pins"] = pins
            config["time_server"] = time_server
            config["door_port"] = door_port
            storage.save_json(networks.FILE, config)
            storage.remove("wifi.ca")
            with open(storage.path("ca"), "wb") as stream:
                stream.write(binascii.unhexlify(ca))
            return networks.take_authorities(storage, "ca")

    def do_trust(self, descriptor):
        """Take a descriptor."""
        checked, _ = self.app.publications.parse(descriptor)
        return self.app.publications.add(checked).id

    def do_date(self, unix):
        """Set the badge's date."""
        self.app.clock.set_unix(unix)

    def do_sync(self):
        """Visit the network if anything is due; return what came of it."""
        import time

        import bluetooth

        wifi = self.app.wifi

        async def visit():
            self.app.radio.start()
            wait_s = 0
            while not wait_s:
                wait_s = await wifi.act()
            return wait_s, bluetooth.BLE().active()

        start_ms = time.ticks_ms()
        wait_s, is_on = self.asyncio.run(visit())
        spent_ms = time.ticks_diff(time.ticks_ms(), start_ms)
        gc.collect()
        said = dict(wifi.said)
        said["wait_s"] = wait_s
        said["spent_s"] = spent_ms // 1000
        said["radio_is_on"] = is_on
        said["files"] = sorted(os.listdir(self.app.storage.path("")))
        return said

    def do_match(self):
        """Take what waits for matched."""

        async def match():
            task = self.asyncio.create_task(self.app.matching.run())
            log = self.asyncio.create_task(self.app.log.run())
            while self.app.matching.is_waiting:
                await self.asyncio.sleep_ms(20)
            task.cancel()
            log.cancel()

        self.asyncio.run(match())
        return self.do_state()

    def do_state(self):
        """Return what the badge knows of its publishers and of the time."""
        import time

        return {
            "unix": self.app.clock.unix(),
            "matching": self.app.matching.info()["error"],
            "chip": time.time() + 946684800,
            "publishers": [
                {
                    "published_at": known.published_at,
                    "pending": known.is_pending,
                    "updates": known.state.get("updates"),
                    "name": known.name,
                }
                for known in self.app.publications.publishers.values()
            ],
        }

    def do_seen(self):
        """Return (address, host name, network) of every connection."""
        import network

        return [["".join(["%02x" % octet for octet in seen[0]]), seen[1], seen[2]] for seen in network.seen]

    def do_report(self, code):
        """Sign a report as USB does, with the companion gone before it could send it."""
        app = self.app
        publisher = next(iter(app.publications.publishers.values()))
        app.radio.start()
        app.seeds.next_identifier()
        report = app.seeds.report(publisher.name, code)
        app.storage.save_json("unsent", {"publisher": publisher.id, "tries": 0})
        return len(report)

    def do_open(self):
        """Hold the button."""
        self.app.wifi.start(True)

    def do_cable(self):
        """Put the badge on its charging cable."""
        simlink.link.has_cable = True

    def do_door(self, seconds):
        """Join the network and let computers in; matching goes on meanwhile."""
        from badge.loading import Loaded

        app = self.app
        config = self.config()

        async def stand():
            app.radio.start()
            await app.radio.pause()
            log = self.asyncio.create_task(app.log.run())
            matching = self.asyncio.create_task(app.matching.run())
            with Loaded("badge.station") as station:
                broadcast = await station.join(config["networks"], lambda: 10000)
            del station
            with Loaded("badge.door") as door:
                await door.serve(app, broadcast, seconds)
            del door
            with Loaded("badge.station") as station:
                station.leave()
            del station
            app.radio.resume()
            app.matching.start()
            while app.matching.is_waiting:
                await self.asyncio.sleep_ms(20)
            log.cancel()
            matching.cancel()

        self.asyncio.run(stand())
        return self.do_state()

    def config(self):
        from badge.loading import Loaded

        with Loaded("badge.networks") as networks:
            return networks.load(self.app.storage)

    def do_frames(self, count, seed):
        """Send frames, half of them well-formed, to the door's console; return what was answered."""
        from badge import door

        def never(*_arguments):
            raise AssertionError("the owner was asked")

        self.app.ui.consent = never
        space = {"__name__": "hostile"}
        exec(self.hostile, space)
        return space["run"](self.app, door.DoorRequests(self.app), count, seed)

    def do_files(self):
        """Return the hash of every file of the badge."""
        import binascii
        import hashlib

        found = {}

        def walk(folder):
            for entry in os.ilistdir(folder):
                path = folder + "/" + entry[0]
                if entry[1] == 0x4000:
                    walk(path)
                else:
                    with open(path, "rb") as stream:
                        found[path] = binascii.hexlify(hashlib.sha256(stream.read()).digest()).decode()

        walk("/data")
        return found

    def do_free(self):
        """Return the free bytes of the heap."""
        gc.collect()
        return gc.mem_free()


def main(arguments):
    """Do the steps."""
    with open(arguments[2]) as stream:
        steps = json.load(stream)
    hostile = ""
    if ["frames"] in [step[:1] for step in steps]:
        # The computer's files are out of reach once the badge has its own.
        with open(arguments[4]) as stream:
            hostile = stream.read()
    badge = Badge(start(arguments[0], arguments[1], int(arguments[3])))
    badge.hostile = hostile
    for step in steps:
        print(json.dumps(getattr(badge, "do_" + step[0])(*step[1:])))


if __name__ == "__main__":
    main(sys.argv[1:])
