"""The set of known seeds, and the levels of those that were met.

A seed's key is its first 3 bytes, then the first 10 of SHA-256 of its type, its usage and its value. So two
seeds are mixed up with a probability of 2^-104, and whoever wanted to hide another's seed behind one of his
own would need 2^80 attempts, before that is even published. A seed whose usage changes is another key: it is
matched again.

The set of known seeds is a file of keys in ascending order. Seeds are evenly spread, so a look-up finds its
place by interpolation, in two or three short reads, without an index in RAM; a list that is in the order of
its seeds, as our publisher's is, goes through the file once, in order.
"""

import hashlib

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from typing import BinaryIO

    from cx.compat import Buffer

KEY_LEN = 13
_PREFIX_LEN = const(3)
_DIGEST_LEN = const(10)
_WINDOW = const(32)  # keys read at once
_KEYSPACE = const(0x1000000)  # the first three bytes of a key as a number
_MET_LEN = const(18)  # of a seed that was met: start of the seed (12), type (1), usage (4), level (1)
_START_LEN = const(12)
_NOT_LISTED = const(255)


def key_of(generator_type: int, seed: "Buffer", usage: bytes) -> bytes:
    """Return a seed's key, 13 bytes. ``usage``: the 4 bytes of the publication, zeros when not known."""
    digest = hashlib.sha256(usage + bytes([generator_type]))
    digest.update(seed)
    return bytes(seed[:_PREFIX_LEN]) + digest.digest()[:_DIGEST_LEN]


class KnownSeeds:
    """A set of known seeds in a file. RAM: about 0.7 KiB; ``close`` it."""

    def __init__(self, stream: "BinaryIO") -> None:
        self._stream = stream
        self.count = stream.seek(0, 2) // KEY_LEN
        self._at = -1
        self._window = b""
        self._first = self._last = b""

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __contains__(self, key: bytes) -> bool:
        if not self._first <= key <= self._last and not self._go(key):
            return False
        window = self._window
        at = window.find(key)
        while at % KEY_LEN and at >= 0:  # found, but across two keys
            at = window.find(key, at + 1)
        return at >= 0

    def _go(self, key: bytes) -> bool:
        """Bring the window that a key is in if it is anywhere; False if it is between two windows."""
        low, high = 0, self.count
        least, most = 0, _KEYSPACE
        wanted = _number(key)
        while low < high:
            guess = low + (wanted - least) * (high - low) // max(most - least, 1) - _WINDOW // 8
            self._read(max(low, min(guess, high - _WINDOW)))
            if key < self._first:
                high, most = self._at, _number(self._first)
            elif key > self._last:
                low, least = self._at + len(self._window) // KEY_LEN, _number(self._last)
            else:
                return True
        return False

    def _read(self, at: int) -> None:
        self._stream.seek(at * KEY_LEN)
        self._window = window = self._stream.read(_WINDOW * KEY_LEN)
        self._at = at
        self._first = window[:KEY_LEN]
        self._last = window[len(window) - KEY_LEN :]


def _number(key: bytes) -> int:
    return key[0] << 16 | key[1] << 8 | key[2]


class Levels:
    """What a list says of the seeds that the owner met before, by whichever publisher. 18 bytes for each."""

    def __init__(self, saved: "Buffer" = b"") -> None:
        self.data = bytearray(saved)
        self._mask = bytearray(256)  # which first bytes there are, so that most seeds need one look
        for at in range(0, len(self.data), _MET_LEN):
            self._mask[self.data[at]] = 1

    def add(self, generator_type: int, seed: bytes) -> None:
        """Note that a seed was met, and is not listed so far; again is harmless."""
        if self._find(generator_type, seed) < 0:
            self.data.extend(seed[:_START_LEN] + bytes([generator_type, 0, 0, 0, 0, _NOT_LISTED]))
            self._mask[seed[0]] = 1

    def note(self, generator_type: int, seed: bytes, usage: bytes, level: int) -> None:
        """Take what the list says of a seed, if it is one that was met; what comes last counts."""
        if self._mask[seed[0]]:
            at = self._find(generator_type, seed)
            if at >= 0:
                self.data[at + _START_LEN + 1 : at + _MET_LEN] = usage + bytes([level])

    def of(self, generator_type: int, seed: bytes) -> "tuple[bytes, int]":
        """Return the usage and the level that the list gives; the level is -1 when it does not name it."""
        at = self._find(generator_type, seed)
        if at < 0 or self.data[at + _MET_LEN - 1] == _NOT_LISTED:
            return b"", -1
        return bytes(self.data[at + _START_LEN + 1 : at + _MET_LEN - 1]), self.data[at + _MET_LEN - 1]

    def _find(self, generator_type: int, seed: bytes) -> int:
        wanted = seed[:_START_LEN] + bytes([generator_type])
        at = self.data.find(wanted)
        while at % _MET_LEN and at >= 0:
            at = self.data.find(wanted, at + 1)
        return at
