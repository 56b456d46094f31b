"""What goes wrong by chance: batteries pulled, also in the middle of a write, and badges taken off."""

from __future__ import annotations

import random
from collections.abc import Callable

from cxhost.sim.badge import SimulatedBadge
from cxhost.sim.people import CallAt, Person
from cxhost.sim.radio import Move
from cxhost.sim.scenario import DAY_S, Scenario

# A write at which the battery goes is one of so many after the start.
_MOST_WRITES = 400


class Wearing:
    """Who wears their badge, and what happens to it. ``on_changed`` is called with whoever changed.

    ``pulled``, ``cut`` (at a write to flash) and ``taken_off`` count.
    """

    def __init__(
        self,
        scenario: Scenario,
        badges: dict[Person, SimulatedBadge],
        draw: random.Random,
        call_at: CallAt,
        on_changed: Callable[[Person], None],
    ) -> None:
        self._faults = scenario.faults
        self._badges = badges
        self._draw = draw
        self._call_at = call_at
        self._on_changed = on_changed
        self._lying: dict[Person, Move] = {}
        self.pulled = 0
        self.cut = 0
        self.taken_off = 0
        self._plan(scenario)

    def is_live(self, person: Person) -> bool:
        """Tell whether a person wears a badge that has power."""
        return person.has_badge and person not in self._lying and self._badges[person].powered

    def place(self, person: Person) -> Move:
        """Return where the person's badge is."""
        return self._lying.get(person, person.at)

    def _plan(self, scenario: Scenario) -> None:
        faults = scenario.faults
        for person in self._badges:
            for rate, action in ((faults.batteries_pulled, self._pull), (faults.taken_off, self._take_off)):
                at_s = float(scenario.begin)
                while rate:
                    at_s += self._draw.expovariate(rate) * DAY_S
                    if at_s >= scenario.end:
                        break
                    self._call_at(at_s, lambda a=action, p=person, t=at_s: a(p, t))

    def _pull(self, person: Person, now_s: float) -> None:
        badge = self._badges[person]
        if not badge.powered:
            return
        badge.power_off()
        self.pulled += 1
        self._on_changed(person)
        back_s = now_s + 60 * self._draw.uniform(*self._faults.battery_out_min)
        self._call_at(back_s, lambda: self._put_in(person, back_s))

    def _put_in(self, person: Person, now_s: float) -> None:
        badge = self._badges[person]
        if badge.powered:
            return
        if self._draw.random() < self._faults.cut_while_writing:
            # The contact is bad: power goes again at a write to flash, and comes back for good later.
            badge.cut_power_after(self._draw.randrange(_MOST_WRITES))
            again_s = now_s + 60 * self._draw.uniform(*self._faults.battery_out_min)
            self._call_at(again_s, lambda: self._put_in_again(person, again_s))
        badge.power_on()
        self._on_changed(person)

    def _put_in_again(self, person: Person, now_s: float) -> None:
        self.cut += not self._badges[person].powered
        self._put_in(person, now_s)

    def _take_off(self, person: Person, now_s: float) -> None:
        if person in self._lying or person.at.position is None:
            return
        self._lying[person] = Move(person.at.position)  # no body in the way
        self.taken_off += 1
        self._on_changed(person)
        back_s = now_s + 60 * self._draw.uniform(*self._faults.taken_off_min)
        self._call_at(back_s, lambda: self._put_on(person))

    def _put_on(self, person: Person) -> None:
        del self._lying[person]
        self._on_changed(person)
