"""CMS SignedData: who signed, over what, and with which algorithm."""

import documents as d
from cx import der, p256, publication
from cx.errors import CxError, FormatError, NotSupportedError, SignatureError
from support import raises

CONTENT = d.content()
OTHER_KEY = bytes(range(2, 34))
SIGNING_TIME = d.attribute(b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05", der.encode(0x17, b"260412120000Z"))


def verify(document: bytes, certificate: bytes = b""):
    return publication.verify(d.stream(document), certificate or d.certificate())


def refused(error: type, signers: list, certificate: bytes = b"", content: bytes = CONTENT) -> str:
    return str(raises(error, verify, d.cms(content, signers), certificate))


def test_issuer_and_serial_or_key_identifier():
    assert verify(d.cms(CONTENT)).zone == d.ZONE
    assert verify(d.cms(CONTENT, [d.signer(CONTENT, key_id=d.KEY_ID)])).zone == d.ZONE


def test_another_signer_is_not_the_publisher():
    for signer in (
        d.signer(CONTENT, issuer="Somebody"),
        d.signer(CONTENT, serial=der.encode_integer(1)),
        d.signer(CONTENT, key_id=b"\x22" * 20),
    ):
        assert "no signer" in refused(SignatureError, [signer])
    assert "no signer" in refused(SignatureError, [])
    # no key identifier in the certificate: an empty one in the document must not match
    refused(SignatureError, [d.signer(CONTENT, key_id=d.KEY_ID)], d.certificate(key_id=b""))


def test_one_good_signer_among_many():
    signers = [d.signer(CONTENT, issuer="Somebody", key=OTHER_KEY) for _ in range(10)]
    for place in (0, 5, 11):
        mixed = list(signers)
        mixed.insert(place, d.signer(CONTENT))
        assert verify(d.cms(CONTENT, mixed))
    assert verify(d.cms(CONTENT, [d.signer(CONTENT, key=OTHER_KEY), d.signer(CONTENT)]))


def test_signers_that_only_claim_to_be_the_publisher_cost_bounded_time():
    false = d.signer(CONTENT, key=OTHER_KEY)
    refused(SignatureError, [false, false, false, false, d.signer(CONTENT)])


def test_embedded_certificates_prove_nothing():
    own = d.certificate(spki=p256.spki(p256.public_key(OTHER_KEY)))
    document = d.cms(CONTENT, [d.signer(CONTENT, key=OTHER_KEY)], certificates=own)
    assert "does not match" in str(raises(SignatureError, verify, document))


def test_signed_attributes_are_required():
    assert "no signed attributes" in refused(SignatureError, [d.signer(CONTENT, attrs=[])])


def test_content_type_and_digest_must_be_right_and_unique():
    content_type, digest = d.attributes(CONTENT)
    wrong_digest = d.attributes(b"other")[1]
    wrong_type = d.attributes(CONTENT, b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")[0]
    twice = d.attribute(d.CONTENT_TYPE_ATTRIBUTE, *[der.encode_oid(publication.CONTENT_TYPE)] * 2)
    empty = d.attribute(d.CONTENT_TYPE_ATTRIBUTE)
    other_length = d.attribute(d.DIGEST_ATTRIBUTE, d.octets(b"x"))
    for attrs in (
        [digest],
        [content_type],
        [SIGNING_TIME],
        [content_type, wrong_digest],
        [wrong_type, digest],
        [twice, digest],
        [empty, digest],
        [content_type, other_length],
        [content_type, content_type, digest],
        [content_type, digest, digest],
        sorted([content_type, digest, wrong_digest]),
    ):
        refused(SignatureError, [d.signer(CONTENT, attrs=attrs)])
    assert verify(d.cms(CONTENT, [d.signer(CONTENT, attrs=[content_type, SIGNING_TIME, digest])]))


def test_attributes_are_in_der_order():
    content_type, digest = d.attributes(CONTENT)
    assert "order" in refused(SignatureError, [d.signer(CONTENT, attrs=[digest, content_type])])


def test_a_signature_over_the_content_alone_does_not_count():
    # A SignerInfo without attributes, whose signature is by the publisher's key over the content itself.
    bare = d.signer(CONTENT, attrs=[])
    with_attributes = d.signer(CONTENT)
    for document in (d.cms(CONTENT, [bare]), d.cms(d.content(version=2), [with_attributes])):
        raises(SignatureError, verify, document)


def test_other_algorithms_are_named():
    sha512 = b"\x60\x86\x48\x01\x65\x03\x04\x02\x03"
    message = refused(NotSupportedError, [d.signer(CONTENT, digest_algorithm=d.algorithm(sha512))])
    assert "2.16.840.1.101.3.4.2.3" in message
    for oid, text in (
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "1.2.840.113549.1.1.10"),  # RSASSA-PSS
        (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", "1.2.840.10045.4.3.4"),  # ecdsa-with-SHA512
        (b"\x2b\x65\x70", "1.3.101.112"),  # Ed25519
    ):
        message = refused(NotSupportedError, [d.signer(CONTENT, signature_algorithm=d.algorithm(oid))])
        assert text in message


def test_algorithm_parameters():
    null = b"\x05\x00"
    assert verify(d.cms(CONTENT, [d.signer(CONTENT, digest_algorithm=d.algorithm(d.SHA256_OID, null))]))
    refused(NotSupportedError, [d.signer(CONTENT, digest_algorithm=d.algorithm(d.SHA256_OID, b"\x04\x00"))])
    refused(NotSupportedError, [d.signer(CONTENT, signature_algorithm=d.algorithm(d.ECDSA_OID, null))])


def test_unsigned_attributes_and_certificates_are_passed_over():
    unsigned = der.encode(0xA1, d.attribute(b"\x2a\x03", d.octets(bytes(5000))))
    document = d.cms(CONTENT, [d.signer(CONTENT, unsigned=unsigned)], certificates=d.certificate() * 20)
    assert verify(document).zone == d.ZONE


def test_other_content_is_refused():
    data = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
    assert "1.2.840.113549.1.7.1" in str(raises(CxError, verify, d.cms(CONTENT, content_type=data)))
    enveloped = d.sequence((der.encode_oid(b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"), der.encode(0xA0, b"")))
    assert "1.2.840.113549.1.7.3" in str(raises(NotSupportedError, verify, enveloped))
    raises(FormatError, verify, b"")
    raises(FormatError, verify, b"<html>not found</html>")
    raises(FormatError, verify, bytes(10000))
