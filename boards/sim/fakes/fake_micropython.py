"""``micropython`` with the ESP32's keyboard interrupt: the byte that stops a program comes over the console."""

from micropython import *  # noqa: F403
from micropython import const as const
from simlink import link


def kbd_intr(char):
    """Have the byte ``char`` raise KeyboardInterrupt; -1 lets every byte through."""
    link.interrupt_char = char


def alloc_emergency_exception_buf(size):
    """Do nothing: interrupts come at idle points here, where memory may be had."""
