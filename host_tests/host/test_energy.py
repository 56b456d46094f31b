"""Days of life: the arithmetic by hand, the targets, and what is said of a board without figures."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from cx import profiles
from cxhost import energy
from cxhost.boards import BoardError, load_board
from cxhost.cli import app

BOARD = load_board("ESP32_GENERIC")


def test_the_arithmetic_by_hand():
    found = energy.compute(BOARD, profiles.profile("all-day"), 500)
    # 20 to 31 mA always; 95 to 100 mA for 4 of 60 s; each 240 ms three packets of 312 us at 130 mA
    # and three times 350 us of listening
    least = 20 + 95 * 4 / 60 + 130 * 0.936 / 240 + 95 * 1.05 / 240
    most = 31 + 100 * 4 / 60 + 130 * 0.936 / 240 + 100 * 1.05 / 240
    assert found.hours == pytest.approx((500 / most, 500 / least))


@pytest.mark.parametrize("name,reaches", [("all-day", True), ("long-life", True), ("dense-crowd", False)])
def test_targets(name, reaches):
    found = energy.compute(BOARD, profiles.profile(name), 500)
    assert found.reaches_target is reaches
    assert sum(part.mean_ma[1] for part in found.parts) == pytest.approx(500 / found.hours[0])


def test_long_life_lasts_longest():
    hours = {name: energy.compute(BOARD, profiles.profile(name), 500).hours[0] for name in profiles.NAMES}
    assert hours["long-life"] > hours["all-day"] > hours["dense-crowd"]


def test_all_profiles_sound_alike_on_air():
    """A profile that can be heard would tell its badges from the others."""
    found = {(p.interval_min_us, p.interval_max_us) for p in map(profiles.profile, profiles.NAMES)}
    assert found == {(200_000, 270_000)}


def test_a_missing_figure_is_named():
    with pytest.raises(BoardError, match="80"):
        energy.compute(replace(BOARD, power={"cpu_ma": {}}), profiles.profile("all-day"), 500)
    with pytest.raises(BoardError, match="receive_ma"):
        energy.compute(replace(BOARD, power={"cpu_ma": {"80": [1, 2]}}), profiles.profile("all-day"), 500)


def test_command():
    plain = CliRunner().invoke(app, ["energy", "--battery", "500", "--profile", "all-day"])
    assert plain.exit_code == 0 and "Currents: ESP32 Series Datasheet" in plain.output.replace("\n", " ")
    told = CliRunner().invoke(app, ["energy", "--json"])
    results = json.loads(told.output)
    assert [one["profile"] for one in results] == list(profiles.NAMES)
    assert results[0]["days"][0] * 24 == pytest.approx(results[0]["hours"][0])
    assert CliRunner().invoke(app, ["energy", "--profile", "nonsense"]).exit_code == 2
    assert isinstance(CliRunner().invoke(app, ["energy", "--board", "sim"]).exception, BoardError)
