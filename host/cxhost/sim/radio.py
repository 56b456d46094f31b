"""The air: who can be heard where, how loud, and at which moments.

**Path loss.** Recommendation ITU-R P.1238, indoor, one floor: L = 20 log10(f/MHz) + N log10(d/m) - 28 dB with
N = 30 (office, 2.4 GHz): 39.7 dB at one metre, 9 dB more for each doubling. On top of it: the walls between
the two places; the bodies of the two wearers; one Gaussian value for each pair of badges (what else stands
around, the same in both directions, redrawn when one of them moves); and for each packet Rician fading.
Packets under the receiver's sensitivity are lost. What is not modelled: collisions, other networks, antenna
patterns, the time the radio needs to turn round.

**Bodies.** Who has a direction wears the badge on the chest. ``body_db`` is lost when the other is right
behind the wearer, nothing when in front, half of it at the side: body_db * (1 - cos angle) / 2, for each of
the two. P.1238 states 6 to 8 dB for a person who steps into the line of sight.

**Walls.** The COST 231 multi-wall model: each wall on the straight line takes its loss.

**Moments.** Bluetooth Core 5.3, volume 6 part B 4.4.2.2: the time between two advertising events is the
interval plus a random delay of 0 to 10 ms; each event sends one packet on each of channels 37, 38 and 39.
A scanner listens to one channel for one window in each scan interval, then to the next (4.4.3.1). A packet is
heard if it lies inside a window on that window's channel.

**Strongest packets.** What a badge keeps of one scan is the strongest packet of each identifier. With
``is_thinned`` the air draws just that one: how many packets of each sender the scan would have heard, the
strongest of so many fadings, and a moment for it. The counters of packets in a badge's info are smaller then;
what reaches its log is the same in distribution. For simulations of many badges.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

Position = tuple[float, float] | None
Loss = Callable[[tuple[float, float], tuple[float, float]], float]

_DELAY_US = 10_000
_MEAN_DELAY_US = 5_000
_DELAY_VARIANCE = _DELAY_US**2 / 12
# 39 bytes of a 23-byte advertisement at 1 Mbit/s are 312 us; ESP32 sends the next channel right after.
_CHANNEL_STEP_US = 400
# Listening windows end at most this much before the one asked last: what was drawn so far is kept as long.
KEPT_US = 2_500_000
# The same where strongest packets are drawn at a scan's end only: longer than any scan of a profile.
_KEPT_THINNED_US = 20_000_000
_NEVER = 1 << 62
_FADINGS = 20_000


class Move(NamedTuple):
    """Where somebody is from now on, and which way they look (radians; None: no body in the way)."""

    position: Position
    facing: float | None = None


@dataclass(frozen=True)
class RadioModel:
    """The numbers of the model; the defaults' sources are in the module's text or beside them."""

    frequency_mhz: float = 2440.0
    distance_loss: float = 30.0  # N of P.1238: ten times the path loss exponent
    shadowing_db: float = 3.0  # an assumption, for people in one room; P.1238 gives 10 dB for whole floors
    rician_k_db: float = 9.0  # an assumption: badges that see each other
    tx_power_dbm: float = 3.0  # ESP32's default for advertising, ESP_PWR_LVL_P3
    sensitivity_dbm: float = -94.0  # ESP32 datasheet, Bluetooth LE receiver, 30.8 % packet errors
    body_db: float = 8.0  # P.1238, effect of a person in the line of sight: 6 to 8 dB
    is_thinned: bool = False

    def median_rssi_dbm(self, a: tuple[float, float], b: tuple[float, float]) -> float:
        """Return the signal strength between two places without shadowing and fading."""
        metres = max(0.1, math.dist(a, b))
        loss = 20 * math.log10(self.frequency_mhz) + self.distance_loss * math.log10(metres) - 28
        return self.tx_power_dbm - loss

    def body_loss_db(self, wearer: Move, other: tuple[float, float]) -> float:
        """Return what the wearer's own body takes from the way to and from ``other``."""
        if wearer.facing is None or wearer.position is None or wearer.position == other:
            return 0.0
        towards = math.atan2(other[1] - wearer.position[1], other[0] - wearer.position[0])
        return self.body_db * (1 - math.cos(towards - wearer.facing)) / 2

    def fading_db(self, draw: random.Random) -> float:
        """Return the fading of one packet, mean power 0 dB."""
        k = 10 ** (self.rician_k_db / 10)
        spread = math.sqrt(1 / (2 * (k + 1)))
        i = math.sqrt(k / (k + 1)) + draw.gauss(0, spread)
        q = draw.gauss(0, spread)
        return 10 * math.log10(max(1e-6, i * i + q * q))


