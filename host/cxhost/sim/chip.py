"""What the world holds of a badge beside its process: pins, RTC, crystal, and what it has used up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from cxhost.sim import wire

_MILLION = 1_000_000


@dataclass(frozen=True)
class PinChange:
    """An output pin of a badge changed."""

    time: datetime
    pin: int
    value: int


@dataclass
class Crystal:
    """The badge's own time: microseconds since ``boot_us``, ``drift_ppm`` faster than the world's."""

    drift_ppm: int
    boot_us: int = 0

    def local_us(self, world_us: int) -> int:
        """Return what the crystal has counted at a time of the world."""
        return (world_us - self.boot_us) * (_MILLION + self.drift_ppm) // _MILLION

    def world_us(self, local_us: int) -> int:
        """Return the first time of the world at which the crystal has counted ``local_us``."""
        return self.boot_us - -local_us * _MILLION // (_MILLION + self.drift_ppm)


@dataclass
class Use:
    """What was done to a badge: each block's erasures, writes to the NVS partition, time of listening.

    ``power_losses``: the moments of the simulation, in microseconds, at which its battery went.
    """

    erased: Counter[int] = field(default_factory=Counter)
    nvs_commits: int = 0
    listened_us: int = 0
    power_losses: list[int] = field(default_factory=list)

    def wear(self, block: int) -> None:
        """Count the erasure of ``block``; -1 stands for a write to the NVS partition."""
        if block < 0:
            self.nvs_commits += 1
        else:
            self.erased[block] += 1


@dataclass
class State:
    """What outlives a start of the badge.

    The clock and RAM of the RTC, and what the world holds at its pins.
    """

    starts: int = 0
    rtc_base_us: int = 0
    rtc_memory: bytearray = field(default_factory=bytearray)
    cause: int = wire.POWER_ON
    low_pins: int = 0
    writes_left: int = -1
