"""Broadcasts one identifier after another, each under an address of its own.

A rotation is one act: silence, new address, new identifier, a random pause, broadcast. If any step fails the
badge stays silent and tries again with another address and another identifier, because an old identifier
under a new address (or the reverse) would link the two. Lifetime, pause and interval are drawn anew each
time, and the observer draws the moment of its next scan anew after each change, so that nothing periodic
outlives a rotation.
"""

import asyncio
import time

from badge.radio import RadioError
from badge.randomness import RandomnessError
from cx import advert
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from badge.radio import Radio
    from badge.randomness import Randomness
    from badge.seeds import Seeds
    from cx.profiles import Profile

_LIFETIME_MIN_MS = const(480_000)  # 600 s, plus or minus 20 %
_LIFETIME_MAX_MS = const(720_000)
_PAUSE_MIN_MS = const(1_000)
_PAUSE_MAX_MS = const(10_000)
_RETRY_MS = const(5_000)
_LATE_MS = const(30_000)


class Advertiser:
    """The broadcasting half of the badge.

    ``rotations`` counts broadcasts that began, ``failures`` rotations that had to be tried again.
    """

    def __init__(self, radio: "Radio", seeds: "Seeds", randomness: "Randomness", profile: "Profile") -> None:
        self._radio = radio
        self._seeds = seeds
        self._randomness = randomness
        self._profile = profile
        self._ends_ms: "int | None" = None  # when what is on air must be gone; None: nothing is
        self.rotations = 0
        self.failures = 0

    def renew(self) -> None:
        """Leave the identifier that is on air now (its seed was disclosed) and go on with the next."""
        self._silence()
        self._radio.renew.set()

    def is_late(self) -> bool:
        """Tell whether an identifier is on air that should be gone: whoever watches must reset the board."""
        return self._ends_ms is not None and time.ticks_diff(time.ticks_ms(), self._ends_ms) > _LATE_MS

    async def run(self) -> None:
        """Rotate for ever; silent as soon as this ends, however it ends."""
        try:
            while True:
                try:
                    await self._rotate()
                except (RadioError, RandomnessError, OSError, MemoryError):
                    self.failures += 1
                    self._silence()
                    await asyncio.sleep_ms(_RETRY_MS)
        finally:
            self._silence()

    async def _rotate(self) -> None:
        radio, between = self._radio, self._randomness.between
        self._silence()
        await radio.change_address()
        payload = advert.encode(self._seeds.next_identifier())
        await asyncio.sleep_ms(between(_PAUSE_MIN_MS, _PAUSE_MAX_MS))
        if radio.renew.is_set():
            return
        interval_us = between(self._profile.interval_min_us, self._profile.interval_max_us)
        lifetime_ms = between(_LIFETIME_MIN_MS, _LIFETIME_MAX_MS)
        self._ends_ms = int(time.ticks_add(time.ticks_ms(), lifetime_ms))  # type: ignore[arg-type]
        radio.broadcast(payload, interval_us)
        self.rotations += 1
        try:
            await asyncio.wait_for_ms(radio.renew.wait(), lifetime_ms)
        except asyncio.TimeoutError:
            pass

    def _silence(self) -> None:
        self._radio.silence()
        self._ends_ms = None
