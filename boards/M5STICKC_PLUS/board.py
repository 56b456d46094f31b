"""M5StickC Plus.

Red LED on GPIO 10, button A on GPIO 37, buzzer on GPIO 2, power chip on I2C, screen on SPI, the console on
the USB serial chip.
"""

import sys

from machine import I2C, SPI, Pin, Signal

from badge.drivers.axp192 import Axp192, Cable
from badge.drivers.buzzer import Buzzer
from badge.drivers.st7789 import Screen

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from typing import BinaryIO


def console() -> "tuple[BinaryIO, BinaryIO]":
    """Return (stream in, stream out)."""
    return sys.stdin.buffer, sys.stdout.buffer


def led() -> Signal:
    """Return the LED; level 1 lights it, which pulls its pin low."""
    return Signal(Pin(10, Pin.OUT, value=1), invert=True)


def cable() -> Cable:
    """Return what tells whether the charging cable is there."""
    return Cable(battery())


def button() -> Pin:
    """Return the pin of button A, low while pressed; the board has the resistor."""
    return Pin(37, Pin.IN)


def buzzer() -> Buzzer:
    """Return the buzzer; level 1 sounds it."""
    return Buzzer(Pin(2, Pin.OUT, value=0))


def battery() -> Axp192:
    """Return the battery's gauge."""
    return Axp192(I2C(0, sda=Pin(21), scl=Pin(22), freq=400_000))


def display() -> Screen:
    """Return the screen, switched off."""
    bus = SPI(1, baudrate=20_000_000, sck=Pin(13), mosi=Pin(15))
    pins = (Pin(5, Pin.OUT, value=1), Pin(23, Pin.OUT, value=1), Pin(18, Pin.OUT, value=1))
    screen = Screen(bus, pins[0], pins[1], pins[2], (240, 135), (40, 53), battery().light_screen)
    screen.clear()
    return screen
