"""Scenarios without badges: what a file may say, where people are, and who was really near whom."""

from __future__ import annotations

import heapq
import math
import random

import pytest
from host_tests.firmware.simulator.scenarios import ROOM, YARD, small

from cxhost.sim import scenario
from cxhost.sim.folder import ScenarioError
from cxhost.sim.people import WALK_M_S, Crowd, make_people
from cxhost.sim.plan import Plan
from cxhost.sim.truth import Truth


class World:
    """People of a scenario and their agenda, without badges."""

    def __init__(self, data: dict, seed: int = 1) -> None:
        self.scenario = scenario.check(data, "test")
        self.plan = Plan.of(self.scenario)
        self.people = make_people(self.scenario, self.plan, random.Random(seed))
        self.now_s = float(self.scenario.begin)
        self.moves: list[tuple[float, str, object]] = []
        self._agenda: list[tuple[float, int, object]] = []
        self.truth = Truth(self.people, self.plan, lambda person: True)
        self.crowd = Crowd(
            self.scenario, self.plan, self.people, random.Random(seed), self.call_at, self.on_moved
        )

    def call_at(self, at_s, action):
        heapq.heappush(self._agenda, (at_s, len(self.moves) + len(self._agenda) * 1_000_000, action))

    def on_moved(self, moved):
        self.truth.changed(self.now_s, moved)
        self.moves += [(self.now_s, person.name, place) for person, place in moved.items()]

    def run_to(self, at_s):
        while self._agenda and self._agenda[0][0] <= at_s:
            self.now_s, _, action = heapq.heappop(self._agenda)
            action()
        self.now_s = at_s


def test_people_are_where_their_timetable_says():
    world = World(small())
    world.crowd.start()
    world.run_to(8.5 * 3600)
    inside = [person for person in world.people if person.group.name == "in"]
    assert [person.at.position for person in inside] == [(1, 2), (2, 2), (3, 2), (4, 2)]
    assert {round(person.at.facing, 3) for person in inside} == {round(-math.pi / 2, 3)}
    yard = world.plan.rooms["yard"]
    assert all(yard.holds(person.at.position) for person in world.people if person.group.name == "out")
    world.run_to(8.9 * 3600)
    assert all(yard.holds(person.at.position) for person in inside)
    world.run_to(9.9 * 3600)
    assert all(person.at.position is None for person in world.people)


def test_nobody_walks_faster_than_people_do_and_everybody_goes_through_doors():
    world = World(small())
    world.crowd.start()
    world.run_to(10 * 3600)
    last: dict[str, tuple[float, tuple]] = {}
    for at_s, name, place in world.moves:
        if name in last and last[name][1] and place.position:
            before_s, before = last[name]
            moved = math.dist(before, place.position)
            # Short ways are taken at once, in less than a step's time.
            assert moved <= WALK_M_S * max(at_s - before_s, world.scenario.step_s) + 0.01, (at_s, name)
        last[name] = (at_s, place.position)
    assert len(world.moves) > 100


def test_one_seed_gives_one_life():
    def moves(seed):
        world = World(small(), seed)
        world.crowd.start()
        world.run_to(10 * 3600)
        return world.moves

    assert moves(1) == moves(1) != moves(2)


def test_true_contacts_are_what_counting_every_second_finds():
    world = World(small())
    world.crowd.start()
    counted: dict[tuple[int, int], list[int]] = {}
    for second in range(8 * 3600 + 1, 9 * 3600 + 1):
        # What holds before anything moves at this second held for the second before it.
        for one in world.people:
            for other in world.people[one.index + 1 :]:
                here, there = one.at.position, other.at.position
                if here and there and not world.plan.loss_db(here, there) and math.dist(here, there) <= 4:
                    count = counted.setdefault((one.index, other.index), [0, 0])
                    count[0] += math.dist(here, there) <= 2
                    count[1] += 1
        world.run_to(second)
    found = {}
    for person in world.people:
        for other, contact in world.truth.of(world.now_s, person).items():
            found[tuple(sorted((person.index, other)))] = contact
    assert sum(count[0] for count in counted.values()) > 3000
    for_moves = 30  # seconds: they happen at fractions of one, so each may differ by one
    for pair, (near_s, close_s) in counted.items():
        assert found[pair].near_s == pytest.approx(near_s, abs=for_moves), pair
        assert found[pair].close_s == pytest.approx(close_s, abs=for_moves), pair
        assert found[pair].live_s == found[pair].near_s


def test_a_contact_is_live_only_with_both_badges():
    world = World(small())
    off = {world.people[0]}
    world.truth = Truth(world.people, world.plan, lambda person: person not in off)
    world.crowd.start()
    world.run_to(8.5 * 3600)
    off.clear()
    world.truth.changed(world.now_s, [world.people[0]])
    world.run_to(8.6 * 3600)
    contact = world.truth.of(world.now_s, world.people[0])[1]
    assert contact.live_s == pytest.approx(360) and contact.near_s > 1200


def plan(*places) -> Plan:
    return Plan.of(scenario.check(small(place=[ROOM, YARD, *places]), "test"))


def test_walls_are_crossed_once_each():
    one = plan(
        {"name": "next", "at": [6, 0], "size": [6, 6], "wall_db": 20},
        {"name": "open", "at": [20, 0], "size": [6, 6]},
    )
    assert one.loss_db((1, 1), (5, 5)) == 0
    assert one.loss_db((3, 3), (3, 8)) == 6.9
    assert one.loss_db((3, 3), (9, 3)) == 20  # one wall, though two places have it: the one that takes more
    assert one.loss_db((9, 3), (3, 3)) == 20
    assert one.loss_db((-2, 3), (15, 3)) == 6.9 + 20 + 20
    assert one.loss_db((19, 3), (27, 3)) == 0
    assert one.loss_db((3, 8), (9, 8)) == 0


