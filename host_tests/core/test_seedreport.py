"""Seed Reports: the bytes that libcx made, made again from the same values."""

from binascii import unhexlify

import documents as d
from cx import der, p256, seedreport
from cx.errors import FormatError
from support import raises, sample, vector

KEY_1 = bytes(range(1, 33))
KEY_2 = bytes(range(3, 35))


def build(*descriptors, name: str = "Health", code: str = "CODE") -> bytes:
    return seedreport.build(name, code, descriptors)


def parts(report: bytes) -> tuple:
    """Return the content element and the list of (algorithm, signature) of a report."""
    reader = der.Reader(report)
    outer = reader.enter(der.SEQUENCE, "report")
    content = bytes(reader.element("content"))
    signatures = []
    inner = reader.enter(der.SEQUENCE, "signatures")
    while not reader.at_end():
        one = reader.enter(der.SEQUENCE, "signature")
        signatures.append((bytes(reader.element("algorithm")), bytes(reader.octets("value"))))
        reader.leave(one, "signature")
    reader.leave(inner, "signatures")
    reader.leave(outer, "report")
    reader.finish("report")
    return content, signatures


def test_content_is_byte_for_byte_what_libcx_makes():
    entry = vector("samples/index")["seed_reports"][1]
    descriptors = [
        (item["generatorType"], unhexlify(item["preseedValue"]), KEY_1, unhexlify(item["spki"])[26:])
        for item in entry["descriptors"]
    ]
    ours = seedreport.build(entry["publisherName"], entry["seedReportChallenge"], descriptors)
    content, signatures = parts(sample(entry["file"]))
    our_content, our_signatures = parts(ours)
    assert our_content == content
    assert [one[0] for one in our_signatures] == [one[0] for one in signatures]


def test_signatures_of_libcx_verify():
    entry = vector("samples/index")["seed_reports"][1]
    content, signatures = parts(sample(entry["file"]))
    for item, (algorithm, signature) in zip(entry["descriptors"], signatures):
        key = unhexlify(item["spki"])[26:]
        assert p256.verify(key, der.encode_sequence((content, algorithm)), signature)


def test_each_descriptor_has_its_own_signature_in_order():
    report = build(d.seed(1, bytes(24), KEY_1), d.seed(2, bytes(48), KEY_2))
    content, signatures = parts(report)
    for key, (algorithm, signature) in zip((KEY_1, KEY_2), signatures):
        assert p256.verify(p256.public_key(key), der.encode_sequence((content, algorithm)), signature)


def test_any_text_is_a_confirmation_code():
    report = build(d.seed(1, bytes(24), KEY_1), code="W\u00f6lf \u2603 \U0001f43a")
    assert "W\u00f6lf \u2603 \U0001f43a".encode() in report


def test_the_public_key_is_computed_where_it_is_not_known():
    whole = d.seed(1, bytes(24), KEY_1)
    assert build(whole[:3]) == build(whole)


def test_private_keys_stay_private():
    report = build(d.seed(1, bytes(24), KEY_1))
    assert KEY_1 not in report


def test_what_cannot_be_reported():
    good = d.seed(1, bytes(24), KEY_1)
    raises(FormatError, build)
    for bad in (
        d.seed(1, bytes(48), KEY_1),
        d.seed(2, bytes(24), KEY_1),
        d.seed(3, bytes(24), KEY_1),
    ):
        raises(FormatError, build, good, bad)
    raises(FormatError, build, (1, bytes(24), bytes(32), good[3]))
    raises(FormatError, build, (1, bytes(24), KEY_1, good[3][:33]))
    raises(FormatError, seedreport.build, "", "CODE", [good])
    raises(FormatError, seedreport.build, "Health", "", [good])
