"""The one file for a factory, judged by esptool and littlefs-python; the fuse, burnt on a virtual chip."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from esptool.bin_image import ESP32C3FirmwareImage, ESP32FirmwareImage, ESP32S3FirmwareImage, ImageSegment
from littlefs import LittleFS

from cxhost import cli, hardware
from cxhost.boards import ROOT, Image, board_names, load_board
from cxhost.build import build
from cxhost.flash import FlashError, find
from cxhost.image import ImageError, application
from cxhost.lock import LockError, fuse_of, lock
from cxhost.production import filesystem_place, production_image

# An address in each chip's RAM and in its mapped flash, so that esptool takes the segments for what they are.
CHIPS = {
    "esp32": (ESP32FirmwareImage, 0x3FFB0000, 0x400D0020),
    "esp32s3": (ESP32S3FirmwareImage, 0x3FC88000, 0x42000020),
    "esp32c3": (ESP32C3FirmwareImage, 0x3FC80000, 0x42000020),
}
APP_AT = 0x10000
APP_BYTES = 0x1F0000
REAL = [name for name in board_names() if name != "sim"]


def part(chip: str, is_bootloader: bool) -> bytes:
    """Return a bootloader or an application for this chip, written by esptool itself."""
    kind, ram, mapped = CHIPS[chip]
    image = kind()
    image.entrypoint = ram
    address = ram if is_bootloader else mapped
    segment = ImageSegment(address, b"MicroPython in this test" * 400)
    segment.name = ".test"  # esptool names those that it reads from ELF files
    image.segments = [segment]
    return image.save(None)


def entry(label: str, kind: int, subtype: int, offset: int, size: int) -> bytes:
    return struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, offset, size, label.encode(), 0)


def table(*more: bytes) -> bytes:
    """Return MicroPython's partition table, ended as ESP-IDF does by its MD5."""
    entries = [
        entry("nvs", 1, 2, 0x9000, 0x6000),
        entry("phy_init", 1, 1, 0xF000, 0x1000),
        entry("factory", 0, 0, APP_AT, APP_BYTES),
        *more,
    ]
    joined = b"".join(entries)
    return joined + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(joined).digest()  # noqa: S324  what ESP-IDF takes


def firmware(board, *more: bytes) -> bytes:
    """Return an image like the official ones: bootloader, table, application."""
    start = board.flash_offset
    whole = bytearray(b"\xff" * (APP_AT - start))
    bootloader = part(board.chip, True)
    whole[: len(bootloader)] = bootloader
    whole[0x8000 - start : 0x8000 - start + len(table(*more))] = table(*more)
    return bytes(whole) + part(board.chip, False)


def accepts(path: Path) -> bool:
    """Ask esptool whether this is an image, its checksum and hash being right."""
    command = [sys.executable, "-m", "esptool", "image-info", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return run.returncode == 0 and "(valid)" in run.stdout and "invalid" not in run.stdout


@pytest.mark.parametrize("name", REAL)
def test_the_parts_are_what_esptool_and_littlefs_take(name, tmp_path):
    board = load_board(name)
    files = application(build(board))
    whole = production_image(board, firmware(board), files)
    assert len(whole) == board.flash_bytes
    for offset in (board.flash_offset, APP_AT):
        (tmp_path / "part.bin").write_bytes(whole[offset:])
        assert accepts(tmp_path / "part.bin")
    (tmp_path / "part.bin").write_bytes(whole[board.flash_offset :][:200] + b"\0" + whole[APP_AT + 201 :])
    assert not accepts(tmp_path / "part.bin")
    # The library's own way to read it; exactly the application is there, nothing else.
    count = (board.flash_bytes - board.filesystem_offset) // 4096
    other = LittleFS(block_size=4096, block_count=count, mount=False)
    other.context.buffer = bytearray(whole[board.filesystem_offset :])
    other.mount()
    assert other.fs_stat().disk_version == 0x00020000
    paths = {
        f"{at.rstrip('/')}/{one}"[1:]: f"{at.rstrip('/')}/{one}"
        for at, _, names in other.walk("/")
        for one in names
    }
    assert set(paths) == set(files)
    for path, full in paths.items():
        with other.open(full, "rb") as stream:
            assert stream.read() == files[path]
    assert set(whole[: board.flash_offset]) <= {0xFF}


def test_the_same_input_gives_the_same_bytes_wherever_it_is_built(tmp_path):
    made = []
    for number in range(2):
        root = tmp_path / str(number)
        for folder in ("lib", "firmware", "boards"):
            shutil.copytree(ROOT / folder, root / folder)
        board = load_board("ESP32_GENERIC")
        made.append(production_image(board, firmware(board), application(build(board, root, root / "out"))))
    assert made[0] == made[1]


def test_the_place_of_the_file_system_comes_from_the_image():
    board = load_board("ESP32_GENERIC")
    assert filesystem_place(board, firmware(board)) == (0x200000, 0x200000)
    # An image that has the partition itself, as those before 1.26
    explicit = firmware(board, entry("vfs", 1, 0x81, 0x200000, 0x200000))
    assert filesystem_place(board, explicit) == (0x200000, 0x200000)
    assert production_image(board, explicit, {"main.py": b"1"})[0x200000 + 8 :][:8] == b"littlefs"
    moved = firmware(board, entry("vfs", 1, 0x81, 0x300000, 0x100000))
    with pytest.raises(
        ImageError, match=r"at 0x300000, 0x100000 bytes; board\.json of ESP32_GENERIC says 0x200000"
    ):
        production_image(board, moved, {})
    bigger = dataclasses.replace(board, flash_bytes=8 * 1024 * 1024)
    with pytest.raises(ImageError, match=r"0x600000 bytes; board\.json"):
        production_image(bigger, firmware(board), {})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda good: b"", "must begin with byte E9"),
        (lambda good: b"PK" + good, "must begin with byte E9"),
        (lambda good: good[:12] + b"\x09\x00" + good[14:], "made for esp32s3, but ESP32_GENERIC is esp32"),
        (lambda good: good[:12] + b"\x77\x00" + good[14:], "made for chip 119"),
        (lambda good: good[: 0x8000 - 0x1000], "no partition table at flash offset 0x8000"),
        (lambda good: good[:0x7000] + bytes(0xC00) + good[0x7C00:], "no partition table"),
        (lambda good: good + bytes(0x200000), "reach into the file system"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change, said):
    board = load_board("ESP32_GENERIC")
    with pytest.raises(ImageError, match=said):
        production_image(board, change(firmware(board)), {})
    with pytest.raises(ImageError, match="no flash to write"):
        production_image(load_board("sim"), firmware(board), {})


