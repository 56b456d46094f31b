"""Small applications of the tests' own on simulated badges."""

from __future__ import annotations

import textwrap
from datetime import datetime, timezone
from pathlib import Path

import pytest

START = datetime(2026, 3, 2, 8, 0, tzinfo=timezone.utc)
# A badge's main.py never ends; what the tests print is read from its console.
_STAY = "\nimport time as _time\nwhile True:\n    _time.sleep(3600)\n"


class Bench:
    """A simulation whose badges run a given ``main.py``."""

    def __init__(self, folder: Path, source: str, seed: int, **options) -> None:
        from cxhost.boards import load_board
        from cxhost.sim import Simulation

        application = folder / "application"
        application.mkdir(parents=True, exist_ok=True)
        (application / "main.py").write_text(textwrap.dedent(source) + _STAY)
        (application / "board.py").write_bytes((load_board("sim").folder / "board.py").read_bytes())
        self.sim = Simulation(folder / "badges", seed, START, application_folder=application, **options)

    def lines(self, badge) -> list[str]:
        """Return what the badge has printed until now, by lines."""
        return badge.console_take().decode().splitlines()


@pytest.fixture
def bench(tmp_path):
    """Return a function that makes a Bench from the source of a main.py; all are closed at the end."""
    made = []

    def make(source: str, seed: int = 1, folder: str = "bench", **options) -> Bench:
        made.append(Bench(tmp_path / folder, source, seed, **options))
        return made[-1]

    yield make
    for one in made:
        one.sim.close()


@pytest.fixture
def printed(bench):
    """Return a function that runs a main.py on one badge and returns the lines that it printed."""

    def run(source: str, seconds: float = 30, **badge_options) -> list[str]:
        made = bench(source)
        badge = made.sim.add_badge("A", **badge_options)
        made.sim.run_for(seconds)
        return made.lines(badge)

    return run
