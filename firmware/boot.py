"""Runs before main.py at every start. MicroPython lets Ctrl-C interrupt each of the two anew."""

import micropython

micropython.kbd_intr(-1)
