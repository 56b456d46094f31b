"""Close the loader in a chip's ROM for ever, with ``espefuse``: nobody then reads its flash by cable."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from cxhost.boards import Board

# Technical Reference Manuals, chapter "eFuse Controller"; on the ESP32, from chip revision 3 on.
_FUSES = {"esp32": "UART_DOWNLOAD_DIS", "esp32s3": "DIS_DOWNLOAD_MODE", "esp32c3": "DIS_DOWNLOAD_MODE"}

WARNING = """This burns a fuse in the chip. It cannot be undone, by nobody, ever.

- The loader in the chip's ROM is closed: no computer can read the badge's flash over its cable any more.
- Neither can anybody write it: MicroPython can never be changed or repaired on this badge.
- The application can still be updated: reset, press the button within three seconds, `cxbadge install`.
- It does not stop somebody who opens the case and reads the flash chip itself: that is not encrypted.
- A badge whose application does not start is lost. Test this very badge before."""


class LockError(Exception):
    """Nothing was burnt, or espefuse failed; the text says why."""


def fuse_of(board: Board) -> str:
    """Return the name of the fuse that closes the loader of the board's chip; LockError if there is none."""
    try:
        return _FUSES[board.chip]
    except KeyError:
        raise LockError(f"board {board.name} has no fuse to burn: its chip is {board.chip}") from None


def lock(board: Board, port: str, options: Sequence[str] = ()) -> None:
    """Burn the fuse on the badge at ``port``. ``options``: more of espefuse's own. Raises LockError.

    espefuse's own output goes to the terminal. Its question is not asked: the caller has asked a better one.
    """
    fuse = fuse_of(board)
    command = [
        sys.executable,
        "-m",
        "espefuse",
        "--chip",
        board.chip,
        "--port",
        port,
        "--do-not-confirm",
        *options,
    ]
    if subprocess.run([*command, "burn-efuse", fuse, "1"], check=False).returncode != 0:
        raise LockError(
            f"{port}: espefuse did not burn {fuse}. On an ESP32 the chip must be revision 3 or newer; hold "
            "the board's BOOT button while it connects, and close every program that has the port open."
        )
