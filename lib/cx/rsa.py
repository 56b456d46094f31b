"""RSA signatures: RSASSA-PKCS1-v1_5 with SHA-256, verification only (RFC 8017 section 8.2.2)."""

import hashlib

from cx.compat import TYPE_CHECKING
from cx.errors import NotSupportedError, SignatureError

if TYPE_CHECKING:
    from cx.compat import Buffer

# DigestInfo of SHA-256 up to the digest (RFC 8017 section 9.2, note 1); NULL parameters, no other form.
_DIGEST_INFO = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"


def verify(modulus: "Buffer", exponent: int, message: "Buffer", signature: "Buffer") -> bool:
    """Check ``signature`` over ``message``; return True or raise ``SignatureError``.

    ``modulus``: 256 to 512 bytes, big-endian, no leading zero. ``exponent``: odd, 3 to 2**32 - 1.
    Other keys raise ``NotSupportedError``. The expected encoding is made and compared whole, so no
    padding is ever parsed. Allocates about six times the modulus.
    """
    size = len(modulus)
    if not 256 <= size <= 512 or modulus[0] < 0x80 or not modulus[size - 1] & 1:
        raise NotSupportedError("RSA key: the modulus must have 2048 to 4096 bits, in whole bytes")
    if exponent < 3 or exponent > 0xFFFFFFFF or not exponent & 1:
        raise NotSupportedError("RSA key: the exponent must be odd, and between 3 and 2**32")
    if len(signature) != size:
        raise SignatureError("RSA signature: its length is not that of the key")
    n = int.from_bytes(modulus, "big")
    s = int.from_bytes(signature, "big")
    if s >= n:
        raise SignatureError("RSA signature: out of range")
    found = pow(s, exponent, n).to_bytes(size, "big")
    head = size - len(_DIGEST_INFO) - 32
    expected = bytearray(b"\xff" * size)
    expected[:2] = b"\x00\x01"
    expected[head - 1] = 0
    expected[head : size - 32] = _DIGEST_INFO
    expected[size - 32 :] = hashlib.sha256(message).digest()
    if found != expected:
        raise SignatureError("RSA signature: it does not match the signed content and the key")
    return True
