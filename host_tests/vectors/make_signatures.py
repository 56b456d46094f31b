"""Make the edge cases of signatures: ``ecdsa_p256_edge.json`` and ``rsa_pkcs1_edge.json``.

    python host_tests/vectors/make_signatures.py

The classes follow those of Project Wycheproof; keys, messages and signatures are made here, and whether each
is valid is what ``cryptography`` (OpenSSL) says of it. The arithmetic below is the textbook's, apart from
what is tested.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import cryptography
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

HERE = Path(__file__).parent
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
MESSAGE = b"CX edge cases"
E = int.from_bytes(hashlib.sha256(MESSAGE).digest(), "big")
Point = tuple[int, int] | None


def add(a: Point, b: Point) -> Point:
    """Return the sum of two affine points; None is infinity."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    if a == b:
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(scalar: int, point: Point) -> Point:
    """Return ``scalar`` times ``point``."""
    result = None
    for bit in bin(scalar % N)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def lift(x: int, odd: int = 0) -> Point:
    """Return the point with this x, or None."""
    square = (x * x * x - 3 * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        return None
    return x, y if y & 1 == odd else P - y


def tlv(tag: int, contents: bytes) -> bytes:
    """Return one DER element."""
    size = len(contents)
    length = (
        bytes([size])
        if size < 128
        else b"\x81" + bytes([size])
        if size < 256
        else b"\x82" + size.to_bytes(2, "big")
    )
    return bytes([tag]) + length + contents


def integer(value: int) -> bytes:
    """Return a DER INTEGER."""
    return tlv(
        2, value.to_bytes((value if value >= 0 else -value - 1).bit_length() // 8 + 1, "big", signed=True)
    )


def signature(r: int, s: int) -> bytes:
    """Return an ECDSA-Sig-Value."""
    return tlv(0x30, integer(r) + integer(s))


def encoded(point: Point) -> bytes:
    """Return a public key, uncompressed."""
    assert point is not None
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def key_for(nonce_point: Point, r: int, s: int) -> bytes:
    """Return the public key with which (r, s) is right for the message, when the nonce's point is this."""
    inverse = pow(r, -1, N)
    return encoded(add(multiply(s * inverse, nonce_point), multiply(-E * inverse, G)))


def chosen(nonce: int, s: int) -> tuple[bytes, bytes]:
    """Return (key, signature) with this nonce and this s."""
    point = multiply(nonce, G)
    assert point is not None
    r = point[0] % N
    return key_for(point, r, s % N), signature(r, s % N)


EDGES = (
    1,
    2,
    3,
    4,
    N - 1,
    N - 2,
    N - 3,
    (N + 1) // 2,
    N // 2,
    1 << 64,
    (1 << 64) - 1,
    1 << 128,
    1 << 192,
    1 << 255,
)
PATTERNS = (
    0x5555 << 200,
    int("f0" * 31, 16),
    int("01" * 31, 16),
    int("ff00000000000000" * 4, 16) % N,
    31,
    33,
    1 << 52,
)


def ecdsa_arithmetic() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield (class, key, signature) whose arithmetic meets every exceptional case."""
    for edge in EDGES:
        yield "extreme nonce", *chosen(edge, 0x1234567890ABCDEF)
        yield "extreme s", *chosen(0x1234567890ABCDEF, edge)
    for edge in EDGES + PATTERNS:
        yield "extreme u1", *chosen(77, E * pow(edge, -1, N))
        r = multiply(78, G)[0] % N
        yield "extreme u2", *chosen(78, r * pow(edge, -1, N))
    for edge in EDGES[:8]:
        yield "point doubled while verifying", *chosen(2 * E * pow(edge, -1, N) % N, edge)
    for private in (1, 2, 3, N - 1, N - 2, 1 << 64, 1 << 128, 1 << 192, N // 2):
        key = ec.derive_private_key(private, ec.SECP256R1())
        yield "extreme private key", encoded(multiply(private, G)), key.sign(MESSAGE, ec.ECDSA(SHA256()))
    for r in (5, 6, 7, 8, 9, 10):
        for odd in (0, 1):
            point = lift(r, odd)
            if point:
                yield "small r", key_for(point, r, 1), signature(r, 1)
                yield "small r, other key", key_for(point, r, 2), signature(r, 1)
    large = [x for x in range(N, N + 40) if lift(x)]
    for x in large[:6]:
        yield "x of the nonce's point beyond n", key_for(lift(x), x - N, 3), signature(x - N, 3)
        yield "r beyond n", key_for(lift(x), x - N, 3), signature(x, 3)
    for x in [x for x in range(P - 60, P) if lift(x)][:4]:
        yield "x of the nonce's point near p", key_for(lift(x), x - N, 3), signature(x - N, 3)
    r, s = multiply(79, G)[0] % N, 4242
    # u1 G = - u2 Q: the sum is infinity, whatever r says
    yield "infinity while verifying", encoded(multiply(-E * pow(r, -1, N), G)), signature(r, s)


def ecdsa_ranges() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield (class, key, signature) with values out of range, negative or exchanged."""
    key, good = chosen(123456789, 987654321)
    r, s = multiply(123456789, G)[0] % N, 987654321
    yield "valid", key, good
    yield "s negated modulo n", key, signature(r, N - s)
    values = (0, 1, -1, N, N - 1, N + 1, P, P + 1, 1 << 256, (1 << 256) - 1)
    for one in values:
        for other in values:
            yield "values out of range", key, signature(one, other)
    for changed in (r + N, r - N, -r, N - r, -r - N, r + (1 << 256), r * 2, r + P):
        yield "r changed", key, signature(changed, s)
    for changed in (s + N, s - N, -s, -s - N, s + (1 << 256), s * 2, s + P):
        yield "s changed", key, signature(r, changed)
    yield "r and s exchanged", key, signature(s, r)


def ecdsa_encodings() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield (class, key, signature) that are not DER."""
    key, good = chosen(987654321, (1 << 255) + 12345)
    r, s = integer(multiply(987654321, G)[0] % N), integer((1 << 255) + 12345)
    body = r + s
    yield "valid", key, good
    for bad in (
        b"",
        b"\x30",
        b"\x30\x00",
        b"\x05\x00",
        b"\x30\x81" + good[1:],
        b"\x30\x82\x00" + good[1:],
        b"\x30\x80" + body + b"\x00\x00",
        b"\x31" + good[1:],
        b"\x2e" + good[1:],
        good + b"\x00",
        good + b"\x05\x00",
        good[:-1],
        b"\x00\x00" + good,
        tlv(0x30, body + b"\x05\x00"),
        tlv(0x30, b"\x05\x00" + body),
        tlv(0x30, b""),
        tlv(0x30, r),
        tlv(0x30, r + b"\x02\x00"),
        tlv(0x30, b"\x02\x00" + s),
        tlv(0x30, r + tlv(2, b"\x00" + s[2:])),
        tlv(0x30, tlv(2, b"\x00" + r[2:]) + s),
        tlv(0x30, r + tlv(2, s[3:])),
        tlv(0x30, r + b"\x02\x81" + s[1:]),
        tlv(0x30, r + tlv(3, s[2:])),
        tlv(0x30, r + tlv(4, s[2:])),
        tlv(0x30, tlv(0x30, body)),
        tlv(0x30, r + s + s),
        tlv(0x30, r + b"\x01\x01\xff"),
        tlv(0x30, r + b"\x09\x01\x42"),
        good[:1] + bytes([good[1] + 1]) + good[2:],
        good[:1] + bytes([good[1] - 1]) + good[2:],
        good[:1] + b"\x84\xff\xff\xff\xff" + good[2:],
        r[2:] + s[2:],
    ):
        yield "not DER", key, bad
    for place in range(len(good)):
        yield "a bit changed", key, good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :]


def ecdsa_keys() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield (class, key, signature) with unusual keys."""
    for odd in (0, 1):
        point = next(p for p in (lift(x, odd) for x in range(11, 99)) if p)
        yield "key with a small x", encoded(point), signature(1, 1)
    point = multiply(4711, G)
    assert point is not None
    r = multiply(99, G)[0] % N
    good = signature(r, pow(99, -1, N) * (E + r * 4711) % N)
    x, y = point[0].to_bytes(32, "big"), point[1].to_bytes(32, "big")
    parity = point[1] & 1
    yield "valid", b"\x04" + x + y, good
    yield "compressed key", bytes([2 + parity]) + x, good
    yield "compressed key, other point", bytes([3 - parity]) + x, good
    for bad in (
        b"\x00",
        b"",
        b"\x04" + x + (P - point[1] + 1).to_bytes(32, "big"),
        b"\x04" + y + x,
        b"\x04" + bytes(64),
        b"\x04" + x,
        b"\x04" + x + y + b"\x00",
        b"\x02" + x + y,
        b"\x02" + next(v for v in range(2, 99) if not lift(v)).to_bytes(32, "big"),
        b"\x02" + P.to_bytes(32, "big"),
        b"\x02" + (P + 5).to_bytes(32, "big"),
        b"\x04" + P.to_bytes(32, "big") + y,
        b"\x04" + (1 << 255).to_bytes(32, "big") + (1 << 255).to_bytes(32, "big"),
    ):
        yield "no key", bad, good


def judge_ecdsa(key: bytes, signed: bytes) -> bool:
    """Return what ``cryptography`` says."""
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        public.verify(signed, MESSAGE, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
DIGEST = hashlib.sha256(MESSAGE).digest()


def padded(size: int, info: bytes, filler: bytes = b"\xff") -> bytes:
    """Return an encoded message of ``size`` bytes."""
    return b"\x00\x01" + filler * (size - 3 - len(info)) + b"\x00" + info


def rsa_encodings(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield (class, encoded message) that an RSA key may have signed."""
    good = padded(size, DIGEST_INFO + DIGEST)
    yield "valid", good
    yield "without NULL", padded(size, bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + DIGEST)
    yield "digest without DigestInfo", padded(size, DIGEST)
    sha1 = bytes.fromhex("3021300906052b0e03021a05000414") + hashlib.sha1(MESSAGE).digest()  # noqa: S324
    yield "SHA-1", padded(size, sha1)
    yield (
        "SHA-512",
        padded(
            size, bytes.fromhex("3051300d060960864801650304020305000440") + hashlib.sha512(MESSAGE).digest()
        ),
    )
    yield "digest of another message", padded(size, DIGEST_INFO + hashlib.sha256(b"x").digest())
    yield "long form of a length", padded(size, b"\x30\x81\x31" + DIGEST_INFO[2:] + DIGEST)
    yield "digest too long", padded(size, DIGEST_INFO + DIGEST + b"\x00")
    yield "digest too short", padded(size, DIGEST_INFO + DIGEST[:-1])
    yield "filler of zeros", padded(size, DIGEST_INFO + DIGEST, b"\x00")
    yield "a byte of the filler", good[:40] + b"\xfe" + good[41:]
    yield "block type 2", b"\x00\x02" + good[2:]
    yield "block type 0", b"\x00\x00" + good[2:]
    yield "first byte", b"\x01\x01" + good[2:]
    yield "no zero after the filler", good.replace(b"\xff\x00\x30", b"\xff\xff\x30")
    short = b"\x00\x01" + b"\xff" * 8 + b"\x00" + DIGEST_INFO + DIGEST
    yield "short filler, rubbish behind", short + bytes(size - len(short))
    yield "short filler, rubbish in front", bytes(size - len(short)) + short
    yield "zero", bytes(size)
    yield "one", bytes(size - 1) + b"\x01"


def rsa_cases() -> Iterator[dict[str, object]]:
    """Yield the cases of each key size and exponent."""
    for bits, exponent in ((2048, 65537), (2048, 3), (3072, 65537), (4096, 65537)):
        key = rsa.generate_private_key(exponent, bits)
        numbers = key.private_numbers()
        n, size = numbers.public_numbers.n, bits // 8

        def case(name: str, signed: bytes, key=key, n=n, size=size, exponent=exponent) -> dict[str, object]:
            try:
                key.public_key().verify(signed, MESSAGE, padding.PKCS1v15(), SHA256())
                valid = True
            except InvalidSignature:
                valid = False
            modulus = n.to_bytes(size, "big").hex()
            return {
                "class": name,
                "modulus": modulus,
                "exponent": exponent,
                "signature": signed.hex(),
                "valid": valid,
            }

        good = b""
        for name, message in rsa_encodings(size):
            value = int.from_bytes(message, "big")
            if value < n:
                signed = pow(value, numbers.d, n).to_bytes(size, "big")
                good = good or signed
                yield case(name, signed)
        for name, signed in (
            ("empty", b""),
            ("cut off", good[:-1]),
            ("zero in front", b"\x00" + good),
            ("zero behind", good + b"\x00"),
            ("the modulus", n.to_bytes(size, "big")),
            ("n - 1", (n - 1).to_bytes(size, "big")),
            ("signature + n", ((int.from_bytes(good, "big") + n) % (1 << bits)).to_bytes(size, "big")),
        ):
            yield case(name, signed)
        if bits == 4096:
            break


def write(name: str, note: str, cases: list[dict[str, object]]) -> None:
    """Write one vector file."""
    source = f"host_tests/vectors/make_signatures.py, judged by cryptography {cryptography.__version__}"
    document = {"source": source, "note": note, "message": MESSAGE.hex(), "cases": cases}
    (HERE / f"{name}.json").write_text(json.dumps(document, indent=0) + "\n")
    print(name, len(cases), "cases,", sum(bool(case["valid"]) for case in cases), "valid")


def main() -> None:
    """Write both files."""
    cases = [
        {"class": name, "key": key.hex(), "signature": signed.hex(), "valid": judge_ecdsa(key, signed)}
        for source in (ecdsa_arithmetic, ecdsa_ranges, ecdsa_encodings, ecdsa_keys)
        for name, key, signed in source()
    ]
    write("ecdsa_p256_edge", "ECDSA on P-256 with SHA-256; classes of Project Wycheproof", cases)
    write("rsa_pkcs1_edge", "RSASSA-PKCS1-v1_5 with SHA-256; keys are test keys", list(rsa_cases()))


if __name__ == "__main__":
    main()
