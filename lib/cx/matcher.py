"""From published seeds to the contacts that they explain, in bounded RAM and in slices.

``Search`` regenerates one seed's identifiers and asks the filter about each; what the filter may hold goes
into ``Candidates``, which compares many with the log at once, all 128 bits. ``doubtful`` tells which of the
contacts found contradict the order of the chain.
"""

from cx import extensions
from cx.compat import TYPE_CHECKING, array, const
from cx.contact import RECORD_LEN
from cx.generator import MAX_IDS, Generator, seed_len

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cx.bloom import Bloom
    from cx.compat import Buffer

# Identifiers for each slice: about 50 ms on an ESP32 with a fast engine.
SLICE_IDS = 512
USAGE_BYTES = extensions.USAGE_BYTES
_ID_LEN = const(16)
_HEAD_LEN = const(5)  # of a seed among the candidates: type and usage
_SEED_SHARE = const(16)  # bytes of seeds for each candidate
_MASK_BYTES = const(512)
_NONE = const(0xFFFF)
# A badge never goes back in a chain; starts are rounded to 4 s, and one scan hears all at one moment.
_TOLERANCE_S = const(60)


class Search:
    """The regeneration of one seed.

    ``usage``: the 4 bytes of the publication; only the used identifiers are regenerated. ``saved``: what
    ``save`` returned, to go on there. Raises NotSupportedError for an unknown type.
    """

    def __init__(self, generator_type: int, seed: bytes, usage: bytes, saved: "Buffer" = b"") -> None:
        self.generator_type = generator_type
        self.seed = seed
        self.usage = usage
        used = extensions.decode_usage(usage)
        self._end = used[1] if used else MAX_IDS
        self._generator = Generator.resume(saved) if len(saved) else Generator(generator_type, seed)

    @property
    def is_done(self) -> bool:
        """Tell whether all identifiers were regenerated."""
        return self._generator.position >= self._end

    def work(self, contact_filter: "Bloom", candidates: "Candidates", most: int = SLICE_IDS) -> int:
        """Regenerate up to ``most`` identifiers, fewer when ``candidates`` is full; return how many."""
        generator = self._generator
        start = generator.position
        stop = min(start + most, self._end)
        while generator.position < stop and not candidates.is_full:
            found = generator.find(contact_filter, stop - generator.position)
            if found is not None:
                candidates.add(self, found, generator.position - 1)
        return generator.position - start

    def save(self) -> bytearray:
        """Return the state to go on from."""
        return self._generator.save()

    def close(self) -> None:
        """Forget the state."""
        self._generator.wipe()


