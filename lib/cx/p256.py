"""ECDSA on P-256 with SHA-256 (FIPS 186-5, SEC 1), deterministic signing (RFC 6979).

Points are Jacobian tuples (X, Y, Z) for (X/Z^2, Y/Z^3); Z = 0 is the point at infinity. Formulas:
"dbl-2001-b", "madd", "add-1998-cmo-2" of the Explicit-Formulas Database. Additions handle equal and opposite
points.

What Python cannot do: its big integers are neither constant-time nor can they be wiped. A badge signs a
handful of times in its life, with keys that are used for one report; private keys are kept as bytes between
uses.
"""

import hashlib

from cx import der
from cx.compat import TYPE_CHECKING, const
from cx.errors import CxError, FormatError, SignatureError
from cx.hmac import hmac_sha256
from cx.p256_table import COMB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cx.compat import Buffer

    Point = tuple[int, int, int]

_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_SIZE = const(32)
_TEETH_GAP = const(64)  # bits between the teeth of the comb
_INFINITY = (1, 1, 0)
# SubjectPublicKeyInfo of an uncompressed key, up to its 65 bytes (RFC 5480)
_SPKI_HEAD = (
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
    b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
)


def private_key(random: "Buffer") -> bytearray:
    """Return a private key, 32 bytes, from 48 fresh random bytes (FIPS 186-5 A.2.1: extra random bits).

    The caller wipes both when they are no longer needed.
    """
    if len(random) != 48:
        raise CxError("a private key is made from exactly 48 random bytes")
    return bytearray((int.from_bytes(random, "big") % (_N - 1) + 1).to_bytes(_SIZE, "big"))


def public_key(d: "Buffer") -> bytes:
    """Return the public key of private key ``d`` (32 bytes): 65 bytes, uncompressed (SEC 1 section 2.3.3)."""
    x, y = _affine(_add_comb(_scalar(d)))
    return b"\x04" + x.to_bytes(_SIZE, "big") + y.to_bytes(_SIZE, "big")


def spki(public_key: "Buffer") -> bytes:
    """Return the DER SubjectPublicKeyInfo, 91 bytes, of an uncompressed public key."""
    if len(public_key) != 65 or public_key[0] != 4:
        raise FormatError("P-256 public key: expected 65 bytes, uncompressed")
    return _SPKI_HEAD + bytes(public_key)


def sign(d: "Buffer", message: "Buffer") -> bytes:
    """Return the DER ECDSA-Sig-Value over ``message`` by private key ``d`` (32 bytes).

    Deterministic (RFC 6979 with HMAC-SHA256): the same key and message give the same signature.
    """
    secret = _scalar(d)
    digest = hashlib.sha256(message).digest()
    e = int.from_bytes(digest, "big")
    state = _NonceState(d, digest)
    while True:
        k = state.next()
        if 0 < k < _N:
            r = _affine(_add_comb(k))[0] % _N
            s = _inverse(k, _N) * (e + r * secret) % _N
            if r and s:
                return der.encode_sequence((der.encode_integer(r), der.encode_integer(s)))


def verify(public_key: "Buffer", message: "Buffer", signature: "Buffer") -> bool:
    """Check the DER ``signature`` over ``message``; return True or raise ``SignatureError``.

    ``public_key``: 65 bytes uncompressed or 33 compressed; raises ``FormatError`` when it is no point
    of the curve. SEC 1 section 4.1.4.
    """
    x, y = decode_point(public_key)
    r, s = _read_signature(signature)
    w = _inverse(s, _N)
    u1 = int.from_bytes(hashlib.sha256(message).digest(), "big") * w % _N
    point = _add_comb(u1, _wnaf(r * w % _N), _odd_multiples((x, y, 1)))
    zz = point[2] * point[2] % _P
    # r was reduced modulo n; the x-coordinate was r or, when that is below p, r + n
    matches = point[0] == r * zz % _P or (r + _N < _P and point[0] == (r + _N) * zz % _P)
    if not zz or not matches:
        raise SignatureError("P-256 signature: it does not match the signed content and the key")
    return True


