"""AES (FIPS 197) for CTR_DRBG: interchangeable engines, chosen by a self-test.

An engine knows only how to encrypt. What makes it more than a cipher is ``step``: the Generate
call of CTR_DRBG that gives one identifier, with one key schedule for the output block and for all
update blocks. The state of a generator is one ``bytearray``, the key followed by the counter V.

Engines are not reentrant: the key schedule lives in the engine. Every public call that needs a
key sets it first, so generators may share one engine as long as they run one after the other.
"""

from cx.compat import TYPE_CHECKING, array, collect, const, cryptolib
from cx.errors import NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cx.bloom import Bloom
    from cx.compat import Buffer, MutableBuffer

BLOCK = const(16)
_MODE_ECB = const(1)
# A cryptolib object serves one key only, so one is left behind by every step. Collecting at fixed
# distances keeps the heap low and searches for free blocks short.
_STEPS_PER_COLLECTION = const(128)


def substitution_box() -> bytearray:
    """Return the S-box (FIPS 197 section 5.1.1), 256 bytes, computed: inverse in GF(2^8), then affine."""
    powers = bytearray(255)
    power = 1
    for exponent in range(255):
        powers[exponent] = power
        power ^= power << 1 ^ (0x11B if power & 0x80 else 0)  # times 3, which generates the field
    box = bytearray(256)
    box[0] = 0x63
    for exponent in range(255):
        wide = powers[(255 - exponent) % 255] * 0x101  # twice side by side: a shift is a rotation
        box[powers[exponent]] = (wide ^ wide >> 4 ^ wide >> 5 ^ wide >> 6 ^ wide >> 7 ^ 0x63) & 0xFF
    return box


class Engine:
    """What all engines share; a subclass gives at least ``set_key`` and ``encrypt``."""

    name = ""
    rejected: "list[str]" = []  # why faster engines were not taken, set by ``choose``

    def set_key(self, key: "Buffer", length: int) -> None:
        """Take the first ``length`` bytes (16 or 32) of ``key`` as the key of the following calls."""
        raise NotImplementedError

    def encrypt(self, src: "Buffer", src_at: int, dst: "MutableBuffer", dst_at: int) -> None:
        """Encrypt the 16 bytes at ``src[src_at]`` into ``dst[dst_at]``; both may be the same place."""
        raise NotImplementedError

    def mac(self, data: bytearray, chain: "MutableBuffer") -> None:
        """Chain all blocks of ``data`` into the 16 zero bytes ``chain``: BCC (section 10.3.3)."""
        for at in range(0, len(data), BLOCK):
            for index in range(BLOCK):
                chain[index] ^= data[at + index]
            self.encrypt(chain, 0, chain, 0)

    def step(self, state: bytearray, out: bytearray) -> None:
        """Do one Generate call for 16 bytes (NIST SP 800-90A Rev. 1 section 10.2.1.5.2).

        ``state`` is the key followed by the 16 bytes of V, and is advanced; ``out`` takes the block.
        The update's first blocks land on the key, which its schedule has replaced; the last on V.
        """
        end = len(state)
        self.set_key(state, end - BLOCK)
        increment(state)
        self.encrypt(state, end - BLOCK, out, 0)
        for at in range(0, end, BLOCK):
            increment(state)
            self.encrypt(state, end - BLOCK, state, at)

    def search(self, state: bytearray, out: bytearray, bloom: "Bloom", count: int) -> int:
        """Do up to ``count`` steps; stop at the first whose block the filter may hold, left in ``out``.

        Return how many steps that took, or 0 when all ``count`` were done and none was a candidate.
        """
        for done in range(count):
            self.step(state, out)
            if out in bloom:
                return done + 1
        return 0

    def wipe(self) -> None:
        """Overwrite the key schedule."""


def increment(state: bytearray) -> None:
    """Add one, modulo 2^128, to the big-endian counter in the last 16 bytes of ``state``."""
    at = len(state) - 1
    last = at - BLOCK
    while at > last:
        value = (state[at] + 1) & 0xFF
        state[at] = value
        if value:
            return
        at -= 1


