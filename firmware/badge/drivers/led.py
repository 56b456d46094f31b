"""A light on one pin."""

from cx.compat import TYPE_CHECKING

if TYPE_CHECKING:
    from machine import Pin


class Led:
    """A light-emitting diode. ``is_active_low`` tells that a low level lights it."""

    def __init__(self, pin: "Pin", is_active_low: bool = False) -> None:
        self._pin = pin
        self._lit_level = 0 if is_active_low else 1
        self.set(False)

    def set(self, is_lit: bool) -> None:
        """Light it or put it out."""
        self._pin.value(self._lit_level if is_lit else 1 - self._lit_level)
