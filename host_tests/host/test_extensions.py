"""Usage and guidance: what the publisher's side writes the badge reads, and the other way round."""

import io
from datetime import datetime, timezone

import pytest
from asn1crypto import core
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from cx import der, p256, publication, seedreport
from cx import extensions as badge
from cxhost import asn1, extensions, inspect
from cxhost.publisher import signing
from cxhost.reports import verify_report

KEY = bytes(range(1, 33))  # a test key
USAGES = [(20555, 144), (20556, 2048)]
SEEDS = [(1, bytes(24), KEY, p256.public_key(KEY)), (2, bytes(48), KEY, p256.public_key(KEY))]


def test_usage_of_a_badge_in_a_report():
    report = seedreport.build("Health", "CODE", SEEDS, USAGES)
    assert [seed.usage for seed in verify_report(report).seeds] == USAGES
    assert [seed.usage for seed in verify_report(seedreport.build("Health", "CODE", SEEDS)).seeds] == [
        None,
        None,
    ]
    assert inspect.describe(report)["usage"][0] == {"firstDay": "2026-04-12", "identifiers": 144}


def test_a_report_is_never_refused_for_its_usage(monkeypatch):
    one = badge.encode_report_usage([(1, 1)])
    for parameters in (
        one,
        b"",
        b"\x05\x00",
        der.encode_sequence([b"\x05\x00"] * 2),
        der.encode_sequence([der.encode_sequence((der.encode_integer(-1), der.encode_integer(0)))] * 2),
    ):
        monkeypatch.setattr(badge, "encode_report_usage", lambda _, parameters=parameters: parameters)
        report = verify_report(seedreport.build("Health", "CODE", SEEDS, USAGES))
        assert [seed.usage for seed in report.seeds] == [None, None]


def content(*parts) -> asn1.PublicationData:
    """Return content as a publisher writes it."""
    at = datetime(2026, 4, 12, tzinfo=timezone.utc)
    return asn1.PublicationData(
        {
            "version": 1,
            "zone": "https://health.example/cx.json",
            "aggregated": True,
            "published_at": at,
            "next_update_not_before": at,
            "next_update_not_after": at,
            "notifications": [
                {"alert_level": 5, "generator_type": 1, "seed_values": bytes(48)},
                {"alert_level": 5, "generator_type": 9, "seed_values": b"later"},
                {"alert_level": 4, "generator_type": 2, "seed_values": bytes(48)},
            ],
            "update_urls": [],
            "extensions": list(parts),
        }
    )


def signed(data: asn1.PublicationData) -> tuple[bytes, bytes]:
    """Return a signed publication and the certificate, DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = signing.self_signed(key, "Health", datetime(2026, 4, 12, tzinfo=timezone.utc))
    signer = signing.Signer(signing.key_pem(key), signing.certificate_pem(certificate))
    return signer.sign(data.dump(), asn1.PUBLICATION_OID), certificate.public_bytes(Encoding.DER)


def test_usage_and_guidance_of_a_publisher_in_a_publication():
    texts = {"en": "Stay at home.", "de": "Zu Hause bleiben \u00e4\u00f6\u00fc."}
    buckets = [(55, 5, 15), (63, 10, 30)]
    usage = extensions.usage_extension([[(20555, 144), None], [], [(20556, 2048)]])
    document, certificate = signed(content(usage, extensions.guidance_extension(buckets, texts)))
    stream = io.BytesIO(document)
    header = publication.verify(stream, certificate)
    found = publication.notifications(stream, header)
    assert [badge.decode_usage(found.usage) for _ in found] == [(20555, 144), None, (20556, 2048)]
    guidance = publication.guidance(stream, header)
    assert guidance is not None
    assert (guidance.buckets, guidance.texts) == (buckets, texts)
    shown = inspect.describe(document)["extensions"]
    assert [one["name"] for one in shown] == ["usage", "guidance"]
    assert shown[1]["texts"] == texts
    assert shown[0]["usage"][0] == "1 of 2 seeds, first used 2026-04-12 to 2026-04-12, 144 identifiers"


def test_both_sides_write_the_same():
    written = badge.encode_guidance(badge.Guidance([(55, 5, 15)], {"en": "x", "de": "y"}))
    ours = extensions.guidance_extension([(55, 5, 15)], {"en": "x", "de": "y"})["parameters"].dump()
    assert ours == written
    assert der.oid_text(badge.USAGE) == extensions.USAGE
    assert der.oid_text(badge.GUIDANCE) == extensions.GUIDANCE


def test_what_cannot_be_written():
    for buckets in (
        [(63, 1, 1), (55, 1, 1)],
        [(256, 1, 1)],
        [(55, -1, 1)],
        [(55, 1, 20161)],
        [(n, 1, 1) for n in range(9)],
    ):
        with pytest.raises(ValueError, match="guidance: "):
            extensions.guidance_extension(buckets, {})
    with pytest.raises(ValueError, match="guidance: "):
        extensions.guidance_extension([], {"en": "x" * 4096})
    with pytest.raises(ValueError, match="usage: "):
        extensions.usage_extension([[(1, 2049)]])


def test_extensions_that_are_ignored_are_shown_as_such():
    bad = [{"extn_id": kind, "parameters": core.OctetString(b"?")} for kind in extensions.NAMES]
    shown = inspect.describe(signed(content(*bad))[0])["extensions"]
    assert all("ignored" in one for one in shown)
