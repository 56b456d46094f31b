"""Reports that are wrong in one way each, for a code that is good, and the reason to be given for each."""

from __future__ import annotations

import secrets

import report_builder as build
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

_WITH_NULL = bytes.fromhex("300c06082a8648ce3d0403020500")


def _seed(kind: int = 1, length: int = 24, **options: bytes) -> build.Seed:
    key = ec.generate_private_key(ec.SECP256R1())
    return build.Seed(secrets.token_bytes(length), key, generator_type=kind, **options)


def _signatures(der: bytes, count: int) -> bytes:
    """Return a report of one seed with its signature ``count`` times."""
    content_size = 4 + int.from_bytes(der[6:8], "big")  # both headers are 30 82 and two bytes
    content, signatures = der[4 : 4 + content_size], der[4 + content_size :]
    return build.tlv(0x30, content, build.tlv(0x30, signatures[2:] * count))


def invalid_reports(name: str, code: str) -> dict[str, tuple[bytes, str]]:
    """Return what is wrong: (the report, the reason), for a publisher of that name."""

    def report(*seeds: build.Seed, **options: str) -> bytes:
        return build.build_report(options.get("name", name), options.get("code", code), list(seeds))

    good = report(_seed(extra=build.tlv(0x04, bytes(200))))
    keys = {
        "RSA of 1024 bits": rsa.generate_private_key(65537, 1024),  # noqa: S505  to be refused
        "P-384": ec.generate_private_key(ec.SECP384R1()),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    }
    algorithms = {
        "ECDSA key, RSA's algorithm": build.RSA_SHA256,
        "ECDSA key, Ed25519's algorithm": build.ED25519,
        "ECDSA with NULL parameters": _WITH_NULL,
        "an algorithm nobody knows": bytes.fromhex("300506032b6571"),
    }
    other = report(_seed(), _seed())
    lengths = [(1, 0), (1, 23), (1, 25), (1, 48), (2, 24), (2, 47), (2, 49)]
    return {
        "nothing": (b"", "not-a-report"),
        "noise": (secrets.token_bytes(500), "not-a-report"),
        "JSON": (b'{"code": "1234"}', "not-a-report"),
        "cut short": (good[:-7], "not-a-report"),
        "a byte behind": (good + b"\0", "not-a-report"),
        "indefinite length": (b"\x30\x80" + good[4:] + bytes(2), "not-a-report"),
        "deeply nested": (b"\x30\x80" * 5000, "not-a-report"),
        "a length of 4 GiB": (b"\x30\x84\xff\xff\xff\xff", "not-a-report"),
        "no seeds": (report(), "not-a-report"),
        "a code that is not UTF-8": (good.replace(code.encode(), b"\xff\xfe" * 7), "not-a-report"),
        "last bit of a signature": (good[:-1] + bytes([good[-1] ^ 1]), "wrong-signature"),
        "first of two signatures": (other.replace(other[-20:], bytes(20)), "wrong-signature"),
        "another code than was signed": (good.replace(code.encode(), b"0000-0000-0000"), "wrong-signature"),
        "no signature": (_signatures(good, 0), "signature-count"),
        "one signature too many": (_signatures(good, 2), "signature-count"),
        **{
            f"type {kind}": (report(_seed(kind)), "unknown-generator-type") for kind in (0, -1, 3, 9, 2**8000)
        },
        **{
            f"type {kind}, preseed of {length} bytes": (report(_seed(kind, length)), "wrong-preseed-length")
            for kind, length in lengths
        },
        **{what: (report(build.Seed(bytes(24), key)), "unsupported-key") for what, key in keys.items()},
        **{what: (report(_seed(algorithm=der)), "wrong-algorithm") for what, der in algorithms.items()},
        "Ed25519 key, ECDSA's algorithm": (
            report(build.Seed(bytes(24), ed25519.Ed25519PrivateKey.generate(), algorithm=build.ECDSA_SHA256)),
            "wrong-algorithm",
        ),
        "513 seeds": (report(*[_seed()] * 513), "too-many-seeds"),
        "for another publisher": (report(_seed(), name="Borduria"), "wrong-publisher-name"),
        "a name with a space behind": (report(_seed(), name=name + " "), "wrong-publisher-name"),
    }
