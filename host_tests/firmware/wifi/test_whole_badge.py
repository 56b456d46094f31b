"""The whole badge on its own heap, with everything running, syncs by itself."""

from __future__ import annotations

import json
import time
import zlib

import pytest

from certificates import Authority
from cxhost.boards import load_board
from cxhost.build import build
from cxhost.companion import Badge
from cxhost.image import Filesystem, application
from cxhost.sim.pty import PtyBadge
from cxhost.sync import provision
from cxhost.transport import SerialTransport

NETWORKS = {"shelf": "correct horse"}
PATIENCE_S = 150


def state_file(value: object) -> bytes:
    """Return a state file of the badge (firmware/badge/storage.py)."""
    data = b"\x01" + json.dumps(value).encode()
    return data + zlib.crc32(data).to_bytes(4, "big")


@pytest.fixture
def make_badge(tmp_path, authority):
    """Return a function that starts a badge which knows the network and the authority."""
    made = []

    def make(name: str = "badge", door_port: int = 21589, authority: Authority = authority) -> PtyBadge:
        board = load_board("sim")
        folder = tmp_path / name
        folder.mkdir()
        filesystem = Filesystem(board)
        files = application(build(board))
        config = {
            "networks": [{"ssid": ssid, "key": key} for ssid, key in NETWORKS.items()],
            "pins": {},
            "time_server": "127.0.0.1:9",
            "door_port": door_port,
        }
        files |= {"data/wifi": state_file(config), "data/wifi.ca": authority.der}
        for path, content in files.items():
            filesystem.write(path, content)
        filesystem.save(folder / "flash.img")
        badge = PtyBadge(folder, access_points=NETWORKS)
        badge.start()
        made.append(badge)
        return badge

    yield make
    for badge in made:
        badge.close()


def until(companion: Badge, is_so) -> dict:
    """Return the badge's info once ``is_so(info)``."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        info = companion.request("info", timeout_s=60)
        if is_so(info):
            return info
        assert time.monotonic() < ends and info["last_crash"] is None, info
        time.sleep(0.5)


def test_a_480_kb_list_by_itself_on_the_badges_own_heap(make_badge, site, capsys):
    site.server.files["/pub/full"] = data = site.signed(seeds=20_000)
    assert len(data) > 480_000
    badge = make_badge()
    companion = Badge(SerialTransport(badge.port))
    time.sleep(5)  # the prompt's time is over
    companion.hello()
    companion.request("set_time", unix=site.unix)
    free = companion.request("info", timeout_s=60)["free_bytes"]
    provision(companion, site.descriptor)
    info = until(companion, lambda said: said["wifi"].get("failures") or said["publishers"][0]["taken_at"])
    with capsys.disabled():
        print(f"\n{len(data)} bytes with {free} bytes free before: {info['wifi']}")
    assert not info["wifi"].get("error") and info["publishers"][0]["taken_at"]
    assert site.server.paths == [("/pub/full", 200)]
