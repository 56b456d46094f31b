"""Random bytes that are safe to make secrets from.

The ESP32's generator is a true one only while a radio is on (ESP-IDF Programming Guide, "Random
Number Generation"). So secrets are made only then, from several draws hashed together with a pool
that is kept in flash: whoever can guess the generator must also know the pool, and the reverse.
"""

import hashlib
import os

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from badge.radio import Radio
    from badge.storage import Storage

_FILE = "pool"
_DRAWS = const(8)
_DRAW_LEN = const(32)
# A draw of 32 random bytes has 30 different values on average; fewer than 16 of them happen by
# chance less than once in 10**15 draws.
_LEAST_VALUES = const(16)


class RandomnessError(Exception):
    """No randomness that a secret could be made from."""


class Randomness:
    """The badge's only source of random numbers."""

    def __init__(self, storage: "Storage", radio: "Radio") -> None:
        self._storage = storage
        self._radio = radio
        self._pool = storage.load(_FILE) or bytearray(_DRAW_LEN)

    def secret(self, length: int) -> bytearray:
        """Return ``length`` secret bytes (at most 64).

        RandomnessError when the radio is off or the generator fails its health test.
        """
        if not self._radio.is_active():
            raise RandomnessError("randomness: the radio is off")
        mixed = hashlib.sha256(self._pool)
        previous = b""
        for _ in range(_DRAWS):
            draw = os.urandom(_DRAW_LEN)
            if draw == previous or len(set(draw)) < _LEAST_VALUES:
                raise RandomnessError("randomness: the generator repeats itself")
            previous = draw
            mixed.update(draw)
        key = mixed.digest()
        # The new pool is stored before anything derived from this draw is used, and neither can
        # be computed from the other.
        self._pool = bytearray(hashlib.sha256(b"pool" + key).digest())
        self._storage.save(_FILE, self._pool)
        out = hashlib.sha256(b"out0" + key).digest() + hashlib.sha256(b"out1" + key).digest()
        return bytearray(out[:length])

    def between(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``, each as likely as the others; below 2**24 apart."""
        span = high - low + 1
        limit = 0x1000000 - 0x1000000 % span
        while True:
            number = int.from_bytes(os.urandom(3), "big")
            if number < limit:
                return low + number % span
