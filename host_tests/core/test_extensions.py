"""Usage and guidance: written, read, and taken as absent when they are not what they should be."""

import documents as d
from cx import der, extensions, publication, seedreport
from cx.errors import FormatError, SignatureError
from support import raises

SEEDS_1 = bytes(range(72))
SEEDS_2 = bytes(range(96))
NOTIFICATIONS = (d.notification(5, 1, SEEDS_1), d.notification(5, 9, b"new"), d.notification(4, 2, SEEDS_2))
DAYS = ((20555, 144), None, (20556, 2048), (20557, 1), (20558, 150))
UNKNOWN = extensions.encode_extension(b"\x2a\x03\x04", d.octets(b"anything"))


def extended(*parts: bytes) -> bytes:
    return der.encode(der.CONTEXT_0, d.sequence(parts))


def usage(*octets: bytes) -> bytes:
    return extensions.encode_extension(extensions.USAGE, d.sequence([d.octets(one) for one in octets]))


def good_usage() -> bytes:
    codes = [extensions.encode_usage(one) for one in DAYS]
    return usage(b"".join(codes[:3]), b"", b"".join(codes[3:]))


def opened(*parts: bytes) -> tuple:
    stream = d.stream(d.cms(d.content(NOTIFICATIONS, more=extended(*parts))))
    return stream, publication.verify(stream, d.certificate())


def usages(*parts: bytes) -> list:
    found = publication.notifications(*opened(*parts))
    return [extensions.decode_usage(found.usage) for _ in found]


def test_usage_of_each_seed():
    assert usages(good_usage()) == list(DAYS)
    assert usages(UNKNOWN, good_usage(), UNKNOWN) == list(DAYS)
    assert usages(UNKNOWN) == [None] * 5


def test_usage_in_slices_and_after_a_resumption():
    stream, header = opened(good_usage())
    found = publication.notifications(stream, header)
    assert found.next_slice()[2] == SEEDS_1 and len(found.usage) == 12
    assert found.next_slice()[2] == SEEDS_2 and extensions.decode_usage(found.usage[4:]) == DAYS[4]
    for skipped in range(5):
        found = publication.notifications(stream, header)
        for _ in range(skipped):
            next(found)
        again = publication.notifications(stream, header, found.position)
        assert [extensions.decode_usage(again.usage) for _ in again] == list(DAYS[skipped:])


def test_usage_that_does_not_fit_the_seeds_is_taken_as_absent():
    absent = [None] * 5
    octets = bytes(12), b"", bytes(8)
    for bad in (
        usage(*octets[:2]),
        usage(octets[0], octets[1], bytes(4)),
        usage(octets[0], octets[1], bytes(9)),
        usage(octets[0], octets[1], octets[2], b""),
        extensions.encode_extension(extensions.USAGE, d.octets(bytes(20))),
        extensions.encode_extension(extensions.USAGE, b""),
    ):
        assert usages(bad) == absent
    assert usages(good_usage(), good_usage()) == absent


def test_usage_that_cannot_be():
    for octets in (bytes(4), b"\x50\x00\x00\x00", b"\x50\x00\x08\x01", b"", bytes(3), bytes(5)):
        assert extensions.decode_usage(octets) is None
    for bad in ((-1, 1), (65536, 1), (1, 0), (1, 2049)):
        raises(FormatError, extensions.encode_usage, bad)
        raises(FormatError, extensions.encode_report_usage, [bad])


def test_usage_read_from_a_stream_that_changed():
    stream, header = opened(good_usage())
    changed = bytearray(stream.getvalue())
    changed[header.extensions[extensions.USAGE] + 5] ^= 1
    raises(SignatureError, publication.notifications, d.stream(bytes(changed)), header)


def test_days():
    assert extensions.days_of((100, 1)) == (99, 102)
    assert extensions.days_of((100, 120)) == (99, 102)
    assert extensions.days_of((100, 121)) == (99, 103)
    assert extensions.days_of((100, 2048)) == (99, 119)


def test_usage_in_a_report():
    good = d.seed(1, bytes(24), d.TEST_KEY)
    report = seedreport.build("Health", "CODE", [good], [(20555, 144)])
    expected = extended(
        extensions.encode_extension(extensions.USAGE, extensions.encode_report_usage([(20555, 144)]))
    )
    assert expected in report
    raises(FormatError, seedreport.build, "Health", "CODE", [good], [])
    raises(FormatError, seedreport.build, "Health", "CODE", [good], [(1, 1), (2, 2)])


def guidance(parameters: bytes):
    return publication.guidance(*opened(extensions.encode_extension(extensions.GUIDANCE, parameters)))


def test_guidance():
    texts = {"en": "Stay at home.", "de": "Bleiben Sie zu Hause.", "fr": "Restez \u00e0 la maison."}
    written = extensions.Guidance([(55, 5, 15), (63, 10, 30)], texts)
    read = guidance(extensions.encode_guidance(written))
    assert read.buckets == [(55, 5, 15), (63, 10, 30)] and read.texts == texts
    assert read.text_for("fr") == texts["fr"]
    assert read.text_for("de-AT") == texts["de"]
    assert read.text_for("tlh") == texts["de"]  # the first in order
    empty = guidance(extensions.encode_guidance(extensions.Guidance([], {})))
    assert empty.buckets == [] and empty.text_for("en") == ""


def test_guidance_of_a_later_version_has_more_fields():
    octets = d.sequence([d.sequence([]), d.sequence([]), d.octets(b"later")])
    assert guidance(octets).buckets == []


def test_guidance_that_is_not_understood_is_taken_as_absent():
    def bucket(*numbers: int) -> bytes:
        return d.sequence([d.sequence([der.encode_integer(n) for n in numbers])])

    text = d.sequence((der.encode_text("en"), der.encode_text("x")))
    for bad in (
        d.octets(b""),
        d.sequence([]),
        d.sequence((bucket(55, 5), d.sequence([]))),
        d.sequence((bucket(256, 5, 15), d.sequence([]))),
        d.sequence((bucket(55, -1, 15), d.sequence([]))),
        d.sequence((bucket(55, 5, 20161), d.sequence([]))),
        d.sequence((bucket(55, 5, 15, 1), d.sequence([]))),
        d.sequence((d.sequence([]), d.sequence((text, text)))),
        d.sequence((d.sequence([]), d.sequence([]), d.octets(bytes(5000)))),
        der.encode(der.UTF8, b"\xff"),
    ):
        assert guidance(bad) is None
    assert publication.guidance(*opened(UNKNOWN)) is None


def test_guidance_that_cannot_be_written():
    for buckets in (
        [(63, 1, 1), (55, 1, 1)],
        [(55, 1, 1)] * 2,
        [(n, 1, 1) for n in range(9)],
        [(55, 20161, 1)],
    ):
        raises(FormatError, extensions.Guidance, buckets, {})
    raises(FormatError, extensions.encode_guidance, extensions.Guidance([], {"en": "x" * 4096}))


def test_extensions_that_are_not_well_formed_spoil_the_document():
    for bad in (
        der.encode(der.CONTEXT_0, d.octets(b"")),
        der.encode(der.CONTEXT_0, d.sequence([]), d.sequence([])),
        extended(d.octets(b"")),
        extended(d.sequence([d.octets(b"")])),
        extended(d.sequence((der.encode_oid(b"\x2a\x03"), d.octets(b""), d.octets(b"")))),
        extended(extensions.encode_extension(extensions.GUIDANCE, b"\x30\x02\x04\x01")),
    ):
        document = d.stream(d.cms(d.content(more=bad)))
        raises(FormatError, publication.verify, document, d.certificate())
