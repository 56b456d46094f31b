"""X.509 certificates: what is needed to find a signer and to check a signature (RFC 5280).

A publisher's certificate is a container for its key: the descriptor is the root of trust. So neither dates,
nor key usage, nor the certificate's own signature are checked.
"""

import binascii

from cx import der
from cx.compat import TYPE_CHECKING
from cx.errors import FormatError, NotSupportedError

if TYPE_CHECKING:
    from cx.compat import Buffer

RSA_ENCRYPTION = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
_EC_PUBLIC_KEY = b"\x2a\x86\x48\xce\x3d\x02\x01"
_PRIME256V1 = b"\x2a\x86\x48\xce\x3d\x03\x01\x07"
_SUBJECT_KEY_IDENTIFIER = b"\x55\x1d\x0e"
_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Certificate:
    """A certificate: ``issuer`` (DER), ``serial`` (INTEGER octets), ``spki`` (DER), ``key_id`` or None."""

    def __init__(self, certificate: "Buffer") -> None:
        """Read a DER certificate; errors: ``FormatError``."""
        reader = der.Reader(certificate)
        outer = reader.enter(der.SEQUENCE, "certificate")
        body = reader.enter(der.SEQUENCE, "certificate")
        if reader.peek() == der.CONTEXT_0:
            explicit = reader.enter(der.CONTEXT_0, "certificate version")
            reader.integer("certificate version")
            reader.leave(explicit, "certificate version")
        self.serial = bytes(reader.integer_octets("certificate serial", 64))
        reader.skip("certificate signature algorithm")
        self.issuer = bytes(reader.element("certificate issuer", 2048))
        reader.skip("certificate validity")
        reader.skip("certificate subject")
        self.spki = bytes(reader.element("certificate key", 1024))
        self.key_id = _read_key_id(reader)
        reader.leave(body, "certificate")
        reader.skip("certificate signature algorithm")
        reader.bits("certificate signature", 1024)
        reader.leave(outer, "certificate")
        reader.finish("certificate")


def _read_key_id(reader: der.Reader) -> "bytes | None":
    """Return the subject key identifier from what follows the key, or None; read to the end of the body."""
    key_id = None
    while not reader.at_end():
        if reader.peek() != 0xA3:  # unique identifiers
            reader.skip("certificate")
            continue
        explicit = reader.enter(0xA3, "certificate extensions")
        extensions = reader.enter(der.SEQUENCE, "certificate extensions")
        while not reader.at_end():
            extension = reader.enter(der.SEQUENCE, "certificate extension")
            kind = reader.oid("certificate extension")
            if reader.peek() == der.BOOLEAN:
                reader.boolean("certificate extension")
            value = reader.octets("certificate extension", 8192)
            if kind == _SUBJECT_KEY_IDENTIFIER:
                inner = der.Reader(value)
                key_id = bytes(inner.octets("certificate key identifier", 64))
                inner.finish("certificate key identifier")
            reader.leave(extension, "certificate extension")
        reader.leave(extensions, "certificate extensions")
        reader.leave(explicit, "certificate extensions")
    return key_id


def public_key(certificate: "Buffer") -> "tuple[int, Buffer]":
    """Return the public key of a DER certificate, like ``read_key``."""
    return read_key(Certificate(certificate).spki)


def read_algorithm(reader: der.Reader, what: str) -> "tuple[bytes, bytes]":
    """Read an AlgorithmIdentifier; return its OID and its parameters (DER, ``b""`` when absent)."""
    outer = reader.enter(der.SEQUENCE, what)
    kind = reader.oid(what)
    parameters = b"" if reader.at_end() else bytes(reader.element(what, 512))
    reader.leave(outer, what)
    return kind, parameters


def read_key(spki: "Buffer") -> "tuple[int, Buffer]":
    """Return (0, point) of a P-256 SubjectPublicKeyInfo, or (exponent, modulus) of an RSA one.

    Errors: ``FormatError``; ``NotSupportedError`` for other algorithms and curves.
    """
    reader = der.Reader(spki)
    outer = reader.enter(der.SEQUENCE, "public key")
    kind, parameters = read_algorithm(reader, "public key algorithm")
    key = reader.bits("public key", 600)
    reader.leave(outer, "public key")
    reader.finish("public key")
    if kind == _EC_PUBLIC_KEY:
        if parameters != der.encode_oid(_PRIME256V1):
            raise NotSupportedError(
                "public key: a curve other than P-256 is not supported" + _curve(parameters)
            )
        return 0, key
    if kind != RSA_ENCRYPTION:
        raise NotSupportedError("public key: algorithm " + der.oid_text(kind) + " is not supported")
    if parameters != b"\x05\x00":
        raise FormatError("public key algorithm: the parameters of rsaEncryption must be NULL")
    return _read_rsa(key)


def _curve(parameters: bytes) -> str:
    """Return the name of a curve for an error message, when it has one."""
    if parameters[:1] != b"\x06":
        return ""
    return ": " + der.oid_text(der.Reader(parameters).oid("public key curve"))


def _read_rsa(key: "Buffer") -> "tuple[int, Buffer]":
    reader = der.Reader(key)
    outer = reader.enter(der.SEQUENCE, "RSA key")
    modulus = reader.integer_octets("RSA modulus", 600)
    exponent = reader.integer("RSA exponent")
    reader.leave(outer, "RSA key")
    reader.finish("RSA key")
    if modulus[0] == 0 and len(modulus) > 1:
        modulus = modulus[1:]
    elif modulus[0] >= 0x80:
        raise FormatError("RSA modulus: negative")
    return exponent, modulus


def from_pem(text: str) -> bytes:
    """Return the DER of the one certificate in a PEM text (RFC 7468); errors: ``FormatError``."""
    start = text.find(_BEGIN)
    end = text.find(_END)
    if start < 0 or end < start or text.find(_BEGIN, start + 1) >= 0:
        raise FormatError("certificate: expected one PEM block, BEGIN CERTIFICATE to END CERTIFICATE")
    body = "".join(text[start + len(_BEGIN) : end].split()).encode("utf-8")
    padding = len(body) - len(body.rstrip(b"="))
    if not body or len(body) % 4 or padding > 2:
        raise FormatError("certificate: the PEM text is not whole base64")
    for character in body[: len(body) - padding]:
        if character not in _BASE64:
            raise FormatError("certificate: a character in the PEM text that is not base64")
    return binascii.a2b_base64(body)
