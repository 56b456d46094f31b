"""The floor plan: places, their walls and seats, and the way from one to another.

Walls take what the COST 231 multi-wall model states: 3.4 dB for a light one (plaster board, doors), 6.9 dB
for a heavy one (brick, concrete), measured at 1.8 GHz; a ship's steel bulkheads and thicker walls are the
scenario's own figures. Every wall that the straight line between two points crosses counts once, also where
two places share it: the one that takes more. Doors count as wall.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from cxhost.sim.radio import Move
from cxhost.sim.scenario import Place, Point, Scenario

# Walls of neighbouring places this close together along the line are one wall.
_ONE_WALL_M = 0.4


@dataclass(frozen=True)
class Room:
    """A place with its edges worked out."""

    place: Place
    door: Point
    seats: tuple[Move, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return self.place.name

    def holds(self, point: Point) -> bool:
        """Tell whether a point lies inside."""
        (x, y), (width, depth) = self.place.at, self.place.size
        return x <= point[0] <= x + width and y <= point[1] <= y + depth

    def inside(self, part_x: float, part_y: float, margin_m: float = 0.7) -> Point:
        """Return the point at parts 0 to 1 of the place's size, off the walls by ``margin_m``."""
        (x, y), (width, depth) = self.place.at, self.place.size
        margin_x, margin_y = min(margin_m, width / 2), min(margin_m, depth / 2)
        return (
            x + margin_x + part_x * (width - 2 * margin_x),
            y + margin_y + part_y * (depth - 2 * margin_y),
        )


def _room(place: Place) -> Room:
    (x, y), (width, _) = place.at, place.size
    door = place.door or (x + width / 2, y)
    seats = []
    if place.seats is not None:
        grid = place.seats
        for row in range(grid.rows):
            for column in range(grid.columns):
                spot = (
                    x + grid.first[0] + column * grid.gap[0],
                    y + grid.first[1] + row * grid.gap[1],
                )
                seats.append(Move(spot, grid.facing))
    return Room(place, door, tuple(seats))


@dataclass
class Plan:
    """All rooms of a scenario."""

    rooms: dict[str, Room]
    _walls: list[tuple[float, float, float, float, float]] = field(default_factory=list)

    @classmethod
    def of(cls, scenario: Scenario) -> Plan:
        """Return the plan of a scenario."""
        plan = cls({place.name: _room(place) for place in scenario.places})
        for place in scenario.places:
            if place.wall_db:
                (x, y), (width, depth) = place.at, place.size
                right, top = x + width, y + depth
                plan._walls += [
                    (x, y, right, y, place.wall_db),
                    (x, top, right, top, place.wall_db),
                    (x, y, x, top, place.wall_db),
                    (right, y, right, top, place.wall_db),
                ]
        return plan

    def size(self) -> tuple[float, float, float, float]:
        """Return least x, least y, largest x, largest y of all places."""
        places = [room.place for room in self.rooms.values()]
        return (
            min(place.at[0] for place in places),
            min(place.at[1] for place in places),
            max(place.at[0] + place.size[0] for place in places),
            max(place.at[1] + place.size[1] for place in places),
        )

    def seats(self, pattern: str) -> list[Move]:
        """Return the seats of the places whose names match, in their order."""
        return [
            seat for name, room in self.rooms.items() if fnmatchcase(name, pattern) for seat in room.seats
        ]

    def room_at(self, point: Point) -> Room | None:
        """Return the room around a point."""
        return next((room for room in self.rooms.values() if room.holds(point)), None)

    def loss_db(self, a: Point, b: Point) -> float:
        """Return what the walls between two points take."""
        length = math.dist(a, b)
        crossed = []
        for x1, y1, x2, y2, loss in self._walls:
            part = _crossing(a, b, x1, y1, x2, y2)
            if part is not None:
                crossed.append((part * length, loss))
        crossed.sort()
        total, last, last_loss = 0.0, -math.inf, 0.0
        for metres, loss in crossed:
            if metres - last < _ONE_WALL_M:
                total += max(0.0, loss - last_loss)
                last_loss = max(loss, last_loss)
            else:
                total += loss
                last, last_loss = metres, loss
        return total


def _crossing(a: Point, b: Point, x1: float, y1: float, x2: float, y2: float) -> float | None:
    """Return at which part of the way from ``a`` to ``b`` a wall along an axis is crossed.

    None if nowhere.
    """
    if x1 == x2:
        if (a[0] < x1) == (b[0] < x1):
            return None
        part = (x1 - a[0]) / (b[0] - a[0])
        return part if y1 <= a[1] + part * (b[1] - a[1]) <= y2 else None
    if (a[1] < y1) == (b[1] < y1):
        return None
    part = (y1 - a[1]) / (b[1] - a[1])
    return part if x1 <= a[0] + part * (b[0] - a[0]) <= x2 else None
