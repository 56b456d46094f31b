"""From the air to the log, from the log to an alert, and back: judged by the host's own code."""

from __future__ import annotations

import struct
import zlib

import pytest

from cxhost import sync
from cxhost.boards import load_board
from cxhost.image import Filesystem
from cxhost.publisher import AlertLevel, Publisher

RECORD_BYTES = 24


def logged(badge) -> list[bytes]:
    """Return the log's records as they lie in flash."""
    flash = Filesystem(load_board("sim"), badge.flash_path.read_bytes())
    records = []
    for path in sorted(flash.files("/data/log")):
        data = flash.read(path)
        while data:
            version, count, crc = struct.unpack_from(">BBI", data)
            batch, data = data[6 : 6 + count * RECORD_BYTES], data[6 + count * RECORD_BYTES :]
            assert version == 2 and len(batch) == count * RECORD_BYTES
            assert zlib.crc32(bytes((version, count)) + batch) == crc
            records += [batch[at : at + RECORD_BYTES] for at in range(0, len(batch), RECORD_BYTES)]
    return records


@pytest.fixture
def met(simulation, plug, make_publisher):
    """Two badges that were two metres apart for 40 minutes, and A's publisher with A's report."""
    publisher = make_publisher()
    a, b = (simulation.add_badge(name, position=(2.0 * (name == "B"), 0.0)) for name in "AB")
    for badge in (a, b):
        with plug(badge) as (companion, transport):
            companion.request("set_time", unix=int(transport.now()))
            sync.provision(companion, publisher.descriptor_file.read_text())
    simulation.run_for(2400)
    b.move((1000.0, 0.0))
    simulation.run_for(1800)
    code = publisher.issue_code()
    with plug(a) as (companion, _):
        known = companion.request("info")["publishers"][0]
        publisher.accept_report(sync.take_report(companion, known, code))
    return simulation, publisher, code, a, b


def deliver(simulation, plug, badge, publisher) -> dict:
    """Bring a badge the publisher's newest list; return its alerts."""
    simulation.run_for(60)
    with plug(badge) as (companion, _):
        known = companion.request("info")["publishers"][0]["id"]
        companion.put("publication", publisher.publish().path.read_bytes(), publisher=known)
        simulation.run_for(10)
        matching = companion.request("info")["matching"]
        assert not matching["waiting"] and not matching["error"]
        return companion.request("alerts", timeout_s=60) | {"new_seeds": matching["new_seeds"]}


def test_the_log_holds_what_was_on_air_and_nothing_else(met):
    simulation, _, _, _, b = met
    b.power_off()
    records = logged(b)
    sent = {one.payload[7:]: one for one in simulation.on_air if one.badge == "A" and one.payload}
    assert 4 <= len(records) <= 7
    for record in records:
        assert record[:16] in sent
    assert sum(record[21] * 10 for record in records) == pytest.approx(2400, abs=240)


def test_levels_rise_fall_and_are_matched_once(met, plug):
    simulation, publisher, code, _, b = met
    found = deliver(simulation, plug, b, publisher)
    assert found["alarm"] and found["new_seeds"] == 1
    assert [(one["risk"], one["level"]) for one in found["alerts"]] == [("high", "diagnosed")]
    for level, name, alarm in (
        (AlertLevel.SYMPTOMATIC, "symptomatic", True),
        (AlertLevel.DEBUG_ALERT, "debug-alert", False),
        (AlertLevel.DIAGNOSED, "diagnosed", True),
        (AlertLevel.NO_ALERT, "no-alert", False),
    ):
        publisher.set_level(code, level)
        found = deliver(simulation, plug, b, publisher)
        assert found["new_seeds"] == 0
        assert (found["alarm"], [one["level"] for one in found["alerts"]]) == (alarm, [name])


def test_a_match_survives_a_pulled_battery(met, plug):
    simulation, publisher, _, _, b = met
    before = deliver(simulation, plug, b, publisher)
    b.power_off()
    simulation.run_for(60)
    b.power_on()
    simulation.run_for(60)
    with plug(b) as (companion, _):
        after = companion.request("alerts", timeout_s=60)
    assert after["alarm"] and after["alerts"] == before["alerts"]


def test_the_battery_pulled_in_the_middle_of_matching(met, plug):
    simulation, publisher, _, _, b = met
    with plug(b) as (companion, _):
        known = companion.request("info")["publishers"][0]["id"]
        companion.put("publication", publisher.publish().path.read_bytes(), publisher=known)
    b.power_off()
    b.power_on()
    simulation.run_for(120)
    with plug(b) as (companion, _):
        info = companion.request("info")
        found = companion.request("alerts", timeout_s=60)
    assert info["publishers"][0]["published_at"] is not None and not info["matching"]["waiting"]
    assert found["alarm"]


def test_a_list_of_hundreds_of_seeds_is_matched_and_the_badge_goes_on(simulation, plug, tmp_path):
    name, url = "Ruritania Health Service", "https://health.example/cx.json"
    a, b = (simulation.add_badge(name, position=(2.0 * (name == "B"), 0.0)) for name in "AB")
    with Publisher.create(
        tmp_path / "large", name, url, clock=lambda: simulation.now, fewest_new_seeds=130
    ) as publisher:
        for badge in (a, b):
            with plug(badge) as (companion, transport):
                companion.request("set_time", unix=int(transport.now()))
                sync.provision(companion, publisher.descriptor_file.read_text())
        simulation.run_for(2400)
        with plug(a) as (companion, _):
            known = companion.request("info")["publishers"][0]
            publisher.accept_report(sync.take_report(companion, known, publisher.issue_code()))
        found = deliver(simulation, plug, b, publisher)
    assert found["new_seeds"] >= 130
    assert found["alarm"] and [one["risk"] for one in found["alerts"]] == ["high"]
    with plug(b) as (companion, _):
        info = companion.request("info")
    assert info["boot"] == 0 and info["last_crash"] is None and not info["matching"]["error"]
