"""``os`` of the ESP32 port: without what only a computer has, and with randomness that a run can repeat."""

from collections import namedtuple
from hashlib import sha256

import simlink
from uos import *  # type: ignore  # noqa: F403
from uos import urandom as _urandom

# What an ESP32's os does not have.
del VfsLfs1, VfsPosix, errno, getenv, putenv, system, unsetenv  # type: ignore  # noqa: F821

_counter = 0
_Uname = namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))


def urandom(n: int) -> bytes:
    """Return ``n`` bytes.

    SHA-256 over the badge's seed and a counter, or the computer's where there is no seed.
    """
    global _counter
    if not simlink.link.seed:
        return _urandom(n)
    drawn = bytearray()
    while len(drawn) < n:
        _counter += 1
        drawn += sha256(simlink.link.seed + _counter.to_bytes(8, "big")).digest()
    return bytes(drawn[:n])


def sync() -> None:
    """Do nothing, as the port does for littlefs."""


def uname() -> tuple:
    """Return (sysname, nodename, release, version, machine)."""
    return _Uname("esp32", "esp32", "1.29.0", "v1.29.0 simulated", "Simulated CX badge")
