"""A button on one pin."""

import asyncio

from cx.compat import TYPE_CHECKING

if TYPE_CHECKING:
    from machine import Pin


class Button:
    """A push button that pulls its pin low."""

    def __init__(self, pin: "Pin") -> None:
        self._pin = pin
        self._pressed = asyncio.ThreadSafeFlag()
        pin.irq(self._on_fall, pin.IRQ_FALLING)

    def is_down(self) -> bool:
        """Tell whether it is held now."""
        return self._pin.value() == 0

    def forget(self) -> None:
        """Let a press that came before now not count."""
        self._pressed.clear()

    async def pressed(self) -> None:
        """Wait for the next press since ``forget``."""
        await self._pressed.wait()

    def _on_fall(self, _pin: "Pin") -> None:
        self._pressed.set()
