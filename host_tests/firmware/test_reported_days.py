"""A report of chosen days, and a later one under the same code that adds the days since."""

from __future__ import annotations

import hashlib

import pytest

from cxhost import sync
from cxhost.boards import load_board
from cxhost.companion import BadgeError
from cxhost.image import Filesystem
from cxhost.reports import verify_report

DAY_S = 86_400


@pytest.fixture
def badge(simulation):
    added = simulation.add_badge("A", position=(0.0, 0.0))
    simulation.run_for(30)
    return added


def today(simulation) -> int:
    return int(simulation.now.timestamp()) // DAY_S


def files(badge) -> dict[str, int]:
    return Filesystem(load_board("sim"), badge.flash_path.read_bytes()).files()


def first_days(report: bytes) -> list[int]:
    return sorted(seed.usage[0] for seed in verify_report(report).seeds)


def test_only_the_chosen_days_are_disclosed_and_later_ones_can_follow(
    simulation, badge, plug, make_publisher
):
    publisher = make_publisher()
    with plug(badge) as (companion, _):
        companion.request("set_time", unix=int(simulation.now.timestamp()))
        known = sync.provision(companion, publisher.descriptor_file.read_text())
    first = today(simulation)
    simulation.run_for(3.2 * DAY_S)
    with plug(badge) as (companion, _):
        held = companion.request("days")["days"]
        assert held[0] == first and held == sorted(set(held)) and len(held) >= 3
        for days in ([first - 1], [], [0]):
            with pytest.raises(BadgeError, match="no seed of these days"):
                sync.take_report(companion, known, "X", days)
        for days in ("all", [1.5], [None], 7):
            with pytest.raises(BadgeError, match="days"):
                companion.request("report", publisher=known["id"], code="X", days=days)
        assert companion.request("info")["seeds"] == len(held)

        code = publisher.issue_code()
        chosen = held[1:]
        report = sync.take_report(companion, known, code, chosen)
        assert first_days(report) == chosen
        assert publisher.accept_report(report).seeds == len(chosen)
        assert sync.take_report_again(companion) == report
    # Only who has the report can say that the publisher has it.
    for digest, is_unsent in (("00" * 32, True), (hashlib.sha256(report).hexdigest(), False)):
        with plug(badge) as (companion, _):
            assert companion.request("sent", sha256=digest) == {}
        badge.power_off()
        assert ("/data/unsent" in files(badge)) is is_unsent
        badge.power_on()
        simulation.run_for(5)
    with plug(badge) as (companion, _):
        companion.request("set_time", unix=int(simulation.now.timestamp()))
    simulation.run_for(1.5 * DAY_S)
    with plug(badge) as (companion, _):
        later = companion.request("days")["days"]
        since = [day for day in later if day >= chosen[0]]
        follow_up = sync.take_report(companion, known, code, since)
        added = publisher.accept_report(follow_up)
        assert set(first_days(follow_up)) == set(since) and max(since) > max(chosen)
        assert added.new_seeds == added.seeds - len(chosen) >= 1
        # The day that was held back is still the owner's.
        assert first in companion.request("days")["days"]
        everything = sync.take_report(companion, known, code)
        assert first in first_days(everything)
