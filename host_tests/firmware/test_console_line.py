"""The line between computer and badge: how much of its time is used, what noise does."""

from __future__ import annotations

import random

import pytest

from cxhost import sync
from cxhost.companion import BadgeError
from cxhost.sim.uart import BYTE_US


@pytest.fixture
def badge(simulation):
    added = simulation.add_badge("A", position=(0.0, 0.0))
    simulation.run_for(30)
    return added


def provision(companion, publisher) -> str:
    companion.request("set_time", unix=int(companion._transport.now()))
    return sync.provision(companion, publisher.descriptor_file.read_text())["id"]


def test_a_long_list_takes_little_more_than_the_lines_own_time(simulation, badge, plug, make_publisher):
    """With the time for an ESP32's instructions and its flash charged by the simulated board."""
    data = bytes(480_000)
    with plug(badge) as (companion, _):
        known = provision(companion, make_publisher())
        began = simulation.now
        steps = []
        with pytest.raises(BadgeError, match="CMS"):
            companion.put(
                "publication",
                data,
                progress=lambda done, _: steps.append((simulation.now - began, done)),
                publisher=known,
            )
    took, held = steps[-1]
    assert held == len(data) and len(steps) > 4000
    assert took.total_seconds() < 1.25 * len(data) * BYTE_US / 1e6


class Noisy:
    """A cable that flips, drops and invents bytes, both ways."""

    def __init__(self, inner, per_byte: float) -> None:
        self._inner = inner
        self._draw = random.Random(3)
        self._per_byte = per_byte
        self.faults = 0

    def _spoil(self, data: bytes) -> bytes:
        spoilt = bytearray()
        for byte in data:
            kind = self._draw.random() / self._per_byte
            self.faults += kind < 3
            if kind < 1:
                spoilt.append(byte ^ 1 << self._draw.randrange(8))
            elif kind < 2:
                spoilt += bytes([byte, self._draw.randrange(256)])
            elif kind >= 3:
                spoilt.append(byte)
        return bytes(spoilt)

    def write(self, data: bytes) -> None:
        self._inner.write(self._spoil(data))

    def read(self, timeout_s: float) -> bytes:
        return self._spoil(self._inner.read(timeout_s))

    def __getattr__(self, name: str):
        return getattr(self._inner, name)


def test_a_list_comes_whole_over_a_noisy_line(badge, plug, make_publisher):
    publisher = make_publisher()
    published = publisher.publish()
    with plug(badge) as (companion, recorder):
        known = provision(companion, publisher)
        companion._transport = noisy = Noisy(recorder, 1 / 1500)
        answer = companion.put("publication", published.path.read_bytes(), publisher=known)
        with pytest.raises(BadgeError, match="CMS"):
            companion.put("publication", bytes(30_000), publisher=known)
    assert noisy.faults > 30
    assert answer["published_at"] is not None