def decode_point(encoded: "Buffer") -> "tuple[int, int]":
    """Return (x, y) of a public key, 65 bytes uncompressed or 33 compressed (SEC 1 section 2.3.4)."""
    kind = (len(encoded), encoded[0]) if len(encoded) else (0, 0)
    if kind not in ((65, 4), (33, 2), (33, 3)):
        raise FormatError("P-256 public key: expected 65 bytes uncompressed or 33 bytes compressed")
    x = int.from_bytes(encoded[1:33], "big")
    square = (x * x * x - 3 * x + _B) % _P
    if kind[0] == 65:
        y = int.from_bytes(encoded[33:65], "big")
    else:
        y = pow(square, (_P + 1) // 4, _P)
        if y & 1 != encoded[0] & 1:
            y = _P - y
    if x >= _P or y >= _P or y * y % _P != square:
        raise FormatError("P-256 public key: not a point of the curve")
    return x, y


def _scalar(d: "Buffer") -> int:
    value = int.from_bytes(d, "big")
    if len(d) != _SIZE or not 0 < value < _N:
        raise FormatError("P-256 private key: not 32 bytes in the range of the curve")
    return value


def _read_signature(signature: "Buffer") -> "tuple[int, int]":
    """Return r and s of a strict DER ECDSA-Sig-Value, both in the range 1 to n - 1."""
    reader = der.Reader(signature)
    try:
        outer = reader.enter(der.SEQUENCE, "P-256 signature")
        r = reader.integer("P-256 signature", 33)
        s = reader.integer("P-256 signature", 33)
        reader.leave(outer, "P-256 signature")
        reader.finish("P-256 signature")
    except FormatError as error:
        raise SignatureError(error.args[0])
    if not 0 < r < _N or not 0 < s < _N:
        raise SignatureError("P-256 signature: out of range")
    return r, s


class _NonceState:
    """The generator of per-message secrets, RFC 6979 section 3.2, for SHA-256 and a 256-bit group."""

    def __init__(self, d: "Buffer", digest: bytes) -> None:
        reduced = (int.from_bytes(digest, "big") % _N).to_bytes(_SIZE, "big")
        self._v = b"\x01" * 32
        self._k = b"\x00" * 32
        for separator in (b"\x00", b"\x01"):
            self._k = hmac_sha256(self._k, self._v, separator, d, reduced)
            self._v = hmac_sha256(self._k, self._v)
        self._fresh = True

    def next(self) -> int:
        """Return the next candidate; the caller checks its range (step h)."""
        if not self._fresh:
            self._k = hmac_sha256(self._k, self._v, b"\x00")
            self._v = hmac_sha256(self._k, self._v)
        self._fresh = False
        self._v = hmac_sha256(self._k, self._v)
        return int.from_bytes(self._v, "big")


def _inverse(value: int, modulus: int) -> int:
    """Return the inverse of ``value`` (not 0) modulo a prime: Euclid, as MicroPython's pow has no -1."""
    r0, r1 = modulus, value % modulus
    t0, t1 = 0, 1
    while r1:
        quotient = r0 // r1
        r0, r1 = r1, r0 - quotient * r1
        t0, t1 = t1, t0 - quotient * t1
    return t0 % modulus


def _affine(point: "Point") -> "tuple[int, int]":
    inverse = _inverse(point[2], _P)
    square = inverse * inverse % _P
    return point[0] * square % _P, point[1] * square * inverse % _P


def _double(point: "Point", times: int = 1) -> "Point":
    """Return 2 ** ``times`` times ``point``. Locals and few objects: this is where the time goes."""
    p = _P
    x, y, z = point
    for _ in range(times):
        delta = z * z % p
        gamma2 = 2 * y * y % p
        beta4 = 2 * x * gamma2 % p
        alpha = 3 * (x - delta) * (x + delta) % p
        x = (alpha * alpha - beta4 - beta4) % p
        z = 2 * y * z % p
        y = (alpha * (beta4 - x) - 2 * gamma2 * gamma2) % p
    return x, y, z


def _add(point: "Point", other: "Point") -> "Point":
    """Return the sum, whatever the points are: equal, opposite or infinite."""
    x1, y1, z1 = point
    x2, y2, z2 = other
    if not z1:
        return other
    if not z2:
        return point
    p = _P
    zz1 = z1 * z1 % p
    if z2 != 1:
        zz2 = z2 * z2 % p
        x1 = x1 * zz2 % p
        y1 = y1 * z2 * zz2 % p
    h = (x2 * zz1 - x1) % p
    r = (y2 * z1 * zz1 - y1) % p
    if not h:
        return _INFINITY if r else _double(point)
    hh = h * h % p
    hhh = h * hh % p
    v = x1 * hh % p
    x3 = (r * r - hhh - v - v) % p
    return x3, (r * (v - x3) - y1 * hhh) % p, (z1 * h if z2 == 1 else z1 * z2 * h) % p


def _odd_multiples(point: "Point") -> "list[bytes]":
    """Return 1, 3, 5, ... 15 times ``point``, each as 96 bytes: a third of what the integers take."""
    twice = _double(point)
    multiples = []
    for _ in range(8):
        multiples.append(b"".join([coordinate.to_bytes(_SIZE, "big") for coordinate in point]))
        point = _add(point, twice)
    return multiples


def _multiple(multiples: "Sequence[Buffer]", digit: int) -> "Point":
    """Return ``digit`` (odd, -15 to 15) times the point of ``_odd_multiples``."""
    octets = multiples[abs(digit) >> 1]
    y = int.from_bytes(octets[32:64], "big")
    return (
        int.from_bytes(octets[:32], "big"),
        (y if digit > 0 else _P - y),
        int.from_bytes(octets[64:], "big"),
    )


def _wnaf(scalar: int) -> bytearray:
    """Return the width-5 non-adjacent form of ``scalar``: for each bit from the lowest, 16 + digit, or 0."""
    digits = bytearray(257)
    place = 0
    while scalar:
        if scalar & 1:
            digit = scalar & 31
            if digit > 15:
                digit -= 32
            scalar -= digit
            digits[place] = 16 + digit
        place += 1
        scalar >>= 1
    return digits


def _add_comb(scalar: int, digits: "Buffer" = b"", multiples: "Sequence[Buffer]" = ()) -> "Point":
    """Return scalar * G, plus the point whose width-5 form is ``digits`` over ``multiples``.

    One chain of doublings serves both: the last 64 of them are those of the comb.
    """
    octets = scalar.to_bytes(_SIZE, "big")
    point = _INFINITY
    waiting = 0  # doublings
    for bit in range(max(len(digits), _TEETH_GAP) - 1, -1, -1):
        waiting += 1
        digit = digits[bit] if bit < len(digits) else 0
        if digit or bit < _TEETH_GAP:
            point = _double(point, waiting) if point[2] else point
            waiting = 0
        if digit:
            point = _add(point, _multiple(multiples, digit - 16))
        if bit < _TEETH_GAP:
            point = _add(point, _comb_entry(octets, bit))
    return point


def _comb_entry(octets: bytes, bit: int) -> "Point":
    """Return the comb's point for the bits of a scalar at ``bit``, ``bit`` + 64, + 128 and + 192."""
    byte = 7 - (bit >> 3)
    shift = bit & 7
    index = 0
    for tooth in range(4):
        index = index << 1 | octets[byte + 8 * tooth] >> shift & 1
    if not index:
        return _INFINITY
    start = 64 * (index - 1)
    x = int.from_bytes(COMB[start : start + 32], "big")
    return x, int.from_bytes(COMB[start + 32 : start + 64], "big"), 1
