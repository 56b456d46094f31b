"""A button on one pin."""

import asyncio
import time

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable

    from machine import Pin

_POLL_MS = const(20)
_BOUNCE_MS = const(40)


class Button:
    """A push button that pulls its pin low."""

    def __init__(self, pin: "Pin") -> None:
        self._pin = pin
        self._fallen = asyncio.ThreadSafeFlag()
        pin.irq(self._on_fall, pin.IRQ_FALLING)

    def is_down(self) -> bool:
        """Tell whether it is held now."""
        return self._pin.value() == 0

    async def fall(self) -> None:
        """Wait for the next press; one that came before does not count."""
        self._fallen.clear()
        await self._fallen.wait()

    async def rise(self, long_ms: int, on_long: "Callable[[], None]") -> int:
        """Wait until it is let go; return for how many milliseconds it was held.

        ``on_long`` is called once while it is still held, after ``long_ms``.
        """
        began_ms = time.ticks_ms()
        held_ms = 0
        while self.is_down():
            await asyncio.sleep_ms(_POLL_MS)
            before_ms, held_ms = held_ms, time.ticks_diff(time.ticks_ms(), began_ms)
            if before_ms < long_ms <= held_ms:
                on_long()
        # The contacts bounce when they part; that is not another press.
        await asyncio.sleep_ms(_BOUNCE_MS)
        return held_ms

    def _on_fall(self, _pin: "Pin") -> None:
        self._fallen.set()
