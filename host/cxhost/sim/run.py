"""One run of a scenario: people move, badges live, owners report, lists go round; everything is noted."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cxhost.sim.attackers import Flooder, Replayer, Sniffer, make
from cxhost.sim.badge import SimulatedBadge
from cxhost.sim.chip import Use
from cxhost.sim.faults import Wearing
from cxhost.sim.hearing import Hearing
from cxhost.sim.lights import Light
from cxhost.sim.people import Crowd, Person, make_people
from cxhost.sim.plan import Plan
from cxhost.sim.radio import Move
from cxhost.sim.scenario import DAY_S, Report, Scenario, Sync
from cxhost.sim.simulation import Simulation
from cxhost.sim.station import Session, Station
from cxhost.sim.truth import Contact, Truth

# Before people come, badges are set up one after another.
_SET_UP_S = 12
_START_S = 6
_HOUSE_S = 60
_PROGRESS_S = 600
# ticks_ms wraps after 12.4 days: some badges begin shortly before.
_WRAP_MS = 1 << 30

Progress = Callable[[float, float], None]


@dataclass
class Reported:
    """A report: who, when (scenario seconds), and their contacts up to then by the other's index."""

    person: Person
    at_s: float
    contacts: dict[int, Contact]
    session: Session


@dataclass
class Synced:
    """A session of somebody's badge, at a scenario time."""

    person: Person
    at_s: float
    session: Session


@dataclass
class Record:
    """Everything that was noted in a run.

    Times are scenario seconds: since the midnight before the first day.

    ``frames``: for each person [(second, x, y)], None for away; ``lit``: [(second, person, is an alert)];
    ``published``: when lists came out; ``powered_s``: how long each badge was on.
    """

    scenario: Scenario
    seed: int
    plan: Plan
    people: list[Person]
    badges: dict[Person, SimulatedBadge]
    frames: dict[int, list[tuple[float, float | None, float | None]]] = field(default_factory=dict)
    lit: list[tuple[float, int, bool]] = field(default_factory=list)
    reports: list[Reported] = field(default_factory=list)
    syncs: list[Synced] = field(default_factory=list)
    published: list[float] = field(default_factory=list)
    powered_s: dict[Person, float] = field(default_factory=dict)
    wall_s: float = 0.0


