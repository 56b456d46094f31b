"""A badge's parts alone in one MicroPython process: the simulator's fakes, virtual time, no conductor.

Runs inside MicroPython. ``start`` comes before ``asyncio``, ``time`` or the badge's code is imported.
"""

import io
import struct
import sys

import simlink

MAC = b"\x24\x0a\xc4\x01\x02\x03"
_HEARD_HEAD = "<B6sBb"


class Solo:
    """Stands for the line to the conductor. ``sent``: (time in us, kind, payload) of all that went on air."""

    dispatching = False
    interrupted = False
    interrupt_char = 3
    cpu_mhz = 160
    rtc_us = 0
    ticks_us = 0
    low_pins = 0
    cause = 1
    mac = MAC
    rtc_memory = b""

    def __init__(self, seed):
        self.seed = seed
        self.sent = []
        self.writes = 0
        self.loses_scans = False
        self._now = 0
        self._handlers = {}
        self._events = []  # (time, kind, payload), by time

    def on(self, kind, handler):
        self._handlers[kind] = handler

    def now(self):
        return self._now

    def at(self, when, kind, payload=b""):
        """Have an event happen at ``when``."""
        self._events.append((when, kind, payload))
        self._events.sort(key=lambda event: event[0])

    def hear(self, when, payload, rssi, adv_type=0, address=b"\x01\x02\x03\x04\x05\x06"):
        """Have an advertisement arrive at ``when``."""
        self.at(when, simlink.HEARD, struct.pack(_HEARD_HEAD, 1, address, adv_type, rssi) + payload)

    def emit(self, kind, payload=b""):
        if kind in (simlink.ADVERTISE, simlink.ADVERTISE_STOP):
            self.sent.append((self._now, kind, bytes(payload)))
        elif kind in (simlink.SCAN, simlink.SCAN_STOP):
            self._events = [event for event in self._events if event[1] != simlink.SCAN_DONE]
            if kind == simlink.SCAN and not self.loses_scans:
                self.at(self._now + struct.unpack("<QII", payload)[0], simlink.SCAN_DONE)

    def idle(self, until_us):
        if self._events and self._events[0][0] <= until_us:
            when, kind, payload = self._events.pop(0)
            self._now = max(self._now, when)
            self.dispatching = True
            self._handlers[kind](payload)
            self.dispatching = False
        else:
            self._now = max(self._now, until_us)

    def spend(self, us):
        self._now += us

    def wait_streams(self, _poller, until_us):
        self.idle(until_us)

    def flash_write(self):
        self.writes += 1

    def end(self, cause, sleep_us=0):
        raise SystemExit(cause)


def start(line=None):
    """Put the fakes in place around ``line``; return it."""
    import simstart

    simlink.link = solo = line or Solo(b"")
    esp32, _ = simstart._put_fakes()
    esp32.attach(io.BytesIO())
    return solo


def run_for(coroutines, seconds):
    """Run ``coroutines`` for ``seconds`` of virtual time; an error in one of them is raised."""
    import asyncio

    async def both():
        tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
        await asyncio.sleep(seconds)
        for task in tasks:
            if task.done():
                await task
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass

    asyncio.run(both())
    asyncio.new_event_loop()


def main(arguments):
    """Run every ``unit_*`` function of a file: ``solo.py FILE``."""
    solo = start()
    module = __import__(arguments[0])
    failed = 0
    for name in sorted(n for n in dir(module) if n.startswith("unit_")):
        try:
            getattr(module, name)(solo)
            print("ok", name)
        except Exception as error:  # noqa: BLE001  a test runner reports whatever a test raises
            failed += 1
            print("FAIL", name)
            sys.print_exception(error)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
