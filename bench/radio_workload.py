"""Reports for the radio's interrupt handler, and nothing else: ``radio_workload.py CASE COUNT``.

Runs inside MicroPython. The handler is the badge's own, on the simulator's radio, but the reports come from
here. Prints the handler's counters, so that a case that measures something else is noticed.
"""

import sys
from hashlib import sha256

TYPE_CHECKING = False  # MicroPython has no typing
if TYPE_CHECKING:
    from collections.abc import Callable

HELD = {"few": 10, "hall": 200, "full": 241}
FOREIGN = bytes.fromhex("02011a0aff4c001005471c6a2b91")
SCAN_RESULT = 5


class Line:
    """What the simulator's radio asks for; nothing happens on it."""

    mac = bytes(6)
    seed = b""

    def on(self, kind: int, handler: "Callable") -> None:
        """Take nothing."""

    def emit(self, kind: int, payload: bytes = b"") -> None:
        """Send nothing."""


def report(payload: bytes, rssi_dbm: int) -> tuple:
    """Return a report as the handler gets it."""
    return (1, memoryview(bytes(6)), 0, rssi_dbm, memoryview(payload))


def reports_of(first: int, count: int, rssi_dbm: int) -> "list[tuple]":
    """Return reports of ``count`` identifiers whose bytes look random."""
    from cx import advert

    found = []
    for number in range(first, first + count):
        made = bytearray(sha256(number.to_bytes(4, "big")).digest()[:16])
        made[6] = made[6] & 0x0F | 0x40
        made[8] = made[8] & 0x3F | 0x80
        found.append(report(advert.encode(made), rssi_dbm))
    return found


def main(arguments: "list[str]") -> None:
    """Set a case up and hand over its reports."""
    case, count = arguments[0], int(arguments[1])
    import simlink

    simlink.link = Line()
    import fake_bluetooth

    sys.modules["bluetooth"] = fake_bluetooth
    from badge.radio import Radio

    radio = Radio(fake_bluetooth.BLE())
    radio._sightings.begin(3)
    handler = (lambda event, data: None) if case == "nothing" else radio._on_event
    reports = reports_of(0, HELD.get(case, 0), -60) or [report(FOREIGN, -60)]
    for data in reports:
        handler(SCAN_RESULT, data)
    if case == "full":  # the table keeps what it has: the search looks at as many places as it may
        reports = reports_of(1000, 200, -90)
    done = 0
    while done < count:
        for data in reports:
            handler(SCAN_RESULT, data)
            done += 1
    print(radio.counts())


main(sys.argv[1:])
