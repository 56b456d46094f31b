"""Certificates: what a signer is found by, and keys."""

from binascii import b2a_base64, unhexlify

import documents
from cx import der, p256, x509
from cx.errors import FormatError, NotSupportedError
from support import raises


def test_sample_certificates():
    certificate = x509.Certificate(documents.publisher_certificate("p256"))
    assert certificate.serial == unhexlify("6f1a28b17cd4ae68c81dd57f65872376e6bd53c6")
    assert certificate.key_id == unhexlify("67fcf3f1d657f1e4a579433524912fc2e5a90b4a")
    exponent, point = x509.read_key(certificate.spki)
    assert exponent == 0 and p256.decode_point(point)
    certificate = x509.Certificate(documents.publisher_certificate("rsa2048"))
    exponent, modulus = x509.read_key(certificate.spki)
    assert exponent == 65537 and len(modulus) == 256


def test_a_certificate_without_extensions():
    certificate = x509.Certificate(documents.certificate(key_id=b""))
    assert certificate.key_id is None
    assert certificate.issuer == documents.name("CX test")


def test_every_truncation_is_refused():
    good = documents.certificate()
    for length in range(len(good)):
        raises(FormatError, x509.Certificate, good[:length])
    raises(FormatError, x509.Certificate, good + b"\x00")


def test_pem_text():
    good = documents.certificate()
    text = "-----BEGIN CERTIFICATE-----\n" + b2a_base64(good).decode() + "-----END CERTIFICATE-----\n"
    assert x509.from_pem(text) == good
    assert x509.from_pem("Subject: somebody\r\n" + text.replace("\n", "\r\n")) == good
    for bad in (
        "",
        text + text,
        text.replace("BEGIN", "BEGONE"),
        text.replace("-----END CERTIFICATE-----", ""),
        text.replace("M", "?"),
        text.replace("-----END", "A-----END"),
        "-----BEGIN CERTIFICATE----------END CERTIFICATE-----",
        "-----END CERTIFICATE-----" + text.replace("-----END CERTIFICATE-----", ""),
    ):
        raises(FormatError, x509.from_pem, bad)


def test_other_algorithms_are_named():
    x25519 = documents.sequence((documents.algorithm(b"\x2b\x65\x6e"), der.encode(3, bytes(33))))
    assert "1.3.101.110" in str(raises(NotSupportedError, x509.read_key, x25519))
    ec = b"\x2a\x86\x48\xce\x3d\x02\x01"
    p384 = documents.sequence(
        (documents.algorithm(ec, der.encode_oid(b"\x2b\x81\x04\x00\x22")), der.encode(3, bytes(98)))
    )
    assert "1.3.132.0.34" in str(raises(NotSupportedError, x509.read_key, p384))
    implicit = documents.sequence((documents.algorithm(ec, b"\x05\x00"), der.encode(3, bytes(66))))
    raises(NotSupportedError, x509.read_key, implicit)


def test_rsa_keys_are_strict():
    def key(
        modulus: bytes, exponent: bytes = b"\x02\x03\x01\x00\x01", parameters: bytes = b"\x05\x00"
    ) -> bytes:
        inner = documents.sequence((der.encode(der.INTEGER, modulus), exponent))
        return documents.sequence(
            (documents.algorithm(x509.RSA_ENCRYPTION, parameters), der.encode(3, b"\x00", inner))
        )

    modulus = b"\xc0" + bytes(254) + b"\x01"
    assert x509.read_key(key(b"\x00" + modulus))[0] == 65537
    for bad in (key(modulus), key(b"\x00\x00" + modulus), key(b""), key(b"\x00" + modulus, parameters=b"")):
        raises(FormatError, x509.read_key, bad)
