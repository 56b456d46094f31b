"""Any ESP32 development board.

LED on GPIO 2, the BOOT button on GPIO 0, the console on the USB serial chip.
"""

import sys

from machine import Pin

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from typing import BinaryIO


def console() -> "tuple[BinaryIO, BinaryIO]":
    """Return (stream in, stream out)."""
    return sys.stdin.buffer, sys.stdout.buffer


def led() -> Pin:
    """Return the pin of the LED, high when lit."""
    return Pin(2, Pin.OUT, value=0)


def cable() -> None:
    """Return what tells whether the charging cable is there: this board cannot tell."""


def button() -> Pin:
    """Return the pin of the button, low while pressed."""
    return Pin(0, Pin.IN, Pin.PULL_UP)


def buzzer() -> None:
    """Return the buzzer: this board has none."""


def battery() -> None:
    """Return the battery's gauge: this board has none."""


def display() -> None:
    """Return the screen: this board has none."""
