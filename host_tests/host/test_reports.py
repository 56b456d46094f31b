"""Seed Reports: what libcx and independent code write is read; the rest is refused with a reason."""

import hashlib
import json
import random
import secrets
from pathlib import Path

import pytest
import report_builder as build
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from cxhost.drbg import seed_value
from cxhost.reports import Limits, Reason, ReportRefused, verify_report

SAMPLES = Path(__file__).parents[1] / "vectors" / "samples"
INDEX = json.loads((SAMPLES / "index.json").read_text())["seed_reports"]
NAME = "Ruritania Health Service"


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def rsa_keys() -> dict[int, rsa.RSAPrivateKey]:
    return {bits: rsa.generate_private_key(65537, bits) for bits in (1024, 2048, 4096)}


def refused(der: bytes, limits: Limits = Limits()) -> ReportRefused:  # noqa: B008
    with pytest.raises(ReportRefused) as caught:
        verify_report(der, limits)
    return caught.value


@pytest.mark.parametrize("sample", INDEX, ids=lambda sample: sample["file"])
def test_reports_of_the_reference_library(sample):
    report = verify_report((SAMPLES / sample["file"]).read_bytes())
    assert (report.publisher_name, report.challenge) == (NAME, sample["seedReportChallenge"])
    assert [(s.generator_type, s.seed.hex()) for s in report.seeds] == [
        (one["generatorType"], one["seedValue"]) for one in sample["descriptors"]
    ]
    assert [s.key_hash for s in report.seeds] == [
        hashlib.sha256(bytes.fromhex(one["spki"])).digest() for one in sample["descriptors"]
    ]


def test_every_kind_of_key(rsa_keys):
    keys = [p256(), ed25519.Ed25519PrivateKey.generate(), rsa_keys[2048], rsa_keys[4096]]
    seeds = [build.Seed(secrets.token_bytes(24), key) for key in keys]
    seeds.append(build.Seed(secrets.token_bytes(48), p256(), generator_type=2))
    report = verify_report(build.build_report(NAME, "CODE", seeds))
    assert [s.seed for s in report.seeds] == [
        seed_value(s.generator_type, s.preseed, build.spki(s.key)) for s in seeds
    ]


def test_unknown_fields_extensions_and_versions_are_ignored():
    unknown = build.tlv(0x0C, b"later") + build.tlv(0x81, b"\x01\x02")
    seed = build.Seed(bytes(24), p256(), extra=unknown)
    extension = build.tlv(0x30, bytes.fromhex("06036a0305"), build.tlv(0x04, bytes(70000)))
    extra = build.text("new in 7") + build.tlv(0xA0, build.tlv(0x30, extension))
    report = verify_report(build.build_report(NAME, "CODE", [seed], version=7, extra=extra))
    assert len(report.seeds) == 1


def test_rsa_without_null_parameters_is_taken(rsa_keys):
    bare = bytes.fromhex("300b06092a864886f70d01010b")
    seed = build.Seed(bytes(24), rsa_keys[2048], algorithm=bare)
    assert len(verify_report(build.build_report(NAME, "CODE", [seed])).seeds) == 1


def test_no_secret_in_what_is_printed():
    seed = build.Seed(secrets.token_bytes(24), p256())
    report = verify_report(build.build_report(NAME, "MY-CODE", [seed]))
    shown = repr(report)
    assert "MY-CODE" not in shown
    assert repr(report.seeds[0].seed) not in shown


def test_keys_that_are_too_weak_or_of_another_kind(rsa_keys):
    for key in (
        rsa_keys[1024],
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
    ):
        der = build.build_report(NAME, "CODE", [build.Seed(bytes(24), key)])
        assert refused(der).reason is Reason.UNSUPPORTED_KEY


