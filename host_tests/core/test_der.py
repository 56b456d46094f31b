"""The DER reader and writer: what is right is read, what is not minimal or does not fit is refused."""

from binascii import unhexlify

from cx import der
from cx.errors import FormatError
from support import raises


def reader(text: str) -> der.Reader:
    return der.Reader(unhexlify(text.replace(" ", "")))


def test_integers():
    for text, value in (
        ("020100", 0),
        ("02017f", 127),
        ("02020080", 128),
        ("020180", -128),
        ("0202ff7f", -129),
        ("02087fffffffffffffff", (1 << 63) - 1),
    ):
        assert reader(text).integer("n") == value
        assert der.encode_integer(value) == unhexlify(text)


def test_integers_that_are_not_minimal_empty_or_too_long():
    for text in ("0200", "0202007f", "0202ff80", "0209010000000000000000", "030100", "0201"):
        raises(FormatError, reader(text).integer, "n")


def test_booleans():
    assert reader("0101ff").boolean("b") is True
    assert reader("010100").boolean("b") is False
    for text in ("010101", "0100", "01020000", "0201ff"):
        raises(FormatError, reader(text).boolean, "b")


def test_lengths_must_be_minimal_and_definite():
    assert bytes(der.Reader(b"\x04\x81\x80" + bytes(128)).octets("o")) == bytes(128)
    assert bytes(der.Reader(b"\x04\x82\x01\x00" + bytes(256)).octets("o")) == bytes(256)
    for head, size in (
        (b"\x04\x81\x7f", 127),
        (b"\x04\x82\x00\x80", 128),
        (b"\x04\x83\x00\x01\x00", 256),
        (b"\x04\x80", 2),
        (b"\x04\xff", 2),
        (b"\x04\x85\x00\x00\x00\x00\x01", 1),
    ):
        raises(FormatError, der.Reader(head + bytes(size)).octets, "o")


def test_an_element_must_fit_in_what_encloses_it():
    raises(FormatError, reader("0402aa").octets, "o")
    outer = reader("3003 040201 02 0000")
    outer.enter(der.SEQUENCE, "s")
    raises(FormatError, outer.octets, "o")
    for text in ("", "04", "0481", "1f", "1f81"):
        raises(FormatError, reader(text).octets, "o")


def test_enter_leave_and_trailing_bytes():
    document = reader("3006 020101 020102")
    outer = document.enter(der.SEQUENCE, "s")
    assert document.integer("a") == 1
    raises(FormatError, document.leave, outer, "s")
    assert document.peek() == der.INTEGER and not document.at_end()
    assert document.integer("b") == 2
    assert document.peek() == -1 and document.at_end()
    document.leave(outer, "s")
    document.finish("s")
    extra = reader("020101 00")
    extra.integer("a")
    raises(FormatError, extra.finish, "s")


def test_contents_are_not_copied():
    data = bytearray(b"\x04\x02ab")
    contents = der.Reader(data).octets("o")
    data[2] = 0x7A
    assert bytes(contents) == b"zb"


def test_text_is_valid_utf8():
    for octets in (b"", b"plain", "a\u00e9\u20ac\U0001f600".encode()):
        assert der.Reader(der.encode(der.UTF8, octets)).text("t").encode() == octets
    # overlong, surrogate, above U+10FFFF, cut off, stray continuation (Unicode table 3-7)
    for text in (
        "c080",
        "c1bf",
        "e09fbf",
        "eda080",
        "edbfbf",
        "f08fbfbf",
        "f4908080",
        "f5808080",
        "80",
        "c3",
        "e282",
        "c328",
    ):
        raises(FormatError, der.Reader(der.encode(der.UTF8, unhexlify(text))).text, "t")


def test_times():
    for text, value in (
        (b"19700101000000Z", 0),
        (b"20000229235959Z", 951868799),
        (b"20260412213900Z", 1776029940),
        (b"19691231235959Z", -1),
        (b"21000301000000Z", 4107542400),
    ):
        assert der.Reader(der.encode(der.TIME, text)).time("t") == value
    for text in (
        b"20260412213900",
        b"2026041221390Z",
        b"20260412213900.5Z",
        b"20260412213900+0000",
        b"20261312213900Z",
        b"20260012213900Z",
        b"20260431213900Z",
        b"20250229000000Z",
        b"21000229000000Z",
        b"20260412243900Z",
        b"20260412216000Z",
        b"20260412213960Z",
        b"2026041221390 Z",
        b"-0260412213900Z",
    ):
        raises(FormatError, der.Reader(der.encode(der.TIME, text)).time, "t")


def test_object_identifiers():
    for text, value in (
        ("06092b06010401ce230301", "1.3.6.1.4.1.10019.3.1"),
        ("06082a8648ce3d040302", "1.2.840.10045.4.3.2"),
        ("060100", "0.0"),
        ("06028837", "2.999"),
    ):
        octets = reader(text).oid("o")
        assert der.oid_text(octets) == value
        assert der.encode_oid(octets) == unhexlify(text)
    for text in ("0600", "060180", "06022a80", "06032a8001", "06028001"):
        raises(FormatError, reader(text).oid, "o")


def test_bit_strings_and_null():
    assert bytes(reader("0303 00abcd").bits("b")) == unhexlify("abcd")
    for text in ("0300", "030204f0", "030208ff"):
        raises(FormatError, reader(text).bits, "b")
    reader("0500").null("n")
    raises(FormatError, reader("050100").null, "n")


def test_skip_checks_what_it_passes_over():
    for text in ("0400", "30060201010101ff", "3000", "bf8701 03 020101", "9f1f00", "a003020101"):
        document = reader(text)
        document.skip("x")
        document.finish("x")
    for text in (
        "3003020201",  # the inner one is longer than the outer one
        "30800000",
        "2404 0402abcd",  # constructed OCTET STRING
        "1000",  # primitive SEQUENCE
        "0000",
        "3f",
        "9f1e00",  # number below 31 in the long form
        "9f800100",
        "9fffffffff7f00",
    ):
        raises(FormatError, reader(text).skip, "x")


def test_depth_is_bounded():
    nested = b""
    for _ in range(16):
        nested = der.encode(der.SEQUENCE, nested)
    der.Reader(nested).skip("x")
    raises(FormatError, der.Reader(der.encode(der.SEQUENCE, nested)).skip, "x")


def test_element_is_whole_and_bounded():
    document = reader("3003020101 0500")
    assert bytes(document.element("e")) == unhexlify("3003020101")
    raises(FormatError, reader("3003020101").element, "e", 4)


def test_errors_name_the_field_and_the_place():
    message = str(raises(FormatError, reader("0401").integer, "version"))
    assert message.startswith("version: ") and message.endswith("at byte 2")


def test_writing_long_contents():
    for size in (0, 127, 128, 255, 256, 65535, 65536):
        encoded = der.encode(der.OCTET_STRING, bytes(size))
        document = der.Reader(encoded)
        assert len(document.octets("o", 70000)) == size
        document.finish("o")
    assert der.encode_text("a\u00e9") == b"\x0c\x03a\xc3\xa9"
