"""Who was really near whom, and for how long: what the badges cannot know and are judged by.

A contact within two (four) metres counts where no wall lies between. It is *live* while both wear a badge
that has power: more no badge could notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from cxhost.sim.people import Person
from cxhost.sim.plan import Plan

NEAR_M = 2.0
CLOSE_M = 4.0


class Near(NamedTuple):
    """How two people stand to each other.

    Within two metres or within four, and whether both badges are live.
    """

    is_near: bool
    is_live: bool


@dataclass
class Contact:
    """Seconds of two people: within two metres, of these live, and within four metres."""

    near_s: float = 0.0
    live_s: float = 0.0
    close_s: float = 0.0


class Truth:
    """Adds up contacts while people move. ``is_live`` tells whether a person wears a badge that works."""

    def __init__(self, people: list[Person], plan: Plan, is_live: Callable[[Person], bool]) -> None:
        self._people = people
        self._plan = plan
        self._is_live = is_live
        self._contacts: dict[tuple[int, int], Contact] = {}
        self._open: dict[tuple[int, int], tuple[float, Near]] = {}
        self._partners: list[set[int]] = [set() for _ in people]

    def changed(self, now_s: float, persons: Iterable[Person]) -> None:
        """Take that these people are elsewhere from now on, or that their badges went on or off."""
        for person in persons:
            for other in sorted(self._partners[person.index]):
                self._close(now_s, person.index, other)
            self._partners[person.index].clear()
            for other in self._people:
                near = self._near(person, other)
                if near is not None:
                    self._open[_pair(person.index, other.index)] = (now_s, near)
                    self._partners[person.index].add(other.index)
                    self._partners[other.index].add(person.index)

    def _near(self, one: Person, other: Person) -> Near | None:
        here, there = one.at.position, other.at.position
        if one is other or here is None or there is None:
            return None
        metres_2 = (here[0] - there[0]) ** 2 + (here[1] - there[1]) ** 2
        if metres_2 > CLOSE_M**2 or self._plan.loss_db(here, there) > 0:
            return None
        return Near(metres_2 <= NEAR_M**2, self._is_live(one) and self._is_live(other))

    def _close(self, now_s: float, a: int, b: int) -> None:
        pair = _pair(a, b)
        since_s, near = self._open.pop(pair)
        self._partners[b].discard(a)
        spent_s = now_s - since_s
        if spent_s <= 0:
            return
        contact = self._contacts.setdefault(pair, Contact())
        contact.close_s += spent_s
        if near.is_near:
            contact.near_s += spent_s
            if near.is_live:
                contact.live_s += spent_s

    def of(self, now_s: float, person: Person) -> dict[int, Contact]:
        """Return everybody's contact with ``person`` up to now, by their index."""
        self.changed(now_s, [person])
        found = {}
        for other in self._people:
            contact = self._contacts.get(_pair(person.index, other.index))
            if contact is not None:
                found[other.index] = Contact(contact.near_s, contact.live_s, contact.close_s)
        return found


def _pair(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)
