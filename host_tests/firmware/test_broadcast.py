"""What a sniffer sees of one badge: never two identifiers under one address, nor the reverse."""

from __future__ import annotations

import random
from itertools import pairwise

from cx import advert
from cxhost import drbg
from cxhost.boards import load_board
from cxhost.image import Filesystem
from cxhost.show import _info_rows

ADV_SCAN_IND = 2


def broadcasts(simulation, name: str) -> list:
    return [sent for sent in simulation.on_air if sent.badge == name and sent.payload]


def assert_unlinkable(sent: list) -> None:
    pairs = {(one.address, one.payload) for one in sent}
    assert len(pairs) == len({address for address, _ in pairs}) == len({payload for _, payload in pairs})


def test_identifier_and_address_change_together_and_never_return(simulation):
    badge = simulation.add_badge("A", position=(0.0, 0.0))
    cuts = random.Random(3)
    for _ in range(12):
        simulation.run_for(cuts.randrange(1, 3000))
        badge.power_off()
        simulation.run_for(cuts.randrange(1, 60))
        badge.power_on()
    simulation.run_for(6 * 3600)
    sent = broadcasts(simulation, "A")
    assert len(sent) > 45
    assert_unlinkable(sent)
    for one in sent:
        assert one.adv_type == ADV_SCAN_IND
        assert advert.decode(one.payload) == one.payload[7:]
        assert (
            one.address[0] >> 6 == 0
        )  # non-resolvable private (Core Specification 5.4, Vol 6, Part B, 1.3.2.2)


def test_lifetimes_pauses_and_intervals_are_drawn_anew(simulation):
    simulation.add_badge("A", position=(0.0, 0.0))
    simulation.run_for(12 * 3600)
    sent = [one for one in simulation.on_air if one.badge == "A"]
    starts = [one for one in sent if one.payload]
    assert len({one.interval_us for one in starts}) > len(starts) // 2  # of the 112 steps of 625 us
    assert all(199_000 <= one.interval_us <= 271_000 for one in starts)
    periods = [(after.time - before.time).total_seconds() for before, after in pairwise(starts)]
    assert all(480 < period < 740 for period in periods)
    assert len({round(period) for period in periods}) > len(periods) // 2


def test_every_identifier_on_air_comes_from_the_seeds_in_flash(simulation):
    badge = simulation.add_badge("A", position=(0.0, 0.0))
    simulation.run_for(30 * 3600)
    badge.power_off()
    flash = Filesystem(load_board("sim"), badge.flash_path.read_bytes())
    explained = []
    for path in sorted(flash.files("/data/seeds")):
        slot = flash.read(path)[1:-4]
        point = slot[68:133]
        spki = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + point
        seed = drbg.seed_value(slot[0], slot[12:36], spki)
        explained += drbg.contact_ids(slot[0], seed, 200)
    on_air = [one.payload[7:] for one in broadcasts(simulation, "A")]
    assert len(flash.files("/data/seeds")) == 2
    assert set(on_air) <= set(explained)
    assert [one for one in explained if one in set(on_air)] == on_air  # in the order of the chain


def test_two_badges_started_alike_share_nothing(simulation):
    for name in "AB":
        simulation.add_badge(name, position=(500.0 * (name == "B"), 0.0))
    simulation.run_for(3 * 3600)
    first, second = (broadcasts(simulation, name) for name in "AB")
    assert not {one.payload for one in first} & {one.payload for one in second}
    assert not {one.address for one in first} & {one.address for one in second}
    assert_unlinkable(first + second)


def test_info_counts_what_the_radio_did(simulation, plug):
    a, _ = (simulation.add_badge(name, position=(2.0 * (name == "B"), 0.0)) for name in "AB")
    simulation.run_for(3600)
    with plug(a) as (companion, _):
        info = companion.request("info")
    sent = len(broadcasts(simulation, "A"))
    assert info["rotations"] == sent and info["failures"] == 0
    assert 50 <= info["scans"] <= 75 and info["near"] in (1, 2)
    # Some 17 packets of the only other badge in each scan, less those that fading takes
    assert 10 * info["scans"] < info["heard"] == info["reports"] < 20 * info["scans"]
    assert info["dropped"] == info["scan_restarts"] == info["radio_restarts"] == 0
    rows = dict(_info_rows(info))
    assert (
        rows["scans"]
        == f"{info['scans']} (0 died), {info['heard']} reports, {info['heard']} receptions, 0 dropped"
    )
    assert rows["radio restarts"] == "0"