class TableEngine(Engine):
    """Plain bytecode with fused tables; allocates nothing after construction.

    SubBytes and MixColumns are one table look-up per byte. Columns are kept as halves of 16 bits,
    as a word of 32 bits would not fit the small integers of a 32-bit MicroPython.
    """

    name = "bytecode"

    def __init__(self) -> None:
        self._box = box = substitution_box()
        double = [(s << 1) ^ (0x11B if s & 0x80 else 0) for s in box]
        triple = [double[at] ^ box[at] for at in range(256)]
        # The four halves that occur in the columns (2 1 1 3), (3 2 1 1), (1 3 2 1), (1 1 3 2).
        self._t21 = array("H", [double[at] << 8 | box[at] for at in range(256)])
        self._t13 = array("H", [box[at] << 8 | triple[at] for at in range(256)])
        self._t32 = array("H", [triple[at] << 8 | double[at] for at in range(256)])
        self._t11 = array("H", [box[at] * 0x101 for at in range(256)])
        self._keys = [[0] * 8 for _ in range(15)]
        self._middle = {n: self._keys[1:n] for n in (10, 14)}
        self._rounds = 0

    def set_key(self, key: "Buffer", length: int) -> None:
        """Expand the key (FIPS 197 section 5.2) into round keys of eight halves."""
        keys, box = self._keys, self._box
        back = length // BLOCK
        self._rounds = rounds = 6 + length // 4
        for at in range(0, length, 2):
            keys[at >> 4][at >> 1 & 7] = key[at] << 8 | key[at + 1]
        rcon = 0x100
        for index in range(back, rounds + 1):
            last = keys[index - 1]
            x = last[6]
            y = last[7]
            if back == 1 or not index & 1:
                high = (box[x & 0xFF] << 8 | box[y >> 8]) ^ rcon
                y = box[y & 0xFF] << 8 | box[x >> 8]
                x = high
                rcon = rcon << 1 if rcon < 0x8000 else 0x1B00
            else:
                x = box[x >> 8] << 8 | box[x & 0xFF]
                y = box[y >> 8] << 8 | box[y & 0xFF]
            before = keys[index - back]
            new = keys[index]
            for at in range(0, 8, 2):
                x ^= before[at]
                y ^= before[at + 1]
                new[at] = x
                new[at + 1] = y

    def encrypt(self, src: "Buffer", src_at: int, dst: "MutableBuffer", dst_at: int) -> None:
        """Encrypt one block (FIPS 197 section 5.1)."""
        t21, t13, t32, t11 = self._t21, self._t13, self._t32, self._t11
        k0, k1, k2, k3, k4, k5, k6, k7 = self._keys[0]
        w0 = (src[src_at] << 8 | src[src_at + 1]) ^ k0
        w1 = (src[src_at + 2] << 8 | src[src_at + 3]) ^ k1
        w2 = (src[src_at + 4] << 8 | src[src_at + 5]) ^ k2
        w3 = (src[src_at + 6] << 8 | src[src_at + 7]) ^ k3
        w4 = (src[src_at + 8] << 8 | src[src_at + 9]) ^ k4
        w5 = (src[src_at + 10] << 8 | src[src_at + 11]) ^ k5
        w6 = (src[src_at + 12] << 8 | src[src_at + 13]) ^ k6
        w7 = (src[src_at + 14] << 8 | src[src_at + 15]) ^ k7
        for k0, k1, k2, k3, k4, k5, k6, k7 in self._middle[self._rounds]:
            b0 = w0 >> 8
            b1 = w0 & 0xFF
            b2 = w1 >> 8
            b3 = w1 & 0xFF
            b4 = w2 >> 8
            b5 = w2 & 0xFF
            b6 = w3 >> 8
            b7 = w3 & 0xFF
            b8 = w4 >> 8
            b9 = w4 & 0xFF
            ba = w5 >> 8
            bb = w5 & 0xFF
            bc = w6 >> 8
            bd = w6 & 0xFF
            be = w7 >> 8
            bf = w7 & 0xFF
            w0 = t21[b0] ^ t32[b5] ^ t13[ba] ^ t11[bf] ^ k0
            w1 = t13[b0] ^ t11[b5] ^ t21[ba] ^ t32[bf] ^ k1
            w2 = t21[b4] ^ t32[b9] ^ t13[be] ^ t11[b3] ^ k2
            w3 = t13[b4] ^ t11[b9] ^ t21[be] ^ t32[b3] ^ k3
            w4 = t21[b8] ^ t32[bd] ^ t13[b2] ^ t11[b7] ^ k4
            w5 = t13[b8] ^ t11[bd] ^ t21[b2] ^ t32[b7] ^ k5
            w6 = t21[bc] ^ t32[b1] ^ t13[b6] ^ t11[bb] ^ k6
            w7 = t13[bc] ^ t11[b1] ^ t21[b6] ^ t32[bb] ^ k7
        box = self._box
        k0, k1, k2, k3, k4, k5, k6, k7 = self._keys[self._rounds]
        dst[dst_at] = box[w0 >> 8] ^ k0 >> 8
        dst[dst_at + 1] = box[w2 & 0xFF] ^ k0 & 0xFF
        dst[dst_at + 2] = box[w5 >> 8] ^ k1 >> 8
        dst[dst_at + 3] = box[w7 & 0xFF] ^ k1 & 0xFF
        dst[dst_at + 4] = box[w2 >> 8] ^ k2 >> 8
        dst[dst_at + 5] = box[w4 & 0xFF] ^ k2 & 0xFF
        dst[dst_at + 6] = box[w7 >> 8] ^ k3 >> 8
        dst[dst_at + 7] = box[w1 & 0xFF] ^ k3 & 0xFF
        dst[dst_at + 8] = box[w4 >> 8] ^ k4 >> 8
        dst[dst_at + 9] = box[w6 & 0xFF] ^ k4 & 0xFF
        dst[dst_at + 10] = box[w1 >> 8] ^ k5 >> 8
        dst[dst_at + 11] = box[w3 & 0xFF] ^ k5 & 0xFF
        dst[dst_at + 12] = box[w6 >> 8] ^ k6 >> 8
        dst[dst_at + 13] = box[w0 & 0xFF] ^ k6 & 0xFF
        dst[dst_at + 14] = box[w3 >> 8] ^ k7 >> 8
        dst[dst_at + 15] = box[w5 & 0xFF] ^ k7 & 0xFF

    def wipe(self) -> None:
        """Overwrite the key schedule."""
        for round_key in self._keys:
            for at in range(8):
                round_key[at] = 0


