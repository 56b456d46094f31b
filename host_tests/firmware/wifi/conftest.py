"""What the Wi-Fi tests share: a badge on its flash, certificates, servers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from sites import Site

from certificates import Authority
from cxhost.boards import load_board
from cxhost.build import build
from cxhost.image import application, update_image
from cxhost.sim.process import command, environment, fakes
from servers import Server

HERE = Path(__file__).parent
OWN_BYTES = 24 * 1024


class Running:
    """A badge's process at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said: str | None = None

    def answers(self, timeout_s: float = 120) -> list[Any]:
        """Wait for the end; return what each step answered."""
        if self._said is None:
            try:
                self._said, _ = self._process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()
                raise
        assert self._process.returncode == 0, self._said
        return [json.loads(line) for line in self._said.splitlines()]


class Visitor:
    """A badge whose every run is one process; its flash stays."""

    def __init__(self, folder: Path, image: Path) -> None:
        board = load_board("sim")
        # What visits.py itself takes; memory is judged in test_whole_badge.py.
        self._board = replace(board, heap_bytes=(board.heap_bytes or 0) + OWN_BYTES)
        self._image = image
        self._steps = folder / "steps.json"
        self._flash, self._nvs = folder / "flash.img", folder / "nvs.bin"
        self.reset()

    def reset(self) -> None:
        """Make it a new badge."""
        shutil.copyfile(self._image, self._flash)
        self._nvs.write_bytes(b"")

    def run(self, *steps: list[Any], speed: int = 1, timeout_s: float = 120) -> list[Any]:
        """Do the steps of ``visits.py``, on a clock ``speed`` times as fast; return what each answered."""
        return self.start(*steps, speed=speed).answers(timeout_s)

    def start(self, *steps: list[Any], speed: int = 1) -> Running:
        """Begin the steps, and return at once."""
        path = f"{HERE}:{fakes(self._board)}"
        self._steps.write_text(json.dumps(steps))
        files = [str(self._flash), str(self._nvs), str(self._steps)]
        process = subprocess.Popen(
            [*command(self._board), "-m", "visits", *files, str(speed), str(HERE / "hostile.py")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**environment(Path(path)), "PATH": os.environ["PATH"]},
        )
        return Running(process)


@pytest.fixture(scope="session")
def image(tmp_path_factory) -> Path:
    """The flash of a new badge with its application."""
    board = load_board("sim")
    path = tmp_path_factory.mktemp("image") / "flash.img"
    update_image(board, application(build(board)), path)
    return path


@pytest.fixture
def visitor(tmp_path, image) -> Visitor:
    folder = tmp_path / "badge"
    folder.mkdir()
    return Visitor(folder, image)


@pytest.fixture
def serve(tmp_path, authority):
    """Return a function that starts a server on loopback; all end with the test."""
    servers: list[Server] = []

    def start(tls: bool = False, context=None) -> Server:
        if tls and context is None:
            folder = tmp_path / f"tls{len(servers)}"
            folder.mkdir()
            context, _ = authority.server(folder)
        servers.append(Server(context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def site(tmp_path, serve):
    """A publisher on an HTTPS server."""
    made = Site(tmp_path / "publisher", serve(tls=True))
    yield made
    made.publisher.close()


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority("Authority of the tests")
