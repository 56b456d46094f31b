"""Whole runs of a small scenario: the same twice, right about who met, with a report that a browser takes."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from host_tests.browser import chromium
from host_tests.firmware.simulator.scenarios import small
from typer.testing import CliRunner

from cxhost.cli import app
from cxhost.session import CommandError
from cxhost.sim import SimulationError, measure, report, scenario, sweep
from cxhost.sim.chip import PinChange
from cxhost.sim.hearing import LOST_BY_A_CUT_S, Visit
from cxhost.sim.lights import Light
from cxhost.sim.measure import Verdict
from cxhost.sim.run import Run


def quietly(done: float, total: float) -> None:
    """Show no progress."""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run that is over, its badges off, and its result."""
    folder = tmp_path_factory.mktemp("run")
    with Run(scenario.check(small(), "small"), 3, folder, quietly) as run:
        run.run()
        yield run, measure.result(run)


def without_machine(result: dict) -> dict:
    return {key: value for key, value in result.items() if key != "machine"}


def test_the_same_seed_gives_the_same_result(done, tmp_path):
    with Run(scenario.check(small(), "small"), 3, tmp_path, quietly) as again:
        again.run()
        result = measure.result(again)
    assert without_machine(result) == without_machine(done[1])
    assert len(result["digest"]) == 64


def test_who_met_is_alerted_and_who_did_not_is_not(done):
    run, result = done
    told = {one["owner"]: one for one in result["verdicts"]}
    assert set(told) == {"in-1", "in-3", "in-4", "out-1", "out-2"}
    for name in ("in-1", "in-3"):  # beside in-2 for half an hour
        assert told[name]["risk"] == "high" and told[name]["live_min"] > 30
        assert 0.4 <= told[name]["delay_h"] <= 0.5
    for name in ("out-1", "out-2"):
        assert told[name]["close_min"] < 10 and told[name]["risk"] != "high"
    lit = {run.record.people[person].name for _, person, is_on in run.record.lit if is_on}
    assert lit == {one["owner"] for one in result["verdicts"] if one["risk"] == "high"}
    assert result["detection"]["contacts"]["high"] == 1.0 and result["alerts"]["false"] == 0


def test_figures_add_up(done):
    run, result = done
    assert result["faults"]["own_restarts"] == 0 and result["faults"]["batteries_pulled"] == 0
    assert result["identifiers"]["repeated_identifiers"] == result["identifiers"]["repeated_addresses"] == 0
    assert result["identifiers"]["on_air"] == len([one for one in run.sim.on_air if one.payload]) > 80
    assert sum(one["owners"] for one in result["detection"]["by_minutes"]) == len(result["verdicts"])
    # 4 s of listening in each minute: what the profile plans, and the energy is computed from.
    assert result["energy"]["listening_share"]["median"] == pytest.approx(4 / 60, rel=0.15)
    assert 12 < result["energy"]["hours_least"]["median"] < result["energy"]["hours_most"]["median"] < 24
    assert result["sync"]["count"] == 6 and result["sync"]["failed"] == []
    assert result["sync"]["bytes"]["median"] > result["sync"]["list_bytes"]["median"] > 900
    assert 0 < result["flash"]["erased_blocks_a_day"]["median"] < 1000
    assert [one["kind"] for one in result["attackers"]] == ["flooder"]
    assert result["attackers"][0]["identifiers"] == 3 * 10 * 60 / 30
    [sniffer] = result["sniffers"]
    # Four in the room rotate every ten minutes for half an hour; half of them are for learning.
    assert 3 <= sniffer["rotations"] <= 30 and 0.3 <= sniffer["by_presence"] <= 1


