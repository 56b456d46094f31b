"""What is in a CX document, for people and as JSON. Nothing is verified here: ``cxbadge verify`` does that.

Read with ``asn1crypto``, so that it is a second opinion on the core. Secrets (preseeds, confirmation codes)
are left out unless they are asked for.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Any

from asn1crypto import algos, cms
from asn1crypto import x509 as asn1_x509
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cx import descriptor, levels, x509
from cx.errors import CxError, FormatError
from cx.extensions import decode_guidance
from cxhost import asn1, extensions

_SEED_BYTES = {1: 24, 2: 48}
_SIGNED_DATA = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
_CELL = 24  # characters; longer ones do not go into a table


def describe(document: bytes, secrets: bool = False) -> dict[str, Any]:
    """Return what ``document`` holds: ``kind`` (publication, report, descriptor) and its fields.

    ``secrets``: with preseeds and the confirmation code. Errors: ``FormatError``.
    """
    if document.lstrip()[:1] == b"{":
        kind, read = "descriptor", _descriptor
    elif document[:1] != b"\x30":
        raise FormatError("neither DER nor JSON: expected a publication, a seed report or a descriptor")
    elif _SIGNED_DATA in document[:20]:
        kind, read = "publication", _publication
    else:
        kind, read = "report", _with_secrets if secrets else _report
    try:
        return {"kind": kind, "bytes": len(document), **read(document)}
    except (ValueError, TypeError, KeyError, OverflowError) as error:  # what asn1crypto raises
        line = " ".join(str(error).split())
        raise FormatError(f"not a {kind}: {line}") from None


def _descriptor(document: bytes) -> dict[str, Any]:
    members = descriptor.check(document)
    certificate = _certificate(asn1_x509.Certificate.load(x509.from_pem(members["cert"])))
    return {**members, "cert": certificate}


def _certificate(certificate: asn1_x509.Certificate) -> dict[str, Any]:
    key = certificate.public_key
    return {
        "subject": certificate.subject.human_friendly,
        "issuer": certificate.issuer.human_friendly,
        "serial": format(certificate.serial_number, "x"),
        "keyIdentifier": certificate.key_identifier.hex() if certificate.key_identifier else None,
        "key": _key_name(key),
        "fingerprint": hashlib.sha256(certificate.dump()).hexdigest(),
    }


def _key_name(key: Any) -> str:
    if key.algorithm == "ec":
        return str(key.curve[1])
    return f"{key.algorithm}{key.bit_size}" if key.algorithm == "rsa" else str(key.algorithm)


def _publication(document: bytes) -> dict[str, Any]:
    asn1.require_der(document)
    data = asn1.publication_data(document)
    signed = cms.ContentInfo.load(document)["content"]
    return {
        "version": data["version"].native,
        "zone": data["zone"].native,
        "aggregated": data["aggregated"].native,
        "publishedAt": _time(data["published_at"]),
        "nextUpdateNotBefore": _time(data["next_update_not_before"]),
        "nextUpdateNotAfter": _time(data["next_update_not_after"]),
        "excludesPublishedBefore": _time(data["excludes_published_before"]),
        "notifications": [_notification(one) for one in data["notifications"]],
        "updateURLs": [url.native for url in data["update_urls"]],
        "extensions": _extensions(data["extensions"], True),
        "signers": [_signer(one) for one in signed["signer_infos"]],
        "certificates": [
            _certificate(one.chosen) for one in signed["certificates"] if one.name == "certificate"
        ],
    }


def _time(value: Any) -> str | None:
    return value.native.isoformat()[:19] + "Z" if value.native is not None else None


def _notification(one: Any) -> dict[str, Any]:
    level, generator_type = one["alert_level"].native, one["generator_type"].native
    octets = one["seed_values"].native
    size = _SEED_BYTES.get(generator_type)
    return {
        "alertLevel": level,
        "level": levels.level_name(level),
        "generatorType": generator_type,
        "seeds": len(octets) // size if size else None,
        "bytes": len(octets),
    }


def _extensions(extensions_field: Any, in_publication: bool) -> list[dict[str, Any]]:
    return [_extension(one, in_publication) for one in extensions_field] if extensions_field.native else []


def _extension(one: Any, in_publication: bool) -> dict[str, Any]:
    kind = one["extn_id"].dotted
    parameters = one["parameters"].dump()
    entry: dict[str, Any] = {"id": kind, "name": extensions.NAMES.get(kind), "bytes": len(parameters)}
    try:
        if kind == extensions.GUIDANCE:
            guidance = decode_guidance(parameters)
            names = ("attenuation", "low", "high")
            entry["buckets"] = [dict(zip(names, bucket, strict=True)) for bucket in guidance.buckets]
            entry["texts"] = guidance.texts
        elif kind == extensions.USAGE and in_publication:
            entry["usage"] = [_usages(one) for one in extensions.publication_usages(parameters)]
    except (CxError, ValueError, TypeError) as error:
        entry["ignored"] = " ".join(str(error).split())
    return entry


def _usages(usages: list[extensions.Usage | None]) -> str:
    known = [usage for usage in usages if usage is not None]
    if not known:
        return f"not known of {len(usages)}"
    first, last = (_day(days) for days in (min(known)[0], max(known)[0]))
    identifiers = sum(usage[1] for usage in known)
    return f"{len(known)} of {len(usages)} seeds, first used {first} to {last}, {identifiers} identifiers"


def _signer(one: Any) -> dict[str, Any]:
    identifier = one["sid"].chosen
    by_issuer = one["sid"].name == "issuer_and_serial_number"
    return {
        "issuer": identifier["issuer"].human_friendly if by_issuer else None,
        "serial": format(identifier["serial_number"].native, "x") if by_issuer else None,
        "keyIdentifier": None if by_issuer else identifier.native.hex(),
        "digest": one["digest_algorithm"]["algorithm"].native,
        "signature": one["signature_algorithm"]["algorithm"].native,
        "attributes": [attribute["type"].native for attribute in one["signed_attrs"]],
    }


def _report(document: bytes) -> dict[str, Any]:
    asn1.require_der(document)
    report = asn1.SeedReport.load(document, strict=True)
    content = report["content"]
    return {
        "version": content["version"].native,
        "publisherName": content["publisher_name"].native,
        "descriptors": [_seed(one) for one in content["seed_descriptors"]],
        "signatures": [
            {"algorithm": _algorithm(one), "bytes": len(one["signature_value"].native)}
            for one in report["signatures"]
        ],
        "extensions": _extensions(content["extensions"], False),
        "usage": [
            None if usage is None else {"firstDay": _day(usage[0]), "identifiers": usage[1]}
            for usage in extensions.report_usages(content["extensions"], len(content["seed_descriptors"]))
        ],
    }


def _day(days: int) -> str:
    return (date(1970, 1, 1) + timedelta(days)).isoformat()


def _with_secrets(document: bytes) -> dict[str, Any]:
    content = asn1.SeedReport.load(document, strict=True)["content"]
    found = _report(document)
    for entry, one in zip(found["descriptors"], content["seed_descriptors"], strict=True):
        entry["preseedValue"] = one["preseed_value"].native.hex()
    return {**found, "seedReportChallenge": content["seed_report_challenge"].native}


def _algorithm(signature: Any) -> str:
    dotted = signature["signature_algorithm"]["algorithm"].dotted
    return str(algos.SignedDigestAlgorithmId._map.get(dotted, dotted))


def _seed(one: Any) -> dict[str, Any]:
    key = one["preseed_verification_key"]
    return {
        "generatorType": one["generator_type"].native,
        "preseedBytes": len(one["preseed_value"].native),
        "key": _key_name(key),
        "keyHash": hashlib.sha256(key.dump()).hexdigest(),
    }


def show(console: Console, found: dict[str, Any]) -> None:
    """Print what ``describe`` found: one line for each field, a table for lists of short things."""
    width = max(len(name) for name in found)
    for name, value in found.items():
        if not isinstance(value, list) or not value:
            value = [] if value is None else [value]
        rows = [one for one in value if isinstance(one, dict)]
        if rows and all(len(_cell(cell)) <= _CELL for row in rows for cell in row.values()):
            _show_table(console, name, rows)
            continue
        lines = [line for one in value for line in _lines(one)] or ["none"]
        for number, line in enumerate(lines):
            console.print(Text(f"{'' if number else name:{width}}  {_safe(line)}"), soft_wrap=True)


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{key}: {_cell(one)}" for key, one in value.items() if one is not None]
    return str(value).splitlines() or [""]


def _show_table(console: Console, name: str, rows: list[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(*columns, title=name, title_justify="left")
    for row in rows:
        table.add_row(*(Text(_safe(_cell(row.get(key)))) for key in columns))
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _safe(text: str) -> str:
    """Return ``text`` without control characters: documents come from strangers, and terminals obey them."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
