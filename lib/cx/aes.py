"""AES (FIPS 197) for CTR_DRBG: interchangeable engines, chosen by a self-test.

An engine works on the state of a CTR_DRBG: one ``bytearray``, the key followed by the counter V.
What makes it more than a cipher is ``step``, the Generate call that gives one identifier, with one
key schedule for the output block and for all update blocks.

Engines are not reentrant, but keep nothing between two calls: generators may share one as long as
they run one after the other.
"""

from cx.bloom import Bloom
from cx.compat import TYPE_CHECKING, collect, const, cryptolib, sha256
from cx.errors import NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cx.compat import MutableBuffer

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
    """What all engines share; a subclass gives ``block``, ``step``, ``wipe``, and may speed up ``search``."""

    name = ""
    rejected: "list[str]" = []  # why faster engines were not taken, set by ``choose``

    def block(self, state: bytearray, out: "MutableBuffer") -> None:
        """Encrypt the last 16 bytes of ``state`` under the 16 or 32 bytes before them, into ``out``."""
        raise NotImplementedError

    def chain(self, state: bytearray, data: bytearray, out: "MutableBuffer") -> None:
        """Chain the blocks of ``data``, beginning with zeros: BCC (NIST SP 800-90A Rev. 1 section 10.3.3).

        The key is that of ``state``, its last 16 bytes are overwritten. ``out`` takes the last block.
        """
        size = len(state)
        state[size - BLOCK :] = data[:BLOCK]
        self.block(state, out)
        for at in range(BLOCK, len(data), BLOCK):
            for index in range(BLOCK):
                state[size - BLOCK + index] = out[index] ^ data[at + index]
            self.block(state, out)

    def add(self, target: bytearray, other: bytearray) -> None:
        """Exclusive-or ``other`` into ``target``, both of the same length, a multiple of four."""
        for at in range(len(target)):
            target[at] ^= other[at]

    def step(self, state: bytearray, out: "MutableBuffer") -> None:
        """Do one Generate call for 16 bytes (NIST SP 800-90A Rev. 1 section 10.2.1.5.2).

        ``state`` is the key followed by the 16 bytes of V, and is advanced; ``out`` takes the block.
        The first counter block is the output, the others are written over the key and then over V.
        """
        raise NotImplementedError

    def search(self, state: bytearray, out: "MutableBuffer", bloom: "Bloom", count: int) -> int:
        """Do up to ``count`` steps; stop at the first whose block the filter may hold, left in ``out``.

        Return how many steps that took, or 0 when all ``count`` were done and none was a candidate.
        """
        done = 0
        while done < count:
            self.step(state, out)
            done += 1
            if out in bloom:
                return done
        return 0

    def wipe(self) -> None:
        """Overwrite what is left of the last key."""
        raise NotImplementedError


def increment(state: "MutableBuffer") -> None:
    """Add one, modulo 2^128, to the big-endian counter in the last 16 bytes of ``state``."""
    at = len(state) - 1
    last = at - BLOCK
    while at > last:
        value = (state[at] + 1) & 0xFF
        state[at] = value
        if value:
            return
        at -= 1


class CryptolibEngine(Engine):
    """MicroPython's ``cryptolib`` (the chip's or mbedTLS's AES): one object for each key.

    Raises ImportError where the firmware has no ``cryptolib``.
    """

    name = "cryptolib"

    def __init__(self) -> None:
        if cryptolib is None:
            raise ImportError("not in this firmware")
        self._new = cryptolib.aes
        self._steps = 0
        self._state = bytearray()
        self._key = memoryview(self._state)
        self._places = [self._key]

    def _cipher(self, state: bytearray) -> "cryptolib.aes":
        """Return the cipher object for the key in ``state``; the views of it are kept for the next step."""
        if state is not self._state:
            view = memoryview(state)
            self._state = state
            self._key = view[: len(state) - BLOCK]
            self._places = [view[at : at + BLOCK] for at in range(0, len(state), BLOCK)]
        return self._new(self._key, _MODE_ECB)

    def block(self, state: bytearray, out: "MutableBuffer") -> None:
        """Encrypt V as it is; see ``Engine.block``."""
        self._cipher(state).encrypt(self._places[-1], out)

    def step(self, state: bytearray, out: "MutableBuffer") -> None:
        """Do one Generate call; see ``Engine.step``. Allocates one object."""
        cipher = self._cipher(state)
        places = self._places
        v = places[-1]
        increment(state)
        cipher.encrypt(v, out)
        for place in places:
            increment(state)
            cipher.encrypt(v, place)
        self._steps += 1
        if self._steps >= _STEPS_PER_COLLECTION:
            self._steps = 0
            collect()

    def wipe(self) -> None:
        """Let go of the state. The cipher objects that were left behind are the heap's to overwrite."""
        self._state = bytearray()
        self._key = memoryview(self._state)
        self._places = [self._key]


# What a self-test must give: SHA-256, first half, of all its blocks and states. Computed with OpenSSL's AES.
_SELF_TEST_STEPS = const(28)
_SELF_TEST_DIGEST = b"\x9c\xb8\x1d\x96\x44\xaf\xfe\x8b\x10\x4d\x5d\x27\x64\x1d\x1c\xb1"


def passes_self_test(engine: Engine) -> bool:
    """Say whether an engine gives the known blocks.

    The test is long enough to read every entry of every table, and everything read counts. It begins with
    a counter that overflows, and ends with a search that must pass two blocks and find the third.
    Chaining is held against the plain way to do it.
    """
    out = bytearray(BLOCK)
    chained = bytearray(BLOCK)
    known = sha256()
    for length in (16, 32):
        bloom = Bloom(64)
        begin = b"t" * length + b"\xff" * BLOCK  # with this key, 28 steps read all
        state = bytearray(begin)
        for step in range(_SELF_TEST_STEPS):
            engine.step(state, out)
            known.update(out)
            if step == 2:
                bloom.add(out)
        known.update(state)
        state[:] = begin
        if engine.search(state, out, bloom, 5) != 3 or out not in bloom:
            return False
        Engine.chain(engine, state, bytearray(range(2 * BLOCK)), chained)
        engine.chain(state, bytearray(range(2 * BLOCK)), out)
        engine.add(out, chained)
        if any(out):
            return False
    return known.digest()[:BLOCK] == _SELF_TEST_DIGEST


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


def _viper() -> Engine:
    from cx.aes_viper import ViperEngine

    return ViperEngine()


def _bytecode() -> Engine:
    from cx.aes_tables import table_engine

    return table_engine()


# Fastest first. The last needs nothing of the firmware.
CANDIDATES = (("viper", _viper), ("cryptolib", CryptolibEngine), ("bytecode", _bytecode))
_chosen: "list[Engine]" = []
