"""ESP32-C3-DevKitM-1 and its likes.

Addressable LED on GPIO 8, the BOOT button on GPIO 9, the console on the USB socket.
"""

import sys

from machine import Pin

from badge.drivers.pixel import Pixel

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from typing import BinaryIO


def console() -> "tuple[BinaryIO, BinaryIO]":
    """Return (stream in, stream out)."""
    return sys.stdin.buffer, sys.stdout.buffer


def led() -> Pixel:
    """Return the light; level 1 lights it."""
    return Pixel(Pin(8, Pin.OUT))


def cable() -> None:
    """Return what tells whether the charging cable is there: this board cannot tell."""


def button() -> Pin:
    """Return the pin of the button, low while pressed."""
    return Pin(9, Pin.IN, Pin.PULL_UP)


def buzzer() -> None:
    """Return the buzzer: this board has none."""


def battery() -> None:
    """Return the battery's gauge: this board has none."""


def display() -> None:
    """Return the screen: this board has none."""
