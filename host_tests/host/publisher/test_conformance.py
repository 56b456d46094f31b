"""Every sample of the vectors, made by libcx and openssl, through the whole publisher."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from publisher_support import openssl_verified
from sqlalchemy import update
from sqlalchemy.orm import Session

from cx import publication, x509
from cx.errors import RefusedError
from cxhost.asn1 import publication_data
from cxhost.publisher import Publisher, Reason, ReportRefused, codes
from cxhost.publisher.database import Code, connect
from cxhost.publisher.feeds import judge
from cxhost.publisher.publication import KNOWN_TYPES, Listing, encode

SAMPLES = Path(__file__).parents[2] / "vectors" / "samples"
INDEX = json.loads((SAMPLES / "index.json").read_text())


def issue_as(publisher: Publisher, typed: str) -> None:
    """Issue a code and let it read ``typed``: the samples' codes are another publisher's."""
    code = publisher.issue_code()
    secret = (publisher.directory / "code.key").read_bytes()
    engine = connect(publisher.settings.database_url(publisher.directory))
    with Session(engine) as session, session.begin():
        session.execute(
            update(Code)
            .where(Code.lookup == codes.lookup(secret, code))
            .values(lookup=codes.lookup(secret, typed))
        )
    engine.dispose()


def seeds_in(document: bytes) -> set[tuple[int, bytes]]:
    found = set()
    for one in publication_data(document).native["notifications"]:
        size, joined = KNOWN_TYPES[one["generator_type"]], one["seed_values"]
        found |= {(one["generator_type"], joined[at : at + size]) for at in range(0, len(joined), size)}
    return found


@pytest.mark.parametrize("sample", INDEX["seed_reports"], ids=lambda sample: sample["file"])
def test_reports_of_libcx_are_taken_and_published(client, publisher: Publisher, sample: dict):
    assert publisher.name == sample["publisherName"]
    document = (SAMPLES / sample["file"]).read_bytes()
    kind = {"Content-Type": "application/octet-stream"}
    early = client.post("/report", content=document, headers=kind)
    assert (early.status_code, early.headers["cx-reason"]) == (403, "code-mistyped")
    issue_as(publisher, sample["seedReportChallenge"])
    expected = {(one["generatorType"], bytes.fromhex(one["seedValue"])) for one in sample["descriptors"]}
    for _ in range(2):  # given again, it changes nothing
        answer = client.post("/report", content=document, headers=kind)
        assert answer.status_code == 200
        publisher.publish()
        assert seeds_in(publisher.publication_file.read_bytes()) == expected
    at = document.index(bytes.fromhex(sample["descriptors"][0]["preseedValue"]))
    with pytest.raises(ReportRefused) as caught:
        publisher.accept_report(document[:at] + bytes([document[at] ^ 1]) + document[at + 1 :])
    assert caught.value.reason is Reason.WRONG_SIGNATURE


@pytest.mark.parametrize("sample", INDEX["publications"], ids=lambda sample: sample["file"])
def test_publications_of_openssl_are_what_this_one_writes(sample: dict):
    """What a sample holds, written by this publisher, is the sample's signed content, byte by byte."""
    content = openssl_verified(SAMPLES / sample["file"], SAMPLES / sample["certificate"])
    data = publication_data((SAMPLES / sample["file"]).read_bytes()).native
    groups = {}
    for one in data["notifications"]:
        size, joined = KNOWN_TYPES[one["generator_type"]], one["seed_values"]
        pieces = [joined[at : at + size] for at in range(0, len(joined), size)]
        groups[one["alert_level"], one["generator_type"]] = [bytes(4) + piece for piece in pieces]
    listing = Listing(
        zone=data["zone"],
        published_at=data["published_at"],
        next_update_not_before=data["next_update_not_before"],
        next_update_not_after=data["next_update_not_after"],
        groups=groups,
        update_urls=data["update_urls"],
        aggregated=data["aggregated"],
        excludes_published_before=data["excludes_published_before"],
    )
    assert encode(listing) == content


@pytest.mark.parametrize("sample", INDEX["publications"], ids=lambda sample: sample["file"])
def test_publications_are_judged_as_the_role_demands(sample: dict):
    document = (SAMPLES / sample["file"]).read_bytes()
    certificate = bytes(x509.from_pem((SAMPLES / sample["certificate"]).read_text()))
    at = datetime.fromisoformat(sample["publishedAt"].replace("Z", "+00:00"))
    now = int((at + timedelta(minutes=1)).timestamp())
    if not sample["aggregated"]:
        taken = judge(document, certificate, sample["zone"], None, now)
        assert {(kind, seed) for kind, seed in taken.seeds} == seeds_in(document)
        return
    with pytest.raises(RefusedError) as caught:
        judge(document, certificate, sample["zone"], None, now)
    assert caught.value.reason == "aggregated"
    header = publication.verify(io.BytesIO(document), certificate)
    recorded = None
    if sample["excludesPublishedBefore"]:
        excludes = datetime.fromisoformat(sample["excludesPublishedBefore"].replace("Z", "+00:00"))
        recorded = int(excludes.timestamp()) + 1
    publication.check_observer(header, sample["zone"], recorded, now)


def test_this_is_every_sample():
    files = {one["file"] for kind in ("seed_reports", "publications") for one in INDEX[kind]}
    assert files == {path.name for path in SAMPLES.glob("*.der")}
