"""Short forms of ``make hostile`` and ``make cuts``; and what the owner sees when a computer asks."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import pytest

from cxhost.companion import BadgeError
from cxhost.consent import press_ms, question
from cxhost.sim.badge import SimulatedBadge


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cuts, hostile = load("cuts"), load("hostile")

# What may be asked, and with which request.
ASKED = {
    "clock": ("set_time", {"unix": 1_900_000_000}),
    "alerts": ("alerts", {}),
    "settings": ("configure", {"profile": "long-life"}),
    "wipe": ("wipe", {}),
}


def test_a_hostile_computer(tmp_path):
    assert hostile.attack(tmp_path, 800, 2, lambda _line: None) == []


def test_the_search_for_leaks_finds_them():
    secret = bytes(range(60, 90))
    leaks = hostile.Leaks([secret])
    for inside in (secret[5:13], secret[9:17].hex().encode(), secret[9:17].hex().upper().encode()):
        assert leaks.find(b'{"x": "' + inside + b'"}')
    assert leaks.find(b"{}" * 100 + secret[5:12]) is None


def test_cut_transfers_end_complete_or_absent():
    is_right, said = cuts.run(60, 3)
    assert is_right, said
    assert "60 transfers" in said


@pytest.fixture
def badge(simulation):
    added = simulation.add_badge("A")
    simulation.run_for(70)
    return added


@pytest.fixture
def dated(badge, plug):
    with plug(badge) as (companion, recorder):
        companion.request("set_time", unix=int(recorder.now()))
    return badge


def light(badge: SimulatedBadge, first: int) -> list[int]:
    """Return the lengths of the flashes since a change of the light, in ms."""
    changes = [change for change in badge.pin_log[first:] if change.pin == 2]
    lit = [(a, b) for a, b in itertools.pairwise(changes) if a.value and not b.value]
    return [round((b.time - a.time).total_seconds() * 1000 / 50) * 50 for a, b in lit]


def ask(plug, badge, kind: str, press: int | None) -> tuple[str, list[int]]:
    """Ask for something; return what the companion was told, and the light until the question was over."""
    name, fields = ASKED[kind]
    told, first = [], len(badge.pin_log)

    with plug(badge, presses=False) as (companion, _):

        def on_waiting(what: str, seconds: int) -> None:
            told.append(what)
            assert seconds == 30
            if press is not None:
                badge.press_button(press)

        companion._on_waiting = on_waiting
        try:
            companion.request(name, timeout_s=60, **fields)
        except BadgeError as error:
            told.append(str(error))
    return " ".join(told), light(badge, first)


def test_every_question_has_a_pattern_of_its_own(simulation, dated, plug):
    patterns = {}
    for kind in ASKED:
        told, flashes = ask(plug, dated, kind, None)
        assert told.startswith(kind) and "consent" in told
        assert flashes[-5:] == [50] * 5  # refused
        patterns[kind] = tuple(flashes[:6])
        simulation.run_for(5)
    assert patterns["clock"][:4] == (250,) * 4
    assert patterns["wipe"][:3] == (1000, 250, 250)
    assert (
        len(question("wipe", 30)) > 50
        and "hold" in question("wipe", 30)
        and "hold" not in question("alerts", 30)
    )


def test_a_press_of_the_wrong_length_agrees_to_nothing(simulation, dated, plug):
    assert "3 s" in ask(plug, dated, "wipe", press_ms("alerts"))[0]
    simulation.run_for(5)
    assert "consent" in ask(plug, dated, "alerts", press_ms("wipe"))[0]
    simulation.run_for(5)
    told, _flashes = ask(plug, dated, "alerts", press_ms("alerts"))
    assert told == "alerts"
    simulation.run_for(5)
    with plug(dated) as (companion, _):
        info = companion.request("info")
        names = [one[3] for one in companion.request("log")["events"]]
    assert info["boot"] == 0 and names == ["start", "clock set", "not agreed", "not agreed"]


def test_settings_take_effect_and_survive(simulation, dated, plug):
    with plug(dated) as (companion, _):
        for fields, field in (({}, "profile"), ({"light": "off"}, "light"), ({"name": "Eve"}, "name")):
            with pytest.raises(BadgeError, match=field):
                companion.request("configure", timeout_s=60, **fields)
        answer = companion.request("configure", timeout_s=60, profile="dense-crowd", light="quiet")
        assert answer["restarting"]
    simulation.run_for(20)
    with plug(dated) as (companion, _):
        info = companion.request("info")
        assert info["settings"] == {"profile": "dense-crowd", "light": "quiet"}
        assert info["boot"] == 1 and info["last_crash"] is None and info["time"] is not None
        events = companion.request("log")["events"]
    assert [one[3] for one in events][-2:] == ["settings changed", "start"]
    first = len(dated.pin_log)
    simulation.run_for(300)
    assert light(dated, first) == []


def test_a_removed_publisher_is_gone_with_all_that_came_of_it(simulation, dated, plug, make_publisher):
    publisher = make_publisher()
    with plug(dated, presses=False) as (companion, _):
        known = companion.put("descriptor", publisher.descriptor_file.read_bytes())["id"]
        companion.put("publication", publisher.publish().path.read_bytes(), publisher=known)
        simulation.run_for(20)
        with pytest.raises(BadgeError, match="consent"):
            companion.request("remove", timeout_s=60, publisher=known)
        with pytest.raises(BadgeError, match="publisher"):
            companion.request("remove", timeout_s=60, publisher="00000000")
        assert len(companion.request("info")["publishers"]) == 1
    simulation.run_for(5)
    with plug(dated) as (companion, _):
        assert companion.request("remove", timeout_s=60, publisher=known) == {"removed": known}
        assert companion.request("info")["publishers"] == []
        assert companion.request("log")["events"][-1][3:] == ["publisher removed", int(known, 16)]
        # As new: the same list counts again.
        companion.put("descriptor", publisher.descriptor_file.read_bytes())
        companion.put("publication", publisher.publication_file.read_bytes(), publisher=known)


def test_the_log_is_a_ring_and_survives(simulation, dated, plug):
    for _ in range(3):
        simulation.run_for(400)
        dated.power_off()
        dated.power_on()
        simulation.run_for(20)
    with plug(dated) as (companion, _):
        page = companion.request("log")
        assert [one[0] for one in page["events"] if one[3] == "start"] == [0, 1, 2, 3]
        assert page["next"] is None
        assert companion.request("log", first=3)["events"] == page["events"][3:]
        assert companion.request("log", first=300)["events"] == []
        with pytest.raises(BadgeError, match="first"):
            companion.request("log", first=-1)
