"""What a scenario's TOML file may say, and what is wrong with one that says something else.

Lengths are metres, x to the east and y to the north; angles of facing are names of directions. Moments are
``"HH:MM"`` of every day, or ``"D HH:MM"`` with the day of the run, the first is 1. ``docs/simulator.md``
tells it by example.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import date, datetime, time, timezone
from fnmatch import fnmatchcase
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cxhost.sim.folder import ScenarioError
from cxhost.sim.moments import DAY_S, Clock, Facing, Moment
from cxhost.sim.radio import RadioModel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

AWAY = "away"
MOST_PEOPLE = 200


Point = tuple[float, float]
Share = Annotated[float, Field(ge=0, le=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Radio(_Table):
    """What differs from ``RadioModel``; the sources of the defaults are there."""

    distance_loss: Annotated[float, Field(ge=15, le=60)] = 30.0
    shadowing_db: Annotated[float, Field(ge=0, le=20)] = 3.0
    rician_k_db: float = 9.0
    body_db: Annotated[float, Field(ge=0, le=40)] = 8.0
    every_packet: bool = False

    def model(self) -> RadioModel:
        """Return the model of the air."""
        return RadioModel(
            distance_loss=self.distance_loss,
            shadowing_db=self.shadowing_db,
            rician_k_db=self.rician_k_db,
            body_db=self.body_db,
            is_thinned=not self.every_packet,
        )


class Badges(_Table):
    """What holds for all badges."""

    drift_ppm: Annotated[int, Field(ge=0, le=1000)] = 20
    battery_mah: Annotated[float, Field(gt=0)] = 500
    energy_board: str = "ESP32_GENERIC"


class Seats(_Table):
    """Places to sit or lie, in a grid: ``first`` from the place's corner, ``gap`` between neighbours."""

    rows: Annotated[int, Field(ge=1)]
    columns: Annotated[int, Field(ge=1)]
    first: Point
    gap: Point
    facing: Facing = 0.0


class Place(_Table):
    """A rectangle on the plan.

    ``wall_db``: what its walls take; 0: it has none. ``door``: a point on its edge. ``copies``: so many of
    it, each ``step`` from the one before, named ``name-1`` and so on.
    """

    name: str
    at: Point
    size: Point
    wall_db: Annotated[float, Field(ge=0)] = 0.0
    door: Point | None = None
    seats: Seats | None = None
    copies: Annotated[int, Field(ge=1)] = 1
    step: Point = (0.0, 0.0)

    def all(self) -> list[Place]:
        """Return the place itself, or its copies."""
        if self.copies == 1:
            return [self]
        made = []
        for number in range(self.copies):
            dx, dy = self.step[0] * number, self.step[1] * number
            moved = {
                "name": f"{self.name}-{number + 1}",
                "at": (self.at[0] + dx, self.at[1] + dy),
                "copies": 1,
            }
            if self.door is not None:
                moved["door"] = (self.door[0] + dx, self.door[1] + dy)
            made.append(self.model_copy(update=moved))
        return made


class Stay(_Table):
    """One line of a timetable: from when on, where, and doing what.

    ``sit``: at one's seat; ``mingle``: in standing groups of ``cluster`` that form anew every ``every_min``;
    ``wander``: alone, elsewhere every ``every_min``; ``rounds``: from seat to seat of ``places``,
    ``every_min`` at each; place ``away``: out of everybody's reach. To sit and for rounds ``room-*`` stands
    for all places whose names begin so.
    """

    at: Clock
    place: str = ""
    places: tuple[str, ...] = ()
    do: Literal["sit", "mingle", "wander", "rounds"] = "sit"
    cluster: Annotated[int, Field(ge=2, le=12)] = 3
    every_min: Annotated[float, Field(gt=0)] = 10
    days: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _has_a_place(self) -> Stay:
        if (self.do == "rounds") != bool(self.places) or bool(self.place) == bool(self.places):
            raise ValueError("rounds need places; everything else needs a place")
        return self

    @property
    def where(self) -> tuple[str, ...]:
        """The names of its places."""
        return self.places or (self.place,)


