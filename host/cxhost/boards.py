"""The boards that this project knows: ``boards/NAME/board.json`` read into one object."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class BoardError(Exception):
    """A board that is not there, or one whose description lacks something."""


@dataclass(frozen=True)
class Image:
    """One official MicroPython image: file name, version, SHA-256 in hex."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Board:
    """What ``board.json`` says. Offsets and sizes in bytes.

    ``image``: name of the official MicroPython image, without date and version; ``flash_offset`` is where it
    is written, ``filesystem_offset`` where that MicroPython puts its file system.
    """

    name: str
    description: str
    chip: str
    march: str
    block_bytes: int
    block_count: int
    disk_version: int
    heap_bytes: int | None = None
    flash_offset: int | None = None
    flash_bytes: int | None = None
    filesystem_offset: int | None = None
    image: str | None = None
    images: tuple[Image, ...] = ()
    budget: dict[str, int] = field(default_factory=dict)
    power: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of the board's own files."""
        return ROOT / "boards" / self.name


def board_names() -> list[str]:
    """Return the names of all boards."""
    return sorted(path.parent.name for path in (ROOT / "boards").glob("*/board.json"))


def load_board(name: str) -> Board:
    """Return the board ``name``; BoardError names the boards there are, or the field that is missing."""
    path = ROOT / "boards" / name / "board.json"
    if name not in board_names():
        raise BoardError(f"no board named {name!r}; there are: {', '.join(board_names())}")
    try:
        return _board(json.loads(path.read_text()))
    except KeyError as error:
        raise BoardError(f"{path.name} of {name}: {error.args[0]} is missing") from error
    except ValueError as error:
        raise BoardError(f"{path.name} of {name}: {error}") from error


def _board(data: dict[str, Any]) -> Board:
    filesystem, flash = data["filesystem"], data.get("flash", {})
    return Board(
        name=data["name"],
        description=data["description"],
        chip=data["chip"],
        march=data["march"],
        block_bytes=filesystem["block_bytes"],
        block_count=filesystem["block_count"],
        disk_version=filesystem["disk_version"],
        heap_bytes=data.get("heap_bytes"),
        flash_offset=flash.get("offset"),
        flash_bytes=flash.get("size_bytes"),
        filesystem_offset=filesystem.get("offset"),
        image=data.get("image"),
        images=tuple(Image(**image) for image in data.get("images", ())),
        budget=data.get("budget", {}),
        power=data.get("power", {}),
    )
