"""CTR_DRBG and the Seed Calculator on OpenSSL's AES: the host's own way to a seed value.

Written apart from ``cx.drbg``, so that one can judge the other. NIST SP 800-90A Rev. 1 section 10.2.1, with
derivation function, without reseed, prediction resistance and additional input.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 16
# Section 10.2.1, table 3: no more than 2**19 bits in one request.
MAX_REQUEST = 1 << 16
MAX_IDS = 2048  # that one seed gives
# Generator type: (bytes of the seed and of the preseed, bytes of entropy input in front, AES key bits).
_TYPES = {1: (24, 16, 128), 2: (48, 32, 256)}


def _ecb(key: bytes, data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305  the block cipher itself
    return encryptor.update(data) + encryptor.finalize()


def _bcc(key: bytes, data: bytes) -> bytes:
    """Return the last block of CBC over ``data`` from a zero vector (BCC, section 10.3.3)."""
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK))).encryptor()
    return (encryptor.update(data) + encryptor.finalize())[-_BLOCK:]


def _derive(data: bytes, length: int, key_len: int) -> bytes:
    """Return ``length`` bytes derived from ``data`` (Block_Cipher_df, section 10.3.2)."""
    text = len(data).to_bytes(4, "big") + length.to_bytes(4, "big") + data + b"\x80"
    text += bytes(-len(text) % _BLOCK)
    first_key = bytes(range(key_len))
    chained = b""
    while len(chained) < key_len + _BLOCK:
        vector = (len(chained) // _BLOCK).to_bytes(4, "big") + bytes(12)
        chained += _bcc(first_key, vector + text)
    key, block = chained[:key_len], chained[key_len : key_len + _BLOCK]
    derived = b""
    while len(derived) < length:
        block = _ecb(key, block)
        derived += block
    return derived[:length]


class CtrDrbg:
    """CTR_DRBG with AES-128 or AES-256. For test vectors and seed values, not for drawing random bytes."""

    def __init__(self, key_bits: int, entropy: bytes, nonce: bytes, personalization: bytes = b"") -> None:
        if key_bits not in (128, 256):
            raise ValueError(f"key_bits is {key_bits}: must be 128 or 256")
        self._key_len = key_bits // 8
        self._key, self._v = bytes(self._key_len), 0
        seed_len = self._key_len + _BLOCK
        self._update(_derive(entropy + nonce + personalization, seed_len, self._key_len))

    def _keystream(self, length: int) -> bytes:
        """Return ``length`` bytes of AES over V+1, V+2, ..., and move V on."""
        blocks = -(-length // _BLOCK)
        start = ((self._v + 1) % (1 << 128)).to_bytes(_BLOCK, "big")
        encryptor = Cipher(algorithms.AES(self._key), modes.CTR(start)).encryptor()
        self._v = (self._v + blocks) % (1 << 128)
        return encryptor.update(bytes(blocks * _BLOCK))[:length]

    def _update(self, data: bytes) -> None:
        """Take ``data`` (seed length) into the state (CTR_DRBG_Update, section 10.2.1.2)."""
        mixed = bytes(a ^ b for a, b in zip(self._keystream(len(data)), data, strict=True))
        self._key, self._v = mixed[: self._key_len], int.from_bytes(mixed[self._key_len :], "big")

    def generate(self, length: int) -> bytes:
        """Return the next ``length`` bytes, 1 to 65536; ``ValueError`` for another length."""
        if not 0 < length <= MAX_REQUEST:
            raise ValueError(f"length is {length}: must be 1 to {MAX_REQUEST}")
        output = self._keystream(length)
        self._update(bytes(self._key_len + _BLOCK))
        return output


def preseed_len(generator_type: int) -> int:
    """Return the bytes of a preseed, and of a seed; ``ValueError`` for a type other than 1 and 2."""
    if generator_type not in _TYPES:
        raise ValueError(f"generator type is {generator_type}: must be 1 or 2")
    return _TYPES[generator_type][0]


def _instantiate(generator_type: int, value: bytes, personalization: bytes) -> CtrDrbg:
    length = preseed_len(generator_type)
    if len(value) != length:
        raise ValueError(f"{len(value)} bytes: type {generator_type} takes {length}")
    _, entropy_len, key_bits = _TYPES[generator_type]
    return CtrDrbg(key_bits, value[:entropy_len], value[entropy_len:], personalization)


def seed_value(generator_type: int, preseed: bytes, spki: bytes) -> bytes:
    """Return the seed value, 24 or 48 bytes, of a preseed and the DER of its public key, byte for byte.

    ``ValueError`` for an unknown type and for a preseed of another length than the type's.
    """
    return _instantiate(generator_type, preseed, spki).generate(preseed_len(generator_type))


def contact_ids(generator_type: int, seed: bytes, count: int) -> list[bytes]:
    """Return the first ``count`` contact identifiers of a seed: 16 bytes each, at most 2048.

    ``ValueError`` for an unknown type, a seed of another length than the type's, and a count above 2048.
    """
    if not 0 <= count <= MAX_IDS:
        raise ValueError(f"count is {count}: a seed has {MAX_IDS} identifiers")
    drbg = _instantiate(generator_type, seed, b"")
    identifiers = []
    for _ in range(count):
        block = bytearray(drbg.generate(16))
        block[6] = block[6] & 0x0F | 0x40  # RFC 4122 section 4.4: version 4
        block[8] = block[8] & 0x3F | 0x80
        identifiers.append(bytes(block))
    return identifiers
