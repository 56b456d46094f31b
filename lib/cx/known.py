"""The seeds that a list's matching has been through: a sorted file of short keys with their alert levels.

A seed's key is the first 12 bytes of SHA-256 of its type, its usage and its value. So two seeds are mixed
up with a probability of 2^-96, and whoever wanted to hide a seed behind one of his own would need 2^96
attempts, before it is even published. A seed whose usage changes is another key: it is matched again.

A record is a key and a level, 13 bytes; records are in the order of their keys. As keys are evenly
spread, a look-up finds its place by interpolation, in two or three short reads, without an index in RAM.
"""

import hashlib

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, Protocol

    from cx.compat import Buffer
    from cx.notifications import Notifications

    class Files(Protocol):
        """A folder of files, which may be on flash."""

        def open(self, name: str, mode: str) -> "BinaryIO":
            """Open a file, whose content counts as written when it is closed."""
            ...

        def exists(self, name: str) -> bool:
            """Tell whether a file is there."""
            ...

        def remove(self, name: str) -> None:
            """Remove a file if it is there."""
            ...

        def rename(self, old: str, new: str) -> None:
            """Put ``old`` in the place of ``new`` in one step."""
            ...

        def save(self, name: str, payload: "bytes | bytearray") -> None:
            """Replace a file in one step."""
            ...

        def load(self, name: str) -> "bytearray | None":
            """Return what ``save`` was given; None when it is missing or damaged."""
            ...


# Folders: what was matched (and the files of a run), whom the owner met, what publishers say of thresholds.
KNOWN = "known"
MATCHES = "matches"
GUIDANCE = "guidance"

KEY_LEN = 12
RECORD_LEN = 13
FOUND_LEN = 80
PASS_AT = 53  # in a found record: what stands before is type, usage and seed
BATCH_SEEDS = 24
_NO_USAGE = b"\0\0\0\0"
_WINDOW = const(32)  # records read at once
_KEYSPACE = const(0x1000000)  # the first three bytes of a key as a number


def key_of(generator_type: int, seed: "Buffer", usage: bytes) -> bytes:
    """Return a seed's key, 12 bytes. ``usage``: the 4 bytes of the publication, zeros when not known."""
    digest = hashlib.sha256(bytes([generator_type]))
    digest.update(usage)
    digest.update(seed)
    return digest.digest()[:KEY_LEN]


class Progress:
    """How far a run is.

    ``seeds`` looked at of ``total``; ``new_seeds`` regenerated. Since this start of the badge: ``saves`` of
    the place, ``ids`` regenerated, ``log_passes`` over the log.
    """

    def __init__(self) -> None:
        self.seeds = self.total = self.new_seeds = self.saves = self.ids = self.log_passes = 0


class Sorted:
    """Look-ups in a sorted file of records. RAM: about 0.5 KiB; ``close`` it."""

    def __init__(self, stream: "BinaryIO") -> None:
        self._stream = stream
        self.count = stream.seek(0, 2) // RECORD_LEN
        self._at = -1
        self._window = b""

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def level(self, key: bytes) -> int:
        """Return the level recorded for ``key``, or -1 when the key is not there."""
        low, high = 0, self.count
        least, most = 0, _KEYSPACE
        wanted = _number(key)
        while low < high:
            guess = low + (wanted - least) * (high - low) // max(most - least, 1) - _WINDOW // 2
            guess = max(low, min(guess, high - _WINDOW))
            window = self._read(guess)
            last = len(window) - RECORD_LEN
            if key < window[:KEY_LEN]:
                high, most = guess, _number(window)
            elif key > window[last : last + KEY_LEN]:
                low, least = guess + len(window) // RECORD_LEN, _number(window[last:])
            else:
                return _find(window, key)
        return -1

    def _read(self, at: int) -> bytes:
        if at != self._at:
            self._stream.seek(at * RECORD_LEN)
            self._window = self._stream.read(_WINDOW * RECORD_LEN)
            self._at = at
        return self._window


def _number(key: bytes) -> int:
    return key[0] << 16 | key[1] << 8 | key[2]


def _find(window: bytes, key: bytes) -> int:
    at = window.find(key)
    while at >= 0:
        if at % RECORD_LEN == 0:
            return window[at + KEY_LEN]
        at = window.find(key, at + 1)
    return -1


def found_record(owner: bytes, number: int, position: int, record: bytes) -> bytes:
    """Return what a run keeps of a contact that it found, 80 bytes until the list is done.

    ``owner``: type (1 byte), usage (4) and seed (24 or 48, filled up to 48 with zeros) joined; ``number``:
    the pass, 1 to 255 (1 byte); ``position``: its place in the chain (2); ``record`` (24).
    """
    return owner + bytes(PASS_AT - len(owner)) + bytes([number]) + position.to_bytes(2, "big") + record


def take_seeds(listed: "Notifications") -> "Iterator[tuple[bytes, int, int, bytes, bytes]]":
    """Yield (key, level, type, seed, usage) for at most 24 further seeds of a list."""
    left = BATCH_SEEDS
    for level, kind, seed in listed:
        usage = listed.usage or _NO_USAGE
        yield key_of(kind, seed, usage), level, kind, seed, usage
        left -= 1
        if not left:
            return


def forget(files: "Files", publisher: str) -> None:
    """Forget which seeds of a publisher were matched, so that its next full list is matched as new."""
    files.remove(KNOWN + "/" + publisher)
    forget_run(files, publisher)


def forget_run(files: "Files", publisher: str) -> None:
    """Remove the files of a run, when its list is gone as well."""
    for ending in (".found", ".run"):
        files.remove(KNOWN + "/" + publisher + ending)
