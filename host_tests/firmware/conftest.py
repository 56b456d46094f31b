"""Badges on simulated boards, and a publisher whose lists they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone

import pytest

from cxhost.companion import Badge
from cxhost.consent import press_ms
from cxhost.publisher import Publisher

START = datetime(2026, 3, 2, 8, 0, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def _interpreter():
    from cxhost.interpreter import InterpreterError, interpreter

    try:
        interpreter()
    except InterpreterError as error:
        pytest.skip(str(error))


@dataclass
class Recorder:
    """A transport that remembers every byte that came from the badge."""

    inner: object
    received: bytearray = field(default_factory=bytearray)

    def read(self, timeout_s: float) -> bytes:
        data = self.inner.read(timeout_s)
        self.received += data
        return data

    def __getattr__(self, name: str):
        return getattr(self.inner, name)


@pytest.fixture
def simulation(tmp_path):
    from cxhost.sim import Simulation

    with Simulation(tmp_path / "sim", seed=7, start=START) as sim:
        yield sim


@pytest.fixture
def plug():
    """Return a context manager: ``with plug(badge, presses=True) as (companion, recorder)``."""

    @contextmanager
    def plugged(badge, presses: bool = True) -> Iterator[tuple[Badge, Recorder]]:
        recorder = Recorder(badge.transport())

        def on_waiting(kind: str, _seconds: int) -> None:
            if presses:
                badge.press_button(press_ms(kind))

        yield Badge(recorder, on_waiting), recorder
        recorder.close()

    return plugged


@pytest.fixture
def make_publisher(tmp_path, simulation):
    """Return a function that makes a publisher which lives in the simulation's time."""
    made = []

    def make(name: str = "Ruritania Health Service", host: str = "health.example") -> Publisher:
        folder = tmp_path / f"publisher{len(made)}"
        publisher = Publisher.create(
            folder, name, f"https://{host}/cx.json", clock=lambda: simulation.now, fewest_new_seeds=1
        )
        made.append(publisher)
        return publisher

    yield make
    for publisher in made:
        publisher.close()


@pytest.fixture
def start_time():
    return START
