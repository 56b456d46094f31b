"""The owner's mark, the wipe command, and a short soak, on the simulated board."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from cxhost.boards import load_board
from cxhost.companion import BadgeError
from cxhost.image import Filesystem

spec = importlib.util.spec_from_file_location("soak", Path(__file__).with_name("soak.py"))
soak = importlib.util.module_from_spec(spec)
spec.loader.exec_module(soak)


def files(badge) -> list[str]:
    return Filesystem(load_board("sim"), badge.flash_path.read_bytes()).files("/data")


def double_press(simulation, badge) -> None:
    for _ in range(2):
        badge.press_button()
        simulation.run_for(0.45)
    simulation.run_for(5)


def is_marked(plug, badge) -> bool:
    with plug(badge) as (companion, _):
        return companion.request("info")["marked"]


def test_a_double_press_marks_an_hour_and_another_ends_it(simulation, plug):
    badge = simulation.add_badge("A")
    simulation.run_for(20)
    badge.press_button()
    simulation.run_for(5)
    assert not is_marked(plug, badge)
    double_press(simulation, badge)
    assert is_marked(plug, badge)
    double_press(simulation, badge)
    assert not is_marked(plug, badge)
    double_press(simulation, badge)
    simulation.run_for(3600)
    assert not is_marked(plug, badge)


def test_the_mark_is_in_the_log(simulation, plug):
    a, b = (simulation.add_badge(name, position=(2.0 * (name == "B"), 0.0)) for name in "AB")
    simulation.run_for(20)
    double_press(simulation, a)
    simulation.run_for(3000)
    for badge in (a, b):
        badge.power_off()
    tags = {}
    for badge in (a, b):
        flash = Filesystem(load_board("sim"), badge.flash_path.read_bytes())
        data = flash.read("/data/log/000000")
        count = data[1]
        tags[badge.name] = [data[6 + at * 24 + 18] >> 7 for at in range(count)]
    assert tags["A"] and all(tags["A"]) and tags["B"] and not any(tags["B"])


def test_wiping_needs_the_button_and_leaves_nothing(simulation, plug):
    a, b = (simulation.add_badge(name, position=(2.0 * (name == "B"), 0.0)) for name in "AB")
    simulation.run_for(20)
    with plug(a, presses=False) as (companion, transport):
        companion.request("set_time", unix=int(transport.now()))
        with pytest.raises(BadgeError, match="button"):
            companion.request("wipe", timeout_s=60)
    simulation.run_for(3000)
    heard = {one.payload[7:] for one in simulation.on_air if one.badge == "B" and one.payload}
    assert any(identifier in a.flash_path.read_bytes() for identifier in heard)
    with plug(a) as (companion, _):
        before = companion.request("info")
        assert companion.request("wipe", timeout_s=60) == {"wiping": True}
    b.power_off()
    simulation.run_for(120)
    with plug(a) as (companion, _):
        after = companion.request("info")
    assert before["contacts"] > 0 and after["contacts"] == 0
    assert after["boot"] == before["boot"] + 1 and after["publishers"] == []
    assert after["time"] == pytest.approx(int(simulation.now.timestamp()), abs=2)  # the chip's clock ran on
    a.power_off()
    image = a.flash_path.read_bytes()
    assert not any(identifier in image for identifier in heard)
    assert not any("/log/" in path for path in files(a))


def test_the_battery_pulled_while_it_wipes(simulation, plug):
    badge = simulation.add_badge("A")
    simulation.run_for(30)
    with plug(badge) as (companion, _):
        companion.request("set_time", unix=1_790_000_000)
        companion.request("wipe", timeout_s=60)
    simulation.run_for(0.3)
    for _ in range(3):
        badge.power_off()
        badge.cut_power_after(150)
        badge.power_on()
        simulation.run_for(10)
        assert not badge.powered
    badge.power_on()
    simulation.run_for(60)
    with plug(badge) as (companion, _):
        info = companion.request("info")
    assert info["time"] is None and info["seeds"] == 1 and info["last_crash"] is None


def test_a_short_soak(tmp_path):
    days = list(soak.soak(tmp_path, 2))
    assert soak.faults(days) == []
    assert days[1]["log"]["held"] > 3800


def test_a_soak_that_goes_wrong_is_seen():
    day = {
        "free_bytes": 90_000,
        "uptime_s": 86_460,
        "boot": 0,
        "last_crash": None,
        "lost_files": [],
        "log": {"damaged": 0, "unwritten": 0, "held": 2000, "dropped": 0},
        "not_logged": {"brief": 0, "no_room": 0},
        "near": 14,
        "on_air": 2014,
    }
    good = [day, day | {"uptime_s": 172_860}]
    assert soak.faults(good) == []
    for change in (
        {"free_bytes": 88_900},
        {"uptime_s": 172_000},
        {"last_crash": {"error": "OSError"}},
        {"lost_files": ["clock"]},
        {"on_air": 2200},
        {"not_logged": {"brief": 0, "no_room": 1}},
    ):
        assert len(soak.faults([day, good[1] | change])) == 1
    assert soak.faults([day | {"free_bytes": 50_000}] * 2) != []
    assert soak.faults([day]) == ["the tick counter did not wrap"]
