"""Seeds of whole badges: what a report tells of their use, and batteries pulled while they are made."""

from __future__ import annotations

import pytest

from cxhost import drbg, sync
from cxhost.boards import load_board
from cxhost.image import Filesystem
from cxhost.reports import VerifiedReport, verify_report

DAY_S = 86_400


def on_air(simulation) -> list[bytes]:
    """Return the identifiers that were on air, in order."""
    return [one.payload[7:] for one in simulation.on_air if one.payload]


def chains(report: VerifiedReport) -> set[bytes]:
    """Return every identifier of the seeds in a report."""
    return {one for s in report.seeds for one in drbg.contact_ids(s.generator_type, s.seed, 2048)}


@pytest.fixture
def provisioned(simulation, plug, make_publisher):
    """A badge that has been on air for an hour, and what it knows of its publisher."""
    badge = simulation.add_badge("A")
    simulation.run_for(30)
    with plug(badge) as (companion, transport):
        companion.request("set_time", unix=int(transport.now()))
        known = sync.provision(companion, make_publisher().descriptor_file.read_text())
    simulation.run_for(3600)
    return badge, known


def test_a_disclosed_seed_is_left_before_its_report_is_out(simulation, plug, provisioned):
    badge, known = provisioned
    with plug(badge) as (companion, _):
        answer = companion.request("report", timeout_s=60, publisher=known["id"], code="CODE")
        assert simulation.on_air[-1].payload == b"", "on air with a seed that is in a report"
        before = len(on_air(simulation))
        report = verify_report(companion.get(answer["size"], answer["sha256"]))
    simulation.run_for(30)
    assert len(on_air(simulation)) == before + 1, "the next seed waits for the end of the old identifier"
    simulation.run_for(3600)
    sent = on_air(simulation)
    assert len(sent) > before > 4
    assert set(sent[:before]) <= chains(report) and not set(sent[before:]) & chains(report)


def test_a_report_that_was_signed_but_not_sent(simulation, plug, provisioned):
    badge, known = provisioned
    with plug(badge) as (companion, _):
        companion.request("report", timeout_s=60, publisher=known["id"], code="CODE")
    badge.power_off()
    before = len(on_air(simulation))
    badge.power_on()
    simulation.run_for(3600)
    with plug(badge) as (companion, _):
        again = verify_report(sync.take_report_again(companion))
        assert again.challenge == "CODE"
        later = verify_report(sync.take_report(companion, known, "OTHER"))
    sent = on_air(simulation)
    assert set(sent[:before]) <= chains(again), "the report lost what was on air before it"
    assert len(sent) > before and not set(sent[before:]) & chains(again), "a signed seed was on air again"
    assert {s.seed for s in again.seeds} < {s.seed for s in later.seeds}


def position(badge) -> int:
    """Return how many identifiers of its first seed a badge has put down as used; -1 if it has none yet."""
    found = (badge.folder / "nvs.bin").read_bytes()
    at = found.find(b"position")
    return int.from_bytes(found[at + 8 : at + 12], "little") if at >= 0 else -1


def test_a_position_that_was_written_but_not_used(simulation):
    """The battery goes in the pause between the two, again and again."""
    badge = simulation.add_badge("A")
    in_vain = []
    for _ in range(8):
        stored, sent = max(position(badge), 0), len(on_air(simulation))
        while position(badge) <= stored:
            simulation.run_for(0.1)
        badge.power_off()
        in_vain.append(position(badge) - 1)
        assert len(on_air(simulation)) == sent
        badge.power_on()
        simulation.run_for(300)
    badge.power_off()
    flash = Filesystem(load_board("sim"), badge.flash_path.read_bytes())
    slot = flash.read("/data/seeds/0")[1:-4]
    spki = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + slot[68:133]
    chain = drbg.contact_ids(slot[0], drbg.seed_value(slot[0], slot[12:36], spki), 64)
    sent = on_air(simulation)
    assert in_vain == list(range(0, 16, 2))
    assert sent == [chain[at] for at in range(1, 16, 2)]


def test_the_usage_in_a_report_is_what_was_on_air(simulation, plug, make_publisher):
    publisher = make_publisher()
    badge = simulation.add_badge("A")
    simulation.run_for(30)
    with plug(badge) as (companion, transport):
        companion.request("set_time", unix=int(transport.now()))
        known = sync.provision(companion, publisher.descriptor_file.read_text())
    simulation.run_for(2.5 * DAY_S)
    with plug(badge) as (companion, _):
        report = verify_report(sync.take_report(companion, known, "CODE"))
    on_air = [one for one in simulation.on_air if one.payload]
    first_day = int(on_air[0].time.timestamp()) // DAY_S
    assert len(report.seeds) == 3
    counted = 0
    for seed in report.seeds:
        chain = drbg.contact_ids(seed.generator_type, seed.seed, 2048)
        mine = [one for one in on_air if one.payload[7:] in set(chain)]
        assert {one.payload[7:] for one in mine} <= set(chain[: seed.usage[1]])
        assert len(mine) == seed.usage[1]
        assert seed.usage[0] == int(mine[0].time.timestamp()) // DAY_S
        counted += len(mine)
    assert report.seeds[0].usage[0] == first_day
    assert counted == len(on_air)


def test_batteries_pulled_while_the_first_seed_is_made(simulation):
    badge = simulation.add_badge("A")
    for writes in range(0, 40, 3):
        badge.power_off()
        badge.cut_power_after(writes)
        badge.power_on()
        simulation.run_for(900)
        if not badge.powered:
            badge.power_on()
            simulation.run_for(700)
        assert badge.powered
    sent = [one for one in simulation.on_air if one.payload]
    assert len(sent) >= 14
    assert len({one.payload for one in sent}) == len({one.address for one in sent}) == len(sent)
