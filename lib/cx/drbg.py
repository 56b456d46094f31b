"""CTR_DRBG with derivation function on AES (NIST SP 800-90A Rev. 1 section 10.2.1). No reseed."""

from struct import pack_into

from cx import aes
from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError, NotSupportedError

if TYPE_CHECKING:
    from cx.bloom import Bloom
    from cx.compat import Buffer, MutableBuffer

_BLOCK = const(16)
_MAX_REQUEST_BYTES = const(65536)  # Table 3: 2^19 bits
# The key of Block_Cipher_df, 00 01 02 ... (section 10.3.2 step 8), and room for V.
_DF_STATE = bytes(range(48))
# What the first update begins with: the blocks 1, 2 (and 3) under a key of zeros, by length of the state.
_FIRST_UPDATE = {
    32: b"\x58\xe2\xfc\xce\xfa\x7e\x30\x61\x36\x7f\x1d\x57\xa4\xe7\x45\x5a"
    b"\x03\x88\xda\xce\x60\xb6\xa3\x92\xf3\x28\xc2\xb9\x71\xb2\xfe\x78",
    48: b"\x53\x0f\x8a\xfb\xc7\x45\x36\xb9\xa9\x63\xb4\xf1\xc4\xcb\x73\x8b"
    b"\xce\xa7\x40\x3d\x4d\x60\x6b\x6e\x07\x4e\xc5\xd3\xba\xf3\x9d\x18"
    b"\x72\x60\x03\xca\x37\xa6\x2a\x74\xd1\xa2\xf5\x8e\x75\x06\x35\x8e",
}


class CtrState:
    """A CTR_DRBG that is under way: ``state`` is the key followed by V, 32 or 48 bytes, secret.

    The state given is copied. ``engine`` is the AES to use, by default the one chosen by self-test.
    """

    def __init__(self, state: "Buffer", engine: "aes.Engine | None" = None) -> None:
        self._engine = engine or aes.engine()
        self.state = bytearray(state)

    def step(self, out: "MutableBuffer") -> None:
        """Write one Generate call of 16 bytes to the beginning of ``out``; allocates nothing itself."""
        self._engine.step(self.state, out)

    def search(self, out: "MutableBuffer", bloom: "Bloom", count: int) -> int:
        """Do up to ``count`` steps, see ``Engine.search``."""
        return self._engine.search(self.state, out, bloom, count)

    def generate(self, length: int) -> bytearray:
        """Return ``length`` bytes, 1 to 65536, of one Generate call (section 10.2.1.5.2)."""
        if not 0 < length <= _MAX_REQUEST_BYTES:
            raise FormatError("length: must be 1 to 65536 bytes")
        engine, state = self._engine, self.state
        out = bytearray((length + _BLOCK - 1) // _BLOCK * _BLOCK)
        view = memoryview(out)
        at = 0
        while at + _BLOCK < len(out):
            aes.increment(state)
            engine.block(state, view[at : at + _BLOCK])
            at += _BLOCK
        engine.step(state, view[at:])  # the last block and the update, as every shorter call is
        return out[:length]

    def wipe(self) -> None:
        """Overwrite the state and the engine's key schedule."""
        wipe(self.state)
        self._engine.wipe()


class CtrDrbg(CtrState):
    """A CTR_DRBG instance: instantiated once, never reseeded, wiped by its owner.

    ``key_bits`` is 128 or 256. ``entropy`` has at least ``key_bits`` bits and ``nonce`` half of that
    (section 8.6); ``personalization`` may have any length. Raises NotSupportedError for
    another key length, FormatError for short input.
    """

    def __init__(
        self,
        key_bits: int,
        entropy: "Buffer",
        nonce: "Buffer",
        personalization: bytes = b"",
        engine: "aes.Engine | None" = None,
    ) -> None:
        if key_bits not in (128, 256):
            raise NotSupportedError("key_bits: must be 128 or 256")
        if len(entropy) * 8 < key_bits:
            raise FormatError("entropy: at least %d bytes are needed" % (key_bits // 8))
        if len(nonce) * 16 < key_bits:
            raise FormatError("nonce: at least %d bytes are needed" % (key_bits // 16))
        super().__init__(bytes(key_bits // 8 + _BLOCK), engine)
        material = _derivation_input(len(self.state), entropy, nonce, personalization)
        self._derive(material)
        wipe(material)

    def _derive(self, material: bytearray) -> None:
        """Block_Cipher_df (section 10.3.2) and the first update (10.2.1.2), which it feeds."""
        engine, state = self._engine, self.state
        size = len(state)
        key_len = size - _BLOCK
        seed_material = bytearray(size)
        seed = memoryview(seed_material)
        state[:] = _DF_STATE[:size]
        for at in range(0, size, _BLOCK):
            material[3] = at // _BLOCK  # the IV is the block's number
            engine.chain(state, material, seed[at : at + _BLOCK])
        state[:] = seed_material
        for at in range(0, size, _BLOCK):
            block = seed[at : at + _BLOCK]
            engine.block(state, block)
            state[key_len:] = block
        state[:] = _FIRST_UPDATE[size]
        engine.add(state, seed_material)
        wipe(seed_material)


def _derivation_input(size: int, entropy: "Buffer", nonce: "Buffer", personalization: bytes) -> bytearray:
    """Return room for the IV, then L || N || input || 0x80 || padding (section 10.3.2 steps 2 to 5)."""
    nonce_at = 3 * 8 + len(entropy)
    personalization_at = nonce_at + len(nonce)
    end = personalization_at + len(personalization)
    material = bytearray((end + _BLOCK) // _BLOCK * _BLOCK)
    pack_into(">II", material, _BLOCK, end - 3 * 8, size)
    material[3 * 8 : nonce_at] = entropy
    material[nonce_at:personalization_at] = nonce
    material[personalization_at:end] = personalization
    material[end] = 0x80
    return material


def wipe(buffer: bytearray) -> None:
    """Overwrite a secret in place."""
    buffer[:] = bytes(len(buffer))
