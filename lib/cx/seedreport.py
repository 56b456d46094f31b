"""Seed Reports: what a diagnosed owner gives away, signed with each preseed's key (CX protocol)."""

from cx import der, extensions, p256
from cx.compat import TYPE_CHECKING
from cx.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cx.compat import Buffer
    from cx.extensions import Usage

    Descriptor = tuple[int, Buffer, Buffer] | tuple[int, Buffer, Buffer, Buffer]

_VERSION = 1
_PRESEED_BYTES = {1: 24, 2: 48}
# AlgorithmIdentifier of ecdsa-with-SHA256, parameters absent (RFC 5758 section 3.2)
_ECDSA_WITH_SHA256 = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"


def build(
    publisher_name: str,
    challenge: str,
    descriptors: "Iterable[Descriptor]",
    usages: "Sequence[Usage] | None" = None,
) -> bytes:
    """Return a Seed Report in DER.

    ``publisher_name``: the ``name`` of the publisher's descriptor. ``challenge``: the confirmation code, any
    text. ``descriptors``: at least one (generator type, preseed of 24 or 48 bytes, private key d of 32
    bytes), with the public key of 65 bytes as a fourth where it is known, which saves computing it.
    ``usages``: when the usage is to be told, (day of the first use since 1970-01-01 UTC, number of
    identifiers used) for each descriptor. To send the report discloses these preseeds: the badge must have
    gone on to a new seed before.
    """
    descriptors = list(descriptors)
    if not descriptors:
        raise FormatError("seed report: at least one seed is needed")
    if not publisher_name or not challenge:
        raise FormatError("seed report: the publisher's name and the confirmation code must not be empty")
    content = der.encode_sequence(
        (
            der.encode_integer(_VERSION),
            der.encode_sequence([_encode_descriptor(descriptor) for descriptor in descriptors]),
            der.encode_text(publisher_name),
            der.encode_text(challenge),
            _encode_extensions(usages, len(descriptors)),
        )
    )
    # What is signed names the algorithm too, and is never sent.
    signed = der.encode_sequence((content, _ECDSA_WITH_SHA256))
    signatures = [
        der.encode_sequence(
            (_ECDSA_WITH_SHA256, der.encode(der.OCTET_STRING, p256.sign(descriptor[2], signed)))
        )
        for descriptor in descriptors
    ]
    return der.encode_sequence((content, der.encode_sequence(signatures)))


def _encode_extensions(usages: "Sequence[Usage] | None", count: int) -> bytes:
    if usages is None:
        return b""
    if len(usages) != count:
        raise FormatError("seed report: usage is needed for every seed, or for none")
    usage = extensions.encode_extension(extensions.USAGE, extensions.encode_report_usage(usages))
    return der.encode(der.CONTEXT_0, der.encode_sequence([usage]))


def _encode_descriptor(descriptor: "Descriptor") -> bytes:
    generator_type, preseed, d = descriptor[:3]
    public_key = descriptor[3] if len(descriptor) == 4 else p256.public_key(d)
    if _PRESEED_BYTES.get(generator_type) != len(preseed):
        raise FormatError("seed report: a preseed whose length is not that of its generator type")
    return der.encode_sequence(
        (der.encode_integer(generator_type), der.encode(der.OCTET_STRING, preseed), p256.spki(public_key))
    )
