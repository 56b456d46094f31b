"""Runs before main.py at every start: from here on Ctrl-C on the serial line is data."""

import micropython

micropython.kbd_intr(-1)
