"""Seed Reports made with ``cryptography`` and hand-written DER: shares nothing with what reads them."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
ED25519 = bytes.fromhex("300506032b6570")


def tlv(tag: int, *parts: bytes) -> bytes:
    """Return one DER value."""
    contents = b"".join(parts)
    length = len(contents)
    if length < 128:
        return bytes([tag, length]) + contents
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + contents


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def text(value: str) -> bytes:
    return tlv(0x0C, value.encode())


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def algorithm_of(key: PrivateKey) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return RSA_SHA256
    return ECDSA_SHA256 if isinstance(key, ec.EllipticCurvePrivateKey) else ED25519


def sign(key: PrivateKey, message: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(SHA256()))
    return key.sign(message)


@dataclass
class Seed:
    """One descriptor; ``extra``: bytes of unknown fields after the key."""

    preseed: bytes
    key: PrivateKey
    generator_type: int = 1
    extra: bytes = b""
    algorithm: bytes | None = None

    def der(self) -> bytes:
        return tlv(0x30, integer(self.generator_type), tlv(0x04, self.preseed), spki(self.key), self.extra)


def build_report(name: str, code: str, seeds: list[Seed], version: int = 1, extra: bytes = b"") -> bytes:
    """Return a Seed Report; ``extra``: bytes of unknown fields or extensions after the code."""
    content = tlv(0x30, integer(version), tlv(0x30, *(s.der() for s in seeds)), text(name), text(code), extra)
    signatures = []
    for seed in seeds:
        algorithm = seed.algorithm or algorithm_of(seed.key)
        signature = sign(seed.key, tlv(0x30, content, algorithm))
        signatures.append(tlv(0x30, algorithm, tlv(0x04, signature)))
    return tlv(0x30, content, tlv(0x30, *signatures))
