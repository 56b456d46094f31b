"""A small colour screen with an ST7789 controller: a few lines of text, white on black.

Commands from the ST7789V data sheet (Sitronix), section 9. A whole picture of such a screen takes 64 KB; this
driver holds one line of pixels (2 bytes each) at a time.
"""

import time

from framebuf import MONO_HLSB, FrameBuffer

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from machine import SPI, Pin

_SLEEP_OUT = const(0x11)
_INVERSION_ON = const(0x21)
_DISPLAY_ON = const(0x29)
_COLUMNS = const(0x2A)
_ROWS = const(0x2B)
_WRITE = const(0x2C)
_ORDER = const(0x36)
_LANDSCAPE = b"\x60"  # columns mirrored, rows and columns exchanged
_FORMAT = const(0x3A)
_16_BIT = b"\x55"
_WAKE_MS = const(120)
_FONT = const(8)  # pixels of a character, both ways
_SCALE = const(2)


class Screen:
    """A screen that lies on its side. ``size`` and ``origin``: (columns, rows) of it and of its corner.

    ``light`` switches its supply on (True) or off.
    """

    def __init__(
        self,
        bus: "SPI",
        select: "Pin",
        command: "Pin",
        reset: "Pin",
        size: "tuple[int, int]",
        origin: "tuple[int, int]",
        light: "Callable[[bool], None]",
    ) -> None:
        self._bus = bus
        self._select = select
        self._command = command
        self._reset = reset
        self._columns, self._rows = size
        self._origin = origin
        self._light = light

    def show(self, lines: "Sequence[str]") -> None:
        """Switch it on and show these lines, in the middle; ASCII, at most columns/16 characters each."""
        self._start()
        self._window()
        line = bytearray(2 * self._columns)
        empty = self._rows - len(lines) * _SCALE * _FONT
        self._fill(line, empty // 2)
        for text in lines:
            self._text(text, line)
        line[:] = bytes(len(line))
        self._fill(line, empty - empty // 2)
        self._select.value(1)

    def clear(self) -> None:
        """Switch it off."""
        self._light(False)

    def _start(self) -> None:
        self._light(True)
        self._reset.value(0)
        time.sleep_ms(1)
        self._reset.value(1)
        time.sleep_ms(_WAKE_MS)
        self._send(_SLEEP_OUT)
        time.sleep_ms(_WAKE_MS)
        self._send(_FORMAT, _16_BIT)
        self._send(_ORDER, _LANDSCAPE)
        self._send(_INVERSION_ON)
        self._send(_DISPLAY_ON)

    def _send(self, command: int, data: bytes = b"") -> None:
        self._select.value(0)
        self._command.value(0)
        self._bus.write(bytes((command,)))
        self._command.value(1)
        if data:
            self._bus.write(data)
        self._select.value(1)

    def _window(self) -> None:
        """Aim at the whole picture; what is written then goes there row by row."""
        for command, first, count in (
            (_COLUMNS, self._origin[0], self._columns),
            (_ROWS, self._origin[1], self._rows),
        ):
            last = first + count - 1
            self._send(command, bytes((first >> 8, first & 0xFF, last >> 8, last & 0xFF)))
        self._send(_WRITE)
        self._select.value(0)

    def _fill(self, line: bytearray, rows: int) -> None:
        for _ in range(rows):
            self._bus.write(line)

    def _text(self, text: str, line: bytearray) -> None:
        width = len(text) * _FONT
        small = FrameBuffer(bytearray(width), width, _FONT, MONO_HLSB)
        small.text(text, 0, 0, 1)
        left = (self._columns - width * _SCALE) // 2
        for row in range(_FONT):
            for column in range(self._columns):
                at = (column - left) // _SCALE
                lit = 0xFF if 0 <= at < width and small.pixel(at, row) else 0
                line[2 * column] = line[2 * column + 1] = lit
            self._fill(line, _SCALE)
