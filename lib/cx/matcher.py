"""From published seeds to the contacts that they explain, in bounded RAM and in slices.

``Search`` regenerates one seed's identifiers and asks the filter about each; what the filter may hold goes
into ``Candidates``, which compares many with the log in one pass. Of each candidate it keeps 32 bits; when
they are in the log, the seed's identifier is made again and compared with all its bits.
"""

import struct

from cx import extensions
from cx.compat import TYPE_CHECKING, const
from cx.contact import RECORD_LEN
from cx.generator import MAX_IDS, Generator, seed_len

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cx.bloom import Bloom
    from cx.compat import Buffer

    Found = tuple[bytes, int, bytes]  # owner, place in the chain, record

# Identifiers for each slice: about 50 ms on an ESP32 with a fast engine.
SLICE_IDS = 1024
_ID_LEN = const(16)
_OWNER_LEN = const(8)  # what stands before the seed of an owner
_PRINT_LEN = const(4)
_PLACE = ">HH"  # where the owner is among the owners, place in its chain
_PLACE_LEN = const(4)
_MOST_OWNERS = const(4096)  # bytes
_SMALL = const(256)  # up to so many candidates have a mask of 1 KiB, more one of 2 KiB
_ZEROS = bytes(256)


def scan_plainly(mask: bytearray, records: "Buffer", at: int, end: int) -> int:
    """Return where the next record is that ``mask`` may hold, from ``at`` on; ``end`` if none is.

    Two bits of the mask stand for the first 32 bits of an identifier.
    """
    high = mask[0]
    while at < end:
        second, third = records[at + 1], records[at + 2]
        if (
            mask[1 + (records[at] | (second & high) << 8)] >> (third & 7) & 1
            and mask[1 + (records[at + 3] | (second >> 5 & high) << 8)] >> (third >> 5) & 1
        ):
            return at
        at += RECORD_LEN
    return end


def _fastest_scan() -> "Callable[[bytearray, Buffer, int, int], int]":
    try:
        from cx.scan_viper import scan
    except (ImportError, SyntaxError, ValueError):  # CPython, or no machine code for this chip
        return scan_plainly
    return scan  # type: ignore[return-value]


def owner_of(kind: int, level: int, usage: bytes, number: int, seed: bytes) -> bytes:
    """Return a seed and what is said of it, joined: type (1), level (1), usage (4), number (2), seed.

    ``number``: of the regeneration, so that a seed that a list names twice is not counted twice.
    """
    return bytes([kind, level]) + usage + number.to_bytes(2, "big") + seed


class Search:
    """The regeneration of one seed, the end of ``owner``.

    Only the used identifiers are regenerated, if that is known. ``saved``: what ``save`` returned, to go on
    there. Raises NotSupportedError for an unknown type.
    """

    def __init__(self, owner: bytes, saved: "Buffer" = b"") -> None:
        self.owner = owner
        used = extensions.decode_usage(owner[2:6])
        self._end = used[1] if used else MAX_IDS
        self._generator = Generator.resume(saved) if len(saved) else _generator(owner)

    @property
    def is_done(self) -> bool:
        """Tell whether all identifiers were regenerated."""
        return self._generator.position >= self._end

    def work(self, contact_filter: "Bloom", candidates: "Candidates", most: int = SLICE_IDS) -> int:
        """Regenerate up to ``most`` identifiers, fewer when ``candidates`` is full; return how many."""
        generator = self._generator
        start = position = generator.position
        stop = min(start + most, self._end)
        candidates.begin(self.owner)
        while not candidates.is_full:
            found = generator.find(contact_filter, stop - position)
            position = generator.position
            if found is None:
                break
            candidates.add(found, position - 1)
        return position - start

    def save(self) -> bytearray:
        """Return the state to go on from."""
        return self._generator.save()

    def close(self) -> None:
        """Forget the state."""
        self._generator.wipe()


def _generator(owner: bytes) -> Generator:
    return Generator(owner[0], owner[_OWNER_LEN:])