class Group(_Table):
    """People with one timetable.

    ``wearing``: share of them with a badge; ``late_min``: each is late by up to it.
    """

    name: str
    people: Annotated[int, Field(ge=1, le=MOST_PEOPLE)]
    timetable: tuple[Stay, ...]
    wearing: Share = 1.0
    late_min: Annotated[float, Field(ge=0)] = 3


class Sync(_Table):
    """Each day at this time the badges of these groups come to the computer, one after another."""

    at: Clock
    groups: tuple[str, ...]
    days: tuple[int, ...] = ()


class Report(_Table):
    """Somebody reports: ``person`` is a group's name, a dash and a number from 1."""

    at: Moment
    person: str
    level: Literal["diagnosed", "symptomatic", "debug_alert"] = "diagnosed"


class Publisher(_Table):
    """The health authority: a list every ``every_min``; ``decoys``: lists filled up as in real service.

    ``key``: what it signs with.
    """

    every_min: Annotated[int, Field(ge=2)] = 60
    decoys: bool = False
    key: Literal["rsa", "p256"] = "p256"


class Faults(_Table):
    """What goes wrong by chance, for each badge and day, and for how long (minutes, from and to)."""

    batteries_pulled: Annotated[float, Field(ge=0)] = 0.0
    battery_out_min: Point = (1, 60)
    cut_while_writing: Share = 0.0  # of the pulled batteries: the next pull comes at a write to flash
    taken_off: Annotated[float, Field(ge=0)] = 0.0
    taken_off_min: Point = (10, 120)


class Attacker(_Table):
    """Somebody at ``at``.

    sniffer: notes all that is on air. flooder: ``on_air`` made-up identifiers at a time, each for
    ``life_s``. replayer: sends what it hears again at ``mouth``, ``delay_s`` later.
    """

    kind: Literal["sniffer", "flooder", "replayer"]
    at: Point
    since: Moment = 0
    until: Moment | None = None
    on_air: Annotated[int, Field(ge=1, le=500)] = 20
    life_s: Annotated[float, Field(ge=1)] = 30
    mouth: Point | None = None
    delay_s: Annotated[float, Field(ge=0)] = 60

    @model_validator(mode="after")
    def _has_a_mouth(self) -> Attacker:
        if self.kind == "replayer" and self.mouth is None:
            raise ValueError("a replayer needs a mouth: the place where it sends")
        return self


