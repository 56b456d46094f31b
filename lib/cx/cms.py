"""CMS SignedData with the content inside (RFC 5652), read from a stream, strict DER only.

At least one signer must be the certificate that the caller trusts. Embedded certificates prove nothing: they
are skipped.
"""

from cx import der, p256, rsa, x509
from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError, NotSupportedError, SignatureError

if TYPE_CHECKING:
    from cx.compat import Buffer
    from cx.derstream import StreamReader

_SIGNED_DATA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
_CONTENT_TYPE = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"
_MESSAGE_DIGEST = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"
_SHA256 = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01"
_SHA256_WITH_RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"
_ECDSA_WITH_SHA256 = b"\x2a\x86\x48\xce\x3d\x04\x03\x02"
_ABSENT = b""
_NULL = b"\x05\x00"
_MAX_ALGORITHM_BYTES = const(128)
_MAX_ATTRIBUTES_BYTES = const(2048)
_MAX_SIGNATURE_BYTES = const(1024)
_MAX_TRIES = const(4)  # signers that claim our certificate: each costs a signature check


def enter(reader: "StreamReader", content_type: bytes) -> "list[int]":
    """Read to the start of the content, an OCTET STRING of type ``content_type`` (OID octets).

    Returns what ``verify`` needs to come out again; the content is ``reader.position`` to ``reader.end``.
    """
    outers = [reader.enter(der.SEQUENCE, "CMS")]
    kind = reader.oid("CMS content type")
    if kind != _SIGNED_DATA:
        raise NotSupportedError("CMS: content type " + der.oid_text(kind) + " is not SignedData")
    outers.append(reader.enter(der.CONTEXT_0, "CMS content"))
    outers.append(reader.enter(der.SEQUENCE, "SignedData"))
    version = reader.integer("SignedData version")
    if not 1 <= version <= 5:
        raise NotSupportedError("SignedData: version " + str(version) + " is not supported")
    if reader.peek() != der.SET:
        raise reader.fail("SignedData", "no set of digest algorithms")
    reader.skip("SignedData digest algorithms")
    outers.append(reader.enter(der.SEQUENCE, "encapsulated content"))
    kind = reader.oid("encapsulated content type")
    if kind != content_type:
        raise FormatError("encapsulated content: type " + der.oid_text(kind) + " is not a publication")
    outers.append(reader.enter(der.CONTEXT_0, "encapsulated content"))
    outers.append(reader.enter(der.OCTET_STRING, "encapsulated content"))
    return outers


def read_signers(
    reader: "StreamReader", outers: "list[int]", certificate: x509.Certificate
) -> "list[Signer]":
    """Read from the end of the content to the end of the document; return who claims to be ``certificate``.

    ``outers`` is what ``enter`` returned. At most four are returned: each costs a signature check.
    """
    for what in ("encapsulated content", "encapsulated content", "encapsulated content"):
        reader.leave(outers.pop(), what)
    for tag in (0xA0, 0xA1):  # certificates, revocation lists: not looked at, so not even for their form
        if reader.peek() == tag:
            length = reader.expect(tag, "SignedData certificates")
            reader.position += length
    signers = []
    outer = reader.enter(der.SET, "SignedData signers")
    while not reader.at_end():
        inner = reader.enter(der.SEQUENCE, "signer")
        if _is_ours(reader, certificate) and len(signers) < _MAX_TRIES:
            signers.append(Signer(reader))
        reader.leave_rest(inner, "signer")
    reader.leave(outer, "SignedData signers")
    for what in ("SignedData", "CMS content", "CMS"):
        reader.leave(outers.pop(), what)
    return signers


class Signer:
    """What a SignerInfo has after its identifier: DER of algorithms and attributes, and the signature."""

    def __init__(self, reader: "StreamReader") -> None:
        """Read up to the unsigned attributes."""
        self.digest_algorithm = reader.element("signer digest algorithm", _MAX_ALGORITHM_BYTES)
        self.attributes = b""
        if reader.peek() == der.CONTEXT_0:
            self.attributes = reader.element("signed attributes", _MAX_ATTRIBUTES_BYTES)
        self.signature_algorithm = reader.element("signer signature algorithm", _MAX_ALGORITHM_BYTES)
        self.signature = reader.octets("signer signature", _MAX_SIGNATURE_BYTES)


