"""Usage and guidance on the publisher's side (docs/extensions.md), by ``asn1crypto`` and not by the core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asn1crypto import core

USAGE = "2.25.272208826645716028412609970848103430544"
GUIDANCE = "2.25.135234554791412152650370746442219240873"
NAMES = {USAGE: "usage", GUIDANCE: "guidance"}
MAX_IDS = 2048
MAX_DAY = 0xFFFF

Usage = tuple[int, int]  # UTC day of the first use since 1970-01-01; how many identifiers were used


class _UsagePair(core.Sequence):
    _fields = [("first_day", core.Integer), ("identifiers", core.Integer)]


class _ReportUsage(core.SequenceOf):
    _child_spec = _UsagePair


class _PublicationUsage(core.SequenceOf):
    _child_spec = core.OctetString


class _Bucket(core.Sequence):
    _fields = [("attenuation", core.Integer), ("low", core.Integer), ("high", core.Integer)]


class _Buckets(core.SequenceOf):
    _child_spec = _Bucket


class _AdviceText(core.Sequence):
    _fields = [("language", core.UTF8String), ("text", core.UTF8String)]


class _Texts(core.SequenceOf):
    _child_spec = _AdviceText


class _Guidance(core.Sequence):
    _fields = [("buckets", _Buckets), ("texts", _Texts)]


def is_usage(first_day: int, count: int) -> bool:
    """Tell whether these can be a usage."""
    return 0 <= first_day <= MAX_DAY and 1 <= count <= MAX_IDS


def encode_usage(usage: Usage | None) -> bytes:
    """Return the 4 bytes that stand for a usage, zeros for one that is not known; ``ValueError``."""
    if usage is not None and not is_usage(*usage):
        raise ValueError(f"usage: day {usage[0]} and {usage[1]} identifiers cannot be")
    first_day, count = usage or (0, 0)
    return first_day.to_bytes(2, "big") + count.to_bytes(2, "big")


def decode_usage(octets: bytes) -> Usage | None:
    """Return what 4 bytes tell of a usage; None when they tell nothing that can be."""
    pair = int.from_bytes(octets[:2], "big"), int.from_bytes(octets[2:], "big")
    return pair if len(octets) == 4 and is_usage(*pair) else None


def parameters_of(extensions: Any, kind: str) -> bytes | None:
    """Return the parameters of the one extension of this kind; None when there is none, or more than one."""
    if not extensions.native:
        return None
    found = [one["parameters"].dump() for one in extensions if one["extn_id"].dotted == kind]
    return found[0] if len(found) == 1 and found[0] else None


def report_usages(extensions: Any, seeds: int) -> list[Usage | None]:
    """Return what a Seed Report tells of the usage of each of its ``seeds``; None where it is not known.

    ``extensions``: the field of ``asn1.SeedReportContent``. An extension that is not of the form that it
    should be is taken as absent: no report is refused for it.
    """
    unknown: list[Usage | None] = [None] * seeds
    parameters = parameters_of(extensions, USAGE)
    if parameters is None:
        return unknown
    try:
        pairs = [
            (one["first_day"].native, one["identifiers"].native)
            for one in _ReportUsage.load(parameters, strict=True)
        ]
    except (ValueError, TypeError, KeyError):
        return unknown
    if len(pairs) != seeds:
        return unknown
    return [pair if is_usage(*pair) else None for pair in pairs]


def publication_usages(parameters: bytes) -> list[list[Usage | None]]:
    """Return the usages in the parameters of a publication's extension, by notification; ``ValueError``."""
    found = []
    for one in _PublicationUsage.load(parameters, strict=True):
        octets = one.native
        found.append([decode_usage(octets[at : at + 4]) for at in range(0, len(octets), 4)])
    return found


def usage_extension(usages: Iterable[Sequence[Usage | None]]) -> dict[str, Any]:
    """Return usage for ``asn1.Extensions`` of a publication: by notification, that of each seed.

    None: not known. A notification of a type that the publisher itself does not know has an empty list.
    """
    strings = [b"".join(map(encode_usage, notification)) for notification in usages]
    return {"extn_id": USAGE, "parameters": _PublicationUsage(strings)}


def guidance_extension(buckets: Sequence[tuple[int, int, int]], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return guidance for ``asn1.Extensions`` of a publication.

    ``buckets``: (greatest attenuation in dB, minutes for a low risk, minutes for a high one), from near to
    far. ``texts``: by language (BCP 47). Limits as in docs/extensions.md; ``ValueError`` names the one that
    is broken.
    """
    limits = [-1, *(one[0] for one in buckets)]
    if len(buckets) > 8 or sorted(set(limits)) != limits or limits[-1] > 255:
        raise ValueError("guidance: at most 8 buckets, from near to far, up to 255 dB")
    if any(not 0 <= minutes <= 20160 for one in buckets for minutes in one[1:]):
        raise ValueError("guidance: minutes must be between 0 and those of 14 days, 20160")
    names = ("attenuation", "low", "high")
    guidance = _Guidance(
        {
            "buckets": [dict(zip(names, one, strict=True)) for one in buckets],
            "texts": [{"language": one, "text": texts[one]} for one in sorted(texts)],
        }
    )
    if len(guidance.dump()) > 4096:
        raise ValueError("guidance: longer than 4096 bytes; shorten the texts")
    return {"extn_id": GUIDANCE, "parameters": guidance}