class Scenario(_Table):
    """A whole scenario, checked."""

    name: str
    title: str
    seed: int = 1
    first_day: date = date(2026, 3, 2)
    begin: Clock
    end: Moment
    step_s: Annotated[float, Field(ge=1)] = 10
    entrance: Point | None = None
    radio: Radio = Radio()
    badges: Badges = Badges()
    publisher: Publisher = Publisher()
    faults: Faults = Faults()
    place: tuple[Place, ...]
    group: tuple[Group, ...]
    sync: tuple[Sync, ...] = ()
    report: tuple[Report, ...] = ()
    attacker: tuple[Attacker, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        """How many days the run touches."""
        return (self.end - 1) // DAY_S + 1

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """All places, copies included."""
        return tuple(one for place in self.place for one in place.all())

    @property
    def midnight(self) -> datetime:
        """The moment that a ``Moment`` counts from."""
        return datetime.combine(self.first_day, time(), timezone.utc)

    @model_validator(mode="after")
    def _fits_together(self) -> Scenario:
        if self.end <= self.begin:
            raise ValueError("end: must be after begin")
        people = sum(group.people for group in self.group)
        if not 2 <= people <= MOST_PEOPLE:
            raise ValueError(f"group: {people} people in all; must be 2 to {MOST_PEOPLE}")
        _unique("place", [place.name for place in self.places])
        _unique("group", [group.name for group in self.group])
        self._check_timetables()
        self._check_names()
        return self

    def _check_timetables(self) -> None:
        for group in self.group:
            if not group.timetable:
                raise ValueError(f"group {group.name}: timetable: is empty")
            for stay in group.timetable:
                for name in stay.where:
                    self._check_place(f"group {group.name}: timetable", name, stay.do)

    def _check_place(self, where: str, name: str, do: str) -> None:
        if name == AWAY:
            return
        found = [place for place in self.places if fnmatchcase(place.name, name)]
        if not found:
            raise ValueError(f"{where}: there is no place {name!r}")
        if do in ("sit", "rounds") and any(place.seats is None for place in found):
            raise ValueError(f"{where}: {name} has no seats")
        if do in ("mingle", "wander") and name not in [place.name for place in found]:
            raise ValueError(f"{where}: to {do}, name one place, not {name!r}")

    def _check_names(self) -> None:
        people = {f"{group.name}-{n}" for group in self.group for n in range(1, group.people + 1)}
        groups = {group.name for group in self.group}
        for report in self.report:
            if report.person not in people:
                raise ValueError(f"report: there is no person {report.person!r}, such as {min(people)}")
            if not self.begin <= report.at < self.end:
                raise ValueError(f"report: {report.person}: at: must lie between begin and end")
        for sync in self.sync:
            for name in sync.groups:
                if name not in groups:
                    raise ValueError(f"sync: there is no group {name!r}")


def _unique(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen or name == AWAY:
            raise ValueError(f"{what}: the name {name} is taken")
        seen.add(name)


def shipped() -> list[str]:
    """Return the names of the scenarios that come with the program."""
    folder = resources.files("cxhost.sim") / "scenarios"
    return sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml"))


def load(name: str, changes: Iterable[str] = ()) -> Scenario:
    """Return a shipped scenario by its name, or the one in a file; ScenarioError tells what is wrong.

    ``changes``: texts such as ``radio.body_db=12`` that replace what the file says; the right side is TOML.
    """
    path = Path(name)
    if name in shipped():
        text = (resources.files("cxhost.sim") / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")
    elif path.suffix == ".toml":
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(f"{path}: cannot be read ({error})") from None
    else:
        raise ScenarioError(f"{name}: no such scenario; give a .toml file or one of {', '.join(shipped())}")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{name}: {error}") from None
    for change in changes:
        _change(data, change)
    return check(data, name)


def check(data: dict[str, Any], name: str) -> Scenario:
    """Return the scenario in ``data``; ScenarioError names the first field at fault."""
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise ScenarioError(f"{name}: {where + ': ' if where else ''}{what}") from None


def _change(data: dict[str, Any], change: str) -> None:
    path, equals, value = change.partition("=")
    if not equals:
        raise ScenarioError(f"{change}: must look like radio.body_db=12")
    try:
        new = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        new = value
    at: Any = data
    *parents, last = path.split(".")
    for part in parents:
        at = _child(at, part, path)
    if isinstance(at, list):
        at[_number(at, last, path)] = new
    else:
        at[last] = new


def _child(at: Any, part: str, path: str) -> Any:
    if isinstance(at, list):
        return at[_number(at, part, path)]
    child = at.setdefault(part, {})
    if not isinstance(child, (dict, list)):
        raise ScenarioError(f"{path}: {part} is no table")
    return child


def _number(at: list[Any], part: str, path: str) -> int:
    """Return the index of a list's element: its name, or its number from 1."""
    for index, one in enumerate(at):
        if isinstance(one, dict) and one.get("name") == part:
            return index
    if part.isdecimal() and 1 <= int(part) <= len(at):
        return int(part) - 1
    raise ScenarioError(f"{path}: {part} is neither a name nor a number from 1 to {len(at)}")
