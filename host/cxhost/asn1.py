"""The schema of the CX documents for asn1crypto: Seed Report and Publication.

CX architecture specification, ASN.1 modules. Fields after the ones named here are accepted and ignored,
as the specification asks of every reader (asn1crypto keeps them as unnamed children).
"""

from __future__ import annotations

from typing import cast

from asn1crypto import cms, core, keys, parser

PUBLICATION_OID = "1.3.6.1.4.1.10019.3.1"
_MAX_DEPTH = 32
_Parts = tuple[int, int, int, bytes, bytes, bytes]  # what asn1crypto's parser returns; its own hint is wrong


class Extension(core.Sequence):
    """One extension: an identifier and whatever it defines."""

    _fields = [("extn_id", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]


class Extensions(core.SequenceOf):
    """All extensions of one document."""

    _child_spec = Extension


class AlgorithmIdentifier(core.Sequence):
    """RFC 5280 section 4.1.1.2; kept as it was sent, because it is signed."""

    _fields = [("algorithm", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]


class SeedDescriptor(core.Sequence):
    """A seed that an owner discloses: its preseed and the key that is part of it."""

    _fields = [
        ("generator_type", core.Integer),
        ("preseed_value", core.OctetString),
        ("preseed_verification_key", keys.PublicKeyInfo),
    ]


class SeedDescriptors(core.SequenceOf):
    """One or more seeds."""

    _child_spec = SeedDescriptor


class SeedReportContent(core.Sequence):
    """The part of a Seed Report that is signed."""

    _fields = [
        ("version", core.Integer),
        ("seed_descriptors", SeedDescriptors),
        ("publisher_name", core.UTF8String),
        ("seed_report_challenge", core.UTF8String),
        ("extensions", Extensions, {"explicit": 0, "optional": True}),
    ]


class Signature(core.Sequence):
    """One preseed key's signature."""

    _fields = [("signature_algorithm", AlgorithmIdentifier), ("signature_value", core.OctetString)]


class Signatures(core.SequenceOf):
    """One signature for each seed, in the same order."""

    _child_spec = Signature


class SeedReport(core.Sequence):
    """What an owner sends to a publisher."""

    _fields = [("content", SeedReportContent), ("signatures", Signatures)]


class Notification(core.Sequence):
    """All seeds of one alert level and one generator type, written one after another."""

    _fields = [
        ("alert_level", core.Integer),
        ("generator_type", core.Integer),
        ("seed_values", core.OctetString),
    ]


class Notifications(core.SequenceOf):
    """Zero or more notifications."""

    _child_spec = Notification


class UpdateUrls(core.SequenceOf):
    """Where newer editions are, the best place first."""

    _child_spec = core.UTF8String


class PublicationData(core.Sequence):
    """TBSPublicationData: what a publisher signs."""

    _fields = [
        ("version", core.Integer),
        ("zone", core.UTF8String),
        ("aggregated", core.Boolean, {"default": True}),
        ("published_at", core.GeneralizedTime),
        ("next_update_not_before", core.GeneralizedTime),
        ("next_update_not_after", core.GeneralizedTime),
        ("excludes_published_before", core.GeneralizedTime, {"optional": True}),
        ("notifications", Notifications),
        ("update_urls", UpdateUrls),
        ("extensions", Extensions, {"explicit": 0, "optional": True}),
    ]


def publication_data(der: bytes) -> PublicationData:
    """Return what a signed publication holds, without any look at its signatures.

    ``ValueError`` for anything that is not CMS SignedData around a publication.
    """
    try:
        outer = cms.ContentInfo.load(der, strict=True)
        if outer["content_type"].native != "signed_data":
            raise ValueError("not a signed document")
        inner = outer["content"]["encap_content_info"]
        if inner["content_type"].dotted != PUBLICATION_OID:
            raise ValueError("signed, but not a CX publication")
        data = PublicationData.load(inner["content"].contents, strict=True)
        data.native  # noqa: B018  asn1crypto is lazy: read everything now
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"not a CX publication: {error}") from None
    return data


def sequence(*parts: bytes) -> bytes:
    """Return the DER of a SEQUENCE of ready-made DER values."""
    return parser.emit(0, 1, core.Sequence.tag, b"".join(parts))


def require_der(data: bytes) -> None:
    """Raise ``ValueError`` unless ``data`` is one value with DER's own lengths, and not nested too deep.

    Lengths are definite and as short as can be (X.690 section 10.1); looks into every constructed value.
    """
    todo = [(data, 0)]
    whole = True
    while todo:
        rest, depth = todo.pop()
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deep")
        while rest:
            class_, method, tag, header, contents, trailer = cast(_Parts, parser.parse(rest))
            if trailer or not parser.emit(class_, method, tag, contents).startswith(header):
                raise ValueError("length is not in DER")
            if method == 1:
                todo.append((contents, depth + 1))
            rest = rest[len(header) + len(contents) :]
            if whole and rest:
                raise ValueError("bytes after the end")
            whole = False
