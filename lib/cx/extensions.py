"""This project's extensions of Seed Reports and publications: usage and guidance (docs/extensions.md).

Whoever does not know them passes over them, and everything works without them. An extension that is
well-formed DER but not what this module expects is taken as absent; it never makes a document unusable.
"""

from cx import der
from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cx.compat import Buffer

    Usage = tuple[int, int]  # day of the first use since 1970-01-01 UTC; number of identifiers used
    Bucket = tuple[int, int, int]  # greatest attenuation in dB; minutes for a low risk; for a high one

# 2.25.272208826645716028412609970848103430544 and 2.25.135234554791412152650370746442219240873
USAGE = b"\x69\x83\x99\xc9\xc1\xd5\xcb\x9a\xc2\xb9\xb1\xa1\xcf\xbe\xa1\xc3\xf7\xf1\xf3\x10"
GUIDANCE = b"\x69\x81\xcb\xbd\x9d\x95\x9e\xd6\xc2\xa7\x8b\xa6\x95\xce\xb6\xa6\xe8\xfe\xfb\x29"

USAGE_BYTES = const(4)  # for each seed of a publication
GUIDANCE_MAX_BYTES = const(4096)
_MAX_IDS = const(2048)
_MAX_DAY = const(0xFFFF)
_MAX_BUCKETS = const(8)
_MAX_ATTENUATION_DB = const(255)
_MAX_MINUTES = const(14 * 24 * 60)
_LONGEST_ID_S = const(720)  # an identifier lives 600 s, and at most 20 % more
_DAY_S = const(86400)


def encode_extension(kind: bytes, parameters: bytes) -> bytes:
    """Return one extension of ``Extensions``."""
    return der.encode_sequence((der.encode_oid(kind), parameters))


def read_extensions(reader: der.Reader) -> "dict[bytes, int]":
    """Read the field ``extensions`` ([0]); return where the parameters of ours begin, by OID.

    One that is there twice, or has no parameters, is left out: it is taken as absent.
    """
    places = {}
    explicit = reader.enter(der.CONTEXT_0, "extensions")
    outer = reader.enter(der.SEQUENCE, "extensions")
    while not reader.at_end():
        inner = reader.enter(der.SEQUENCE, "extension")
        kind = reader.oid("extension")
        if kind in (USAGE, GUIDANCE):
            places[kind] = 0 if kind in places or reader.at_end() else reader.position
        if not reader.at_end():
            reader.skip("extension")
        reader.leave(inner, "extension")
    reader.leave(outer, "extensions")
    reader.leave(explicit, "extensions")
    return {kind: place for kind, place in places.items() if place}


# Usage


def check_usage(first_day: int, count: int) -> bool:
    """Tell whether a usage can be one."""
    return 0 <= first_day <= _MAX_DAY and 0 < count <= _MAX_IDS


def encode_report_usage(usages: "Iterable[Usage]") -> bytes:
    """Return the parameters of usage in a Seed Report: one pair for each descriptor, in their order."""
    pairs = []
    for first_day, count in usages:
        if not check_usage(first_day, count):
            raise FormatError("usage: a day or a number of identifiers that cannot be")
        pairs.append(der.encode_sequence((der.encode_integer(first_day), der.encode_integer(count))))
    return der.encode_sequence(pairs)


def encode_usage(usage: "Usage | None") -> bytes:
    """Return the 4 bytes for one seed of a publication; None, when its usage is not known, is four zeros."""
    if usage is None:
        return bytes(USAGE_BYTES)
    if not check_usage(usage[0], usage[1]):
        raise FormatError("usage: a day or a number of identifiers that cannot be")
    return usage[0].to_bytes(2, "big") + usage[1].to_bytes(2, "big")


def decode_usage(octets: "Buffer") -> "Usage | None":
    """Return the usage in the 4 bytes for one seed, or None: not known, so take the seed's whole chain."""
    if len(octets) != USAGE_BYTES:
        return None
    first_day, count = octets[0] << 8 | octets[1], octets[2] << 8 | octets[3]
    return (first_day, count) if check_usage(first_day, count) else None


def days_of(usage: "Usage") -> "tuple[int, int]":
    """Return the first and the last day, since 1970-01-01 UTC, whose contacts can be of a seed.

    The identifiers may have been used one after another without a pause, or with the badge off in between for
    up to a day in all; clocks may be a day apart.
    """
    first_day, count = usage
    return first_day - 1, first_day + 1 + -(-count * _LONGEST_ID_S // _DAY_S)


# Guidance


class Guidance:
    """A publisher's guidance: ``buckets``, from near to far, and ``texts`` by language (BCP 47)."""

    def __init__(self, buckets: "Sequence[Bucket]", texts: "dict[str, str]") -> None:
        """Errors: ``FormatError``."""
        self.buckets = list(buckets)
        self.texts = texts
        nearest = -1
        if len(self.buckets) > _MAX_BUCKETS:
            raise FormatError("guidance: more than 8 buckets")
        for attenuation, low, high in self.buckets:
            if not nearest < attenuation <= _MAX_ATTENUATION_DB:
                raise FormatError("guidance: the buckets must go from near to far, up to 255 dB")
            if not 0 <= low <= _MAX_MINUTES or not 0 <= high <= _MAX_MINUTES:
                raise FormatError("guidance: minutes must be between 0 and those of 14 days")
            nearest = attenuation

    def text_for(self, language: str) -> str:
        """Return the text in ``language``, else in its main language, else the first, else ``""``."""
        for wanted in (language, language.split("-")[0]):
            if wanted in self.texts:
                return self.texts[wanted]
        return self.texts[sorted(self.texts)[0]] if self.texts else ""


def encode_guidance(guidance: Guidance) -> bytes:
    """Return the parameters of guidance in a publication, at most 4096 bytes."""
    buckets = [der.encode_sequence([der.encode_integer(n) for n in bucket]) for bucket in guidance.buckets]
    texts = [
        der.encode_sequence((der.encode_text(language), der.encode_text(guidance.texts[language])))
        for language in sorted(guidance.texts)
    ]
    octets = der.encode_sequence((der.encode_sequence(buckets), der.encode_sequence(texts)))
    if len(octets) > GUIDANCE_MAX_BYTES:
        raise FormatError("guidance: longer than 4096 bytes; shorten the texts")
    return octets


def decode_guidance(octets: "Buffer") -> Guidance:
    """Return the guidance in the parameters of the extension. Errors: ``FormatError``."""
    reader = der.Reader(octets)
    outer = reader.enter(der.SEQUENCE, "guidance")
    buckets = []
    inner = reader.enter(der.SEQUENCE, "guidance buckets")
    while not reader.at_end():
        bucket = reader.enter(der.SEQUENCE, "guidance bucket")
        buckets.append(tuple([reader.integer("guidance bucket", 3) for _ in range(3)]))
        reader.leave(bucket, "guidance bucket")
    reader.leave(inner, "guidance buckets")
    texts = {}
    inner = reader.enter(der.SEQUENCE, "guidance texts")
    while not reader.at_end():
        entry = reader.enter(der.SEQUENCE, "guidance text")
        language = reader.text("guidance language", 35)
        if language in texts:
            raise FormatError("guidance: a language that is there twice")
        texts[language] = reader.text("guidance text", GUIDANCE_MAX_BYTES)
        reader.leave(entry, "guidance text")
    reader.leave(inner, "guidance texts")
    reader.leave_rest(outer, "guidance")
    reader.finish("guidance")
    return Guidance(buckets, texts)
