"""``micropython`` with the ESP32's keyboard interrupt.

The byte that stops a program comes over the console.
"""

from micropython import *  # type: ignore  # noqa: F403
from micropython import const as const
from simlink import link

_ISIG = const(1)
_LFLAG = const(3)
_TCSANOW = const(0)


def kbd_intr(chr: int) -> None:
    """Have the byte ``chr`` raise KeyboardInterrupt; -1 lets every byte through."""
    link.interrupt_char = chr
    if link.__class__.__name__ == "RealTime":  # the terminal turns the byte into a signal
        import termios  # type: ignore[import-not-found]

        mode = termios.tcgetattr(0)
        mode[_LFLAG] = mode[_LFLAG] & ~_ISIG if chr < 0 else mode[_LFLAG] | _ISIG
        termios.tcsetattr(0, _TCSANOW, mode)


def alloc_emergency_exception_buf(size: int) -> None:  # type: ignore[no-redef]
    """Do nothing: interrupts come at idle points here, where memory may be had."""