class Candidates:
    """Identifiers that may be in the log, whose they are and their places in the chain.

    ``capacity``: how many at the most, 22 bytes each, and the seeds that they are of; 1.5 KiB beside that.
    """

    def __init__(self, capacity: int = 128) -> None:
        self.count = 0
        self._capacity = capacity
        self._ids = bytearray(capacity * _ID_LEN)
        self._owners = array("H", bytes(2 * capacity))  # where the seed is in ``_seeds``
        self._positions = array("H", bytes(2 * capacity))
        self._next = array("H", bytes(2 * capacity))
        self._heads = array("H", bytes(2 * 256))
        self._seeds = bytearray()
        self._last = -1
        self._mask = bytearray(_MASK_BYTES)
        self.clear()

    @property
    def is_full(self) -> bool:
        """Tell whether ``settle`` must come before more can be added."""
        return self.count >= self._capacity or len(self._seeds) >= self._capacity * _SEED_SHARE

    def clear(self) -> None:
        """Forget all."""
        self.count = 0
        self._seeds = bytearray()
        self._last = -1
        for at in range(256):
            self._heads[at] = _NONE
        for at in range(_MASK_BYTES):
            self._mask[at] = 0

    def add(self, search: Search, contact_id: bytes, position: int) -> None:
        """Note that identifier ``position`` of a seed may be in the log. Again is harmless."""
        head = bytes([search.generator_type]) + search.usage
        owned = head + search.seed
        for at in self._same(contact_id):
            if self._owner(self._owners[at]) == owned:
                return
        if self._last < 0 or self._seeds[self._last :] != owned:
            self._last = len(self._seeds)
            self._seeds.extend(owned)
        self._put(contact_id, self._last, position)

    def _put(self, contact_id: "Buffer", owner: int, position: int) -> None:
        at = self.count
        self._ids[at * _ID_LEN : (at + 1) * _ID_LEN] = contact_id
        self._owners[at] = owner
        self._positions[at] = position
        head = contact_id[4]
        self._next[at] = self._heads[head]
        self._heads[head] = at
        self._mask[contact_id[0] | (contact_id[1] & 1) << 8] |= 1 << (contact_id[2] & 7)
        self.count += 1

    def settle(self, log: "Iterable[Buffer]", out: "list[tuple[bytes, int, bytes]]") -> "Iterator[None]":
        """Compare all candidates with the log in one pass; append to ``out`` who was met.

        ``log`` gives blocks of whole contact records. ``out`` takes (type, usage and seed joined; place in
        the chain; record); the caller empties it at each of the yields, which come after each block with
        hits and else now and then. The candidates stay: ``clear`` them.
        """
        mask = self._mask
        for number, block in enumerate(log):
            for at in range(0, len(block), RECORD_LEN):
                if mask[block[at] | (block[at + 1] & 1) << 8] >> (block[at + 2] & 7) & 1:
                    self._compare(bytes(block[at : at + RECORD_LEN]), out)
            if out or number % 16 == 15:
                yield
        yield

    def _compare(self, record: bytes, out: "list[tuple[bytes, int, bytes]]") -> None:
        for at in self._same(record[:_ID_LEN]):
            out.append((self._owner(self._owners[at]), self._positions[at], record))

    def _same(self, contact_id: bytes) -> "Iterator[int]":
        """Yield the places of the candidates with this identifier, all its bits compared."""
        at = self._heads[contact_id[4]]
        while at != _NONE:
            if self._ids[at * _ID_LEN : (at + 1) * _ID_LEN] == contact_id:
                yield at
            at = self._next[at]

    def _owner(self, at: int) -> bytes:
        return bytes(self._seeds[at : at + _HEAD_LEN + seed_len(self._seeds[at])])

    def save(self, into: bytearray) -> None:
        """Append everything to ``into``: counts, identifiers, owners, places, seeds."""
        into.extend(self.count.to_bytes(2, "big"))
        into.extend(len(self._seeds).to_bytes(2, "big"))
        into.extend(memoryview(self._ids)[: self.count * _ID_LEN])
        for at in range(self.count):
            into.extend(self._owners[at].to_bytes(2, "big"))
            into.extend(self._positions[at].to_bytes(2, "big"))
        into.extend(self._seeds)

    def load(self, saved: "Buffer") -> None:
        """Take back what ``save`` wrote."""
        self.clear()
        count, size = saved[0] << 8 | saved[1], saved[2] << 8 | saved[3]
        places = 4 + count * _ID_LEN
        seeds = places + 4 * count
        for number in range(count):
            at = places + 4 * number
            contact_id = saved[4 + number * _ID_LEN : 4 + (number + 1) * _ID_LEN]
            self._put(contact_id, saved[at] << 8 | saved[at + 1], saved[at + 2] << 8 | saved[at + 3])
        self._seeds.extend(saved[seeds : seeds + size])


def doubtful(sightings: "list[tuple[int, int, int, int]]") -> "set[int]":
    """Return the indices of the sightings of one seed that contradict the order of its chain.

    ``sightings``: (place in the chain, boot, start in seconds since that boot, seconds it lasted). Places may
    only grow with time; times of different boots are not compared, as the clocks behind them may differ.
    Of what contradicts each other, the part that lasted longest is taken as consistent: an extra sighting
    cannot turn a longer encounter into a doubtful one. Time and RAM grow with n squared and n.
    """
    found = set()
    for boot in {one[1] for one in sightings}:
        order = sorted([(one[0], one[2], one[3], at) for at, one in enumerate(sightings) if one[1] == boot])
        if any(order[at + 1][1] + _TOLERANCE_S < order[at][1] for at in range(len(order) - 1)):
            found.update({one[3] for one in order} - _longest(order))
    return found


def _longest(order: "list[tuple[int, int, int, int]]") -> "set[int]":
    """Return the indices of the part whose times never go back and that lasts longest in all."""
    lasts, befores = [], []
    for at, (_, start, lasting, _) in enumerate(order):
        best, before = 0, -1
        for earlier in range(at):
            if order[earlier][1] <= start + _TOLERANCE_S and lasts[earlier] > best:
                best, before = lasts[earlier], earlier
        lasts.append(best + max(lasting, 1))
        befores.append(before)
    at = lasts.index(max(lasts))
    chosen = set()
    while at >= 0:
        chosen.add(order[at][3])
        at = befores[at]
    return chosen
