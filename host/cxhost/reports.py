"""Seed Reports as a publisher reads them: parse, verify every signature, compute the seeds.

CX architecture specification, section "Seed Reports". Everything is checked over the exact bytes received,
with ``asn1crypto`` and ``cryptography`` only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from cx.errors import RefusedError
from cxhost import asn1, drbg, extensions

# AlgorithmIdentifier, whole, as DER. RFC 4055 section 5 tells to take RSA's with and without NULL parameters.
SHA256_WITH_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")
_SHA256_WITH_RSA_BARE = bytes.fromhex("300b06092a864886f70d01010b")
ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
ED25519 = bytes.fromhex("300506032b6570")


class Reason(str, Enum):
    """Why a report was refused. The values are stable: programs may read them."""

    TOO_LARGE = "too-large"
    TOO_MANY_SEEDS = "too-many-seeds"
    NOT_A_REPORT = "not-a-report"
    UNKNOWN_TYPE = "unknown-generator-type"
    WRONG_PRESEED_LENGTH = "wrong-preseed-length"
    UNSUPPORTED_KEY = "unsupported-key"
    SIGNATURE_COUNT = "signature-count"
    WRONG_ALGORITHM = "wrong-algorithm"
    WRONG_SIGNATURE = "wrong-signature"
    WRONG_NAME = "wrong-publisher-name"
    CODE_MISTYPED = "code-mistyped"
    CODE_UNKNOWN = "code-unknown"
    CODE_EXPIRED = "code-expired"
    CODE_USED = "code-used"


class ReportRefused(RefusedError):
    """A report that was not taken: ``reason`` for programs, a message for people, no secret in either."""

    reason: Reason

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message, reason)


@dataclass(frozen=True)
class Limits:
    """What one report may hold. The largest real one (14 days of hourly seeds, P-256) is about 70 KiB."""

    max_bytes: int = 256 * 1024
    max_seeds: int = 512


@dataclass(frozen=True)
class ReportedSeed:
    """One seed of a verified report. ``seed``: 24 or 48 bytes; ``key_hash``: SHA-256 of its key, 32 bytes.

    ``usage``: the day of its first use and how many identifiers were used, when the report tells it.
    """

    generator_type: int
    seed: bytes = field(repr=False)
    key_hash: bytes = field(repr=False)
    usage: extensions.Usage | None = None


@dataclass(frozen=True)
class VerifiedReport:
    """A report whose every signature is right. Name and challenge are still to be judged."""

    publisher_name: str
    challenge: str = field(repr=False)
    seeds: tuple[ReportedSeed, ...]


@dataclass(frozen=True)
class _Descriptor:
    generator_type: int
    preseed: bytes = field(repr=False)
    spki: bytes = field(repr=False)
    key_kind: str


@dataclass(frozen=True)
class _Parsed:
    content: bytes = field(repr=False)
    descriptors: list[_Descriptor]
    publisher_name: str
    challenge: str = field(repr=False)
    usages: list[extensions.Usage | None]
    signatures: list[tuple[bytes, bytes]] = field(repr=False)


def _parse(der: bytes) -> _Parsed:
    """Return the fields of a report; ``ValueError`` or ``TypeError`` for anything that is not one."""
    asn1.require_der(der)
    report = asn1.SeedReport.load(der, strict=True)
    content = report["content"]
    _ = content["version"].native, content["extensions"].native  # any version, any extension, but well-formed
    return _Parsed(
        content=content.dump(),
        descriptors=[
            _Descriptor(
                generator_type=one["generator_type"].native,
                preseed=one["preseed_value"].native,
                spki=one["preseed_verification_key"].dump(),
                key_kind=one["preseed_verification_key"]["algorithm"]["algorithm"].native,
            )
            for one in content["seed_descriptors"]
        ],
        publisher_name=content["publisher_name"].native,
        challenge=content["seed_report_challenge"].native,
        usages=extensions.report_usages(content["extensions"], len(content["seed_descriptors"])),
        signatures=[
            (one["signature_algorithm"].dump(), one["signature_value"].native) for one in report["signatures"]
        ],
    )


def _check_descriptor(number: int, one: _Descriptor) -> None:
    try:
        length = drbg.preseed_len(one.generator_type)
    except ValueError:
        raise ReportRefused(
            Reason.UNKNOWN_TYPE, f"Seed {number} is of a type that this server does not know yet."
        ) from None
    if len(one.preseed) != length:
        raise ReportRefused(
            Reason.WRONG_PRESEED_LENGTH,
            f"The preseed of seed {number} has {len(one.preseed)} bytes; its type takes {length}.",
        )


def _verify(number: int, one: _Descriptor, algorithm: bytes, signature: bytes, message: bytes) -> None:
    """Verify one signature over ``message`` with its preseed key; kind and algorithm must fit together."""
    unsupported = ReportRefused(
        Reason.UNSUPPORTED_KEY, f"The key of seed {number} is none of RSA 2048 to 4096, P-256 and Ed25519."
    )
    try:
        key = load_der_public_key(one.spki)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise unsupported from None
    try:
        if isinstance(key, rsa.RSAPublicKey) and one.key_kind == "rsa" and 2048 <= key.key_size <= 4096:
            allowed = (SHA256_WITH_RSA, _SHA256_WITH_RSA_BARE)
            if algorithm in allowed:
                return key.verify(signature, message, padding.PKCS1v15(), SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            if algorithm == ECDSA_WITH_SHA256:
                return key.verify(signature, message, ec.ECDSA(SHA256()))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            if algorithm == ED25519:
                return key.verify(signature, message)
        else:
            raise unsupported
    except InvalidSignature:
        raise ReportRefused(
            Reason.WRONG_SIGNATURE,
            f"The signature of seed {number} is wrong; the report is damaged or forged.",
        ) from None
    raise ReportRefused(
        Reason.WRONG_ALGORITHM, f"The signature algorithm of seed {number} does not fit its key."
    )


def verify_report(der: bytes, limits: Limits = Limits()) -> VerifiedReport:
    """Parse a Seed Report, verify all of it, and return its seeds.

    Raises ``ReportRefused`` for anything that is not a wholly right report; then nothing of it may be used.
    """
    if len(der) > limits.max_bytes:
        raise ReportRefused(Reason.TOO_LARGE, f"The report is larger than {limits.max_bytes} bytes.")
    try:
        parsed = _parse(der)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise ReportRefused(
            Reason.NOT_A_REPORT, "This is not a seed report: its structure is not right."
        ) from None
    descriptors, signatures = parsed.descriptors, parsed.signatures
    if not descriptors:
        raise ReportRefused(Reason.NOT_A_REPORT, "The report holds no seed.")
    if len(descriptors) > limits.max_seeds:
        raise ReportRefused(
            Reason.TOO_MANY_SEEDS,
            f"The report holds {len(descriptors)} seeds; at most {limits.max_seeds} fit.",
        )
    if len(descriptors) != len(signatures):
        raise ReportRefused(
            Reason.SIGNATURE_COUNT, f"{len(descriptors)} seeds with {len(signatures)} signatures."
        )
    for number, (one, (algorithm, signature)) in enumerate(zip(descriptors, signatures, strict=True), 1):
        _check_descriptor(number, one)
        _verify(number, one, algorithm, signature, asn1.sequence(parsed.content, algorithm))
    return VerifiedReport(
        publisher_name=parsed.publisher_name,
        challenge=parsed.challenge,
        seeds=tuple(
            ReportedSeed(
                generator_type=one.generator_type,
                seed=drbg.seed_value(one.generator_type, one.preseed, one.spki),
                key_hash=hashlib.sha256(one.spki).digest(),
                usage=usage,
            )
            for one, usage in zip(descriptors, parsed.usages, strict=True)
        ),
    )