def test_a_contact_that_the_log_lost_is_found_missing(done):
    run, result = done
    assert result["faults"]["contacts_missing"] == []
    hearing = run.hearing[run.record.people[0]]
    count, missing = hearing.missing()
    assert count >= 10 and missing == []
    second = 1_000_000
    end_us = run.sim.now_us
    lost = Visit(end_us - 7200 * second, end_us - 7000 * second, 40, -50, 200 * second)
    hearing.visits[b"lost by the firmware"[:16]] = lost
    hearing.visits[b"just before its end"[:16]] = Visit(
        end_us - 600 * second, end_us - (LOST_BY_A_CUT_S - 60) * second, 40, -50, 600 * second
    )
    hearing.visits[b"passing by quickly"[:16]] = Visit(
        lost.first_us, lost.first_us + 30 * second, 4, -50, 30 * second
    )
    try:
        assert hearing.missing() == (count + 1, [lost])
    finally:
        for name in (b"lost by the firmware", b"just before its end", b"passing by quickly"):
            del hearing.visits[name[:16]]


def test_the_report_opens_in_a_browser_without_complaint(done, tmp_path):
    run, result = done
    page_file = tmp_path / "report.html"
    page_file.write_text(report.html(run.record, result))
    text = page_file.read_text()
    assert not re.search(r"""(?:src|href)=["'](?!data:)|@import|url\(""", text)
    with chromium() as browser:
        page = browser.new_page()
        complaints: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        assert page.locator("svg").count() >= 5
        assert page.locator("svg rect.high").count() >= 1
        ink = "() => { const c = document.getElementById('plan'); return c.toDataURL(); }"
        before = page.evaluate(ink)
        set_time = (
            "(at) => { const s = document.getElementById('at'); s.value = at;"
            " s.dispatchEvent(new Event('input')); }"
        )
        page.evaluate(set_time, 30600)
        assert (
            "08:30" in page.locator("#clock").inner_text() and "6 here" in page.locator("#clock").inner_text()
        )
        assert page.evaluate(ink) != before
        page.locator("#play").click()
        page.wait_for_function("() => Number(document.getElementById('at').value) > 30700")
        page.locator("#play").click()
        page.evaluate(set_time, run.scenario.end)
        alerted = len({one["owner"] for one in result["verdicts"] if one["risk"] == "high"})
        assert f"{alerted} alerted" in page.locator("#clock").inner_text()
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_batteries_pulled_all_the_time_lose_nothing_beyond_the_bound(tmp_path):
    faults = {
        "batteries_pulled": 30,
        "battery_out_min": [1, 20],
        "cut_while_writing": 0.5,
        "taken_off": 10,
        "taken_off_min": [5, 20],
    }
    data = small(faults=faults, attacker=[], end="1 10:10")
    with Run(scenario.check(data, "faults"), 5, tmp_path, quietly) as run:
        run.run()
        result = measure.result(run)
    assert result["faults"]["batteries_pulled"] >= 6 and result["faults"]["taken_off"] >= 1
    assert result["faults"]["own_restarts"] == 0 and result["faults"]["contacts_missing"] == []
    assert result["identifiers"]["repeated_identifiers"] == result["identifiers"]["repeated_addresses"] == 0
    shares = [one["live_min"] <= one["near_min"] for one in result["verdicts"]]
    assert all(shares)


def test_a_replayed_identifier_is_heard_where_its_badge_never_was(tmp_path):
    replayer = {"kind": "replayer", "at": [3, 3], "mouth": [10, 20], "delay_s": 30}
    data = small(attacker=[replayer], end="1 08:40", report=[], sync=[])
    with Run(scenario.check(data, "replay"), 1, tmp_path, quietly) as run:
        run.run()
        outside = [person for person in run.record.badges if person.group.name == "out"]
        own = {one.payload[7:] for one in run.sim.on_air if one.badge.startswith("in-") and one.payload}
        weak = run.sim.air.power_dbm(
            run.record.badges[outside[0]].index, run.record.badges[run.record.people[0]].index
        )
        replayed = run.attackers[0].identifiers
    assert replayed >= 8
    heard = [own & set(run.hearing[person].visits) for person in outside]
    assert all(heard), weak


class FakeBadge:
    def __init__(self, changes) -> None:
        self.pin_log = changes


