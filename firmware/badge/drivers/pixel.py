"""One addressable light (WS2812 and its likes) on one pin."""

from machine import bitstream

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from machine import Pin

# WS2812B data sheet, "data transfer time": high and low of a 0, high and low of a 1, in ns.
_TIMING_NS = (400, 850, 800, 450)
_HIGH_LOW = const(0)
_LIT = b"\x10\x10\x10"  # green, red, blue: a faint white, patterns do not tell anything by colour
_DARK = b"\x00\x00\x00"


class Pixel:
    """Stands for a pin: level 1 lights it, 0 puts it out."""

    def __init__(self, pin: "Pin") -> None:
        self._pin = pin
        self._level = 0
        self.value(0)

    def value(self, level: "int | None" = None) -> "int | None":
        """Set the level, or return it."""
        if level is None:
            return self._level
        self._level = level
        bitstream(self._pin, _HIGH_LOW, _TIMING_NS, _LIT if level else _DARK)
        return None