class CryptolibEngine(Engine):
    """MicroPython's ``cryptolib`` (the chip's or mbedTLS's AES): one object for each key.

    Raises ImportError where the firmware has no ``cryptolib``.
    """

    name = "cryptolib"

    def __init__(self) -> None:
        if cryptolib is None:
            raise ImportError("cryptolib: not in this firmware")
        self._new = cryptolib.aes
        self._cipher = cryptolib.aes(bytes(BLOCK), _MODE_ECB)
        self._work = bytearray(4 * BLOCK)
        self._block = bytearray(BLOCK)
        self._steps = 0

    def set_key(self, key: "Buffer", length: int) -> None:
        """Make a cipher object for this key: allocates."""
        self._cipher = self._new(memoryview(key)[:length], _MODE_ECB)

    def encrypt(self, src: "Buffer", src_at: int, dst: "MutableBuffer", dst_at: int) -> None:
        """Encrypt one block through the cipher object."""
        block = self._block
        for at in range(BLOCK):
            block[at] = src[src_at + at]
        self._cipher.encrypt(block, block)
        for at in range(BLOCK):
            dst[dst_at + at] = block[at]

    def step(self, state: bytearray, out: bytearray) -> None:
        """Do one Generate call with all its blocks in one call of the cipher: one object allocated."""
        size = len(state)
        work = memoryview(self._work)[: size + BLOCK]
        for at in range(0, size + BLOCK, BLOCK):
            increment(state)
            work[at : at + BLOCK] = memoryview(state)[size - BLOCK :]
        self.set_key(state, size - BLOCK)
        self._cipher.encrypt(work, work)
        out[:BLOCK] = work[:BLOCK]
        state[:] = work[BLOCK:]
        self._steps += 1
        if self._steps >= _STEPS_PER_COLLECTION:
            self._steps = 0
            collect()

    def wipe(self) -> None:
        """Let go of the cipher object and overwrite the blocks."""
        self.set_key(bytes(BLOCK), BLOCK)
        self._work[:] = bytes(len(self._work))
        self._block[:] = bytes(BLOCK)


# What a self-test must give: the last of its blocks, by key length. Computed with OpenSSL's AES.
_SELF_TEST_STEPS = const(40)
_SELF_TEST_BLOCK = {
    16: b"\xd9\xda\xd3\xfc\xc8\x54\xad\xf8\xc5\x07\x76\x83\x75\x1e\xb5\xd1",
    32: b"\xef\x72\x98\xb5\xed\x69\xe2\x36\xc6\x37\xa7\xa3\x06\x6d\xe6\x60",
}


def passes_self_test(engine: Engine) -> bool:
    """Say whether an engine gives the known blocks.

    The test is long enough to read every table entry in a way that changes all that follows, begins
    with a counter that overflows, and ends with a search that must find and one that must not.
    """
    out = bytearray(BLOCK)
    for length, expected in _SELF_TEST_BLOCK.items():
        state = bytearray(b"\xff" * (length + BLOCK))
        for _ in range(_SELF_TEST_STEPS):
            engine.step(state, out)
        if out != expected:
            return False
    return True


def choose(candidates: "Iterable[tuple[str, Callable[[], Engine]]] | None" = None) -> Engine:
    """Return the first engine that can be made and passes its self-test.

    Its ``rejected`` says why each engine before it was not taken, for the badge's info.
    Raises NotSupportedError when none is left.
    """
    rejected = []
    for name, make in candidates or CANDIDATES:
        try:
            engine = make()
            if passes_self_test(engine):
                engine.rejected = rejected
                return engine
            rejected.append(name + ": gives wrong results")
        except Exception as error:  # noqa: BLE001  whatever a missing or broken engine does, the next is tried
            rejected.append(name + ": " + (str(error) or type(error).__name__))
    raise NotSupportedError("no AES engine works: " + "; ".join(rejected))


def engine() -> Engine:
    """Return the engine of this run, chosen at the first call and kept: its tables take memory."""
    if not _chosen:
        _chosen.append(choose())
    return _chosen[0]


# Fastest first. The last needs nothing of the firmware.
CANDIDATES = (("cryptolib", CryptolibEngine), ("bytecode", TableEngine))
_chosen: "list[Engine]" = []
