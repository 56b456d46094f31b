"""Seeds of whole badges: what a report tells of their use, and batteries pulled while they are made."""

from __future__ import annotations

from cxhost import drbg, sync
from cxhost.reports import verify_report

DAY_S = 86_400


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
