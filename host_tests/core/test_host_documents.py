"""The documents judged by code that nobody here wrote: openssl, cryptography, asn1crypto."""

import hashlib
import io
import itertools
import json
import os
import subprocess
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

import documents as d
from cx import der, p256, p256_table, publication, seedreport
from cx.errors import CxError, FormatError, SignatureError
from cxhost.reports import verify_report

SAMPLES = Path(__file__).parents[1] / "vectors" / "samples"
EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def key_of(d_value: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(d_value, ec.SECP256R1())


def point_of(d_value: int) -> bytes:
    numbers = key_of(d_value).public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def test_the_comb_table():
    for index in range(1, 16):
        scalar = sum(1 << (64 * bit) for bit in range(4) if index >> bit & 1)
        assert p256_table.COMB[64 * (index - 1) : 64 * index] == point_of(scalar)[1:]


@EXAMPLES
@given(st.integers(1, N - 1), st.binary(max_size=200))
def test_signatures_of_each_other(scalar, message):
    key = key_of(scalar)
    ours = p256.sign(scalar.to_bytes(32, "big"), message)
    key.public_key().verify(ours, message, ec.ECDSA(SHA256()))
    assert ours == key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))  # RFC 6979 by OpenSSL
    assert p256.public_key(scalar.to_bytes(32, "big")) == point_of(scalar)
    assert p256.verify(point_of(scalar), message, key.sign(message, ec.ECDSA(SHA256())))


@EXAMPLES
@given(st.integers(1, N - 1), st.integers(1, N - 1), st.integers(1, N - 1))
def test_the_same_verdict_on_any_signature(scalar, r, s):
    signature = utils.encode_dss_signature(r, s)
    try:
        key_of(scalar).public_key().verify(signature, b"m", ec.ECDSA(SHA256()))
        theirs = True
    except InvalidSignature:
        theirs = False
    try:
        ours = p256.verify(point_of(scalar), b"m", signature)
    except SignatureError:
        ours = False
    assert ours == theirs


def openssl_verifies(document: bytes, key: bytes, folder: Path) -> bytes:
    """Return the content of a document that ``openssl cms -verify`` accepts for ``key``."""
    pem = folder / "key.pem"
    certificate = folder / "certificate.pem"
    private = key_of(int.from_bytes(key, "big"))
    no_password = serialization.NoEncryption()
    pem.write_bytes(
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
    )
    request = ["openssl", "req", "-x509", "-key", pem, "-subj", "/CN=CX test", "-out", certificate, "-utf8"]
    run = [*request, "-set_serial", "0x1234567890", "-days", "1"]
    subprocess.run(run, check=True, capture_output=True)
    (folder / "document.der").write_bytes(document)
    verify = ["openssl", "cms", "-verify", "-inform", "DER", "-in", folder / "document.der", "-noverify"]
    run = [*verify, "-certfile", certificate, "-binary", "-out", folder / "content"]
    subprocess.run(run, check=True, capture_output=True)
    return (folder / "content").read_bytes()


def test_openssl_verifies_what_is_made_here(tmp_path):
    content = d.content([d.notification(5, 1, bytes(48))])
    assert openssl_verifies(d.cms(content), d.TEST_KEY, tmp_path) == content
    changed = d.cms(content, [d.signer(content, key=bytes(range(2, 34)))])
    with pytest.raises(subprocess.CalledProcessError):
        openssl_verifies(changed, d.TEST_KEY, tmp_path)


def test_asn1crypto_reads_what_is_made_here():
    content = d.content([d.notification(5, 1, bytes(48))])
    signed = asn1_cms.ContentInfo.load(d.cms(content), strict=True)["content"]
    assert signed["encap_content_info"]["content"].contents == content


def test_reports_of_the_badge_pass_the_verifier_of_the_publisher():
    keys = [bytes([n]) * 32 for n in range(1, 6)]
    seeds = [d.seed(1 + n % 2, os.urandom(24 + 24 * (n % 2)), key) for n, key in enumerate(keys)]
    for usages in (None, [(20555 + n, 144) for n in range(5)]):
        report = verify_report(seedreport.build("Health", "C\u00f6de", seeds, usages))
        assert (report.publisher_name, report.challenge) == ("Health", "C\u00f6de")
        assert [seed.generator_type for seed in report.seeds] == [1, 2, 1, 2, 1]


def flips(document: bytes):
    flipped = bytearray(document)
    for bit in range(8 * len(document)):
        flipped[bit >> 3] ^= 1 << (bit & 7)
        yield bytes(flipped)
        flipped[bit >> 3] ^= 1 << (bit & 7)


def test_every_single_bit_flip_of_a_report_is_refused():
    ours = seedreport.build("Health", "CODE", [d.seed(1, bytes(range(24)), d.TEST_KEY)], [(20555, 144)])
    for document in (ours, (SAMPLES / "seedreport_libcx_p256_type1_type2.der").read_bytes()):
        assert verify_report(document)
        for flipped in flips(document):
            with pytest.raises(CxError):
                verify_report(flipped)


def test_every_single_bit_flip_of_an_embedded_certificate_proves_nothing():
    """The other bits of such a publication are in test_flips.py, on both runtimes."""
    content = d.content([d.notification(5, 1, bytes(24))])
    certificate = d.certificate()
    document = d.cms(content, certificates=certificate)
    start = document.index(certificate)
    digest = hashlib.sha256(content).digest()
    for flipped in itertools.islice(flips(document), 8 * start, 8 * (start + len(certificate))):
        try:
            assert publication.verify(io.BytesIO(flipped), certificate).digest == digest
        except FormatError:
            pass  # no longer DER


def test_strict_json_is_json():
    from cx import strictjson

    for value in ({"a": [1, {"b": None}], "c": "\u20ac\U0001f600"}, [], "x", True):
        for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
            assert strictjson.loads(text) == value
            assert der.is_utf8(text.encode())
