"""Documents made for the tests, on either runtime: a publisher with a P-256 key, and what it signs.

Everything here is test data. The seams (keyword arguments) are where the tests put something wrong.
"""

import hashlib
import io

from cx import der, p256, x509
from cx.publication import CONTENT_TYPE
from support import VECTORS

TEST_KEY = bytes(range(1, 33))  # a test key, nothing else
ZONE = "https://health.example/cx.json"
SHA256_OID = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01"
ECDSA_OID = b"\x2a\x86\x48\xce\x3d\x04\x03\x02"
SIGNED_DATA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
CONTENT_TYPE_ATTRIBUTE = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"
DIGEST_ATTRIBUTE = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"
SERIAL = der.encode_integer(0x1234567890)
KEY_ID = b"\x11" * 20

sequence = der.encode_sequence


def publisher_pem(kind: str) -> str:
    """Return the PEM of the samples' certificate ``publisher_{kind}``."""
    with open(VECTORS + "/samples/publisher_" + kind + ".pem") as stream:
        return stream.read()


def publisher_certificate(kind: str) -> bytes:
    """Return the DER of the samples' certificate ``publisher_{kind}``."""
    return x509.from_pem(publisher_pem(kind))


def algorithm(oid: bytes, parameters: bytes = b"") -> bytes:
    return sequence((der.encode_oid(oid), parameters))


def name(text: str) -> bytes:
    return sequence([der.encode(der.SET, sequence((der.encode_oid(b"\x55\x04\x03"), der.encode_text(text))))])


def certificate(
    spki: bytes = b"", serial: bytes = SERIAL, key_id: bytes = KEY_ID, issuer: str = "CX test"
) -> bytes:
    """Return a certificate whose own signature is nothing: nobody is to check it."""
    extension = sequence((der.encode_oid(b"\x55\x1d\x0e"), octets(octets(key_id))))
    parts = [
        der.encode(0xA0, der.encode_integer(2)),
        serial,
        algorithm(ECDSA_OID),
        name(issuer),
        sequence((der.encode(0x17, b"200101000000Z"), der.encode(0x17, b"210101000000Z"))),
        name(issuer),
        spki or p256.spki(p256.public_key(TEST_KEY)),
    ]
    if key_id:
        parts.append(der.encode(0xA3, sequence([extension])))
    return sequence((sequence(parts), algorithm(ECDSA_OID), der.encode(der.BIT_STRING, b"\x00\x00")))


def octets(contents: bytes) -> bytes:
    return der.encode(der.OCTET_STRING, contents)


def time(text: str) -> bytes:
    return der.encode(der.TIME, text.encode())


def notification(level: int, generator_type: int, seeds: bytes, more: bytes = b"") -> bytes:
    return sequence((der.encode_integer(level), der.encode_integer(generator_type), octets(seeds), more))


def content(
    notifications=(),
    zone: str = ZONE,
    version: int = 1,
    aggregated: bytes = b"",
    published_at: str = "20260412120000Z",
    not_before: str = "20260412123000Z",
    not_after: str = "20260412130000Z",
    excludes: str = "",
    urls=("https://health.example/pub/full",),
    more: bytes = b"",
) -> bytes:
    """Return TBSPublicationData."""
    return sequence(
        (
            der.encode_integer(version),
            der.encode_text(zone),
            aggregated,
            time(published_at),
            time(not_before),
            time(not_after),
            time(excludes) if excludes else b"",
            sequence(notifications),
            sequence([der.encode_text(url) for url in urls]),
            more,
        )
    )


def attributes(signed: bytes, content_type: bytes = CONTENT_TYPE) -> list:
    """Return the two attributes that every signer must have."""
    return [
        attribute(CONTENT_TYPE_ATTRIBUTE, der.encode_oid(content_type)),
        attribute(DIGEST_ATTRIBUTE, octets(hashlib.sha256(signed).digest())),
    ]


def attribute(oid: bytes, *values: bytes) -> bytes:
    return sequence((der.encode_oid(oid), der.encode(der.SET, *values)))


def signer(
    signed: bytes,
    attrs=None,
    key: bytes = TEST_KEY,
    issuer: str = "CX test",
    serial: bytes = SERIAL,
    key_id: bytes = b"",
    digest_algorithm: bytes = b"",
    signature_algorithm: bytes = b"",
    unsigned: bytes = b"",
) -> bytes:
    """Return a SignerInfo over ``signed``, by issuer and serial or, with ``key_id``, by that."""
    attrs = attributes(signed) if attrs is None else attrs
    to_sign = der.encode(der.SET, *attrs) if attrs else signed
    return sequence(
        (
            der.encode_integer(3 if key_id else 1),
            der.encode(0x80, key_id) if key_id else sequence((name(issuer), serial)),
            digest_algorithm or algorithm(SHA256_OID),
            der.encode(0xA0, *attrs) if attrs else b"",
            signature_algorithm or algorithm(ECDSA_OID),
            octets(p256.sign(key, to_sign)),
            unsigned,
        )
    )


def cms(signed: bytes, signers=None, certificates: bytes = b"", content_type: bytes = CONTENT_TYPE) -> bytes:
    """Return a CMS SignedData around ``signed``."""
    signers = [signer(signed)] if signers is None else signers
    return sequence(
        (
            der.encode_oid(SIGNED_DATA),
            der.encode(
                0xA0,
                sequence(
                    (
                        der.encode_integer(3),
                        der.encode(der.SET, algorithm(SHA256_OID)),
                        sequence((der.encode_oid(content_type), der.encode(0xA0, octets(signed)))),
                        der.encode(0xA0, certificates) if certificates else b"",
                        der.encode(der.SET, *signers),
                    )
                ),
            ),
        )
    )


def seed(generator_type: int, preseed: bytes, key: bytes) -> tuple:
    """Return what ``seedreport.build`` takes for one seed."""
    return generator_type, preseed, key, p256.public_key(key)


def stream(document: bytes):
    """Return ``document`` as a file."""
    return io.BytesIO(document)
