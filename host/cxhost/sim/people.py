"""People who live by their timetables: where each of them is, which way they look, and when they move."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from cxhost.sim.plan import Plan, Room
from cxhost.sim.radio import Move
from cxhost.sim.scenario import AWAY, DAY_S, Group, Point, Scenario, Stay

WALK_M_S = 1.3
# People in conversation stand about a metre apart (Hall, The Hidden Dimension, 1966: personal distance).
_CIRCLE_M = 1.0
_BESIDE_M = 0.8
_NOWHERE = Move(None)

CallAt = Callable[[float, Callable[[], None]], None]
OnMoved = Callable[["dict[Person, Move]"], None]


@dataclass(eq=False)
class Person:
    """One person. ``index`` counts all people of the scenario; ``has_badge``: whether they take part."""

    index: int
    name: str
    group: Group
    has_badge: bool
    at: Move = _NOWHERE
    stay: Stay | None = None
    errand: int = 0  # counts what they set out for; an older one's timer is stale
    seats: dict[str, Move] = field(default_factory=dict)


@dataclass
class _Walk:
    points: list[Point]
    done_m: float
    target: Move

    def at(self) -> Move | None:
        """Return where the walker is now; None at the end."""
        left = self.done_m
        for one, other in pairwise(self.points):
            length = math.dist(one, other)
            if left < length:
                part = left / length
                spot = (one[0] + part * (other[0] - one[0]), one[1] + part * (other[1] - one[1]))
                return Move(spot, math.atan2(other[1] - one[1], other[0] - one[0]))
            left -= length
        return None


def make_people(scenario: Scenario, plan: Plan, draw: random.Random) -> list[Person]:
    """Return everybody of a scenario, each with their own seats: first come in the file, first seated."""
    people: list[Person] = []
    taken: Counter[str] = Counter()
    for group in scenario.group:
        wearers = set(draw.sample(range(group.people), round(group.people * group.wearing)))
        for number in range(group.people):
            person = Person(len(people), f"{group.name}-{number + 1}", group, number in wearers)
            for name in dict.fromkeys(stay.place for stay in group.timetable if stay.do == "sit"):
                if name != AWAY:
                    seats = plan.seats(name)
                    person.seats[name] = seats[taken[name] % len(seats)]
                    taken[name] += 1
            people.append(person)
    return people


class Crowd:
    """Moves everybody.

    ``call_at`` takes seconds since the first midnight; ``on_moved`` is told who went where.
    """

    def __init__(
        self,
        scenario: Scenario,
        plan: Plan,
        people: list[Person],
        draw: random.Random,
        call_at: CallAt,
        on_moved: OnMoved,
    ) -> None:
        self.people = people
        self._scenario = scenario
        self._plan = plan
        self._draw = draw
        self._call_at = call_at
        self._on_moved = on_moved
        self._now_s = float(scenario.begin)
        self._walks: dict[Person, _Walk] = {}
        self._is_ticking = False
        self._mingling: dict[str, list[Person]] = {name: [] for name in plan.rooms}
        self._regrouping: set[str] = set()

    def start(self) -> None:
        """Put everybody where they are at the beginning, and plan all days."""
        moved: dict[Person, Move] = {}
        for person in self.people:
            first = self._stay_at(person.group, self._scenario.begin)
            if first is not None:
                self._begin(person, first)
                walk = self._walks.pop(person, None)
                moved[person] = person.at = walk.target if walk else person.at
            for day in range(self._scenario.days):
                for stay in person.group.timetable:
                    at_s = day * DAY_S + stay.at + self._draw.uniform(0, person.group.late_min * 60)
                    if self._scenario.begin < at_s < self._scenario.end and _is_on(stay, day + 1):
                        self._timer(at_s, person, lambda p=person, s=stay: self._begin(p, s), is_errand=False)
        self._on_moved(moved)

    def _stay_at(self, group: Group, second: int) -> Stay | None:
        earlier = [stay for stay in group.timetable if stay.at <= second and _is_on(stay, 1)]
        return max(earlier, key=lambda stay: stay.at, default=None)

    def _timer(self, at_s: float, person: Person, action: Callable[[], None], is_errand: bool = True) -> None:
        errand = person.errand

        def act() -> None:
            self._now_s = at_s
            if not is_errand or person.errand == errand:
                action()

        self._call_at(at_s, act)

    def _begin(self, person: Person, stay: Stay) -> None:
        """Let a person set out for a line of their timetable."""
        person.errand += 1
        if person.stay is not None and person.stay.do == "mingle" and person.stay.place != AWAY:
            self._mingling[person.stay.place].remove(person)
        person.stay = stay
        if stay.place == AWAY:
            self._go(person, _NOWHERE)
        elif stay.do == "sit":
            self._go(person, person.seats[stay.place])
        elif stay.do == "mingle":
            self._mingle(person, stay)
        elif stay.do == "wander":
            self._wander(person, self._plan.rooms[stay.place], stay)
        else:
            seats = [seat for pattern in stay.places for seat in self._plan.seats(pattern)]
            self._round(person, seats, 0, stay)

    def _wander(self, person: Person, room: Room, stay: Stay) -> None:
        spot = room.inside(self._draw.random(), self._draw.random())
        self._go(person, Move(spot, self._draw.uniform(-math.pi, math.pi)))
        at_s = self._now_s + stay.every_min * 60 * self._draw.uniform(0.5, 1.5)
        self._timer(at_s, person, lambda: self._wander(person, room, stay))

    def _round(self, person: Person, seats: list[Move], number: int, stay: Stay) -> None:
        """Stand beside one seat after another, face to face with whoever sits or lies there."""
        seat = seats[number % len(seats)]
        x, y = seat.position or (0.0, 0.0)
        towards = seat.facing or 0.0
        spot = (x + _BESIDE_M * math.cos(towards), y + _BESIDE_M * math.sin(towards))
        self._go(person, Move(spot, towards + math.pi))
        at_s = self._now_s + stay.every_min * 60 * self._draw.uniform(0.7, 1.3)
        self._timer(at_s, person, lambda: self._round(person, seats, number + 1, stay))

    def _mingle(self, person: Person, stay: Stay) -> None:
        members = self._mingling[stay.place]
        members.append(person)
        if stay.place not in self._regrouping:
            self._regrouping.add(stay.place)
            at_s = self._now_s + stay.every_min * 60
            self._call_at(at_s, lambda: self._regroup(at_s, stay))
        room = self._plan.rooms[stay.place]
        self._stand(room, [person])

    def _regroup(self, now_s: float, stay: Stay) -> None:
        """Form new groups of everybody who mingles here, at once."""
        self._now_s = now_s
        members = self._mingling[stay.place]
        if not members:
            self._regrouping.discard(stay.place)
            return
        again_s = now_s + stay.every_min * 60
        self._call_at(again_s, lambda: self._regroup(again_s, stay))
        shuffled = list(members)
        self._draw.shuffle(shuffled)
        room = self._plan.rooms[stay.place]
        for at in range(0, len(shuffled), stay.cluster):
            self._stand(room, shuffled[at : at + stay.cluster])

    def _stand(self, room: Room, together: list[Person]) -> None:
        """Let people stand in a circle, neighbours about a metre apart, looking at its middle."""
        middle = room.inside(self._draw.random(), self._draw.random(), 1.2)
        count = len(together)
        radius = 0.0 if count == 1 else _CIRCLE_M / (2 * math.sin(math.pi / count))
        turn = self._draw.uniform(0, 2 * math.pi)
        for number, person in enumerate(together):
            angle = turn + 2 * math.pi * number / count
            spot = (middle[0] + radius * math.cos(angle), middle[1] + radius * math.sin(angle))
            self._go(person, Move(spot, angle + math.pi))

    def _go(self, person: Person, target: Move) -> None:
        points = self._route(person.at.position, target.position)
        if not points:
            self._walks.pop(person, None)
            person.at = target
            self._on_moved({person: target})
            return
        self._walks[person] = _Walk(points, 0.0, target)
        if not self._is_ticking:
            self._is_ticking = True
            self._tick_at(self._now_s + self._scenario.step_s)

    def _route(self, here: Point | None, there: Point | None) -> list[Point]:
        """Return the points of the way: through the doors of the rooms that are left and entered."""
        if here is None and there is None:
            return []
        old = self._plan.room_at(here) if here else None
        new = self._plan.room_at(there) if there else None
        if here and there and old is new:
            return [here, there] if math.dist(here, there) > WALK_M_S * self._scenario.step_s else []
        entrance = [self._scenario.entrance] if self._scenario.entrance else []
        leaving = ([here] if here else entrance) + ([old.door] if old else [])
        entering = ([new.door] if new else []) + ([there] if there else entrance)
        points = leaving + entering
        return points if len(points) > 1 else []

    def _tick_at(self, at_s: float) -> None:
        self._call_at(at_s, lambda: self._tick(at_s))

    def _tick(self, now_s: float) -> None:
        """Move everybody who is on their way by one step, at once."""
        self._now_s = now_s
        moved: dict[Person, Move] = {}
        for person, walk in list(self._walks.items()):
            walk.done_m += WALK_M_S * self._scenario.step_s
            place = walk.at()
            if place is None:
                place = walk.target
                del self._walks[person]
            moved[person] = person.at = place
        self._is_ticking = bool(self._walks)
        if self._is_ticking:
            self._tick_at(now_s + self._scenario.step_s)
        self._on_moved(moved)


def _is_on(stay: Stay, day: int) -> bool:
    return not stay.days or day in stay.days
