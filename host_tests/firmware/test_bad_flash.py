"""Damaged files, a full file system and one of another version: the badge starts, says what it lost.

And it goes on: broadcasts, hears, logs.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest

from cxhost import sync
from cxhost.boards import load_board
from cxhost.image import Filesystem, ImageError

MOST_NAMED = 8


@pytest.fixture
def worn(simulation, plug, make_publisher):
    """A badge without its battery that has met another and knows a publisher; its info before."""
    a, _ = (simulation.add_badge(name, position=(2.0 * (name == "B"), 0.0)) for name in "AB")
    publisher = make_publisher()
    with plug(a) as (companion, transport):
        companion.request("set_time", unix=int(transport.now()))
        sync.provision(companion, publisher.descriptor_file.read_text())
    simulation.run_for(3000)
    with plug(a) as (companion, _):
        info = companion.request("info")
    assert info["contacts"] > 2 and info["lost_files"] == []
    a.power_off()
    return simulation, a, info


def tamper(badge, change: Callable[[Filesystem], None]) -> None:
    flash = Filesystem(load_board("sim"), badge.flash_path.read_bytes())
    change(flash)
    flash.save(badge.flash_path)


def state_files(flash: Filesystem) -> list[str]:
    """Return the badge's files that hold one state each."""
    return [path for path in flash.files("/data") if not path.startswith(("/data/log/", "/data/seeds/"))]


def live_on(simulation, plug, badge, seconds: float = 3000) -> dict:
    """Start the badge again, let it work, and return its info; it must be on air and have met others."""
    badge.power_on()
    began = simulation.now
    simulation.run_for(seconds)
    with plug(badge) as (companion, _):
        info = companion.request("info", timeout_s=30)
    assert info["last_crash"] is None
    sent = [one for one in simulation.on_air if one.badge == badge.name and one.payload and one.time > began]
    assert len(sent) > 2 and info["scans"] > seconds / 100
    return info


def flip(flash: Filesystem, path: str, at: int) -> None:
    data = bytearray(flash.read(path))
    data[at % len(data)] ^= 0x55
    flash.write(path, bytes(data))


@pytest.mark.parametrize("at", [0, -1], ids=["another version", "damaged"])
def test_every_state_file_wrong(worn, plug, at):
    simulation, badge, before = worn
    names: list[str] = []

    def change(flash: Filesystem) -> None:
        for path in state_files(flash):
            flip(flash, path, at)
            names.append(path.removeprefix("/data/"))

    tamper(badge, change)
    info = live_on(simulation, plug, badge)
    assert "clock" in names and len(names) >= 2
    assert set(info["lost_files"]) <= set(names) and "clock" in info["lost_files"]
    assert info["contacts"] > before["contacts"] and info["boot"] == before["boot"] + 1
    assert info["publishers"] == [] and info["log"]["damaged"] == 0


def test_a_damaged_segment(worn, plug):
    simulation, badge, before = worn
    tamper(badge, lambda flash: flip(flash, "/data/log/000000", 40))
    info = live_on(simulation, plug, badge)
    assert 0 < info["log"]["damaged"] <= before["contacts"] and info["contacts"] > 0
    assert info["lost_files"] == [] and len(info["publishers"]) == 1


def test_a_damaged_seed(worn, plug):
    simulation, badge, before = worn

    def change(flash: Filesystem) -> None:
        for path in flash.files("/data/seeds"):
            flash.write(path, flash.read(path)[:40])

    tamper(badge, change)
    info = live_on(simulation, plug, badge)
    assert info["contacts"] > before["contacts"] and info["seeds"] >= 1


def segment(number: int) -> bytes:
    """Return a full segment with contacts of the badge's first start."""
    data = b""
    for batch in range(21):
        ids = (bytes((number, batch, at)) * 5 + b"\0" for at in range(32))
        records = b"".join(one + bytes((0, 0, 0, 0, number, 60, 50, 55)) for one in ids)
        head = bytes((2, 32))
        data += head + struct.pack(">I", zlib.crc32(head + records)) + records
    return data


def test_a_full_file_system(worn, plug):
    simulation, badge, before = worn

    def fill(flash: Filesystem) -> None:
        flash.remove("/data/log/000000")
        for at in range(1, 5):
            flash.write(f"/data/log/{at:06d}", segment(at))
        for size in (65_536, 4_096, 4_096, 600):  # a file that finds no room leaves what it had taken
            try:
                while True:
                    flash.write(f"/junk/{len(flash.files('/junk'))}", bytes(size))
            except ImageError:
                continue

    tamper(badge, fill)
    info = live_on(simulation, plug, badge)
    assert info["log"]["dropped"] in (672, 1344) and info["log"]["unwritten"] == info["log"]["damaged"] == 0
    assert info["contacts"] > 672 and info["boot"] == before["boot"] + 1 and len(info["publishers"]) == 1


def test_a_file_system_of_another_minor_version(worn, plug, monkeypatch):
    simulation, badge, before = worn
    old = Filesystem(load_board("sim"), badge.flash_path.read_bytes())
    files = {path: old.read(path) for path in old.files()}
    board = load_board("sim")
    object.__setattr__(board, "disk_version", 0x00020001)
    new = Filesystem(board)
    for path, content in files.items():
        new.write(path, content)
    new.save(badge.flash_path)
    info = live_on(simulation, plug, badge)
    assert info["lost_files"] == [] and info["contacts"] > before["contacts"]
