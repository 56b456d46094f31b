"""Put the application on a badge that has MicroPython, with ``mpremote`` as it is.

Only files whose SHA-256 differs are copied, ``main.py`` last, so that an interrupted installation does
not start half an application. Everything is read back, then the badge is reset.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cxhost.boards import Board
from cxhost.build import build
from cxhost.image import OWNED, application

# Once the badge's prompt answers, and before: mpremote itself would wait for ever on a silent port.
_TIMEOUT_S = 300
_PROMPT_S = 20
_READY = "cx-ready"
_MARK = "cx-files "
_UP_TO_DATE = "Up to date: "
# Runs on the badge before the files are copied.
_PREPARE = """
import os
print(READY)
for path in PATHS:
    try:
        os.mkdir("/" + path)
    except OSError as error:
        if error.errno != 17:
            raise
"""
# Runs after it: removes what the application has no more, lists the SHA-256 of every file of its own.
_FINISH = """
import hashlib, json, os, binascii
def walk(path):
    try:
        entries = list(os.ilistdir(path))
    except OSError:
        return
    for entry in entries:
        full = path + "/" + entry[0]
        if entry[1] & 0x4000:
            for name in walk(full):
                yield name
        else:
            yield full
def digest(path):
    sha = hashlib.sha256()
    buffer = bytearray(512)
    with open(path, "rb") as stream:
        while True:
            n = stream.readinto(buffer)
            if not n:
                return binascii.hexlify(sha.digest()).decode()
            sha.update(memoryview(buffer)[:n])
removed = []
held = {}
for folder in FOLDERS:
    for path in list(walk("/" + folder)):
        if path[1:] in FILES:
            held[path[1:]] = digest(path)
        else:
            os.remove(path)
            removed.append(path[1:])
for entry in os.ilistdir("/"):
    if entry[0] in FILES:
        held[entry[0]] = digest("/" + entry[0])
print(MARK + json.dumps([held, removed]))
"""


class InstallError(Exception):
    """The installation did not come to its end; the text says where and what to do."""


@dataclass(frozen=True)
class Installed:
    """What an installation did: paths on the badge without leading slash."""

    copied: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int


def install(board: Board, port: str, on_step: Callable[[str], None] | None = None) -> Installed:
    """Build the application for ``board`` and put it on the badge at ``port``; return what was done.

    ``on_step`` is told each path before it is copied. Raises InstallError, BuildError.
    """
    return install_files(build(board), port, on_step or (lambda _path: None))


def install_files(folder: Path, port: str, on_step: Callable[[str], None]) -> Installed:
    """Make the badge at ``port`` hold the application in ``folder``, a mirror of the badge's root.

    One session of mpremote, so that a badge whose prompt was opened by its button keeps it to the end.
    """
    wanted = {path: hashlib.sha256(content).hexdigest() for path, content in application(folder).items()}
    order = sorted(wanted, key=lambda path: (path in {"boot.py", "main.py"}, path))
    parents = sorted({parent.as_posix() for path in wanted for parent in Path(path).parents if parent.name})
    with tempfile.TemporaryDirectory() as scratch:
        prepare, finish = Path(scratch, "prepare.py"), Path(scratch, "finish.py")
        prepare.write_text(_with(_PREPARE, READY=_READY, PATHS=parents))
        finish.write_text(_with(_FINISH, MARK=_MARK, FOLDERS=OWNED, FILES=tuple(order)))
        chain = ["run", str(prepare)]
        for path in order:
            chain += ["+", "fs", "cp", str(folder / path), f":/{path}"]
        lines = _mpremote(port, [*chain, "+", "run", str(finish), "+", "reset"], on_step)
    held, removed = _listing(lines)
    wrong = sorted(path for path in wanted if held.get(path) != wanted[path])
    if wrong:
        raise InstallError(f"{wrong[0]}: the badge does not hold what was copied; install again")
    same = {line.removeprefix(_UP_TO_DATE).strip("/") for line in lines if line.startswith(_UP_TO_DATE)}
    return Installed(tuple(path for path in order if path not in same), tuple(sorted(removed)), len(same))


def _with(script: str, **values: object) -> str:
    return "".join(f"{name} = {value!r}\n" for name, value in values.items()) + script


def _listing(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    for line in lines:
        if line.startswith(_MARK):
            held, removed = json.loads(line.removeprefix(_MARK))
            return held, removed
    raise InstallError(f"the badge did not list its files; it said: {' '.join(lines)[-200:]}")


def _mpremote(port: str, arguments: list[str], on_step: Callable[[str], None]) -> list[str]:
    """Run mpremote on ``port``; return the lines it printed. ``on_step`` is told the files it comes to."""
    command = [sys.executable, "-u", "-m", "mpremote", "connect", port, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watchdog = threading.Timer(_PROMPT_S, process.kill)
    watchdog.start()
    lines: list[str] = []
    with process:
        assert process.stdout is not None  # noqa: S101  asked for above
        for line in process.stdout:
            lines.append(line.strip())
            if lines[-1] == _READY:
                watchdog.cancel()
                watchdog = threading.Timer(_TIMEOUT_S, process.kill)
                watchdog.start()
            elif line.startswith("cp "):
                on_step(line.rpartition(" :/")[2].strip())
    watchdog.cancel()
    if process.returncode == 0:
        return lines
    if _READY not in lines and (process.returncode < 0 or "raw repl" in " ".join(lines)):
        raise InstallError(
            f"{port}: the badge's prompt does not answer. If it runs the application already, reset it, "
            "press its button within three seconds, and install again"
        )
    said = [line for line in lines if line]
    raise InstallError(f"{port}: {said[-1] if said else f'mpremote ended with {process.returncode}'}")
