"""``micropython`` with the ESP32's keyboard interrupt: the byte that stops a program comes over the console."""

from micropython import *  # noqa: F403
from micropython import const as const
from simlink import link

_ISIG = const(1)
_LFLAG = const(3)
_TCSANOW = const(0)


def kbd_intr(char):
    """Have the byte ``char`` raise KeyboardInterrupt; -1 lets every byte through."""
    link.interrupt_char = char
    if link.__class__.__name__ == "RealTime":  # the terminal turns the byte into a signal
        import termios

        mode = termios.tcgetattr(0)
        mode[_LFLAG] = mode[_LFLAG] & ~_ISIG if char < 0 else mode[_LFLAG] | _ISIG
        termios.tcsetattr(0, _TCSANOW, mode)


def alloc_emergency_exception_buf(size):
    """Do nothing: interrupts come at idle points here, where memory may be had."""
