"""Random bytes that are safe to make secrets from.

The ESP32's generator is a true one only while a radio is on (ESP-IDF Programming Guide, "Random
Number Generation"). So secrets are made only then, from several draws hashed together with a pool
that is kept in flash: whoever can guess the generator must also know the pool, and the reverse.

Every draw for a secret is as long as a start-up test of NIST SP 800-90B (section 4.3: 1024 samples) and
goes through both of its health tests, for a source of at least 4 bits of entropy a byte and one false alarm
in 2**30: repetition count (4.4.1) and adaptive proportion (4.4.2). What fails is not used for anything.
"""

import hashlib
import os

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from badge.radio import Radio
    from badge.storage import Storage

_FILE = "pool"
_POOL_LEN = const(32)
_DRAWS = const(4)
_DRAW_LEN = const(256)
_WINDOW = const(512)  # two draws
_MOST_REPEATED = const(9)  # 1 + 30 / 4 equal bytes in a row fail
_MOST_ALIKE = const(71)  # so many bytes of a window equal to its first one fail


class RandomnessError(Exception):
    """No randomness that a secret could be made from."""


class HealthTest:
    """The two tests over a stream of bytes. ``add`` raises RandomnessError at the first failure."""

    def __init__(self) -> None:
        self._last = -1
        self._repeated = 0
        self._sample = -1
        self._alike = 0
        self._seen = 0

    def add(self, draw: bytes) -> None:
        """Test the next bytes of the generator."""
        for value in draw:
            self._repeated = self._repeated + 1 if value == self._last else 1
            self._last = value
            if self._seen == 0:
                self._sample = value
                self._alike = 0
            self._seen = (self._seen + 1) % _WINDOW
            if value == self._sample:
                self._alike += 1
            if self._repeated >= _MOST_REPEATED or self._alike >= _MOST_ALIKE:
                raise RandomnessError("randomness: the generator fails its health test")


class Randomness:
    """The badge's only source of random numbers."""

    def __init__(self, storage: "Storage", radio: "Radio") -> None:
        self._storage = storage
        self._radio = radio
        self._pool = storage.load(_FILE) or bytearray(_POOL_LEN)

    def secret(self, length: int) -> bytearray:
        """Return ``length`` secret bytes (at most 64).

        RandomnessError when the radio is off or the generator fails its health test.
        """
        if not self._radio.is_active():
            raise RandomnessError("randomness: the radio is off")
        mixed = hashlib.sha256(self._pool)
        test = HealthTest()
        previous = b""
        for _ in range(_DRAWS):
            draw = os.urandom(_DRAW_LEN)
            test.add(draw)
            if draw == previous:  # stuck in a longer pattern than those tests see
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
