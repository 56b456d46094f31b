"""Publications: read in a stream, verified first, refused for named reasons, resumed where they were left."""

from binascii import hexlify, unhexlify

import documents as d
from cx import der, levels, publication
from cx.errors import CxError, FormatError, RefusedError, SignatureError
from support import VECTORS, raises, vector

AT = 1775995200  # 2026-04-12T12:00:00Z
SEEDS_1 = bytes(range(72))
SEEDS_2 = bytes(range(96))


def verify(content: bytes):
    return publication.verify(d.stream(d.cms(content)), d.certificate())


def read(content: bytes) -> list:
    stream = d.stream(d.cms(content))
    header = publication.verify(stream, d.certificate())
    return list(publication.notifications(stream, header))


def seconds(text):
    return (
        None
        if text is None
        else der.parse_time(text.replace("-", "").replace(":", "").replace("T", "").encode())
    )


def test_samples():
    for entry in vector("samples/index")["publications"]:
        certificate = d.publisher_certificate(entry["certificate"].split("_")[1].split(".")[0])
        with open(VECTORS + "/samples/" + entry["file"], "rb") as stream:
            header = publication.verify(stream, certificate)
            assert header.version == 1
            assert header.zone == entry["zone"]
            assert header.aggregated == entry["aggregated"]
            assert header.published_at == seconds(entry["publishedAt"])
            assert header.next_update_not_before == seconds(entry["nextUpdateNotBefore"])
            assert header.next_update_not_after == seconds(entry["nextUpdateNotAfter"])
            assert header.excludes_published_before == seconds(entry["excludesPublishedBefore"])
            assert len(header.update_urls) == 3
            assert header.seeds == sum(n["count"] for n in entry["notifications"])
            check_seeds(publication.notifications(stream, header), entry["notifications"])


def check_seeds(found, expected: list) -> None:
    for notification in expected:
        seeds = b""
        for _ in range(notification["count"]):
            level, generator_type, seed = next(found)
            assert (level, generator_type) == (notification["alertLevel"], notification["generatorType"])
            assert len(seed) == 24 * generator_type
            if notification["seedValuesHex"]:
                seeds += seed
        if notification["seedValuesHex"]:
            assert seeds == unhexlify(notification["seedValuesHex"])
    raises(StopIteration, next, found)


def test_a_sample_of_another_publisher():
    with open(VECTORS + "/samples/publication_p256_full.der", "rb") as stream:
        raises(SignatureError, publication.verify, stream, d.publisher_certificate("rsa2048"))


def test_seeds_come_with_their_level_and_type():
    content = d.content(
        [d.notification(5, 1, SEEDS_1), d.notification(4, 2, SEEDS_2), d.notification(1, 1, b"")]
    )
    assert read(content) == [
        (5, 1, SEEDS_1[:24]),
        (5, 1, SEEDS_1[24:48]),
        (5, 1, SEEDS_1[48:]),
        (4, 2, SEEDS_2[:48]),
        (4, 2, SEEDS_2[48:]),
    ]
    assert read(d.content()) == []


def test_any_version_and_fields_of_later_versions():
    more = d.octets(b"later") + der.encode(0xA0, d.sequence([d.sequence([der.encode_oid(b"\x2a\x03")])]))
    inner = d.notification(5, 1, SEEDS_1, d.sequence([d.octets(b"later")]))
    content = d.content([inner, inner], version=7, more=more)
    assert verify(content).version == 7
    assert len(read(content)) == 6


def test_unknown_levels_and_types():
    content = d.content(
        [
            d.notification(9, 1, SEEDS_1[:24]),
            d.notification(5, 77, b"?" * 31),
            d.notification(-1, 2, SEEDS_2[:48]),
        ]
    )
    header = verify(content)
    assert header.unknown_types == 1 and header.seeds == 2
    assert [seed[:2] for seed in read(content)] == [(9, 1), (-1, 2)]
    assert levels.alert_level(9) == levels.alert_level(-1) == levels.UNKNOWN_ALERT
    assert [levels.alert_level(level) for level in range(6)] == list(range(6))


def test_seed_values_must_be_whole_seeds():
    for content in (d.notification(5, 1, bytes(25)), d.notification(5, 2, bytes(72))):
        raises(FormatError, verify, d.content([content]))


def test_what_the_form_refuses():
    for content in (
        b"",
        d.content() + b"\x00",
        d.content(aggregated=b"\x01\x01\xff"),  # the default value must be absent in DER
        d.content(aggregated=b"\x01\x01\x01"),
        d.content(published_at="20260412120000"),
        d.content(not_before="20261312120000Z"),
        d.content(excludes="0"),
        d.content(zone="https://\x00")[:-1],
        d.content([d.octets(b"")]),
        d.content([d.sequence([der.encode_integer(5)])]),
        der.encode(der.SET, d.content()),
    ):
        raises(FormatError, verify, content)


def test_update_urls_are_bounded():
    header = verify(d.content(urls=["https://health.example/" + str(i) for i in range(2000)]))
    assert 10 < len(header.update_urls) < 100
    assert verify(d.content(urls=())).update_urls == []


def refusal(rule, content: bytes, *arguments) -> str:
    return raises(RefusedError, rule, verify(content), *arguments).reason


