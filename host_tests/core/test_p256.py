"""P-256: RFC 6979's vectors, what libcx signed, and every way to be out of range."""

from binascii import unhexlify

from cx import der, p256
from cx.errors import CxError, FormatError, SignatureError
from support import raises

# RFC 6979 appendix A.2.5, with SHA-256
RFC_KEY = unhexlify("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
RFC_PUBLIC = unhexlify(
    "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
RFC_SIGNATURES = (
    (
        b"sample",
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    (
        b"test",
        0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
        0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
    ),
)
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


def signature(r: int, s: int) -> bytes:
    return der.encode_sequence((der.encode_integer(r), der.encode_integer(s)))


def test_rfc_6979():
    assert p256.public_key(RFC_KEY) == RFC_PUBLIC
    for message, r, s in RFC_SIGNATURES:
        assert p256.sign(RFC_KEY, message) == signature(r, s)
        assert p256.verify(RFC_PUBLIC, message, signature(r, s)) is True
        raises(SignatureError, p256.verify, RFC_PUBLIC, message + b"x", signature(r, s))


def test_the_other_half_of_s_verifies_too():
    message, r, s = RFC_SIGNATURES[0]
    assert p256.verify(RFC_PUBLIC, message, signature(r, N - s))


def test_every_bit_of_a_signature_counts():
    good = p256.sign(RFC_KEY, b"m")
    for bit in range(0, 8 * len(good), 5):
        bad = bytearray(good)
        bad[bit >> 3] ^= 1 << (bit & 7)
        raises(SignatureError, p256.verify, RFC_PUBLIC, b"m", bad)


def test_r_and_s_must_be_in_range():
    _, r, s = RFC_SIGNATURES[0]
    for bad in (
        (0, s),
        (r, 0),
        (0, 0),
        (N, s),
        (r, N),
        (r + N, s),
        (r, s + N),
        (-r, s),
        (r, -s),
        (r, 1 << 300),
    ):
        raises(SignatureError, p256.verify, RFC_PUBLIC, b"sample", signature(*bad))


def test_signatures_are_strict_der():
    _, r, s = RFC_SIGNATURES[1]
    good = signature(r, s)
    assert p256.verify(RFC_PUBLIC, b"test", good)
    r_der, s_der = der.encode_integer(r), der.encode_integer(s)
    for bad in (
        b"",
        b"0",
        good[:-1],
        good + b"\x00",
        der.encode_sequence((r_der, s_der, b"\x05\x00")),
        der.encode_sequence((r_der,)),
        der.encode(der.SET, r_der, s_der),
        b"\x30\x81" + good[1:],
        b"\x30\x80" + good[2:] + b"\x00\x00",
        der.encode_sequence((r_der, b"\x02" + bytes((s_der[1] + 1,)) + b"\x00" + s_der[2:])),
        r.to_bytes(32, "big") + s.to_bytes(32, "big"),
    ):
        raises(SignatureError, p256.verify, RFC_PUBLIC, b"test", bad)


def test_compressed_keys():
    compressed = bytes((2 + (RFC_PUBLIC[64] & 1),)) + RFC_PUBLIC[1:33]
    message, r, s = RFC_SIGNATURES[0]
    assert p256.verify(compressed, message, signature(r, s))
    other = bytes((3 - (RFC_PUBLIC[64] & 1),)) + RFC_PUBLIC[1:33]
    raises(SignatureError, p256.verify, other, message, signature(r, s))


def test_keys_that_are_no_points():
    off = bytearray(RFC_PUBLIC)
    off[64] ^= 1
    x = int.from_bytes(RFC_PUBLIC[1:33], "big")
    for bad in (
        b"",
        b"\x00",
        off,
        RFC_PUBLIC[1:],
        RFC_PUBLIC + b"\x00",
        b"\x06" + RFC_PUBLIC[1:],
        b"\x04" + bytes(64),
        b"\x04" + P.to_bytes(32, "big") + RFC_PUBLIC[33:],
        b"\x02" + P.to_bytes(32, "big"),
        b"\x02" + (5).to_bytes(32, "big") if not is_x(5) else b"\x05",
        b"\x04" + RFC_PUBLIC[33:] + x.to_bytes(32, "big"),
    ):
        raises(FormatError, p256.verify, bad, b"m", signature(1, 1))


def is_x(x: int) -> bool:
    square = (x * x * x - 3 * x + 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B) % P
    return pow(square, (P - 1) // 2, P) == 1


def test_small_and_great_private_keys():
    for d in (1, 2, 3, 1 << 64, (1 << 64) + 1, 1 << 192, N - 2, N - 1):
        key = d.to_bytes(32, "big")
        assert p256.verify(p256.public_key(key), b"m", p256.sign(key, b"m"))
    for d in (0, N, N + 1, (1 << 256) - 1):
        raises(FormatError, p256.public_key, d.to_bytes(32, "big"))
        raises(FormatError, p256.sign, d.to_bytes(32, "big"), b"m")
    raises(FormatError, p256.sign, b"\x01" * 31, b"m")
    negative = p256.public_key((N - 1).to_bytes(32, "big"))
    assert negative[:33] == p256.public_key((1).to_bytes(32, "big"))[:33]


def test_the_private_key_is_never_in_a_message():
    message = str(raises(FormatError, p256.sign, N.to_bytes(32, "big"), b"m"))
    assert str(N) not in message and "ffff" not in message.lower()


def test_private_key_from_random_bytes():
    assert int.from_bytes(p256.private_key(bytes(48)), "big") == 1
    assert int.from_bytes(p256.private_key((N - 2).to_bytes(48, "big")), "big") == N - 1
    assert int.from_bytes(p256.private_key((N - 1).to_bytes(48, "big")), "big") == 1
    assert 0 < int.from_bytes(p256.private_key(b"\xff" * 48), "big") < N
    assert isinstance(p256.private_key(bytes(48)), bytearray)  # so that it can be wiped
    raises(CxError, p256.private_key, bytes(32))


def test_key_information():
    expected = unhexlify("3059301306072a8648ce3d020106082a8648ce3d030107034200") + RFC_PUBLIC
    assert p256.spki(RFC_PUBLIC) == expected
    raises(FormatError, p256.spki, RFC_PUBLIC[:33])