def test_copies_of_a_place_and_seats_by_pattern():
    cabins = {**ROOM, "name": "cabin", "copies": 3, "step": [7, 0], "door": [1, 0]}
    group = {"name": "all", "people": 10, "timetable": [{"at": "00:00", "place": "cabin-*"}]}
    data = small(place=[cabins], group=[group], report=[], sync=[], attacker=[], entrance=None)
    world = World(data)
    world.crowd.start()
    assert [place.name for place in world.scenario.places] == ["cabin-1", "cabin-2", "cabin-3"]
    assert world.plan.rooms["cabin-3"].door == (15, 0)
    assert [world.plan.room_at(person.at.position).name for person in world.people] == (
        ["cabin-1"] * 4 + ["cabin-2"] * 4 + ["cabin-3"] * 2
    )


def test_rounds_stand_face_to_face():
    group = {"name": "nurse", "people": 2, "timetable": [{"at": "00:00", "places": ["room"], "do": "rounds"}]}
    world = World(small(group=[group], report=[], sync=[]))
    world.crowd.start()
    nurse = world.people[0].at
    assert math.dist(nurse.position, (1, 2)) == pytest.approx(0.8) and nurse.position[1] < 2
    assert math.sin(nurse.facing) == pytest.approx(1)


WRONG = [
    ({"begin": "8 o'clock"}, "begin: must be a time of day"),
    ({"end": "08:00"}, "end: must be a day of the run"),
    ({"end": "1 07:00"}, "end: must be after begin"),
    ({"color": 1}, "color: Extra inputs"),
    ({"radio": {"body_db": -1}}, "radio.body_db"),
    ({"radio": {"body": 1}}, "radio.body"),
    ({"place": [ROOM, ROOM, YARD]}, "place: the name room is taken"),
    ({"place": [{**ROOM, "name": "away"}, YARD]}, "place: the name away is taken"),
    ({"place": [YARD]}, "group in: timetable: there is no place 'room'"),
    ({"place": [{**ROOM, "seats": None}, YARD]}, "group in: timetable: room has no seats"),
    ({"place": [{**ROOM, "seats": {**ROOM["seats"], "facing": "up"}}, YARD]}, "must be one of east"),
    ({"report": [{"person": "in-9", "at": "1 09:00"}]}, "report: there is no person 'in-9'"),
    ({"report": [{"person": "in-1", "at": "3 09:00"}]}, "must lie between begin and end"),
    ({"sync": [{"at": "10:00", "groups": ["nobody"]}]}, "sync: there is no group 'nobody'"),
    ({"attacker": [{"kind": "replayer", "at": [0, 0]}]}, "a replayer needs a mouth"),
    ({"attacker": [{"kind": "thief", "at": [0, 0]}]}, "attacker.1.kind"),
    ({"group": [{"name": "one", "people": 1, "timetable": [{"at": "08:00", "place": "room"}]}]}, "1 people"),
    ({"group": [{"name": "one", "people": 3, "timetable": []}]}, "timetable: is empty"),
    (
        {"group": [{"name": "one", "people": 3, "timetable": [{"at": "08:00", "do": "rounds"}]}]},
        "rounds need places",
    ),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_bad_scenario_is_refused_by_field(change, message):
    with pytest.raises(ScenarioError) as refused:
        scenario.check(small(**change), "bad.toml")
    assert message in str(refused.value) and str(refused.value).startswith("bad.toml: ")
    assert "\n" not in str(refused.value)


def test_every_shipped_scenario_is_right_and_has_all_that_is_measured():
    names = scenario.shipped()
    assert {"school", "ward", "ship", "festival", "faults"} <= set(names)
    for name in names:
        one = scenario.load(name)
        assert one.name == name and one.report and one.sync
    school = scenario.load("school")
    assert sum(group.people for group in school.group) == 60 and school.end - school.begin == 2 * 86_400
    assert sum(group.people for group in scenario.load("festival").group) == 200
    long = scenario.load("faults")
    assert sum(group.people for group in long.group) == 20 and long.end - long.begin == 14 * 86_400
    assert long.faults.batteries_pulled and long.faults.cut_while_writing


def test_fields_are_replaced_by_name_and_number():
    changed = scenario.load(
        "school", ["radio.body_db=3.5", "group.teacher.people=2", "report.1.level=symptomatic", "title=Other"]
    )
    assert changed.radio.body_db == 3.5 and changed.group[1].people == 2
    assert changed.report[0].level == "symptomatic" and changed.title == "Other"
    for change, message in (
        ("radio.body_db", "must look like"),
        ("group.cook.people=2", "neither a name nor a number"),
        ("radio.nothing=2", "radio.nothing"),
        ("title.x=2", "no table"),
    ):
        with pytest.raises(ScenarioError, match=message):
            scenario.load("school", [change])


def test_what_is_no_scenario_says_which_there_are(tmp_path):
    with pytest.raises(ScenarioError, match=r"no such scenario.*school"):
        scenario.load("shool")
    with pytest.raises(ScenarioError, match="cannot be read"):
        scenario.load(str(tmp_path / "missing.toml"))
    (tmp_path / "bad.toml").write_text("a = [")
    with pytest.raises(ScenarioError, match=r"bad\.toml"):
        scenario.load(str(tmp_path / "bad.toml"))