class Candidates:
    """Identifiers that may be in the log, whose they are and their places in the chain.

    ``capacity``: how many at the most. RAM: 1 or 2 KiB, 8 bytes for each, and up to 4 KiB for their owners.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._prints = bytearray(capacity * _PRINT_LEN)
        self._places = bytearray(capacity * _PLACE_LEN)
        self._owners = bytearray()
        # The first byte says which bits of an identifier's second byte count; then comes the mask itself.
        self._mask = bytearray(1025 if capacity <= _SMALL else 2049)
        self._mask[0] = 3 if capacity <= _SMALL else 7
        self.count = 0
        self.is_full = False  # ``settle`` must come before more can be added
        self._owner = b""
        self._owner_at = -1

    def clear(self) -> None:
        """Forget all."""
        self.count = 0
        self.is_full = False
        self._owners = bytearray()
        self._owner_at = -1
        for at in range(1, len(self._mask), len(_ZEROS)):
            self._mask[at : at + len(_ZEROS)] = _ZEROS

    def begin(self, owner: bytes) -> None:
        """What is added next is of this seed."""
        if owner != self._owner:
            self._owner = owner
            self._owner_at = -1

    def add(self, contact_id: bytes, position: int) -> None:
        """Note that identifier ``position`` of the seed may be in the log."""
        if self._owner_at < 0:
            self._owner_at = len(self._owners)
            self._owners.extend(self._owner)
            if len(self._owners) >= _MOST_OWNERS:
                self.is_full = True
        self._put(contact_id[:_PRINT_LEN], self._owner_at, position)

    def _put(self, fingerprint: "Buffer", owner_at: int, position: int) -> None:
        at = self.count * _PRINT_LEN  # and _PLACE_LEN is the same
        self._prints[at : at + _PRINT_LEN] = fingerprint
        struct.pack_into(_PLACE, self._places, at, owner_at, position)
        mask = self._mask
        second, third = fingerprint[1], fingerprint[2]
        high = mask[0]
        mask[1 + (fingerprint[0] | (second & high) << 8)] |= 1 << (third & 7)
        mask[1 + (fingerprint[3] | (second >> 5 & high) << 8)] |= 1 << (third >> 5)
        self.count += 1
        if self.count >= self._capacity:
            self.is_full = True

    def settle(self, log: "Iterable[Buffer]", out: "list[Found]") -> "Iterator[None]":
        """Compare all candidates with the log in one pass; append to ``out`` who was met.

        ``log`` gives blocks of whole contact records. ``out`` takes (owner, place in the chain, record); the
        caller empties it at each of the yields. The candidates stay: ``clear`` them.
        """
        mask, scan = self._mask, _fastest_scan()
        for number, block in enumerate(log):
            end = len(block)
            at = scan(mask, block, 0, end)
            while at < end:
                yield from self._compare(bytes(block[at : at + RECORD_LEN]), out)
                at = scan(mask, block, at + RECORD_LEN, end)
            if number % 16 == 15:
                yield

    def _compare(self, record: bytes, out: "list[Found]") -> "Iterator[None]":
        """Append a record for each candidate that is its identifier."""
        fingerprint = record[:_PRINT_LEN]
        at = self._prints.find(fingerprint)
        while 0 <= at < self.count * _PRINT_LEN:
            if at % _PRINT_LEN == 0:
                owner_at, position = struct.unpack_from(_PLACE, self._places, at)
                owner = self._owner_of(owner_at)
                made = bytearray(_ID_LEN)
                yield from _make(owner, position, made)
                if made == record[:_ID_LEN]:
                    out.append((owner, position, record))
                    yield
            at = self._prints.find(fingerprint, at + 1)

    def _owner_of(self, at: int) -> bytes:
        return bytes(self._owners[at : at + _OWNER_LEN + seed_len(self._owners[at])])

    def save(self, into: bytearray) -> None:
        """Append everything to ``into``: number, fingerprints, places, owners."""
        into.extend(self.count.to_bytes(2, "big"))
        into.extend(memoryview(self._prints)[: self.count * _PRINT_LEN])
        into.extend(memoryview(self._places)[: self.count * _PLACE_LEN])
        into.extend(self._owners)

    def load(self, saved: "Buffer") -> None:
        """Take back what ``save`` wrote."""
        self.clear()
        count = saved[0] << 8 | saved[1]
        places = 2 + count * _PRINT_LEN
        for number in range(count):
            owner_at, position = struct.unpack_from(_PLACE, saved, places + number * _PLACE_LEN)
            at = 2 + number * _PRINT_LEN
            self._put(saved[at : at + _PRINT_LEN], owner_at, position)
        self._owners.extend(saved[places + count * _PLACE_LEN :])
        self._owner = b""


def _make(owner: bytes, position: int, into: bytearray) -> "Iterator[None]":
    """Make a seed's identifier ``position`` again, in slices."""
    generator = _generator(owner)
    while generator.position < position:
        generator.skip(min(SLICE_IDS // 4, position - generator.position))  # slower than a search
        yield
    generator.next_into(into)
    generator.wipe()
