"""Verdicts about the three documents: right, or one line that says why not.

Publications are checked by the core's own code, as a badge does it; reports by ``cryptography``, as a
publisher does.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from asn1crypto import algos, cms, keys

from cx import descriptor, publication, x509
from cx.errors import CxError, FormatError, RefusedError
from cxhost.reports import verify_report

ROLES = {"observer": publication.check_observer, "publisher": publication.check_publisher}
_NAMES: dict[str, str] = {
    **cms.ContentType._map,
    **keys.PublicKeyAlgorithmId._map,
    **keys.NamedCurve._map,
    **algos.DigestAlgorithmId._map,
    **algos.SignedDigestAlgorithmId._map,
}


@dataclass(frozen=True)
class Verdict:
    """Whether a document is right; ``reason``: a fixed name for programs; ``facts``: what it holds."""

    is_right: bool
    message: str
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def time_text(seconds: int | None) -> str | None:
    """Return seconds since 1970 as ISO 8601 in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).isoformat()[:19] + "Z"


def read_time(text: str) -> int:
    """Return the seconds since 1970 of ISO 8601 (else in UTC) or of a plain number of seconds."""
    if re.fullmatch(r"\d{1,12}", text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise FormatError(
            f"{text}: expected a time such as 2026-04-12T21:39:00Z, or seconds since 1970"
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())


def name_algorithms(message: str) -> str:
    """Return ``message`` with the names of the object identifiers in it, where they have one."""
    return re.sub(
        r"\d+(?:\.\d+){2,}", lambda m: f"{m[0]} ({_NAMES[m[0]]})" if m[0] in _NAMES else m[0], message
    )


def read_certificate(data: bytes) -> bytes:
    """Return the DER of a certificate in a PEM or DER file."""
    if data[:1] == b"\x30":
        return data
    return x509.from_pem(data.decode("utf-8", "replace"))


def _refused(error: CxError) -> Verdict:
    message = name_algorithms(str(error))
    reason = error.reason if isinstance(error, RefusedError) else type(error).__name__
    kind = {"FormatError": "malformed", "SignatureError": "signature", "NotSupportedError": "not-supported"}
    return Verdict(False, message, kind.get(reason, str(getattr(reason, "value", reason))))


def verify_publication(
    document: bytes, certificate: bytes, zone: str, role: str, now: int, recorded: int | None
) -> Verdict:
    """Judge a publication as a badge (``role`` observer) or as a consuming publisher does.

    ``certificate``: PEM or DER. ``now`` and ``recorded``, the publishedAt of the one taken last: seconds
    since 1970.
    """
    stream = io.BytesIO(document)
    try:
        header = publication.verify(stream, read_certificate(certificate))
        ROLES[role](header, zone, recorded, now)
        if role == "publisher":
            publication.check_duplicates(publication.notifications(stream, header))
    except CxError as error:
        return _refused(error)
    facts = {
        "zone": header.zone,
        "publishedAt": time_text(header.published_at),
        "nextUpdateNotAfter": time_text(header.next_update_not_after),
        "excludesPublishedBefore": time_text(header.excludes_published_before),
        "seeds": header.seeds,
        "unknownTypes": header.unknown_types,
    }
    unknown = f", {header.unknown_types} notifications of unknown type" if header.unknown_types else ""
    message = f"verified: {header.seeds} seeds{unknown}, published {facts['publishedAt']} for {header.zone}"
    return Verdict(True, message, facts=facts)


def verify_seed_report(document: bytes, name: str | None = None) -> Verdict:
    """Judge a Seed Report; ``name``: whose it must be, when that is known."""
    try:
        report = verify_report(document)
        if name is not None and report.publisher_name != name:
            raise RefusedError("publisherName: it is for another health authority", "wrong-publisher-name")
    except CxError as error:
        return _refused(error)
    count = len(report.seeds)
    message = f"verified: {count} {'seed' if count == 1 else 'seeds'} for {report.publisher_name}"
    types = [seed.generator_type for seed in report.seeds]
    return Verdict(True, message, facts={"publisherName": report.publisher_name, "generatorTypes": types})


def verify_descriptor(document: bytes, stored_url: str | None = None) -> Verdict:
    """Judge a publisher descriptor; ``stored_url``: the URL that this publisher is known by."""
    try:
        members = descriptor.check(document, stored_url)
    except CxError as error:
        return _refused(error)
    return Verdict(True, f"verified: {members['name']}, {members['url']}", facts={"url": members["url"]})
