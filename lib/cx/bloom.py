"""The contact filter: a Bloom filter that needs no hash, as identifiers are random already."""

from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError

if TYPE_CHECKING:
    from cx.compat import Buffer

MAX_BYTES = 32768
_PROBES = const(6)


class Bloom:
    """Which identifiers may have been heard: never forgets one, sometimes remembers one too many.

    ``size_bytes`` is a power of two from 64 to 32768; allocated once, best before anything else.
    Each of six probes takes 16 bits of the identifier for the byte (the top bit of them counts for
    the bit) and two more for the bit. Bytes 6 and 8, which hold fixed bits, are never used, so raw
    output blocks and finished identifiers look alike. Bytes 7 and 9 give the extra bits.

    With n contacts in m bits the false-positive rate is (1 - exp(-6 n / m)) ^ 6; for 32 KiB:
    1 000: 1.3e-10, 5 000: 1.6e-6, 10 000: 7.3e-5, 20 000: 2.5e-3, 40 000: 4.7e-2, 65 000: 2.2e-1.
    """

    def __init__(self, size_bytes: int) -> None:
        if not 64 <= size_bytes <= MAX_BYTES or size_bytes & (size_bytes - 1):
            raise FormatError("size_bytes: must be a power of two from 64 to 32768")
        self.bits = bytearray(size_bytes)
        self._set = 0

    # Small frames, as those of more than eleven variables and temporaries come from the heap.

    def add(self, contact_id: "Buffer") -> None:
        """Remember an identifier of 16 bytes; again is harmless. Allocates nothing."""
        for probe in range(_PROBES):
            self._probe(contact_id, probe, True)

    def __contains__(self, contact_id: "Buffer") -> bool:
        probe = 0
        while self._probe(contact_id, probe, False):
            probe += 1
            if probe == _PROBES:
                return True
        return False

    def _probe(self, contact_id: "Buffer", probe: int, is_new: bool) -> int:
        """Return the bit of one probe, 0 or 1; set it when the identifier is new."""
        at = 2 * probe if probe < 3 else 2 * probe + 4
        word = contact_id[at] | contact_id[at + 1] << 8
        probe = word >> 13 & 4 | (contact_id[7] | contact_id[9] << 8) >> 2 * probe & 3
        word &= len(self.bits) - 1
        at = self.bits[word] >> probe & 1
        if is_new and not at:
            self.bits[word] |= 1 << probe
            self._set += 1
        return at

    def rate(self) -> float:
        """Return the probability, 0 to 1, that the filter takes an identifier it was never given."""
        return (self._set / (len(self.bits) * 8)) ** _PROBES

    def clear(self) -> None:
        """Forget everything; keeps the memory."""
        bits = self.bits
        for at in range(len(bits)):
            bits[at] = 0
        self._set = 0
