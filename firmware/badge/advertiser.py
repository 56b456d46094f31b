"""Broadcasts one identifier after another, each under an address of its own.

A rotation is one act: silence, new address, new identifier, a random pause, broadcast. If
any step fails the badge stays silent and tries again with another identifier, because an
old identifier under a new address (or the reverse) would link the two.
"""

import asyncio

from badge.radio import RadioError
from cx import advert
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from badge.radio import Radio
    from badge.randomness import Randomness
    from badge.seeds import Seeds

_LIFETIME_MIN_MS = const(480_000)  # 600 s, plus or minus 20 %
_LIFETIME_MAX_MS = const(720_000)
_INTERVAL_MIN_US = const(200_000)
_INTERVAL_MAX_US = const(270_000)
_PAUSE_MIN_MS = const(1_000)
_PAUSE_MAX_MS = const(10_000)
_RETRY_MS = const(5_000)


class Advertiser:
    """The broadcasting half of the badge. ``failures`` counts rotations that had to be tried again."""

    def __init__(self, radio: "Radio", seeds: "Seeds", randomness: "Randomness") -> None:
        self._radio = radio
        self._seeds = seeds
        self._randomness = randomness
        self._renew = asyncio.Event()
        self.rotations = 0
        self.failures = 0

    def renew(self) -> None:
        """Leave the identifier that is on air now (its seed was disclosed) and go on with the next."""
        self._radio.silence()
        self._renew.set()

    async def run(self) -> None:
        """Rotate for ever."""
        while True:
            try:
                await self._rotate()
            except (RadioError, OSError):
                self.failures += 1
                await asyncio.sleep_ms(_RETRY_MS)
                continue
            self.rotations += 1
            await self._live(self._randomness.between(_LIFETIME_MIN_MS, _LIFETIME_MAX_MS))

    async def _rotate(self) -> None:
        async with self._radio.lock:
            self._radio.silence()
            self._radio.new_address()
        self._renew.clear()
        payload = advert.encode(self._seeds.next_identifier())
        await asyncio.sleep_ms(self._randomness.between(_PAUSE_MIN_MS, _PAUSE_MAX_MS))
        if not self._renew.is_set():
            self._radio.advertise(payload, self._randomness.between(_INTERVAL_MIN_US, _INTERVAL_MAX_US))

    async def _live(self, lifetime_ms: int) -> None:
        try:
            await asyncio.wait_for_ms(self._renew.wait(), lifetime_ms)
        except asyncio.TimeoutError:
            self._radio.silence()
