"""The conductor: many badges, one virtual clock.

Each badge that has nothing to do says when it wants to wake. The conductor always runs the badge whose
next moment is the earliest, so whatever the others can still do lies in the future, and what a scan heard
is known. Badges that are not listening do not depend on each other: several of them run side by side.
"""

from __future__ import annotations

import hashlib
import heapq
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from cxhost.boards import load_board
from cxhost.build import build
from cxhost.image import application, update_image
from cxhost.sim.badge import NEVER_US, SimulatedBadge
from cxhost.sim.folder import SimulationError
from cxhost.sim.process import fakes
from cxhost.sim.radio import Air, Loss, Move, Position, RadioModel
from cxhost.sim.transport import SimTransport

# How many badges run side by side: enough to keep two cores busy while the conductor works.
_SIDE_BY_SIDE = 12


class OnAir(NamedTuple):
    """A badge began to advertise, or fell silent (``interval_us`` 0, empty payload)."""

    time: datetime
    badge: str
    address: bytes
    adv_type: int
    payload: bytes
    interval_us: int


class Simulation:
    """Badges in virtual time, in ``directory``; a context manager. The same seed gives the same run.

    ``application`` is a folder that mirrors a badge's root; the project's own, freshly built, if not given.
    """

    def __init__(
        self,
        directory: Path,
        seed: int,
        start: datetime,
        *,
        application_folder: Path | None = None,
        radio: RadioModel | None = None,
        walls: Loss | None = None,
    ) -> None:
        self.board = load_board("sim")
        self.fakes = fakes(self.board)
        self.air = Air(radio or RadioModel(), seed, walls)
        self.is_thinned = self.air.model.is_thinned
        self.badges: dict[str, SimulatedBadge] = {}
        self.on_air: list[OnAir] = []
        self.steps = 0
        self.now_us = 0
        self._directory = directory
        self._seed = seed
        self._start = start if start.tzinfo else start.replace(tzinfo=timezone.utc)
        self._application = application_folder
        self._order: list[SimulatedBadge] = []
        self._queue: list[tuple[int, int]] = []
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._planned = 0

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Power every badge off; their folders stay."""
        for badge in self._order:
            badge.close()

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self.at(self.now_us)

    def at(self, us: int) -> datetime:
        """Return the time ``us`` microseconds after the start."""
        return self._start + timedelta(microseconds=us)

    def badge_seed(self, name: str, start: int) -> bytes:
        """Return the 32 bytes from which a badge draws its randomness in one of its lives."""
        return hashlib.sha256(f"{self._seed}/{name}/{start}".encode()).digest()

    def add_badge(
        self,
        name: str,
        position: Position = (0.0, 0.0),
        *,
        ticks_start_ms: int = 0,
        drift_ppm: int = 0,
        is_on: bool = True,
    ) -> SimulatedBadge:
        """Make the badge ``name``, or take it from its folder with everything it remembers; switch it on.

        ``ticks_start_ms`` is what ``time.ticks_ms()`` counts from, to see it wrap; ``drift_ppm`` how much too
        fast its clock runs. ``is_on``: whether its battery is in.
        """
        if name in self.badges:
            raise SimulationError(f"there is already a badge {name}")
        folder = self._directory / name
        folder.mkdir(parents=True, exist_ok=True)
        badge = SimulatedBadge(self, name, self.air.add(position), folder, ticks_start_ms, drift_ppm)
        self._order.append(badge)
        self.badges[name] = badge
        if self._application is None:
            self._application = build(self.board)
        update_image(self.board, application(self._application), badge.flash_path)
        (folder / "nvs.bin").touch()
        if is_on:
            badge.power_on()
        return badge

    def move(self, moves: Mapping[SimulatedBadge | int, Move]) -> None:
        """Put badges (or senders without one, by their index) elsewhere.

        Everybody has heard before what there was to hear until now.
        """
        for other in self._order:
            other.listen(self.now_us)
        for one, place in moves.items():
            self.air.move(one if isinstance(one, int) else one.index, *place)
        if not self.is_thinned:
            for badge in self._order:
                badge.tune(self.now_us)
                badge.replan()

    def advertises(
        self, badge: SimulatedBadge, when_us: int, interval_us: int, packet: tuple[int, int, bytes, bytes]
    ) -> None:
        """Take that ``badge`` sends (adv_type, addr_type, address, payload) from ``when_us`` on."""
        adv_type, _addr_type, address, payload = packet
        self.on_air.append(OnAir(self.at(when_us), badge.name, address, adv_type, payload, interval_us))
        self.air.start(badge.index, when_us, interval_us, packet)
        if not self.is_thinned:
            for other in self._order:
                if other is not badge:
                    other.tune_for(badge.index, when_us)

    def falls_silent(self, badge: SimulatedBadge, when_us: int) -> None:
        """Take that ``badge`` sends nothing from ``when_us`` on."""
        if self.air.stop(badge.index, when_us):
            self.on_air.append(OnAir(self.at(when_us), badge.name, b"", 0, b"", 0))

    def plan(self, badge: SimulatedBadge) -> None:
        """Note when ``badge`` wants to run."""
        if badge.next_us < NEVER_US:
            heapq.heappush(self._queue, (badge.next_us, badge.index))

    def call_at(self, moment_us: int, action: Callable[[], None]) -> None:
        """Have ``action`` called at ``moment_us``, before any badge runs then; it must not let time pass."""
        self._planned += 1
        heapq.heappush(self._agenda, (max(moment_us, self.now_us), self._planned, action))

    def _run(self, until_us: int, reader: SimulatedBadge | None = None) -> None:
        """Run everything up to ``until_us``, or to the moment when ``reader`` has something to read."""
        while True:
            if reader is not None:
                until_us = min(until_us, max(self.now_us, reader.console_due_us()))
            due_us = self._queue[0][0] if self._queue else NEVER_US
            if self._agenda and self._agenda[0][0] <= min(due_us, until_us):
                when_us, _, action = heapq.heappop(self._agenda)
                self.now_us = max(self.now_us, when_us)
                action()
            elif due_us <= until_us:
                self._step(until_us, reader)
            else:
                break
        self.now_us = max(self.now_us, until_us)

    def _step(self, until_us: int, reader: SimulatedBadge | None) -> None:
        """Run the next badge, and beside it those after it whose slices depend on nobody."""
        queue, granted = self._queue, []
        if self._agenda:
            until_us = min(until_us, self._agenda[0][0] - 1)
        try:
            while queue and len(granted) < _SIDE_BY_SIDE:
                due_us, index = queue[0]
                badge = self._order[index]
                if badge.next_us != due_us:
                    heapq.heappop(queue)
                    continue
                if due_us > until_us or (granted and badge.is_listening(due_us)):
                    break
                heapq.heappop(queue)
                self.now_us = max(self.now_us, due_us)
                self.steps += 1
                granted.append(badge)
                badge.grant(due_us)
                if badge is reader:
                    break
        finally:
            for badge in granted:
                badge.take()

    def run_for(self, seconds: float) -> None:
        """Let ``seconds`` of virtual time pass."""
        self._run(self.now_us + round(seconds * 1_000_000))

    def run_until(self, moment: datetime) -> None:
        """Let virtual time pass until ``moment``; SimulationError if that is over already."""
        us = round((moment - self._start) / timedelta(microseconds=1))
        if us < self.now_us:
            raise SimulationError(f"{moment.isoformat()} is before {self.now.isoformat()}")
        self._run(us)

    def read_console(self, badge: SimulatedBadge, timeout_s: float) -> bytes:
        """Run until ``badge`` sent something over its console; return it, ``b""`` after ``timeout_s``."""
        found = badge.console_take()
        if not found:
            self._run(self.now_us + round(timeout_s * 1_000_000), reader=badge)
            found = badge.console_take()
        return found


def open_simulated(directory: Path) -> SimTransport:
    """Return the console of the one badge in ``directory`` (made when missing), started now.

    Its flash stays in ``directory`` when the transport is closed; its clock does not, as with a badge whose
    battery is empty. Randomness is the computer's own.
    """
    directory = Path(directory)
    seed = int.from_bytes(os.urandom(16), "big")
    sim = Simulation(directory.parent, seed, datetime.now(timezone.utc))
    try:
        badge = sim.add_badge(directory.name)
        sim.run_for(1)
    except BaseException:
        sim.close()
        raise
    return SimTransport(sim, badge, owns_simulation=True)