def test_key_for_another_padding_is_refused(rsa_keys):
    """An RSASSA-PSS key signs PSS only (RFC 4055 section 1.2), even when its numbers are RSA's."""
    seed = build.Seed(bytes(24), rsa_keys[2048])
    plain, pss = (bytes.fromhex("06092a864886f70d0101" + end) for end in ("01", "0a"))
    original = build.spki
    build.spki = lambda key: original(key).replace(plain, pss)
    try:
        der = build.build_report(NAME, "CODE", [seed])
    finally:
        build.spki = original
    assert refused(der).reason is Reason.UNSUPPORTED_KEY


@pytest.mark.parametrize(
    "algorithm",
    [
        build.RSA_SHA256,
        build.ED25519,
        bytes.fromhex("300a06082a8648ce3d040303"),
        bytes.fromhex("300c06082a8648ce3d0403020500"),
    ],
    ids=["rsa", "ed25519", "ecdsa-sha384", "ecdsa-with-null"],
)
def test_algorithm_that_does_not_fit_the_key(algorithm):
    der = build.build_report(NAME, "CODE", [build.Seed(bytes(24), p256(), algorithm=algorithm)])
    assert refused(der).reason is Reason.WRONG_ALGORITHM


def test_one_wrong_signature_refuses_the_whole_report():
    good = [build.Seed(secrets.token_bytes(24), p256()) for _ in range(3)]
    der = bytearray(build.build_report(NAME, "CODE", good))
    der[-1] ^= 1
    error = refused(bytes(der))
    assert error.reason is Reason.WRONG_SIGNATURE
    assert "seed 3" in str(error)


def test_signatures_in_another_order():
    one, two = (build.Seed(secrets.token_bytes(24), p256()) for _ in range(2))
    content_of = build.build_report(NAME, "CODE", [one, two])
    swapped = build.build_report(NAME, "CODE", [two, one])
    assert refused(_with_signatures_of(content_of, swapped)).reason is Reason.WRONG_SIGNATURE


def _parts(der: bytes) -> list[bytes]:
    """Return the DER of each value in the outermost SEQUENCE."""
    parts, rest = [], _contents(der)
    while rest:
        length = len(rest) - len(_after(rest))
        parts.append(rest[:length])
        rest = rest[length:]
    return parts


def _header(der: bytes) -> tuple[int, int]:
    if der[1] < 0x80:
        return 2, der[1]
    size = der[1] & 0x7F
    return 2 + size, int.from_bytes(der[2 : 2 + size], "big")


def _contents(der: bytes) -> bytes:
    start, length = _header(der)
    return der[start : start + length]


def _after(der: bytes) -> bytes:
    return der[sum(_header(der)) :]


def _with_signatures_of(one: bytes, other: bytes) -> bytes:
    return build.tlv(0x30, _parts(one)[0], _parts(other)[1])


@pytest.mark.parametrize(("kept", "reason"), [(1, Reason.SIGNATURE_COUNT), (3, Reason.SIGNATURE_COUNT)])
def test_number_of_signatures(kept, reason):
    der = build.build_report(NAME, "CODE", [build.Seed(secrets.token_bytes(24), p256()) for _ in range(2)])
    content, signatures = _parts(der)
    each = _parts(signatures)
    der = build.tlv(0x30, content, build.tlv(0x30, *(each + each)[:kept]))
    assert refused(der).reason is reason


def test_no_seed_at_all():
    assert refused(build.build_report(NAME, "CODE", [])).reason is Reason.NOT_A_REPORT


@pytest.mark.parametrize(
    ("generator_type", "length", "reason"),
    [
        (1, 23, Reason.WRONG_PRESEED_LENGTH),
        (1, 48, Reason.WRONG_PRESEED_LENGTH),
        (2, 24, Reason.WRONG_PRESEED_LENGTH),
        (1, 0, Reason.WRONG_PRESEED_LENGTH),
        (3, 24, Reason.UNKNOWN_TYPE),
        (0, 24, Reason.UNKNOWN_TYPE),
        (-1, 24, Reason.UNKNOWN_TYPE),
        (2**8000, 24, Reason.UNKNOWN_TYPE),
    ],
)
def test_types_and_lengths(generator_type, length, reason):
    seed = build.Seed(bytes(length), p256(), generator_type=generator_type)
    assert refused(build.build_report(NAME, "CODE", [seed])).reason is reason