def test_rules_of_an_observer():
    check = publication.check_observer
    whole, partial = d.content(), d.content(excludes="20260412110000Z")
    after = AT + 7200  # past nextUpdateNotAfter
    assert refusal(check, d.content(zone="https://other.example/"), d.ZONE, None, AT) == "zone"
    assert refusal(check, d.content(aggregated=b"\x01\x01\x00"), d.ZONE, None, AT) == "not-aggregated"
    assert refusal(check, whole, d.ZONE, AT + 1, AT) == "older"
    assert refusal(check, whole, d.ZONE, AT, after) == "stale"
    assert refusal(check, partial, d.ZONE, None, AT) == "gap"
    assert refusal(check, partial, d.ZONE, AT - 3600, AT) == "gap"
    assert refusal(check, partial, d.ZONE, AT - 3601, AT) == "gap"
    header = verify(whole)
    for recorded, now in (
        (None, AT),
        (AT - 1, AT),
        (AT, AT),
        (AT, AT + 3600),
        (AT - 1, after),
        (None, after),
        (AT, None),
    ):
        check(header, d.ZONE, recorded, now)
    check(verify(partial), d.ZONE, AT - 3599, AT)


def test_rules_of_a_publisher():
    check = publication.check_publisher
    whole, partial = b"\x01\x01\x00", "20260412110000Z"
    check(verify(d.content(aggregated=whole)), d.ZONE, None, AT)
    assert refusal(check, d.content(), d.ZONE, None, AT) == "aggregated"
    assert refusal(check, d.content(zone="https://other.example/"), d.ZONE, None, AT) == "zone"
    assert refusal(check, d.content(aggregated=whole), d.ZONE, AT + 1, AT) == "older"
    assert refusal(check, d.content(aggregated=whole), d.ZONE, AT, AT + 7200) == "stale"
    assert refusal(check, d.content(aggregated=whole, excludes=partial), d.ZONE, None, AT) == "gap"


def test_duplicates():
    seed = d.notification(5, 1, SEEDS_1[:24])
    publication.check_duplicates(read(d.content([seed, d.notification(5, 1, SEEDS_1[24:])])))
    for again in (seed, d.notification(4, 1, SEEDS_1[:24]), d.notification(5, 1, SEEDS_1)):
        error = raises(RefusedError, publication.check_duplicates, read(d.content([again, seed])))
        assert error.reason == "duplicate"


def test_when_to_fetch_next():
    header = verify(d.content())  # not before half an hour after publishedAt
    assert publication.fetch_not_before(header, AT, 60) == AT + 1860
    assert publication.fetch_not_before(header, AT + 7200, 60) == AT + 7200
    assert publication.fetch_not_before(header, AT - 86400 + 1800, 60) == AT + 1860
    assert publication.fetch_not_before(header, AT - 86400 + 1799, 60) == AT - 86400 + 1799


def test_how_far_a_publication_moves_an_unset_clock():
    header = verify(d.content())
    month = 30 * 86400
    for known, then in ((AT - 10, AT), (AT + 10, AT + 10), (AT - month, AT), (AT - month - 1, AT - 1)):
        assert publication.clock_after(header, known) == then


def many_seeds() -> bytes:
    seeds = b"".join([index.to_bytes(24, "big") for index in range(3000)])
    return d.cms(
        d.content(
            [d.notification(5, 1, seeds), d.notification(9, 9, bytes(100)), d.notification(4, 2, SEEDS_2)]
        )
    )


def test_a_saved_position_goes_on_where_it_was():
    stream = d.stream(many_seeds())
    header = publication.verify(stream, d.certificate())
    assert header.seeds == 3002
    for count in (0, 1, 2, 86, 2999, 3000, 3001, 3002):
        first = publication.notifications(stream, header)
        for _ in range(count):
            next(first)
        again = publication.notifications(stream, header, first.position)
        rest = [hexlify(seed[2]) for seed in again]
        assert len(rest) == 3002 - count
        if rest:
            assert rest == [hexlify(seed[2]) for seed in first]


def test_slices():
    stream = d.stream(many_seeds())
    found = publication.notifications(stream, publication.verify(stream, d.certificate()))
    sizes = []
    while True:
        part = found.next_slice(100)
        if part is None:
            break
        sizes.append((part[0], part[1], len(part[2])))
    assert sizes == [(5, 1, 2400)] * 30 + [(4, 2, 96)]


def test_verification_in_slices():
    document = many_seeds()
    header = publication.Publication()
    steps = publication.verify_steps(d.stream(document), d.certificate(), header)
    assert sum([1 for _ in steps]) == len(document) // 16384 + 2
    assert header.seeds == 3002 and header.digest
    wrong = publication.verify_steps(
        d.stream(document), d.certificate(issuer="Other"), publication.Publication()
    )
    raises(SignatureError, list, wrong)


def test_a_stream_that_changes_after_it_was_verified():
    document = bytearray(many_seeds())
    stream = d.stream(bytes(document))
    header = publication.verify(stream, d.certificate())
    place = 40000
    document[place] ^= 1
    seen = 0
    try:
        for _, _, seed in publication.notifications(d.stream(bytes(document)), header):
            seen += 1
            assert int.from_bytes(seed[:20], "big") == 0
    except SignatureError:
        # chunks of 16 KiB: nothing of the one that changed was handed out
        assert seen <= 32768 // 24
    else:
        raise AssertionError("changed bytes were handed out")
    cut = publication.notifications(d.stream(bytes(document[:30000])), header)
    raises(SignatureError, list, cut)


def test_every_truncation_is_refused():
    document = d.cms(d.content([d.notification(5, 1, SEEDS_1)]))
    for length in range(0, len(document), 7):
        raises(CxError, publication.verify, d.stream(document[:length]), d.certificate())
    for more in (b"\x00", bytes(5000)):
        error = raises(FormatError, publication.verify, d.stream(document + more), d.certificate())
        assert "after the document" in str(error)


def test_errors_hold_no_seed():
    content = d.content([d.notification(5, 1, b"\xab" * 25)])
    assert "abab" not in str(raises(FormatError, verify, content))
