"""Whom the owner met, as it lies on flash: for each publisher a file of entries, by type, usage and seed.

An entry is a published seed with the contacts that it explains. Layout: generator type (1 byte), alert level
(1), usage (4), number of contacts (2, big-endian), seed (24 or 48), and for each contact its place in the
seed's chain (2) and its record (24, ``cx.contact``).
"""

import struct

from cx.compat import TYPE_CHECKING, const
from cx.generator import seed_len
from cx.levels import EXPIRED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    Sighting = tuple[int, bytes]  # place in the chain, contact record

_HEAD = ">BB4sH"
_HEAD_LEN = const(8)
_SIGHTING_LEN = const(26)
# What a run keeps of a contact until the list is done: the seed's owner (``cx.matcher``), filled up with
# zeros to 56 bytes, the place in the chain (2) and the record (24).
FOUND_LEN = const(82)
FOUND_PLACE = const(56)


class Entry:
    """One seed of a file: ``generator_type``, ``level``, ``usage`` (4 bytes), ``seed``, ``count``."""

    def __init__(self, kind: int, level: int, usage: bytes, seed: bytes, count: int, start: int) -> None:
        self.generator_type = kind
        self.level = level
        self.usage = usage
        self.seed = seed
        self.count = count
        self.start = start  # where its contacts are in the file
        self.key = bytes([kind]) + usage + seed

    def sightings(self, stream: "BinaryIO") -> "Iterator[Sighting]":
        """Yield (place in the chain, 24-byte record) for each contact; ``stream`` is the entry's file."""
        for at in range(self.count):
            stream.seek(self.start + at * _SIGHTING_LEN)
            sighting = stream.read(_SIGHTING_LEN)
            yield sighting[0] << 8 | sighting[1], sighting[2:]


def entries(stream: "BinaryIO") -> "Iterator[Entry]":
    """Yield the entries of a file, in their order; the stream may be moved in between."""
    at = 0
    while True:
        stream.seek(at)
        head = stream.read(_HEAD_LEN)
        if len(head) < _HEAD_LEN:
            return
        kind, level, usage, count = struct.unpack(_HEAD, head)
        seed = stream.read(seed_len(kind))
        start = at + _HEAD_LEN + len(seed)
        yield Entry(kind, level, usage, seed, count, start)
        at = start + count * _SIGHTING_LEN


def head(entry: Entry, level: int, count: int) -> bytes:
    """Return what stands before an entry's contacts, with another level and number of contacts."""
    return struct.pack(_HEAD, entry.generator_type, level, entry.usage, count) + entry.seed


def seriousness(level: int) -> int:
    """Return the rank of a level. The numbers rise with it, but that "expired" is less than "no-alert"."""
    return -1 if level == EXPIRED else level


def found_record(owner: bytes, position: int, record: bytes) -> bytes:
    """Return what a run keeps of a contact that it found, 82 bytes."""
    return owner + bytes(FOUND_PLACE - len(owner)) + position.to_bytes(2, "big") + record
