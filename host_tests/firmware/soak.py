"""A badge in a crowd for days of virtual time: is its heap flat, does it keep what it heard?

``python soak.py --days 14`` runs on the simulated board, with fourteen people always near (about 2 000
contacts a day) and a tick counter that wraps. It prints one line for each day, and exits with 1 if the last
day's free memory differs from the first's by more than 1 KiB, if anything was lost or the badge restarted.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from cxhost.companion import Badge
from cxhost.sim import Simulation

START = datetime(2026, 3, 2, 8, 0, tzinfo=timezone.utc)
PEOPLE = 14
# ticks_ms wraps at 2**30: on the second day
TICKS_START_MS = (1 << 30) - 129_600_000
FLAT_BYTES = 1024
FEWEST_FREE_BYTES = 57_344  # 32 KiB where pointers have four bytes
SLACK_S = 300
_HEADER = b"\x16\xff\xff\xff\x43\x58\x01"


class Crowd:
    """Transmitters without a badge behind them: a new identifier and address every ten minutes or so."""

    def __init__(self, sim: Simulation, people: int) -> None:
        self._sim = sim
        self._draw = random.Random(11)
        self._due = [(self._draw.randrange(600), sim.air.add((2.0 + n % 4, n / 4))) for n in range(people)]
        self.identifiers = 0

    def run_for(self, seconds: int) -> None:
        """Let time pass, with everybody's identifiers changing in it."""
        end_us = self._sim.now_us + seconds * 1_000_000
        while True:
            at_s, index = min(self._due)
            if at_s * 1_000_000 > end_us:
                break
            self._sim.run_for(max(0, at_s * 1_000_000 - self._sim.now_us) / 1e6)
            made = bytearray(self._draw.randbytes(16))
            made[6], made[8] = made[6] & 0x0F | 0x40, made[8] & 0x3F | 0x80
            packet = (2, 1, self._draw.randbytes(6), _HEADER + bytes(made))
            # Rare packets keep the simulation fast; one in a scan of 4 s is enough to be heard.
            self._sim.air.start(index, self._sim.now_us, 1_000_000, packet)
            self.identifiers += 1
            self._due[self._due.index((at_s, index))] = (at_s + self._draw.randint(480, 720), index)
        self._sim.run_for((end_us - self._sim.now_us) / 1e6)


def soak(folder: Path, days: int, people: int = PEOPLE) -> Iterator[dict]:
    """Yield the badge's info at the end of each day, with ``on_air``: identifiers that were on air so far."""
    with Simulation(folder, seed=3, start=START) as sim:
        badge = sim.add_badge("soak", ticks_start_ms=TICKS_START_MS)
        crowd = Crowd(sim, people)
        companion = Badge(badge.transport(), lambda *_: badge.press_button())
        crowd.run_for(60)
        companion.request("set_time", unix=int(sim.now.timestamp()))
        for _ in range(days):
            crowd.run_for(86_400)
            yield companion.request("info", timeout_s=60) | {"on_air": crowd.identifiers}


def faults(seen: list[dict]) -> list[str]:
    """Return what is wrong with the days of a soak."""
    first, last = seen[0], seen[-1]
    found = []
    change = last["free_bytes"] - first["free_bytes"]
    if abs(change) > FLAT_BYTES:
        found.append(f"free memory changed by {change} bytes")
    least = min(day["free_bytes"] for day in seen)
    if least < FEWEST_FREE_BYTES:
        found.append(f"only {least} bytes were free")
    for day, info in enumerate(seen, 1):
        if not 0 <= info["uptime_s"] - day * 86_400 < SLACK_S:
            found.append(f"the badge counted {info['uptime_s']} s in {day} days")
    if last["uptime_s"] * 1000 + TICKS_START_MS < 1 << 30:
        found.append("the tick counter did not wrap")
    if last["boot"] != first["boot"] or last["last_crash"]:
        found.append(f"the badge restarted: {last['last_crash']}")
    lost = {key: last["log"][key] for key in ("damaged", "unwritten")} | last["not_logged"]
    lost.pop("brief")
    if any(lost.values()) or last["lost_files"]:
        found.append(f"lost: {lost} {last['lost_files']}")
    held = last["log"]["held"] + last["log"]["dropped"] + last["near"] + last["not_logged"]["brief"]
    if len(seen) < 14 and held < 0.95 * last["on_air"]:
        found.append(f"only {held} of {last['on_air']} identifiers were logged")
    return found


def main() -> int:
    """Run the soak and judge it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--days", type=int, default=14, help="days of virtual time (14)")
    seen: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        for day, info in enumerate(soak(Path(folder), parser.parse_args().days), 1):
            seen.append(info)
            print(
                f"day {day}: {info['free_bytes']} bytes free, {info['log']}, {info['not_logged']}", flush=True
            )
    for fault in faults(seen):
        print("FAULT:", fault)
    return 1 if faults(seen) else 0


if __name__ == "__main__":
    sys.exit(main())
