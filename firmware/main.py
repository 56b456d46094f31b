"""Starts the badge's application, unless the owner wants the board's own console.

For three seconds after the start the button opens MicroPython's prompt, so that ``mpremote`` can
reach the board. Otherwise the serial line speaks frames only, and Ctrl-C is data from the first statement on.
"""

import micropython

micropython.kbd_intr(-1)

import gc  # noqa: E402

# Loading a module leaves short-lived garbage between what stays. Collecting often while everything is
# loaded lets the next module fill those holes; otherwise the heap ends up in pieces too small to use.
gc.threshold(2048)

from cx.bloom import Bloom  # noqa: E402

# The largest block is taken first, while there is room for it in one piece.
contact_filter = Bloom(16384)

from badge.loading import Loaded  # noqa: E402

# MicroPython keeps every name that it ever met, in tables that double. Those of the code that comes and goes
# are met now, so that they do not split the heap, and no table must grow when there is no room in one piece.
for _name in (
    "cx.publication",
    "cx.descriptor",
    "cx.seedreport",
    "cx.matchrun",
    "cx.sorting",
    "cx.resolving",
    "cx.people",
    "badge.caretaking",
):
    with Loaded(_name):
        gc.collect()
gc.threshold(2048)

import asyncio  # noqa: E402
import json  # noqa: E402
import time  # noqa: E402

import bluetooth  # noqa: E402
import machine  # noqa: E402
from esp32 import NVS  # noqa: E402

import board  # noqa: E402
from badge.app import App  # noqa: E402
from badge.drivers.button import Button  # noqa: E402
from badge.drivers.led import Led  # noqa: E402
from badge.drivers.serial import UsbSerial  # noqa: E402
from cx import aes  # noqa: E402

aes.engine()  # loads its machine code and makes its tables
gc.collect()
gc.threshold(-1)

_WATCHDOG_MS = micropython.const(180_000)
_RESTART_MS = 5_000


def is_prompt_wanted(button: Button) -> bool:
    """Tell whether the button is pressed within three seconds."""
    for _ in range(30):
        if button.is_down():
            return True
        time.sleep_ms(100)
    return False


def main() -> None:
    """Run the application; restart the board if it fails."""
    button = Button(board.button())
    if is_prompt_wanted(button):
        micropython.kbd_intr(3)
        print("cx-badge: button pressed, the prompt is open")
        return
    app = None
    try:
        app = build(button)
        asyncio.run(app.run())
    except Exception as error:  # noqa: BLE001  whatever it was: note it for the badge's info and start again
        if app is not None:
            app.note_crash(error)
    finally:
        # Never the prompt: it would be open to any computer. The pause keeps a fault that stays from
        # wearing out the flash.
        time.sleep_ms(_RESTART_MS)
        machine.reset()


def build(button: Button) -> App:
    """Return the application with this board's parts."""
    with open("/board.json") as stream:
        description = json.load(stream)
    stream_in, stream_out = board.console()
    serial = UsbSerial(stream_in, stream_out)
    app = App(
        description,
        contact_filter,
        bluetooth.BLE(),
        NVS("cx"),
        serial,
        Led(board.led()),
        button,
        lambda: machine.WDT(timeout=_WATCHDOG_MS),
        board.battery(),
        board.buzzer(),
        board.display(),
        board.cable(),
    )
    machine.freq(app.profile.cpu_mhz * 1_000_000)
    return app


main()
