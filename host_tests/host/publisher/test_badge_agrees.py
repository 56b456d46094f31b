"""The badge's own code and the publisher understand each other: reports one way, lists the other."""

from __future__ import annotations

import io
import secrets

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cx import descriptor, extensions, publication, seedcalc, seedreport
from cx.errors import RefusedError, SignatureError
from cxhost.publisher import AlertLevel, Publisher
from cxhost.publisher.publication import partial_name


class BadgeOwner:
    """Reports of the badge's core, with the keys of ``cryptography``."""

    def __init__(self, types: tuple[int, ...] = (1,)) -> None:
        self.descriptors = []
        self.seeds: list[tuple[int, bytes]] = []
        for kind in types:
            key = ec.generate_private_key(ec.SECP256R1())
            private = key.private_numbers().private_value.to_bytes(32, "big")
            point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            preseed = secrets.token_bytes(24 * kind)
            self.descriptors.append((kind, preseed, private, point))
            self.seeds.append((kind, bytes(seedcalc.seed_value(kind, preseed, spki))))


def certificate(publisher: Publisher) -> bytes:
    return x509.load_pem_x509_certificate(publisher.certificate_pem).public_bytes(Encoding.DER)


@pytest.mark.parametrize("key_kind", ["p256", "rsa"])
def test_report_of_a_badge_and_list_for_a_badge(tmp_path, clock, key_kind):
    url = "https://health.ruritania.example/cx.json"
    owner = BadgeOwner((1, 2, 1))
    with Publisher.create(
        tmp_path / "new", "Ruritania Gesundheit \u00e4\u00f6", url, clock, key_kind, fewest_new_seeds=1
    ) as publisher:
        assert descriptor.check(publisher.descriptor_file.read_bytes())["url"] == url
        usages = [(20555, 144), (20556, 144), (20557, 1)]
        for told in (None, usages):
            code = publisher.issue_code(AlertLevel.SYMPTOMATIC)
            report = seedreport.build(publisher.name, code, owner.descriptors, told)
            assert publisher.accept_report(bytes(report)).seeds == 3
        edition = publisher.publish()
        for path in edition.files:
            data = path.read_bytes()
            header = publication.verify(io.BytesIO(data), certificate(publisher))
            found = list(publication.notifications(io.BytesIO(data), header))
            assert {(kind, bytes(seed)) for _, kind, seed in found} == set(owner.seeds)
            assert {level for level, _, _ in found} == {4}
            assert header.published_at == edition.published_at.timestamp()
            wrong = bytearray(data)
            wrong[data.index(found[0][2])] ^= 1
            with pytest.raises(SignatureError):
                publication.verify(io.BytesIO(wrong), certificate(publisher))


def test_usage_goes_from_badge_to_badge(publisher):
    """What one badge tells of its seeds, another one reads next to them; the rest is unknown."""
    one, two = BadgeOwner((1, 2, 1)), BadgeOwner((1, 2))
    told = [(20555, 144), (20556, 2048), (0, 1)]
    publisher.accept_report(seedreport.build(publisher.name, publisher.issue_code(), one.descriptors, told))
    publisher.accept_report(seedreport.build(publisher.name, publisher.issue_code(), two.descriptors))
    publisher.publish()
    data = publisher.publication_file.read_bytes()
    header = publication.verify(io.BytesIO(data), certificate(publisher))
    found = publication.notifications(io.BytesIO(data), header)
    usages = {bytes(seed): extensions.decode_usage(found.usage) for _, _, seed in found}
    for (_, seed), usage in zip(one.seeds, told, strict=True):
        assert usages[seed] == usage
    for _, seed in two.seeds:
        assert usages[seed] is None


def test_a_badge_takes_the_files_that_are_for_it(publisher, clock):
    now = int(clock.now.timestamp())
    edition = publisher.publish()
    headers = {
        path.name: publication.verify(io.BytesIO(path.read_bytes()), certificate(publisher))
        for path in edition.files
    }
    hour = partial_name(clock.now)
    publication.check_observer(headers["full"], publisher.url, None, now)
    publication.check_observer(headers[hour], publisher.url, now - 60, now)
    publication.check_publisher(headers["own"], publisher.url, None, now)
    for header, recorded in ((headers[hour], None), (headers[hour], now - 7200), (headers["own"], None)):
        with pytest.raises(RefusedError):
            publication.check_observer(header, publisher.url, recorded, now)
