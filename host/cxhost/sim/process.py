"""One badge's MicroPython process: started on its own flash image, ended by its own handle."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from functools import cache
from pathlib import Path

from cxhost.boards import ROOT, Board
from cxhost.build import build_files, shortened
from cxhost.interpreter import interpreter
from cxhost.sim.wire import Hello, Line

# A badge that computes for as long as this without an idle point hangs in an endless loop.
PATIENCE_S = 120.0


def fakes(board: Board) -> Path:
    """Return the folder with the compiled fakes, brought up to date."""
    folder = board.folder / "fakes"
    sources = {path.with_suffix(".mpy").name: path for path in sorted(folder.glob("*.py"))}
    out = ROOT / "build" / "mpy" / f"{board.name}-fakes"
    return build_files(shortened(sources, out.with_name(out.name + ".short")), board.march, out)


def command(board: Board, *options: str) -> list[str]:
    """Return the interpreter with the board's heap and ``options``."""
    return [interpreter(), *options, "-X", f"heapsize={board.heap_bytes}"]


def environment(fakes_folder: Path) -> dict[str, str]:
    """Return what a badge's process needs of the environment: where the fakes are, and no time zone."""
    return {**os.environ, "MICROPYPATH": str(fakes_folder), "TZ": "UTC"}


@cache
def _same_place() -> tuple[str, ...]:
    """Return what makes the system load a program at the same addresses each time; nothing if it cannot.

    The interpreter's collector takes any number for a pointer that looks like one. At other addresses other
    garbage is kept, and a badge whose memory is full fails at another moment.
    """
    prefix = ("setarch", platform.machine(), "--addr-no-randomize")
    try:
        works = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        works = False
    return prefix if works else ()


class BadgeProcess:
    """A running badge: ``line`` to talk to it, ``text()`` for what it printed."""

    def __init__(self, board: Board, fakes_folder: Path, flash: Path, nvs: Path, hello: Hello) -> None:
        ours, theirs = socket.socketpair()
        self._output, printed = os.pipe()
        os.set_blocking(self._output, False)
        try:
            self._process = subprocess.Popen(
                [
                    *_same_place(),
                    *command(board),
                    "-m",
                    "simstart",
                    str(theirs.fileno()),
                    flash.name,
                    nvs.name,
                ],
                cwd=flash.parent,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                env=environment(fakes_folder),
                start_new_session=True,  # Ctrl-C at the terminal is for the conductor
            )
        finally:
            theirs.close()
            os.close(printed)
        self.line = Line(ours, PATIENCE_S)
        self.line.send(hello.pack())

    def text(self) -> bytes:
        """Return what the process printed since the last call."""
        found = b""
        while True:
            try:
                data = os.read(self._output, 65536)
            except BlockingIOError:
                return found
            if not data:
                return found
            found += data

    def wait(self) -> int:
        """Wait until a process that closed its line has ended; return its exit status."""
        return self._process.wait(timeout=PATIENCE_S)

    def kill(self) -> None:
        """End the process at once, as a pulled battery does."""
        self._process.kill()
        self._process.wait()
        self.line.close()
        os.close(self._output)
