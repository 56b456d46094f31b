"""RSA: the padding is compared whole, and keys outside 2048 to 4096 bits are not supported."""

import documents
from cx import publication, rsa, x509
from cx.errors import NotSupportedError, SignatureError
from support import raises, sample


def signed_attributes() -> tuple:
    """Return (message, signature) of the sample that openssl signed with RSA-2048."""
    document = sample("publication_rsa2048_full.der")
    # The SignerInfo is the last element; its attributes and signature lie where asn1parse shows them.
    message = b"\x31" + document[1435:1665]
    return message, document[-256:]


def key() -> bytes:
    return bytes(x509.read_key(x509.Certificate(documents.publisher_certificate("rsa2048")).spki)[1])


def test_a_signature_of_openssl():
    message, signature = signed_attributes()
    assert rsa.verify(key(), 65537, message, signature) is True
    raises(SignatureError, rsa.verify, key(), 65537, message + b"x", signature)
    raises(SignatureError, rsa.verify, key(), 3, message, signature)
    for bit in range(0, 2048, 97):
        bad = bytearray(signature)
        bad[bit >> 3] ^= 1 << (bit & 7)
        raises(SignatureError, rsa.verify, key(), 65537, message, bad)


def test_lengths_and_range():
    message, signature = signed_attributes()
    n = int.from_bytes(key(), "big")
    too_great = int.from_bytes(signature, "big") + n
    for bad in (b"", signature[:-1], signature + b"\x00", b"\x00" + signature, key()):
        raises(SignatureError, rsa.verify, key(), 65537, message, bad)
    if too_great < 1 << 2048:
        raises(SignatureError, rsa.verify, key(), 65537, message, too_great.to_bytes(256, "big"))


def test_keys_that_are_not_supported():
    modulus = key()
    for bad, exponent in (
        (modulus[:255], 65537),
        (b"\x7f" + modulus[1:], 65537),
        (modulus[:-1] + b"\x02", 65537),
        (b"\xc1" * 513, 65537),
        (modulus, 1),
        (modulus, 2),
        (modulus, 65536),
        (modulus, -3),
        (modulus, (1 << 32) + 1),
    ):
        raises(NotSupportedError, rsa.verify, bad, exponent, b"m", bytes(len(bad)))


def test_a_certificate_with_an_rsa_key_signs_nothing_with_ecdsa():
    inner = x509.Certificate(documents.publisher_certificate("rsa2048")).spki
    document = documents.stream(documents.cms(documents.content()))
    error = raises(SignatureError, publication.verify, document, documents.certificate(spki=inner))
    assert "algorithm" in str(error)
