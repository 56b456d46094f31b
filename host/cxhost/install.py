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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cxhost.boards import Board
from cxhost.build import build
from cxhost.image import OWNED, application

_TIMEOUT_S = 300
_MARK = "cx-files "
# Runs on the badge: the SHA-256 of every file that the application owns or would replace.
_LIST = """
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
found = {}
for folder in FOLDERS:
    for path in walk("/" + folder):
        found[path[1:]] = digest(path)
for entry in os.ilistdir("/"):
    if entry[0] in FILES:
        found[entry[0]] = digest("/" + entry[0])
print(MARK + json.dumps(found))
"""
_REMOVE = "import os\nfor path in PATHS:\n    os.remove('/' + path)\n"
_MAKE = """
import os
for path in PATHS:
    try:
        os.mkdir('/' + path)
    except OSError as error:
        if error.errno != 17:
            raise
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
    """Make the badge at ``port`` hold the application in ``folder``, a mirror of the badge's root."""
    files = application(folder)
    wanted = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    with tempfile.TemporaryDirectory() as scratch:
        scripts = Path(scratch)
        (scripts / "list.py").write_text(_with(_LIST, FOLDERS=OWNED, FILES=_root_files(files), MARK=_MARK))
        held = _listing(_mpremote(port, "run", str(scripts / "list.py")))
        copied = sorted((path for path in wanted if held.get(path) != wanted[path]), key=_order)
        removed = sorted(set(held) - set(wanted))
        if copied or removed:
            held = _copy(port, folder, scripts, copied, removed, on_step)
            wrong = sorted(path for path in wanted.keys() | held.keys() if held.get(path) != wanted.get(path))
            if wrong:
                raise InstallError(f"{wrong[0]}: the badge does not hold what was copied; install again")
        _mpremote(port, "reset")
    return Installed(tuple(copied), tuple(removed), len(wanted) - len(copied))


def _copy(
    port: str,
    folder: Path,
    scripts: Path,
    copied: list[str],
    removed: list[str],
    on_step: Callable[[str], None],
) -> dict[str, str]:
    """Copy and remove files, then return what the badge holds."""
    parents = {parent.as_posix() for path in copied for parent in Path(path).parents if parent.name}
    (scripts / "make.py").write_text(_with(_MAKE, PATHS=sorted(parents)))
    (scripts / "remove.py").write_text(_with(_REMOVE, PATHS=removed))
    _mpremote(port, "run", str(scripts / "make.py"), "+", "run", str(scripts / "remove.py"))
    chain: list[str] = []
    for path in copied:
        chain += ["+", "fs", "cp", "--force", str(folder / path), f":/{path}"]
    if chain:
        _mpremote(port, *chain[1:], on_line=lambda line: _report(line, on_step))
    return _listing(_mpremote(port, "run", str(scripts / "list.py")))


def _with(script: str, **values: object) -> str:
    return "".join(f"{name} = {value!r}\n" for name, value in values.items()) + script


def _root_files(files: Mapping[str, bytes]) -> tuple[str, ...]:
    return tuple(path for path in files if "/" not in path)


def _order(path: str) -> tuple[bool, str]:
    return (path in {"boot.py", "main.py"}, path)


def _listing(output: str) -> dict[str, str]:
    for line in output.splitlines():
        if line.startswith(_MARK):
            return json.loads(line.removeprefix(_MARK))
    raise InstallError(f"the badge did not list its files; it said: {output.strip()[-200:]}")


def _report(line: str, on_step: Callable[[str], None]) -> None:
    """Tell ``on_step`` of a file when mpremote begins to copy it."""
    if line.startswith("cp "):
        on_step(line.rpartition(" :/")[2].strip())


def _mpremote(port: str, *arguments: str, on_line: Callable[[str], None] | None = None) -> str:
    """Run mpremote on ``port``; return what it printed, each line told to ``on_line`` as it comes."""
    command = [sys.executable, "-u", "-m", "mpremote", "connect", port, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watchdog = threading.Timer(_TIMEOUT_S, process.kill)
    watchdog.start()
    lines = []
    with process:
        assert process.stdout is not None  # noqa: S101  asked for above
        for line in process.stdout:
            lines.append(line)
            if on_line is not None:
                on_line(line)
    watchdog.cancel()
    if process.returncode == 0:
        return "".join(lines)
    said = [line.strip() for line in lines if line.strip()]
    reason = said[-1] if said else f"mpremote ended with {process.returncode}"
    if "raw repl" in reason:
        reason += "; reset the badge, press its button within three seconds, then install again"
    raise InstallError(f"{port}: {reason}")
