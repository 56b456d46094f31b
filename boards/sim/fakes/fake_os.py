"""``os`` of the ESP32 port: without what only a computer has, and with randomness that a run can repeat."""

from hashlib import sha256

from micropython import const
from simlink import link
from uos import *  # noqa: F403
from uos import urandom as _urandom

# What an ESP32's os does not have.
del VfsLfs1, VfsPosix, errno, getenv, putenv, system, unsetenv  # noqa: F821

_BLOCK = const(32)
_counter = 0


def urandom(n):
    """Return ``n`` bytes: SHA-256 over the badge's seed and a counter, or the computer's where there is no seed."""
    global _counter
    if not link.seed:
        return _urandom(n)
    drawn = bytearray()
    while len(drawn) < n:
        _counter += 1
        drawn += sha256(link.seed + _counter.to_bytes(8, "big")).digest()
    return bytes(drawn[:n])


def sync():
    """Do nothing, as the port does for littlefs."""


def uname():
    """Return (sysname, nodename, release, version, machine)."""
    return ("esp32", "esp32", "1.29.0", "v1.29.0 simulated", "Simulated CX badge")