@dataclass
class Advertising:
    """One stretch of advertising with one payload and address, and the moments at which it sends."""

    start_us: int
    interval_us: int
    adv_type: int
    addr_type: int
    address: bytes
    payload: bytes
    draw: random.Random
    end_us: int = _NEVER
    _next_us: float = field(init=False)
    _drawn: list[int] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._next_us = self.start_us + self.draw.uniform(0, _DELAY_US)

    def moments(self, since_us: int, until_us: int) -> list[int]:
        """Return the times of the advertising events in [since, until). ``until`` must not go back."""
        until_us = min(until_us, self.end_us)
        self._skip(since_us - KEPT_US)
        while self._next_us < until_us:
            self._drawn.append(int(self._next_us))
            self._next_us += self.interval_us + self.draw.uniform(0, _DELAY_US)
        while self._drawn and self._drawn[0] < since_us - KEPT_US:
            self._drawn.pop(0)
        return [when for when in self._drawn if since_us <= when < until_us]

    def _skip(self, until_us: int) -> None:
        """Go over events that nobody listened to: the sum of many delays is drawn at once (it is normal)."""
        count = int((until_us - self._next_us) / (self.interval_us + _MEAN_DELAY_US))
        if count > 20:
            spread = math.sqrt(count * _DELAY_VARIANCE)
            delays = min(count * _DELAY_US, max(0.0, self.draw.gauss(count * _MEAN_DELAY_US, spread)))
            self._next_us += count * self.interval_us + delays


@dataclass
class Scan:
    """A scan that is on.

    When it began, when it ends by itself, its windows, and how far it has been served.
    """

    start_us: int
    end_us: int
    interval_us: int
    window_us: int
    served_us: int

    def hears(self, event_us: int) -> int | None:
        """Return when a packet of the event at ``event_us`` is heard, None if no window has it."""
        for channel in range(3):
            when = event_us + channel * _CHANNEL_STEP_US
            number, into_us = divmod(when - self.start_us, self.interval_us)
            if number % 3 == channel and 0 <= into_us < self.window_us:
                return when
        return None


@dataclass(frozen=True)
class Heard:
    """One packet that arrives."""

    when_us: int
    adv_type: int
    addr_type: int
    address: bytes
    payload: bytes
    rssi: int


