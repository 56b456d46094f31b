"""The CX Generator: up to 2048 contact identifiers from one seed (CX specification, Generators).

An identifier is one Generate call of 16 bytes from a CTR_DRBG, made a version 4 UUID (RFC 4122
section 4.4), network byte order.
"""

from cx.compat import TYPE_CHECKING, const, sha256
from cx.drbg import CtrDrbg, CtrState, wipe
from cx.errors import ExhaustedError, FormatError, NotSupportedError

if TYPE_CHECKING:
    from cx.aes import Engine
    from cx.bloom import Bloom
    from cx.compat import Buffer

MAX_IDS = 2048
_ID_LEN = const(16)
# A saved state: magic, generator type, position (2 bytes, big-endian), DRBG state, checksum.
_MAGIC = b"CXG\x01"
_HEADER_LEN = const(7)
_CHECK_LEN = const(4)


def key_bits(generator_type: int) -> int:
    """Return the AES key length of a generator type, 128 or 256; NotSupportedError for an unknown type."""
    if generator_type == 1:
        return 128
    if generator_type == 2:
        return 256
    raise NotSupportedError("generator type: must be 1 or 2")


def seed_len(generator_type: int) -> int:
    """Return the length of a seed (and preseed) in bytes, 24 or 48; NotSupportedError for an unknown type."""
    return key_bits(generator_type) * 3 // 16


def instantiate(
    generator_type: int,
    seed: "Buffer",
    personalization: bytes = b"",
    field: str = "seed",
    engine: "Engine | None" = None,
) -> CtrDrbg:
    """Return the DRBG of a seed or preseed: entropy is the first two thirds, nonce the rest.

    Raises NotSupportedError for an unknown type, FormatError naming ``field`` for a wrong length.
    """
    bits = key_bits(generator_type)
    entropy_len = bits // 8
    if len(seed) != entropy_len * 3 // 2:
        raise FormatError("%s: a type %d one has %d bytes" % (field, generator_type, entropy_len * 3 // 2))
    view = memoryview(seed)
    return CtrDrbg(bits, view[:entropy_len], view[entropy_len:], personalization, engine)


class Generator:
    """Identifiers of one seed, in order.

    Raises NotSupportedError for an unknown generator type and FormatError for a seed of the wrong
    length. ``engine`` is the AES to use, by default the one chosen by self-test.
    """

    def __init__(self, generator_type: int, seed: "Buffer", engine: "Engine | None" = None) -> None:
        self._start(generator_type, instantiate(generator_type, seed, engine=engine), 0)

    def _start(self, generator_type: int, drbg: CtrState, position: int) -> None:
        self.generator_type = generator_type
        self._drbg = drbg
        self._position = position
        self._out = bytearray(_ID_LEN)

    @property
    def position(self) -> int:
        """How many identifiers have been given, 0 to 2048."""
        return self._position

    def next_into(self, buffer: bytearray) -> None:
        """Write the next identifier to the first 16 bytes of ``buffer``.

        Allocates nothing on the viper and bytecode engines. Raises ExhaustedError after 2048.
        """
        if self._position >= MAX_IDS:
            raise ExhaustedError("generator: all 2048 identifiers were given, start a new seed")
        if len(buffer) < _ID_LEN:
            raise FormatError("buffer: 16 bytes are needed")
        self._drbg.step(buffer)
        self._position += 1
        _to_uuid(buffer)

    def next_id(self) -> bytes:
        """Return the next identifier, 16 bytes. Raises ExhaustedError after 2048."""
        self.next_into(self._out)
        return bytes(self._out)

    def find(self, bloom: "Bloom", count: int) -> "bytes | None":
        """Generate up to ``count`` further identifiers, return the first that ``bloom`` may hold.

        The position is then just after it: call again to go on. None when ``count`` identifiers, or
        all up to the 2048th, were generated and none is a candidate. Never raises ExhaustedError:
        ``position`` tells when the seed is done. Allocates only the bytes it returns.
        """
        count = min(count, MAX_IDS - self._position)
        if count <= 0:
            return None
        done = self._drbg.search(self._out, bloom, count)
        self._position += done or count
        if not done:
            return None
        _to_uuid(self._out)
        return bytes(self._out)

    def skip(self, count: int) -> None:
        """Pass over ``count`` identifiers. Raises ExhaustedError, and stays, if fewer are left."""
        if not 0 <= count <= MAX_IDS - self._position:
            raise ExhaustedError("generator: only 2048 identifiers belong to a seed")
        for _ in range(count):
            self._drbg.step(self._out)
        self._position += count

    def save(self) -> bytearray:
        """Return the whole state, 43 or 59 bytes, to go on from here later. It is as secret as the seed."""
        saved = bytearray(_MAGIC)
        saved.append(self.generator_type)
        saved.extend(self._position.to_bytes(2, "big"))
        saved.extend(self._drbg.state)
        saved.extend(sha256(saved).digest()[:_CHECK_LEN])
        return saved

    @staticmethod
    def resume(state: "Buffer", engine: "Engine | None" = None) -> "Generator":
        """Return the generator that ``save`` described. Raises FormatError when the state is damaged."""
        body = memoryview(state)[: max(0, len(state) - _CHECK_LEN)]
        if len(body) < _HEADER_LEN or bytes(body[:4]) != _MAGIC:
            raise FormatError("generator state: not a saved generator")
        if sha256(body).digest()[:_CHECK_LEN] != bytes(state[len(body) :]):
            raise FormatError("generator state: damaged, the checksum differs")
        generator_type = state[4]
        position = state[5] << 8 | state[6]
        if len(body) != _HEADER_LEN + key_bits(generator_type) // 8 + _ID_LEN or position > MAX_IDS:
            raise FormatError("generator state: damaged, length or position is impossible")
        return _Resumed(generator_type, CtrState(body[_HEADER_LEN:], engine), position)

    def wipe(self) -> None:
        """Overwrite every secret; the generator is exhausted from then on."""
        self._position = MAX_IDS
        self._drbg.wipe()
        wipe(self._out)


class _Resumed(Generator):
    """A generator made of a saved state: MicroPython has no ``__new__`` to leave the seed out with."""

    def __init__(self, generator_type: int, drbg: CtrState, position: int) -> None:
        self._start(generator_type, drbg, position)


def _to_uuid(block: bytearray) -> None:
    """Force version 4 and the RFC 4122 variant."""
    block[6] = block[6] & 0x0F | 0x40
    block[8] = block[8] & 0x3F | 0x80
