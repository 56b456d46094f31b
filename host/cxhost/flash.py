"""Put MicroPython itself on a badge, with ``esptool``.

An image is looked at before anything is written: it must be one for a chip of Espressif, and its SHA-256
should be among those that ``board.json`` lists. One that is not listed is a question to the user, not
proof of a fault: the list may be older than the image.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from cxhost.boards import Board, Image

_MAGIC = 0xE9  # first byte of every image of Espressif's chips


class FlashError(Exception):
    """Nothing was written, or the writing failed; the text says why and what to do."""


def identify(board: Board, firmware: Path) -> Image | None:
    """Return which of the board's known images the file is, None if none of them.

    FlashError if it cannot be one.
    """
    if board.flash_offset is None or board.flash_bytes is None:
        raise FlashError(f"board {board.name} has no flash to write: its chip is {board.chip}")
    try:
        content = firmware.read_bytes()
    except OSError as error:
        raise FlashError(f"firmware: {firmware} cannot be read ({error.strerror})") from error
    if not content or content[0] != _MAGIC:
        raise FlashError(f"firmware: {firmware} is not an image for an ESP chip (it must begin with byte E9)")
    room = board.flash_bytes - board.flash_offset
    if len(content) > room:
        raise FlashError(f"firmware: {firmware} has {len(content)} bytes, the board's flash room for {room}")
    digest = hashlib.sha256(content).hexdigest()
    return next((image for image in board.images if image.sha256 == digest), None)


def find(board: Board, folders: Iterable[Path]) -> Path:
    """Return the newest official image for ``board`` in these folders, known by hash; FlashError if none is.

    A file that only has the name of one is not taken: whoever wants it can name it.
    """
    versions = {image.sha256: image.version for image in board.images}
    found = []
    for folder in folders:
        for path in sorted(folder.glob(f"{board.image}-*.bin")) if folder.is_dir() else []:
            version = versions.get(hashlib.sha256(path.read_bytes()).hexdigest())
            if version is not None:
                found.append((tuple(int(part) for part in version.split(".")), path))
    if found:
        return max(found)[1]
    names = ", ".join(image.name for image in board.images) or f"{board.image}-DATE-VERSION.bin"
    raise FlashError(
        f"firmware: no known image for {board.name} here or among the downloads; get one from MicroPython's "
        f"download page ({names}), or name a file with --firmware"
    )


def confirm_unknown(board: Board, firmware: Path, confirm: Callable[[str], bool]) -> None:
    """Ask about an image that the board does not list; FlashError if it is refused, or cannot be one."""
    if identify(board, firmware) is not None:
        return
    digest = hashlib.sha256(firmware.read_bytes()).hexdigest()
    listed = ", ".join(f"{image.version} ({image.sha256[:8]}...)" for image in board.images) or "none"
    question = (
        f"{firmware.name} has SHA-256 {digest}, which is none of the images known for {board.name}: "
        f"{listed}. Compare it with what micropython.org states for your download. Use it all the same?"
    )
    if not confirm(question):
        raise FlashError("nothing was written")


def flash(
    board: Board,
    port: str,
    firmware: Path,
    *,
    confirm: Callable[[str], bool],
    erase: bool = False,
    attempts: int = 7,
) -> None:
    """Write the MicroPython image ``firmware`` to the board at ``port``.

    ``confirm`` is asked if the image is not one of those the board lists. ``erase`` wipes the whole flash
    first, all the badge's data with it. ``attempts`` to reach the chip. esptool's own output goes to the
    terminal. Raises FlashError.
    """
    confirm_unknown(board, firmware, confirm)
    if erase:
        _esptool(board, port, attempts, "erase-flash")
    _esptool(board, port, attempts, "write-flash", hex(board.flash_offset or 0), str(firmware))


def _esptool(board: Board, port: str, attempts: int, *arguments: str) -> None:
    command = [sys.executable, "-m", "esptool", "--chip", board.chip, "--port", port]
    command += ["--connect-attempts", str(attempts), *arguments]
    if subprocess.run(command, check=False).returncode != 0:
        raise FlashError(
            f"{port}: esptool {arguments[0]} failed. Hold the board's BOOT button while it connects, "
            "and close every program that has the port open."
        )