def test_three_short_flashes_in_a_row_are_an_alert_until_they_end(done):
    start = done[0].sim.at(0)

    def flashes(at_s: float, count: int, lit_s: float = 0.06) -> list[PinChange]:
        found = []
        for number in range(count):
            when = start + timedelta(seconds=at_s + (lit_s + 0.18) * number)
            found += [PinChange(when, 2, 1), PinChange(when + timedelta(seconds=lit_s), 2, 0)]
        return found

    badge = FakeBadge(flashes(0, 1) + flashes(20, 3, 0.25) + flashes(40, 5, 0.05) + flashes(60, 3))
    badge.pin_log += flashes(75, 3) + flashes(90, 1)
    light = Light(badge)
    assert light.read(start + timedelta(seconds=100)) == [(start + timedelta(seconds=60), True)]
    assert badge.pin_log == []
    badge.pin_log += flashes(150, 1)
    [(_, is_on)] = light.read(start + timedelta(seconds=400))
    assert not is_on


def test_shares_of_detection_and_false_alerts():
    def verdict(near: float, close: float, risk: str) -> Verdict:
        return Verdict("owner", ("one",), near, near, close, risk, 1.0 if risk == "high" else None)

    rows = [verdict(20, 20, "high"), verdict(16, 20, "low"), verdict(40, 40, "high"), verdict(0, 2, "high")]
    rows += [verdict(0, 0, "none"), verdict(14.9, 15, "none")]
    found = measure._detection(rows)
    assert found["contacts"] == {"owners": 3, "high": 0.6667, "low": 0.3333, "none": 0.0}
    assert [one["owners"] for one in found["by_minutes"]] == [2, 0, 0, 1, 1, 1, 1, 0, 0]
    assert measure._alerts(rows) == {"count": 3, "false": 1, "false_share": 0.3333, "low": 1}


def toml(path: Path) -> Path:
    """Write a scenario of two badges and twenty minutes."""
    path.write_text(
        """
name = "two"
title = "Two"
begin = "08:00"
end = "1 08:20"
[[place]]
name = "room"
at = [0, 0]
size = [6, 6]
seats = { rows = 1, columns = 2, first = [1, 2], gap = [1.0, 1.0] }
[[group]]
name = "a"
people = 2
timetable = [{ at = "00:00", place = "room" }]
"""
    )
    return path


def test_sweeps_run_side_by_side_and_write_a_line_for_each(tmp_path):
    path, out = toml(tmp_path / "two.toml"), tmp_path / "lines.jsonl"
    arguments = ["--seeds", "1-2", "--vary", "radio.body_db=0,16", "--jobs", "2", "--out", str(out)]
    ran = CliRunner().invoke(app, ["sim", "sweep", str(path), *arguments])
    assert ran.exit_code == 0, ran.output
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted((line["seed"], *line["changes"]) for line in lines) == [
        (1, "radio.body_db=0"),
        (1, "radio.body_db=16"),
        (2, "radio.body_db=0"),
        (2, "radio.body_db=16"),
    ]
    assert len({line["result"]["digest"] for line in lines}) == 4


def test_seeds_and_values_of_a_sweep_are_checked_before_it_begins():
    assert sweep.seeds_of("1-3,7, 2") == [1, 2, 3, 7]
    for text in ("", "a", "3-1", "1,,2"):
        with pytest.raises(SimulationError, match="--seeds"):
            sweep.seeds_of(text)
    with pytest.raises(SimulationError, match="--vary"):
        sweep.tasks("school", [1], [], ["radio.body_db"])
    with pytest.raises(SimulationError, match=r"radio\.nothing"):
        sweep.tasks("school", [1], [], ["radio.nothing=1,2"])


def test_the_command_line(tmp_path):
    listed = CliRunner().invoke(app, ["sim", "list"])
    assert listed.exit_code == 0 and "festival" in listed.output
    path = toml(tmp_path / "two.toml")
    ran = CliRunner().invoke(
        app, ["sim", "run", str(path), "--seed", "9", "--out", str(tmp_path / "out"), "--strict"]
    )
    assert ran.exit_code == 0, ran.output
    assert "two-9.html" in ran.output
    result = json.loads((tmp_path / "out" / "two-9.json").read_text())
    assert result["badges"] == 2 and result["hours"] == pytest.approx(1 / 3)
    assert "<canvas" in (tmp_path / "out" / "two-9.html").read_text()
    refused = CliRunner().invoke(app, ["sim", "run", "nowhere"])
    assert isinstance(refused.exception, CommandError)
