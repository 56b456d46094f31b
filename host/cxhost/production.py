"""One file with everything for a factory: MicroPython and the application, to be written at flash offset 0.

Where the file system lies is decided by the partition table inside the MicroPython image: a partition named
``vfs`` or ``ffat``, else all that follows the last partition, which MicroPython takes for ``vfs`` at start
(``ports/esp32/main.c``). If that is not what ``board.json`` says, nothing is made.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from cxhost.boards import Board
from cxhost.image import Filesystem, ImageError, update

# ESP-IDF, "Partition Tables": at flash offset 0x8000, entries of 32 bytes; ESP-IDF, "App Image Format".
_TABLE_AT = 0x8000
_TABLE_BYTES = 0xC00
_ENTRY = struct.Struct("<2sBBII16sI")
_ENTRY_MAGIC = b"\xaa\x50"
_END_MAGICS = (b"\xff\xff", b"\xeb\xeb")  # nothing more; MD5 of the table
_IMAGE_MAGIC = 0xE9
_CHIP_ID_AT = 12
_CHIP_IDS = {"esp32": 0, "esp32c3": 5, "esp32s3": 9}
_LABELS = ("vfs", "ffat")


@dataclass(frozen=True)
class Partition:
    """One entry of a partition table: bytes from the start of the flash."""

    label: str
    offset: int
    size: int


def partitions(board: Board, firmware: bytes) -> list[Partition]:
    """Return the partition table of a MicroPython image for ``board``; ImageError if there is none."""
    at = _TABLE_AT - (board.flash_offset or 0)
    found = []
    for start in range(at, at + _TABLE_BYTES, _ENTRY.size):
        raw = firmware[start : start + _ENTRY.size]
        if len(raw) < _ENTRY.size or raw[:2] in _END_MAGICS:
            break
        magic, _kind, _subtype, offset, size, label, _flags = _ENTRY.unpack(raw)
        if magic != _ENTRY_MAGIC:
            break
        found.append(Partition(label.rstrip(b"\0").decode("ascii", "replace"), offset, size))
    if not found:
        raise ImageError(f"firmware: there is no partition table at flash offset {_TABLE_AT:#x}")
    return found


def check_chip(board: Board, firmware: bytes) -> None:
    """Raise ImageError unless ``firmware`` is an image for the board's chip that fits its flash."""
    if board.flash_bytes is None or board.flash_offset is None or board.filesystem_offset is None:
        raise ImageError(f"board {board.name} has no flash to write: its chip is {board.chip}")
    if len(firmware) <= _CHIP_ID_AT + 1 or firmware[0] != _IMAGE_MAGIC:
        raise ImageError("firmware: not an image for an ESP chip (it must begin with byte E9)")
    (chip,) = struct.unpack_from("<H", firmware, _CHIP_ID_AT)
    if chip != _CHIP_IDS[board.chip]:
        names = {number: name for name, number in _CHIP_IDS.items()}
        raise ImageError(
            f"firmware: made for {names.get(chip, f'chip {chip}')}, but {board.name} is {board.chip}"
        )
    if board.flash_offset + len(firmware) > board.filesystem_offset:
        raise ImageError(f"firmware: its {len(firmware)} bytes reach into the file system of {board.name}")


def filesystem_place(board: Board, firmware: bytes) -> tuple[int, int]:
    """Return offset and size of the file system that this MicroPython uses on ``board``."""
    table = partitions(board, firmware)
    for one in table:
        if one.label in _LABELS:
            return one.offset, one.size
    end = max(one.offset + one.size for one in table)
    return end, (board.flash_bytes or 0) - end


def production_image(board: Board, firmware: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return the whole flash of a new badge: ``firmware``, and ``files`` in a littlefs file system.

    The same input gives the same bytes. ImageError names what does not fit together.
    """
    check_chip(board, firmware)
    offset, size = filesystem_place(board, firmware)
    expected = (board.filesystem_offset, board.block_bytes * board.block_count)
    if (offset, size) != expected:
        raise ImageError(
            f"file system: MicroPython has it at {offset:#x}, {size:#x} bytes; board.json of {board.name} "
            f"says {expected[0] or 0:#x}, {expected[1]:#x} bytes"
        )
    filesystem = Filesystem(board)
    update(filesystem, files)
    flash = bytearray(b"\xff" * (board.flash_bytes or 0))
    start = board.flash_offset or 0
    flash[start : start + len(firmware)] = firmware
    flash[offset : offset + size] = filesystem.image()
    return bytes(flash)