def test_a_known_image_is_found_by_its_hash(tmp_path):
    board = load_board("ESP32_GENERIC")
    contents = {"1.9.0": b"\xe9nine", "1.10.0": b"\xe9ten"}
    listed = tuple(
        Image(f"ESP32_GENERIC-1-v{version}.bin", version, hashlib.sha256(content).hexdigest())
        for version, content in contents.items()
    )
    board = dataclasses.replace(board, images=listed)
    places = [tmp_path / "here", tmp_path / "nowhere"]
    places[0].mkdir()
    (places[0] / "ESP32_GENERIC-20990101-v9.bin").write_bytes(b"\xe9 something else")
    with pytest.raises(FlashError, match=r"ESP32_GENERIC-1-v1\.9\.0\.bin"):
        find(board, places)
    for version, content in contents.items():
        (places[0] / f"ESP32_GENERIC-x-v{version}.bin").write_bytes(content)
    assert find(board, places).name == "ESP32_GENERIC-x-v1.10.0.bin"


def test_the_command(tmp_path, monkeypatch, capsys):
    board = load_board("ESP32_GENERIC")
    source, target = tmp_path / "firmware.bin", tmp_path / "badge.bin"
    source.write_bytes(firmware(board))
    monkeypatch.setattr(
        sys, "argv", ["cxbadge", "image", "--firmware", str(source), "-o", str(target), "--yes"]
    )
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    assert digest in capsys.readouterr().out and target.stat().st_size == board.flash_bytes


@pytest.mark.parametrize("name", [name for name in REAL if name.startswith("ESP32")])  # one of each chip
def test_the_fuse_is_burnt_on_a_virtual_chip(name, tmp_path, capfd):
    board = load_board(name)
    memory = ["--virt", "--path-efuse-file", str(tmp_path / "efuses")]
    before = subprocess.run(
        [sys.executable, "-m", "espefuse", "--chip", board.chip, *memory, "summary"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    lock(board, "unused", memory)
    assert "Successful" in capfd.readouterr().out
    after = subprocess.run(
        [sys.executable, "-m", "espefuse", "--chip", board.chip, *memory, "summary"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert len(changed) == 1 and fuse_of(board) in changed[0] and "= True" in changed[0]


def test_nothing_is_burnt_without_the_fuse_s_name(monkeypatch):
    monkeypatch.setattr(hardware, "lock", lambda *_: pytest.fail("burnt"))
    for typed in ("", "yes", "uart_download_dis"):
        monkeypatch.setattr(hardware.typer, "prompt", lambda *_, typed=typed, **__: typed)
        with pytest.raises(LockError, match="nothing was burnt"):
            hardware.lock_command("ESP32_GENERIC", "port")
    with pytest.raises(LockError, match="no fuse"):
        hardware.lock_command("sim", "port")


def test_a_failure_of_espefuse_is_told(tmp_path, capfd):
    with pytest.raises(LockError, match="did not burn UART_DOWNLOAD_DIS"):
        lock(load_board("ESP32_GENERIC"), str(tmp_path / "no-port"))
    capfd.readouterr()
