"""A button on one pin."""

import asyncio

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
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

    async def press(self) -> None:
        """Wait for the next press and its release; one that came before does not count."""
        self._fallen.clear()
        await self._fallen.wait()
        while self.is_down():
            await asyncio.sleep_ms(_POLL_MS)
        # The contacts bounce when they part; that is not another press.
        await asyncio.sleep_ms(_BOUNCE_MS)

    def _on_fall(self, _pin: "Pin") -> None:
        self._fallen.set()
