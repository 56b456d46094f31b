"""Runs inside MicroPython: calls every function of a ``board.py`` and prints which pins it takes, and how.

Arguments: the ``board.py``. Everything of ``machine`` is recorded instead of done.
"""

import json
import sys

pins = []


class Anything:
    """Takes any call."""

    def __init__(self, *_arguments, **_named):
        pass

    def readfrom_mem(self, _address, _register, count):
        return bytes(count)

    def writeto_mem(self, _address, _register, _data):
        pass

    def duty_u16(self, _value):
        pass

    def value(self, _level=None):
        return 0


class Pin(Anything):
    """Notes its number and mode."""

    IN = 1
    OUT = 3
    PULL_UP = 2
    IRQ_FALLING = 2

    def __init__(self, number, mode=0, *_arguments, **_named):
        pins.append((number, mode))


class Machine:
    """The module."""

    Pin = Pin
    Signal = PWM = I2C = SPI = Anything

    @staticmethod
    def bitstream(*_arguments):
        pass


sys.modules["machine"] = Machine
space = {}
with open(sys.argv[1]) as stream:  # noqa: PTH123
    exec(stream.read(), space)  # noqa: S102  the board itself, without its chip
found = {}
for name in ("console", "led", "button", "buzzer", "battery", "display", "cable"):
    pins.clear()
    made = space[name]()
    found[name] = {
        "is_there": made is not None,
        "pins": list(pins),
        "can": [one for one in dir(made) if one[0] != "_"],
    }
print(json.dumps(found))
