"""Starts the badge's application, unless the owner wants the board's own console.

For three seconds after the start the button opens MicroPython's prompt, so that ``mpremote`` can
reach the board. After that the serial line speaks frames only, and Ctrl-C is data.
"""

import asyncio
import json
import time

import bluetooth
import machine
import micropython
from esp32 import NVS

import board
from badge.app import App
from badge.drivers.button import Button
from badge.drivers.led import Led
from badge.drivers.serial import UsbSerial


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
        print("cx-badge: button pressed, the prompt is open")
        return
    micropython.kbd_intr(-1)
    with open("/board.json") as stream:
        description = json.load(stream)
    stream_in, stream_out = board.console()
    app = App(
        description, bluetooth.BLE(), NVS("cx"), UsbSerial(stream_in, stream_out), Led(board.led()), button
    )
    try:
        asyncio.run(app.run())
    except Exception as error:  # noqa: BLE001  whatever it was: note it for the badge's info and start again
        app.note_crash(error)
    machine.reset()


main()
