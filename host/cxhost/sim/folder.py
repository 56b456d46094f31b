"""A simulated badge's folder: whose it is, how often the badge was started, its chip's address."""

from __future__ import annotations

import fcntl
import hashlib
import json
from pathlib import Path
from typing import TextIO


class SimulationError(Exception):
    """A badge's process died, printed a traceback or hangs.

    Or a simulation was asked for what it cannot do.
    """


class ScenarioError(SimulationError):
    """A scenario that cannot be run; the message names the field and says what to do."""


def mac_address(name: str) -> bytes:
    """Return the 6 bytes of a simulated chip's address: Espressif's prefix, the rest from its name."""
    return b"\x24\x0a\xc4" + hashlib.sha256(name.encode()).digest()[:3]


def lock_folder(folder: Path) -> TextIO:
    """Return an open file that keeps other processes off the badge in ``folder``.

    SimulationError if one has it.
    """
    stream = (folder / "lock").open("w")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        stream.close()
        raise SimulationError(f"the badge in {folder} is in use by another process") from error
    return stream


def load_starts(folder: Path) -> int:
    """Return how often the badge in ``folder`` was started."""
    try:
        return int(json.loads((folder / "state.json").read_text())["starts"])
    except (OSError, ValueError, KeyError):
        return 0


def save_starts(folder: Path, starts: int) -> None:
    """Note how often the badge in ``folder`` was started."""
    (folder / "state.json").write_text(json.dumps({"starts": starts}))
