"""Those who listen at a door, spray made-up identifiers, or send again what they heard elsewhere."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from cx import advert
from cxhost.sim import linking
from cxhost.sim.linking import Broadcast
from cxhost.sim.scenario import Attacker
from cxhost.sim.simulation import OnAir, Simulation

_ADV_SCAN_IND = 2
_RANDOM = 1
_INTERVAL_US = 200_000
_REPLAYED_S = 900  # no honest identifier lives longer, so it would not be believed for longer
_LISTEN_S = 10
_LONGEST_PAUSE_US = 10_000_000


class Flooder:
    """Keeps a number of made-up identifiers on air, each from an address and a transmitter of its own."""

    def __init__(self, sim: Simulation, attacker: Attacker, draw: random.Random, end_us: int) -> None:
        self._sim = sim
        self._draw = draw
        self._life_us = round(attacker.life_s * 1e6)
        self._end_us = end_us
        self._senders = [sim.air.add(attacker.at) for _ in range(attacker.on_air)]
        self.identifiers = 0

    def start(self, when_us: int) -> None:
        """Begin at a moment of the simulation."""
        for number, sender in enumerate(self._senders):
            first_us = when_us + self._life_us * number // len(self._senders)
            self._sim.call_at(first_us, lambda s=sender: self._renew(s))

    def _renew(self, sender: int) -> None:
        now_us = self._sim.now_us
        if now_us >= self._end_us:
            self._sim.air.stop(sender, now_us)
            return
        made = bytearray(self._draw.randbytes(16))
        made[6], made[8] = made[6] & 0x0F | 0x40, made[8] & 0x3F | 0x80
        address = bytes([self._draw.randrange(64)]) + self._draw.randbytes(5)
        packet = (_ADV_SCAN_IND, _RANDOM, address, advert.encode(bytes(made)))
        self._sim.air.start(sender, now_us, _INTERVAL_US, packet)
        self.identifiers += 1
        self._sim.call_at(now_us + self._life_us, lambda: self._renew(sender))


class Replayer:
    """Hears with an ear at one place, and sends from a mouth at another, some time later."""

    def __init__(self, sim: Simulation, attacker: Attacker, draw: random.Random, end_us: int) -> None:
        assert attacker.mouth is not None  # noqa: S101  the scenario was checked
        self._sim = sim
        self._draw = draw
        self._end_us = end_us
        self._delay_us = round(attacker.delay_s * 1e6)
        self._ear = sim.air.add(attacker.at)
        self._mouth = attacker.mouth
        self._free: deque[int] = deque()
        self._badges = 0
        self._known: set[bytes] = set()

    @property
    def identifiers(self) -> int:
        """How many identifiers it sent again."""
        return len(self._known)

    def start(self, when_us: int) -> None:
        """Begin at a moment of the simulation."""
        self._badges = len(self._sim.badges)
        self._sim.call_at(when_us, self._listen)

    def _listen(self) -> None:
        now_us, air = self._sim.now_us, self._sim.air
        if now_us >= self._end_us:
            return
        for index, _ in air.near(self._ear):
            sent = air.sent(index) if index < self._badges else None
            if sent is not None and sent.payload not in self._known:
                self._known.add(sent.payload)
                payload, address = sent.payload, sent.address
                self._sim.call_at(now_us + self._delay_us, lambda p=payload, a=address: self._send(p, a))
        self._sim.call_at(now_us + _LISTEN_S * 1_000_000, self._listen)

    def _send(self, payload: bytes, address: bytes) -> None:
        sender = self._free.popleft() if self._free else self._sim.air.add(self._mouth)
        packet = (_ADV_SCAN_IND, _RANDOM, address, payload)
        self._sim.air.start(sender, self._sim.now_us, _INTERVAL_US, packet)
        self._sim.call_at(self._sim.now_us + _REPLAYED_S * 1_000_000, lambda: self._hush(sender))

    def _hush(self, sender: int) -> None:
        self._sim.air.stop(sender, self._sim.now_us)
        self._free.append(sender)


@dataclass
class Followed:
    """How well a sniffer follows badges over a rotation.

    Chances of being right, and the gain's standard error.
    """

    rotations: int = 0
    by_presence: float = 0.0
    by_everything: float = 0.0
    gain: float = 0.0
    error: float = 0.0


@dataclass
class Sniffer:
    """Notes when each badge is in reach; what it can make of that is worked out afterwards."""

    sim: Simulation
    attacker: Attacker
    end_us: int
    index: int = -1
    _since: dict[str, int] = field(default_factory=dict)
    _stretches: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def start(self, when_us: int) -> None:
        """Begin at a moment of the simulation."""
        self.index = self.sim.air.add(self.attacker.at)
        self.sim.call_at(when_us, self.look)

    def look(self) -> None:
        """Take notice of who has come and gone: to be called after every move."""
        if self.index < 0 or self.sim.now_us > self.end_us:
            return
        reached = {index for index, _ in self.sim.air.near(self.index)}
        for name, badge in self.sim.badges.items():
            if badge.index in reached:
                self._since.setdefault(name, self.sim.now_us)
            elif name in self._since:
                self._stretches.setdefault(name, []).append((self._since.pop(name), self.sim.now_us))

    def parts(self) -> list[list[Broadcast]]:
        """Return what was heard of each badge in each of its stays in reach, in order.

        Two or more identities.
        """
        now_us = min(self.sim.now_us, self.end_us)
        for name, since_us in self._since.items():
            self._stretches.setdefault(name, []).append((since_us, now_us))
        self._since.clear()
        on_air = _broadcasts(self.sim)
        parts = []
        for name, stretches in self._stretches.items():
            for begin_us, end_us in stretches:
                part = [one for one in on_air.get(name, []) if begin_us < one.end and one.start < end_us]
                parts += _unbroken([_clipped(one, begin_us, end_us) for one in part])
        return [part for part in parts if len(part) > 1]

    def followed(self) -> Followed:
        """Let the attack learn on one half of what was heard, and return its success on the other."""
        parts = self.parts()
        attack = linking.Attack(_LONGEST_PAUSE_US)
        attack.learn(parts[::2])
        by_presence, by_all = attack.follow(parts[1::2])
        rotations = sum(len(part) for part in by_presence)
        if not rotations:
            return Followed()
        gain, error = linking.advantage(by_presence, by_all)
        presence, everything = (
            linking.mean([x for part in one for x in part]) for one in (by_presence, by_all)
        )
        return Followed(rotations, presence, everything, gain, error)


def _unbroken(part: list[Broadcast]) -> list[list[Broadcast]]:
    """Cut a stay where the badge was silent for longer than between two identities: it was off."""
    parts: list[list[Broadcast]] = []
    for one in part:
        if not parts or one.start - parts[-1][-1].end > _LONGEST_PAUSE_US + linking.BLUR_US:
            parts.append([])
        parts[-1].append(one)
    return parts


def _clipped(one: Broadcast, begin_us: int, end_us: int) -> Broadcast:
    start, end = max(one.start, begin_us), min(one.end, end_us)
    return Broadcast(start, end, one.interval, one.address, one.identifier)


def _broadcasts(sim: Simulation) -> dict[str, list[Broadcast]]:
    """Return every badge's broadcasts in the order in which they were on air."""
    found: dict[str, list[Broadcast]] = {}
    on: dict[str, OnAir] = {}
    for one in [*sim.on_air, *(OnAir(sim.now, name, b"", 0, b"", 0) for name in sim.badges)]:
        before = on.pop(one.badge, None)
        if before is not None:
            start, end = (round((at - sim.at(0)).total_seconds() * 1e6) for at in (before.time, one.time))
            address, identifier = (
                int.from_bytes(name, "big") for name in (before.address, before.payload[-16:])
            )
            made = Broadcast(start, end, before.interval_us, address, identifier)
            found.setdefault(one.badge, []).append(made)
        if one.payload:
            on[one.badge] = one
    return found


def make(
    sim: Simulation, attacker: Attacker, draw: random.Random, to_us: Callable[[float], int], end_s: float
) -> Flooder | Replayer | Sniffer:
    """Return an attacker that will begin at its time.

    ``to_us`` turns scenario seconds into simulation time.
    """
    end_us = to_us(end_s if attacker.until is None else attacker.until)
    made: Flooder | Replayer | Sniffer
    if attacker.kind == "flooder":
        made = Flooder(sim, attacker, draw, end_us)
    elif attacker.kind == "replayer":
        made = Replayer(sim, attacker, draw, end_us)
    else:
        made = Sniffer(sim, attacker, end_us)
    made.start(max(to_us(attacker.since), sim.now_us))
    return made
