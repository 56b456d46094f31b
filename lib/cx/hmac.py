"""HMAC-SHA256 (RFC 2104, FIPS 198-1)."""

import hashlib

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from cx.compat import Buffer

_BLOCK_BYTES = const(64)


def hmac_sha256(key: "Buffer", *parts: "Buffer") -> bytes:
    """Return the 32-byte authentication code of the joined ``parts`` under ``key`` (any length)."""
    if len(key) > _BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    padded = bytearray(_BLOCK_BYTES)
    padded[: len(key)] = key
    for index in range(_BLOCK_BYTES):
        padded[index] ^= 0x36
    inner = hashlib.sha256(padded)
    for part in parts:
        inner.update(part)
    for index in range(_BLOCK_BYTES):
        padded[index] ^= 0x36 ^ 0x5C
    outer = hashlib.sha256(padded)
    outer.update(inner.digest())
    for index in range(_BLOCK_BYTES):
        padded[index] = 0  # it held the key
    return outer.digest()
