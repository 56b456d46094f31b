"""Certificates made for one test run: an authority, and servers' certificates right and wrong."""

from __future__ import annotations

import hashlib
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pin(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate's key, in hexadecimal."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate's DER."""
    return certificate.public_bytes(Encoding.DER)


class Authority:
    """An authority that certifies servers."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(name, self._key.public_key(), -1, 30, is_authority=True)

    @property
    def der(self) -> bytes:
        return der(self.certificate)

    def _sign(
        self,
        name: str,
        key: ec.EllipticCurvePublicKey,
        begins_d: int,
        ends_d: int,
        is_authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(timezone.utc)
        issuer = _name(name) if is_authority else self.certificate.subject
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=begins_d))
            .not_valid_after(now + timedelta(days=ends_d))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if not is_authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return builder.sign(self._key, SHA256())

    def server(
        self, folder: Path, name: str = "localhost", begins_d: int = -1, ends_d: int = 30
    ) -> tuple[ssl.SSLContext, x509.Certificate]:
        """Return a server's TLS context and its certificate for ``name``."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key.public_key(), begins_d, ends_d)
        return context(folder, key, certificate), certificate


def self_signed(folder: Path, name: str = "localhost") -> tuple[ssl.SSLContext, x509.Certificate]:
    """Return the TLS context and the certificate of a server that certified itself."""
    own = Authority(name)
    return context(folder, own._key, own.certificate), own.certificate


def context(folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> ssl.SSLContext:
    """Return the TLS context of a server with this certificate."""
    key_file, certificate_file = folder / "key.pem", folder / "cert.pem"
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate_file, key_file)
    return made