def verify(signers: "list[Signer]", content_type: bytes, digest: bytes, spki: bytes) -> None:
    """Check that one of ``signers`` signed content of this type and SHA-256 ``digest`` with the key ``spki``.

    Errors: ``SignatureError`` or ``NotSupportedError``, by what is wrong with the last one.
    """
    refusal = SignatureError("CMS: no signer is the publisher's certificate")
    for signer in signers:
        try:
            _check_signer(signer, content_type, digest, spki)
            return
        except FormatError as error:
            refusal = SignatureError(error.args[0])
        except (SignatureError, NotSupportedError) as error:
            refusal = error
    raise refusal


def _is_ours(reader: "StreamReader", certificate: x509.Certificate) -> bool:
    """Read who a signer is: version 1 is issuer and serial number, version 3 a subject key identifier."""
    version = reader.integer("signer version")
    if version == 3:
        return reader.contents(0x80, "signer key identifier", 256) == certificate.key_id
    if version != 1:
        raise NotSupportedError("signer: version " + str(version) + " is not supported")
    outer = reader.enter(der.SEQUENCE, "signer issuer and serial")
    issuer = reader.element("signer issuer", 4096)
    serial = reader.integer_octets("signer serial", 64)
    reader.leave(outer, "signer issuer and serial")
    return issuer == certificate.issuer and serial == certificate.serial


def _check_signer(signer: Signer, content_type: bytes, digest: bytes, spki: bytes) -> None:
    kind, parameters = x509.read_algorithm(der.Reader(signer.digest_algorithm), "signer digest algorithm")
    if kind != _SHA256:
        raise NotSupportedError("signer: digest algorithm " + der.oid_text(kind) + " is not supported")
    _check_parameters(parameters, (_ABSENT, _NULL), "digest")
    if not signer.attributes:
        raise SignatureError("signer: no signed attributes")
    # What is signed is a SET OF, not the [0] that it carries here (RFC 5652 section 5.4).
    signed = bytearray(signer.attributes)
    signed[0] = der.SET
    _check_attributes(signed, content_type, digest)
    _check_signature(der.Reader(signer.signature_algorithm), signed, signer.signature, spki)


def _check_parameters(parameters: "Buffer", allowed: "tuple[bytes, ...]", what: str) -> None:
    if parameters not in allowed:
        raise NotSupportedError("signer: parameters of the " + what + " algorithm are not supported")


def _check_attributes(signed: "Buffer", content_type: bytes, digest: bytes) -> None:
    """Check that content-type and message-digest are there once each, and right, in DER order."""
    expected = {
        _CONTENT_TYPE: der.encode_oid(content_type),
        _MESSAGE_DIGEST: der.encode(der.OCTET_STRING, digest),
    }
    reader = der.Reader(signed)
    reader.enter(der.SET, "signed attributes")
    previous = b""
    while not reader.at_end():
        attribute = bytes(reader.element("signed attribute", _MAX_ATTRIBUTES_BYTES))
        if attribute <= previous:
            raise FormatError("signed attributes: not in the order of DER")
        previous = attribute
        inner = der.Reader(attribute)
        inner.enter(der.SEQUENCE, "signed attribute")
        kind = inner.oid("signed attribute")
        if kind in (_CONTENT_TYPE, _MESSAGE_DIGEST):
            name = "content-type" if kind == _CONTENT_TYPE else "message-digest"
            if kind not in expected:
                raise FormatError("signed attributes: " + name + " is there twice")
            inner.enter(der.SET, "signed attribute")
            if inner.element("signed attribute") != expected.pop(kind):
                raise SignatureError("signed attributes: " + name + " is not that of the content")
        else:
            inner.skip("signed attribute")
        inner.finish("signed attribute")
    if expected:
        raise SignatureError("signed attributes: content-type or message-digest is missing")


def _check_signature(algorithm: der.Reader, message: "Buffer", signature: "Buffer", spki: bytes) -> bool:
    """Check ``signature`` over ``message`` with the key ``spki`` and the algorithm stated."""
    kind, parameters = x509.read_algorithm(algorithm, "signer signature algorithm")
    exponent, key = x509.read_key(spki)
    is_rsa = kind in (x509.RSA_ENCRYPTION, _SHA256_WITH_RSA)
    if not is_rsa and kind != _ECDSA_WITH_SHA256:
        raise NotSupportedError("signer: signature algorithm " + der.oid_text(kind) + " is not supported")
    if is_rsa != bool(exponent):
        raise SignatureError("signer: the signature algorithm is not one for the publisher's key")
    if is_rsa:
        _check_parameters(parameters, (_ABSENT, _NULL), "signature")
        return rsa.verify(key, exponent, message, signature)
    _check_parameters(parameters, (_ABSENT,), "signature")
    return p256.verify(key, message, signature)