class Run:
    """A scenario on its way, in an empty ``directory``.

    A context manager. ``run`` once, then look at the parts.
    """

    def __init__(self, scenario: Scenario, seed: int, directory: Path, progress: Progress) -> None:
        self.scenario = scenario
        self._progress = progress
        self._stack = ExitStack()
        plan = Plan.of(scenario)
        people = make_people(scenario, plan, self._draw("people", seed))
        wearers = [person for person in people if person.has_badge]
        self._set_up_s = _SET_UP_S * len(wearers)
        self._zero_s = scenario.begin - self._set_up_s  # scenario time at which the simulation begins
        self.sim = self._stack.enter_context(
            Simulation(
                directory / "badges",
                seed,
                scenario.midnight + timedelta(seconds=self._zero_s),
                radio=scenario.radio.model(),
                walls=plan.loss_db,
            )
        )
        badges = self._add_badges(wearers, self._draw("clocks", seed))
        self.record = Record(scenario, seed, plan, people, badges)
        self.truth = Truth(people, plan, lambda person: self.wearing.is_live(person))
        self.wearing = Wearing(
            scenario,
            badges,
            self._draw("faults", seed),
            self._call_at,
            lambda person: self._moved({person: person.at}),
        )
        self.crowd = Crowd(scenario, plan, people, self._draw("paths", seed), self._call_at, self._moved)
        self.station = self._stack.enter_context(
            Station(directory / "publisher", self.sim, self._draw("codes", seed), scenario.publisher)
        )
        self.attackers: list[Flooder | Replayer | Sniffer] = []
        self._lights = {person: Light(badge) for person, badge in badges.items()}
        self._live: dict[Person, bool] = {}
        self.hearing = {person: Hearing(self.sim, badge) for person, badge in badges.items()}
        self._seed = seed

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    @staticmethod
    def _draw(what: str, seed: int) -> random.Random:
        return random.Random(f"{what} {seed}")  # noqa: S311

    def _add_badges(self, wearers: list[Person], draw: random.Random) -> dict[Person, SimulatedBadge]:
        badges = {}
        for person in wearers:
            drift = self.scenario.badges.drift_ppm
            badges[person] = self.sim.add_badge(
                person.name,
                None,
                ticks_start_ms=draw.randrange(_WRAP_MS),
                drift_ppm=draw.randint(-drift, drift),
                is_on=False,
            )
        return badges

    def now_s(self) -> float:
        """Return the scenario time."""
        return self._zero_s + self.sim.now_us / 1e6

    def _us(self, at_s: float) -> int:
        return max(0, round((at_s - self._zero_s) * 1e6))

    def _call_at(self, at_s: float, action: Callable[[], None]) -> None:
        self.sim.call_at(self._us(at_s), action)

    def run(self) -> Record:
        """Run to the end and return what was noted; SimulationError if a badge crashes."""
        began = time.monotonic()
        for number, badge in enumerate(self.record.badges.values()):
            self.sim.run_for(max(0.0, number * _SET_UP_S - self.sim.now_us / 1e6))
            badge.power_on()
            self.sim.run_for(_START_S)
            self.station.provision(badge)
            self._progress(0, self.scenario.end - self.scenario.begin)
        self._run_to(self.scenario.begin)
        for badge in self.record.badges.values():
            badge.use = Use()  # what follows counts, not the setting up
        for attacker in self.scenario.attacker:
            draw = self._draw(f"attacker {len(self.attackers)}", self._seed)
            self.attackers.append(make(self.sim, attacker, draw, self._us, self.scenario.end))
        self.crowd.start()
        self._keep_house()
        for at_s, action in self._jobs():
            self._run_to(at_s)
            action()
        self._run_to(self.scenario.end)
        self._read_lights()
        self.truth.changed(self.now_s(), self.record.people)
        self.record.wall_s = time.monotonic() - began
        return self.record

    def _run_to(self, at_s: float) -> None:
        self.sim.run_for(max(0.0, at_s - self.now_s()))

    def _jobs(self) -> list[tuple[float, Callable[[], None]]]:
        """Return what needs the cable, by time; who is not done by the next one's time makes it wait."""
        jobs: list[tuple[float, Callable[[], None]]] = []
        for report in self.scenario.report:
            jobs.append((report.at, lambda r=report: self._report(r)))
        for sync in self.scenario.sync:
            for day in range(self.scenario.days):
                at_s = day * DAY_S + sync.at
                if (not sync.days or day + 1 in sync.days) and self.scenario.begin < at_s < self.scenario.end:
                    jobs.append((at_s, lambda s=sync: self._sync(s)))
        return sorted(jobs, key=lambda job: job[0])

    def _report(self, report: Report) -> None:
        person = next(person for person in self.record.people if person.name == report.person)
        badge = self.record.badges.get(person)
        if badge is None or not badge.powered:
            missing = Session(person.name, self.now_s(), error="no badge that works")
            self.record.reports.append(Reported(person, self.now_s(), {}, missing))
            return
        contacts = self.truth.of(self.now_s(), person)
        at_s = self.now_s()
        self.record.reports.append(Reported(person, at_s, contacts, self.station.report(badge, report.level)))

    def _sync(self, sync: Sync) -> None:
        for person, badge in self.record.badges.items():
            if person.group.name not in sync.groups:
                continue
            at_s = self.now_s()
            if badge.powered:
                session = self.station.sync(badge)
            else:
                session = Session(badge.name, at_s, at_s, error="the badge is off")
            self.record.syncs.append(Synced(person, at_s, session))

    def _moved(self, moves: dict[Person, Move]) -> None:
        now_s = self.now_s()
        placed: dict[SimulatedBadge | int, Move] = {}
        for person, place in moves.items():
            frames = self.record.frames.setdefault(person.index, [])
            x, y = place.position or (None, None)
            if not frames or frames[-1][1:] != (x, y):
                frames.append((round(now_s, 1), x, y))
            if person in self.record.badges:
                placed[self.record.badges[person]] = self.wearing.place(person)
        self.sim.move(placed)
        self.truth.changed(now_s, moves)
        self._look()

    def _look(self) -> None:
        for attacker in self.attackers:
            if isinstance(attacker, Sniffer):
                attacker.look()

    def _keep_house(self) -> None:
        """Every minute: look at the lights, at who lost power by themselves, and publish if it is time."""
        now_s = self.now_s()
        changed = []
        for person in self.record.badges:
            is_live = self.wearing.is_live(person)
            if self._live.get(person, is_live) != is_live:
                changed.append(person)
            self._live[person] = is_live
            if self.record.badges[person].powered:
                self.record.powered_s[person] = self.record.powered_s.get(person, 0.0) + _HOUSE_S
        if changed:
            self.truth.changed(now_s, changed)
        self._read_lights()
        if round((now_s - self.scenario.begin) / _HOUSE_S) % self.scenario.publisher.every_min == 0:
            self.station.publish()
            self.record.published.append(now_s)
        if now_s % _PROGRESS_S < _HOUSE_S:
            self._progress(now_s - self.scenario.begin, self.scenario.end - self.scenario.begin)
        self._call_at(now_s + _HOUSE_S, self._keep_house)

    def _read_lights(self) -> None:
        for person, light in self._lights.items():
            for when, is_alert in light.read(self.sim.now):
                at_s = (when - self.scenario.midnight).total_seconds()
                self.record.lit.append((round(at_s, 1), person.index, is_alert))
