"""The simulated badge: the pins of an ESP32 development board, the console of its conductor."""

import simconsole
from machine import Pin

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from typing import BinaryIO


def console() -> "tuple[BinaryIO, BinaryIO]":
    """Return (stream in, stream out), like ``sys.stdin.buffer`` and ``sys.stdout.buffer``."""
    return simconsole.open_console()


def led() -> Pin:
    """Return the pin of the LED, high when lit."""
    return Pin(2, Pin.OUT, value=0)


def cable() -> simconsole.Cable:
    """Return what tells whether the charging cable is there."""
    return simconsole.Cable()


def button() -> Pin:
    """Return the pin of the button, low while pressed."""
    return Pin(0, Pin.IN, Pin.PULL_UP)


def buzzer() -> None:
    """Return the buzzer: this board has none."""


def battery() -> None:
    """Return the battery's gauge: this board has none."""


def display() -> None:
    """Return the screen: this board has none."""
