"""A throw-away certificate authority and a server certificate for this computer: for demos and tests.

Dates come from the real clock, since the TLS of every client looks at it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cxhost.publisher.files import write_atomic
from cxhost.publisher.signing import certificate_pem, key_pem, new_key


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: a server's certificate and key, and the CA that clients must trust (None: a public one)."""

    certificate: Path
    key: Path
    ca: Path | None = None


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def make_localhost_tls(directory: Path, days: int = 7) -> TlsFiles:
    """Write ``ca.pem``, ``server.pem`` and ``server.key`` for localhost and its addresses to ``directory``.

    The CA's key is forgotten at once, so nobody can make another certificate that its trusters would take.
    """
    ca_name = "CX throw-away CA"
    ca_key, server_key = (new_key("p256") for _ in range(2))
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey) or not isinstance(
        server_key, ec.EllipticCurvePrivateKey
    ):
        raise TypeError("P-256 keys expected")
    authority = (
        _builder(ca_name, ca_name, ca_key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .sign(ca_key, SHA256())
    )
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    server = (
        _builder("localhost", ca_name, server_key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), critical=False)
        .sign(ca_key, SHA256())
    )
    files = TlsFiles(directory / "server.pem", directory / "server.key", directory / "ca.pem")
    write_atomic(directory / "ca.pem", certificate_pem(authority))
    write_atomic(files.certificate, certificate_pem(server))
    write_atomic(files.key, key_pem(server_key), 0o600)
    return files
