"""The air: who can be heard where, how loud, and at which moments.

**Path loss.** Recommendation ITU-R P.1238, indoor, one floor: L = 20 log10(f/MHz) + N log10(d/m) - 28 dB with
N = 30 (office, 2.4 GHz): 39.7 dB at one metre, 9 dB more for each doubling. On top of it one Gaussian value
for each pair of badges (shadowing by bodies and walls, the same in both directions, redrawn when one of
them moves) and for each packet Rician fading. Packets under the receiver's sensitivity are lost. What is
not modelled: collisions, other networks, antenna patterns, the time the radio needs to turn round.

**Moments.** Bluetooth Core 5.3, volume 6 part B 4.4.2.2: the time between two advertising events is the
interval plus a random delay of 0 to 10 ms; each event sends one packet on each of channels 37, 38 and 39.
A scanner listens to one channel for one window in each scan interval, then to the next (4.4.3.1). A packet is
heard if it lies inside a window on that window's channel.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

Position = tuple[float, float] | None

_DELAY_US = 10_000
_MEAN_DELAY_US = 5_000
_DELAY_VARIANCE = _DELAY_US**2 / 12
# 39 bytes of a 23-byte advertisement at 1 Mbit/s are 312 us; ESP32 sends the next channel right after.
_CHANNEL_STEP_US = 400
# Listening windows end at most this much before the one asked last: what was drawn so far is kept as long.
KEPT_US = 2_500_000
_NEVER = 1 << 62


@dataclass(frozen=True)
class RadioModel:
    """The numbers of the model; the defaults' sources are in the module's text or beside them."""

    frequency_mhz: float = 2440.0
    distance_loss: float = 30.0  # N of P.1238: ten times the path loss exponent
    shadowing_db: float = 3.0  # an assumption, for people in one room; P.1238 gives 10 dB for whole floors
    rician_k_db: float = 9.0  # an assumption: badges that see each other
    tx_power_dbm: float = 3.0  # ESP32's default for advertising, ESP_PWR_LVL_P3
    sensitivity_dbm: float = -94.0  # ESP32 datasheet, Bluetooth LE receiver, 30.8 % packet errors

    def median_rssi_dbm(self, a: tuple[float, float], b: tuple[float, float]) -> float:
        """Return the signal strength between two places without shadowing and fading."""
        metres = max(0.1, math.dist(a, b))
        loss = 20 * math.log10(self.frequency_mhz) + self.distance_loss * math.log10(metres) - 28
        return self.tx_power_dbm - loss

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
    """The links between all badges. Badges are known by their index."""

    def __init__(self, model: RadioModel, seed: int) -> None:
        self.model = model
        self._seed = seed
        self._positions: list[Position] = []
        self._moves: list[int] = []
        self._power: dict[tuple[int, int], float] = {}
        self._sent: list[list[Advertising]] = []
        self._packets = random.Random(f"packets {seed}")  # noqa: S311
        self._stretches = 0

    def add(self, position: Position) -> int:
        """Add a badge; return its index."""
        self._positions.append(position)
        self._moves.append(0)
        self._sent.append([])
        return len(self._positions) - 1

    def move(self, index: int, position: Position) -> None:
        """Put a badge elsewhere; None is out of everybody's reach."""
        self._positions[index] = position
        self._moves[index] += 1
        self._power = {pair: power for pair, power in self._power.items() if index not in pair}

    def power_dbm(self, a: int, b: int) -> float:
        """Return the signal strength between two badges without fading; minus infinity if out of reach."""
        pair = (min(a, b), max(a, b))
        if pair not in self._power:
            one, other = self._positions[pair[0]], self._positions[pair[1]]
            if one is None or other is None:
                self._power[pair] = -math.inf
            else:
                moves = (self._moves[pair[0]], self._moves[pair[1]])
                shadow = random.Random(f"shadow {self._seed} {pair} {moves}").gauss(  # noqa: S311
                    0, self.model.shadowing_db
                )
                self._power[pair] = self.model.median_rssi_dbm(one, other) + shadow
        return self._power[pair]

    def in_reach(self, a: int, b: int) -> bool:
        """Return whether a packet could get through; fading adds at most some 6 dB."""
        return self.power_dbm(a, b) > self.model.sensitivity_dbm - 6

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
        self._sent[index] = [s for s in stretches if s.end_us > when_us - KEPT_US]
        return was_on

    def audible(self, listener: int) -> int:
        """Return how many badges in reach of ``listener`` advertise now."""
        return sum(
            1
            for index, stretches in enumerate(self._sent)
            if index != listener
            and stretches
            and stretches[-1].end_us == _NEVER
            and self.in_reach(index, listener)
        )

    def receive(self, listener: int, scan: Scan, until_us: int) -> list[Heard]:
        """Return what ``listener`` hears from where its scan was served up to ``until_us``, by time."""
        found: list[Heard] = []
        for index, stretches in enumerate(self._sent):
            if index != listener and stretches and self.in_reach(index, listener):
                found += self._from(stretches, self.power_dbm(index, listener), scan, until_us)
        scan.served_us = max(scan.served_us, until_us)
        found.sort(key=lambda heard: (heard.when_us, heard.address))
        return found

    def _from(self, stretches: list[Advertising], power: float, scan: Scan, until_us: int) -> Iterator[Heard]:
        for sent in stretches:
            if sent.end_us <= scan.served_us or sent.start_us >= until_us:
                continue
            for event_us in sent.moments(scan.served_us, until_us):
                when = scan.hears(event_us)
                if when is None:
                    continue
                rssi = power + self.model.fading_db(self._packets)
                if rssi >= self.model.sensitivity_dbm:
                    heard = (sent.adv_type, sent.addr_type, sent.address, sent.payload)
                    yield Heard(min(when, until_us), *heard, max(-127, min(20, round(rssi))))