class Air:
    """The links between all badges. Badges are known by their index.

    ``walls`` returns what the walls between two places take away, in dB.
    """

    def __init__(self, model: RadioModel, seed: int, walls: Loss | None = None) -> None:
        self.model = model
        self._walls = walls or (lambda _a, _b: 0.0)
        self._seed = seed
        self._places: list[Move] = []
        self._power: list[list[float | None]] = []
        self._near: list[list[tuple[int, float]] | None] = []
        self._sent: list[list[Advertising]] = []
        self._shadows = random.Random(f"shadows {seed}")  # noqa: S311
        self._packets = random.Random(f"packets {seed}")  # noqa: S311
        self._kept_us = _KEPT_THINNED_US if model.is_thinned else KEPT_US
        self._fadings: list[float] = []
        self._stretches = 0

    def add(self, position: Position, facing: float | None = None) -> int:
        """Add a badge; return its index."""
        index = len(self._places)
        self._places.append(Move(position, facing))
        self._sent.append([])
        for row in self._power:
            row.append(None)
        self._power.append([None] * (index + 1))
        self._near = [None] * (index + 1)
        return index

    def move(self, index: int, position: Position, facing: float | None = None) -> None:
        """Put a badge elsewhere; None is out of everybody's reach."""
        self._places[index] = Move(position, facing)
        for row in self._power:
            row[index] = None
        self._power[index] = [None] * len(self._places)
        self._near = [None] * len(self._places)

    def power_dbm(self, a: int, b: int) -> float:
        """Return the signal strength between two badges without fading; minus infinity if out of reach."""
        power = self._power[a][b]
        if power is None:
            power = self._power[a][b] = self._power[b][a] = self._link_dbm(self._places[a], self._places[b])
        return power

    def _link_dbm(self, one: Move, other: Move) -> float:
        if one.position is None or other.position is None:
            return -math.inf
        model = self.model
        power = model.median_rssi_dbm(one.position, other.position)
        if power + 4 * model.shadowing_db < model.sensitivity_dbm:
            return -math.inf
        power -= model.body_loss_db(one, other.position) + model.body_loss_db(other, one.position)
        power -= self._walls(one.position, other.position)
        return power + self._shadows.gauss(0, model.shadowing_db)

    def in_reach(self, a: int, b: int) -> bool:
        """Return whether a packet could get through; fading adds at most some 6 dB."""
        return self.power_dbm(a, b) > self.model.sensitivity_dbm - 6

    def near(self, listener: int) -> list[tuple[int, float]]:
        """Return (index, power in dBm) of everybody in reach of ``listener``, on air or not."""
        near = self._near[listener]
        if near is None:
            others = (index for index in range(len(self._places)) if index != listener)
            near = [(i, self.power_dbm(i, listener)) for i in others if self.in_reach(i, listener)]
            self._near[listener] = near
        return near

    def start(
        self, index: int, when_us: int, interval_us: int, packet: tuple[int, int, bytes, bytes]
    ) -> None:
        """Begin a stretch of advertising: ``packet`` is (adv_type, addr_type, address, payload)."""
        self.stop(index, when_us)
        self._stretches += 1
        draw = random.Random(f"delays {self._seed} {self._stretches}")  # noqa: S311
        self._sent[index].append(Advertising(when_us, interval_us, *packet, draw))

    def stop(self, index: int, when_us: int) -> bool:
        """End the stretch that is on, forget those that nobody can still ask for.

        Return whether one was on.
        """
        stretches = self._sent[index]
        was_on = bool(stretches) and stretches[-1].end_us == _NEVER
        if was_on:
            stretches[-1].end_us = when_us
        self._sent[index] = [s for s in stretches if s.end_us > when_us - self._kept_us]
        return was_on

    def sent(self, index: int) -> Advertising | None:
        """Return what a badge has on air now."""
        stretches = self._sent[index]
        return stretches[-1] if stretches and stretches[-1].end_us == _NEVER else None

    def audible(self, listener: int) -> int:
        """Return how many badges in reach of ``listener`` advertise now."""
        return sum(self.sent(index) is not None for index, _ in self.near(listener))

    def receive(self, listener: int, scan: Scan, until_us: int) -> list[Heard]:
        """Return what ``listener`` hears from where its scan was served up to ``until_us``, by time."""
        found: list[Heard] = []
        draw = self._strongest if self.model.is_thinned else self._from
        for index, power in self.near(listener):
            for sent in self._sent[index]:
                if sent.end_us > scan.served_us and sent.start_us < until_us:
                    found += draw(sent, power, scan, until_us)
        scan.served_us = max(scan.served_us, until_us)
        found.sort(key=lambda heard: (heard.when_us, heard.address))
        return found

    def _from(self, sent: Advertising, power: float, scan: Scan, until_us: int) -> Iterator[Heard]:
        for event_us in sent.moments(scan.served_us, until_us):
            when = scan.hears(event_us)
            if when is not None:
                yield from self._packet(
                    sent, min(when, until_us), power + self.model.fading_db(self._packets)
                )

    def _strongest(self, sent: Advertising, power: float, scan: Scan, until_us: int) -> Iterator[Heard]:
        random_part = self._packets.random
        begin, end = max(scan.served_us, sent.start_us), min(until_us, sent.end_us)
        mean = (end - begin) / (sent.interval_us + _MEAN_DELAY_US) * scan.window_us / scan.interval_us
        count = int(mean + random_part())
        if count:
            fading = self._fading_table()[int(random_part() ** (1 / count) * _FADINGS)]
            yield from self._packet(sent, begin + int(random_part() * (end - begin)), power + fading)

    def _fading_table(self) -> list[float]:
        """Return many fadings by size: the strongest of n packets is the one at a random part's n-th root."""
        if not self._fadings:
            draw = random.Random("fadings")  # noqa: S311
            self._fadings = sorted(self.model.fading_db(draw) for _ in range(_FADINGS))
        return self._fadings

    def _packet(self, sent: Advertising, when_us: int, rssi: float) -> Iterator[Heard]:
        if rssi >= self.model.sensitivity_dbm:
            heard = (sent.adv_type, sent.addr_type, sent.address, sent.payload)
            yield Heard(when_us, *heard, max(-127, min(20, round(rssi))))
