"""The publisher's key, its self-signed certificate, and CMS signatures (RFC 5652) made with it."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
# RFC 5280 section 4.1.2.5: a certificate without a well-defined end.
_NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
_MAX_COMMON_NAME = 64


def new_key(kind: str = "p256") -> SigningKey:
    """Return a fresh key: ``p256`` (small, quick on a badge) or ``rsa`` (3072 bits)."""
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    raise ValueError(f"key kind is {kind}: must be p256 or rsa")


def self_signed(key: SigningKey, name: str, now: datetime) -> x509.Certificate:
    """Return a certificate for ``key`` whose only use is to sign this publisher's lists.

    Badges do not look at its dates. It starts a day before ``now`` or the real time, whichever is earlier, so
    that common tools take it under a virtual clock too.
    """
    start = min(now, datetime.now(timezone.utc)) - timedelta(days=1)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name[:_MAX_COMMON_NAME]),
            x509.NameAttribute(NameOID.COMMON_NAME, "CX Publisher"),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start.replace(microsecond=0))
        .not_valid_after(_NO_END)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def key_pem(key: SigningKey, password: bytes | None = None) -> bytes:
    """Return the private key as PEM (PKCS #8), encrypted if there is a password.

    Without one it is for a file that only the publisher can read.
    """
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return the certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def _load_key(key_pem: bytes, password: bytes | None) -> Any:
    try:
        return serialization.load_pem_private_key(key_pem, password)
    except TypeError:  # a password for a key without one, or none for a key with one
        state = (
            "not encrypted, but a password for it is set" if password else "encrypted, and no password is set"
        )
        raise ValueError(f"the publisher's key is {state}") from None
    except ValueError:
        raise ValueError("the publisher's key cannot be read; is its password right?") from None


class Signer:
    """Signs with one key and one certificate. ``password``: what the key is encrypted with.

    ``ValueError`` for a key that cannot be read or used.
    """

    def __init__(self, key_pem: bytes, certificate_pem: bytes, password: bytes | None = None) -> None:
        key = _load_key(key_pem, password)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError("the publisher's key must be P-256 or RSA")
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        if certificate.public_key() != key.public_key():
            raise ValueError("the publisher's certificate is for another key")
        self._key = key
        self._certificate = asn1_x509.Certificate.load(
            certificate.public_bytes(serialization.Encoding.DER), strict=True
        )

    def _sign(self, message: bytes) -> tuple[algos.SignedDigestAlgorithm, bytes]:
        if isinstance(self._key, rsa.RSAPrivateKey):
            algorithm = algos.SignedDigestAlgorithm(
                {"algorithm": "rsassa_pkcs1v15", "parameters": core.Null()}
            )
            return algorithm, self._key.sign(message, padding.PKCS1v15(), SHA256())
        algorithm = algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"})
        return algorithm, self._key.sign(message, ec.ECDSA(SHA256()))

    def sign(self, content: bytes, content_type: str) -> bytes:
        """Return DER ContentInfo with SignedData around ``content`` of the type with that dotted OID.

        One signer, SHA-256, signed attributes content-type and message-digest, the certificate inside.
        """
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": [content_type]}),
                cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(content).digest()]}),
            ]
        )
        algorithm, signature = self._sign(attributes.dump())
        digest = algos.DigestAlgorithm({"algorithm": "sha256"})
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(
                    "issuer_and_serial_number",
                    cms.IssuerAndSerialNumber(
                        {
                            "issuer": self._certificate.issuer,
                            "serial_number": self._certificate.serial_number,
                        }
                    ),
                ),
                "digest_algorithm": digest,
                "signed_attrs": attributes,
                "signature_algorithm": algorithm,
                "signature": signature,
            }
        )
        signed = cms.SignedData(
            {
                "version": "v3",  # RFC 5652 section 5.1: the content is not id-data
                "digest_algorithms": [digest],
                "encap_content_info": {"content_type": content_type, "content": content},
                "certificates": [cms.CertificateChoices("certificate", self._certificate)],
                "signer_infos": [signer],
            }
        )
        return cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