def test_limits():
    seeds = [build.Seed(secrets.token_bytes(24), p256()) for _ in range(3)]
    der = build.build_report(NAME, "CODE", seeds)
    assert refused(der, Limits(max_bytes=len(der) - 1)).reason is Reason.TOO_LARGE
    assert refused(der, Limits(max_seeds=2)).reason is Reason.TOO_MANY_SEEDS
    assert len(verify_report(der, Limits(max_bytes=len(der), max_seeds=3)).seeds) == 3


def test_ber_that_is_not_der():
    der = build.build_report(NAME, "CODE", [build.Seed(bytes(24), p256())])
    start, _ = _header(der)
    longer = b"\x30\x83" + len(der[start:]).to_bytes(3, "big") + der[start:]
    indefinite = b"\x30\x80" + der[start:] + b"\x00\x00"
    for wrong in (longer, indefinite, der + b"\x00", b"\x30" * 5000):
        assert refused(wrong).reason is Reason.NOT_A_REPORT


def test_every_truncation_and_many_flips_are_refused():
    der = build.build_report(NAME, "CODE", [build.Seed(secrets.token_bytes(24), p256())])
    for length in range(len(der)):
        assert refused(der[:length]).reason is Reason.NOT_A_REPORT
    draw = random.Random(20260412)
    for _ in range(600):
        wrong = bytearray(der)
        wrong[draw.randrange(len(der))] ^= 1 << draw.randrange(8)
        assert isinstance(refused(bytes(wrong)).reason, Reason)


def test_garbage():
    draw = random.Random(7)
    for _ in range(300):
        refused(draw.randbytes(draw.randrange(200)))
    for opening in (b"", b"\x00", b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"{}", b"\xff" * 64):
        assert refused(opening).reason is Reason.NOT_A_REPORT


def usage_extension(*pairs: tuple[int, int]) -> bytes:
    oid = build.tlv(0x06, bytes.fromhex("698399c9c1d5cb9ac2b9b1a1cfbea1c3f7f1f310"))  # X.690 section 8.19
    told = build.tlv(0x30, *(build.tlv(0x30, build.integer(day), build.integer(n)) for day, n in pairs))
    return build.tlv(0x30, oid, told)


def usages(*extensions: bytes) -> list[tuple[int, int] | None]:
    seeds = [build.Seed(secrets.token_bytes(24), p256()) for _ in range(2)]
    extra = build.tlv(0xA0, build.tlv(0x30, *extensions)) if extensions else b""
    return [seed.usage for seed in verify_report(build.build_report(NAME, "CODE", seeds, extra=extra)).seeds]


def test_usage_is_read():
    assert usages(usage_extension((20555, 144), (0, 2048))) == [
        (20555, 144),
        (0, 2048),
    ]
    assert usages(usage_extension((65535, 1), (20555, 0))) == [(65535, 1), None]
    assert usages(usage_extension((65536, 1), (-1, 2049))) == [None, None]


def test_usage_that_is_not_right_is_taken_as_absent():
    good = usage_extension((20555, 144), (20556, 144))
    bare = build.tlv(0x30, build.tlv(0x06, bytes.fromhex("698399c9c1d5cb9ac2b9b1a1cfbea1c3f7f1f310")))
    other = build.tlv(0x30, build.tlv(0x06, bytes.fromhex("6a0305")), build.tlv(0x04, b"padding" * 100))
    assert usages(other, good) == usages(good)
    few, many = usage_extension((20555, 144)), usage_extension(*[(20555, 144)] * 3)
    text = good[:24] + build.text("no usage")
    for extensions in ((), (few,), (many,), (good, good), (bare,), (build.tlv(0x30, text[2:]),), (other,)):
        assert usages(*extensions) == [None, None]
