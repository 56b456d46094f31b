"""Every board: its three files are complete, and agree with each other, its chip and its MicroPython."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from esptool.targets import CHIP_DEFS

from cxhost.boards import ROOT, Board, board_names, load_board
from cxhost.build import application_sources, build
from cxhost.image import Filesystem, application, update
from cxhost.interpreter import InterpreterError, interpreter
from cxhost.sim.process import fakes

PROBE = Path(__file__).parent / "board_probe.py"
FUNCTIONS = {"console", "led", "button", "buzzer", "battery", "display", "cable"}
# For each chip: mpy-cross's name, where an image lies, pins that do not exist or carry the flash, pins that
# are inputs only, number of pins (data sheets).
CHIPS = {
    "esp32": ("xtensawin", 0x1000, {20, 24, 28, 29, 30, 31} | set(range(6, 12)) - {9, 10}, range(34, 40), 40),
    "esp32s3": ("xtensawin", 0, set(range(22, 33)), (), 49),
    "esp32c3": ("rv32imc", 0, set(range(12, 18)), (), 22),
}
# MicroPython's partition table for 4 MiB and more: the application ends here, a file system follows.
AFTER_LAST_PARTITION = 0x200000
REAL = [name for name in board_names() if name != "sim"]


@pytest.fixture(params=board_names())
def board(request) -> Board:
    return load_board(request.param)


@pytest.fixture(params=REAL)
def real(request) -> Board:
    return load_board(request.param)


def test_the_boards_that_are_promised_are_there():
    assert set(board_names()) >= {
        "sim",
        "ESP32_GENERIC",
        "ESP32_GENERIC_S3",
        "ESP32_GENERIC_C3",
        "M5STICKC_PLUS",
    }


def test_three_files_under_one_name(board):
    assert {"board.py", "board.json", "board.md"} <= {path.name for path in board.folder.iterdir()}
    assert board.name == board.folder.name
    assert (board.folder / "board.md").read_text().startswith(f"# {board.name}\n")
    assert board.description


def test_board_py_has_every_part(board):
    tree = ast.parse((board.folder / "board.py").read_text())
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert found == FUNCTIONS
    assert all(ast.get_docstring(node) for node in tree.body if isinstance(node, ast.FunctionDef))


def test_chip_and_layout_are_those_of_its_micropython(real):
    march, offset, _bad, _inputs, _count = CHIPS[real.chip]
    assert (real.march, real.flash_offset) == (march, offset)
    assert real.chip in CHIP_DEFS and offset == CHIP_DEFS[real.chip].BOOTLOADER_FLASH_OFFSET
    assert real.image and real.image.startswith("ESP32_GENERIC")
    assert real.filesystem_offset == AFTER_LAST_PARTITION
    # MicroPython's file system goes to the end of the flash; littlefs refuses another size than its own.
    assert real.filesystem_offset + real.block_bytes * real.block_count == real.flash_bytes
    for image in real.images:
        assert re.fullmatch("[0-9a-f]{64}", image.sha256)
        assert image.name.startswith(real.image) and image.version in image.name


def test_the_application_and_all_data_fit(board):
    folder = build(board)
    size = sum((folder / name).stat().st_size for name in application_sources(board))
    budget = board.budget
    assert size < budget["application_bytes"]
    room = board.block_bytes * board.block_count
    assert budget["application_bytes"] + budget["log_bytes"] + budget["publication_bytes"] <= room
    filesystem = Filesystem(board)
    update(filesystem, application(folder))
    for number, count in enumerate((budget["log_bytes"], budget["publication_bytes"])):
        filesystem.write(f"/data/{number}", bytes(count))


def test_the_log_holds_two_weeks_of_a_large_life(board):
    records = board.budget["log_bytes"] // board.block_bytes // 4 * 672  # of four blocks of full batches
    assert records >= (69_000 if (board.flash_bytes or 0) >= 8 << 20 else 30_000)


def probe(board: Board) -> dict:
    try:
        command = [interpreter(), "-X", "heapsize=1m", str(PROBE), str(board.folder / "board.py")]
    except InterpreterError as error:
        pytest.skip(str(error))
    path = [fakes(load_board("sim")), ROOT / "firmware", ROOT / "lib", ".frozen"]
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "MICROPYPATH": ":".join(map(str, path))},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout)


def test_pins_are_those_of_its_table_and_fit_its_chip(real):
    found = probe(real)
    _march, _offset, bad, inputs, count = CHIPS[real.chip]
    table = "\n".join(
        line for line in (real.folder / "board.md").read_text().splitlines() if line.startswith("|")
    )
    documented = {int(number) for number in re.findall(r"GPIO (\d+)", table)}
    used = [tuple(pin) for part in found.values() for pin in part["pins"]]
    assert {number for number, _mode in used} == documented
    for number, mode in used:
        assert 0 <= number < count and number not in bad, f"GPIO {number}"
        assert mode != 3 or number not in inputs, f"GPIO {number} can only be read"
    assert found["led"]["is_there"] and "value" in found["led"]["can"]
    assert len(found["button"]["pins"]) == 1
    assert not found["battery"]["is_there"] or "millivolts" in found["battery"]["can"]
    assert not found["cable"]["is_there"] or "value" in found["cable"]["can"]
    assert not found["buzzer"]["is_there"] or "value" in found["buzzer"]["can"]
    assert not found["display"]["is_there"] or {"show", "clear"} <= set(found["display"]["can"])
