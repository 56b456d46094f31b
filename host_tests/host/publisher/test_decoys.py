"""Decoys and guidance: what a list shows of one report, and what it tells owners."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from publisher_support import NAME, Clock, Owner

from cx import publication, x509
from cxhost import asn1
from cxhost.publisher import AlertLevel, Publisher
from cxhost.publisher.editions import zone_path

URL = "https://health.example/cx.json"


@pytest.fixture
def filled(tmp_path: Path, clock: Clock, database: str):
    with Publisher.create(tmp_path / "new", NAME, URL, clock, database=database) as made:
        yield made


def listed(path: Path) -> dict[bytes, int]:
    found = {}
    for one in asn1.publication_data(path.read_bytes()).native["notifications"]:
        joined, size = one["seed_values"], {1: 24, 2: 48}[one["generator_type"]]
        found |= {joined[at : at + size]: one["alert_level"] for at in range(0, len(joined), size)}
    return found


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_one_report_does_not_stand_alone(filled: Publisher, clock: Clock):
    owner, code = Owner(seeds=3), filled.issue_code()
    filled.accept_report(owner.report(code))
    edition = filled.publish()
    real = set(owner.seed_values())
    first = listed(filled.publication_file)
    assert real < set(first)
    assert 28 <= len(first) < 56
    assert len(set(first.values())) == 1
    for path in edition.files:  # in every file that badges or publishers fetch
        assert real < set(listed(path))
    status = filled.status()
    assert (status["seeds"], status["decoys"]) == ({5: 3}, len(first) - 3)
    assert (status["codes_issued"], status["codes_used"]) == (1, 1)
    clock.pass_time(minutes=31)
    filled.publish()
    assert first.items() <= listed(filled.publication_file).items()  # they stay
    filled.set_level(code, AlertLevel.NO_ALERT)
    clock.pass_time(minutes=31)
    filled.publish()
    withdrawn = {seed for seed, level in listed(filled.publication_file).items() if level == 0}
    assert real < withdrawn
    assert len(withdrawn) >= min(28, len(first))
    clock.pass_time(days=15)
    filled.publish()
    assert not set(first) & set(listed(filled.publication_file))  # and go together
    clock.pass_time(days=4)
    filled.publish()
    assert filled.status()["seeds"] == {}


def test_large_lists_get_none_and_editions_without_news_some(filled: Publisher, clock: Clock):
    filled.accept_report(Owner(seeds=28).report(filled.issue_code()))
    filled.publish()
    assert len(listed(filled.publication_file)) == 28
    sizes = set()
    for _ in range(200):
        clock.pass_time(minutes=31)
        filled.publish()
        sizes.add(len(listed(filled.publication_file)))
        if len(sizes) > 2:
            break
    assert len(sizes) > 2  # one in 16 editions; that none of 200 does has a chance of 1 in 400 000


def test_old_codes_are_deleted_and_the_log_stays(publisher: Publisher, clock: Clock):
    publisher.issue_code()
    publisher.accept_report(Owner().report(publisher.issue_code()))
    publisher.publish()
    clock.pass_time(days=60)
    publisher.publish()
    assert publisher.status()["codes_issued"] == 2
    clock.pass_time(days=32)
    publisher.publish()
    assert publisher.status()["codes_issued"] == 0
    assert [(one.action, one.case) for one in publisher.audit()] == [("issue", None)] * 2


def test_guidance_from_the_settings_reaches_badges(tmp_path: Path, clock: Clock):
    texts = (("de", "Bitte zu Hause bleiben."), ("en", "Please stay at home."))
    with Publisher.create(
        tmp_path / "new",
        NAME,
        URL,
        clock,
        guidance_buckets=((55, 15, 30), (70, 30, 60)),
        guidance_texts=texts,
    ) as publisher:
        pass
    with Publisher.open(tmp_path / "new", clock) as publisher:  # as the settings file keeps it
        publisher.publish()
        stream = io.BytesIO(publisher.publication_file.read_bytes())
        header = publication.verify(stream, x509.from_pem(publisher.certificate_pem.decode()))
        guidance = publication.guidance(stream, header)
    assert guidance is not None
    assert [tuple(one) for one in guidance.buckets] == [(55, 15, 30), (70, 30, 60)]
    assert dict(guidance.texts) == dict(texts)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_decoys_travel_with_a_case(tmp_path: Path, clock: Clock, database: str):
    """In the list that a case leaves and in the one that it comes to, as few as it is never go alone."""
    peer = "https://peer.example/cx.json"
    with Publisher.create(tmp_path / "new", NAME, URL, clock, database=database, peers=(peer,)) as made:
        owner, code = Owner(seeds=3), made.issue_code()
        made.accept_report(owner.report(code))
        made.publish()
        own, other = (made.public / zone_path(made.settings, zone) for zone in (URL, peer))
        real, home = set(owner.seed_values()), set(listed(own))
        assert listed(other) == {}
        for zone, to, origin in ((peer, other, own), (URL, own, other)):
            before = set(listed(origin)), set(listed(to))
            made.set_zone(code, zone)
            clock.pass_time(minutes=31)
            made.publish()
            left, came = before[0] - set(listed(origin)), set(listed(to)) - before[1]
            assert real < left <= came  # all that left are listed there
            assert len(came) >= 28
        made.set_zone(code, peer)
        made.set_level(code, AlertLevel.NO_ALERT)
        clock.pass_time(minutes=31)
        made.publish()
        assert real < {seed for seed, level in listed(other).items() if level == 0}
        assert len([level for level in listed(other).values() if level == 0]) >= min(28, len(home))
