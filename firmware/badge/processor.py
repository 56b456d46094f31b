"""The processor's clock: slow for the battery, as fast as it can while a computer talks over the cable.

At 115 200 baud a byte comes every 87 microseconds. By estimate (docs/console-protocol.md) the badge needs 38
for one at 240 MHz and 114 at the 80 MHz of its profile; and on a cable power is there.
"""

from machine import freq

from cx.compat import const

_MHZ = const(1_000_000)
_FASTEST_MHZ = (240, 160)  # not every chip has the first


class Processor:
    """``resting_mhz``: the profile's clock, which ``main.py`` sets at the start."""

    def __init__(self, resting_mhz: int) -> None:
        self._resting_mhz = resting_mhz
        self._is_fast = False
        self._is_used = False

    def hurry(self) -> None:
        """Run as fast as the chip can, until ``calm`` was called twice with no other call of this between."""
        self._is_used = True
        if self._is_fast:
            return
        self._is_fast = True
        for mhz in _FASTEST_MHZ:
            try:
                freq(mhz * _MHZ)
            except ValueError:
                continue
            return

    def calm(self) -> None:
        """Go back to the profile's clock if nobody was in a hurry since the last call."""
        if self._is_fast and not self._is_used:
            self._is_fast = False
            freq(self._resting_mhz * _MHZ)
        self._is_used = False
