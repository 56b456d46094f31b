"""``cxbadge inspect`` and ``cxbadge verify``: what they print, and the exit code."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cxhost import documents, inspect, verify

SAMPLES = Path(__file__).parents[1] / "vectors" / "samples"
INDEX = json.loads((SAMPLES / "index.json").read_text())
FULL = SAMPLES / "publication_p256_full.der"
REPORT = SAMPLES / "seedreport_libcx_p256_type1_type2.der"
PEM = SAMPLES / "publisher_p256.pem"
ZONE = "https://health.ruritania.example/cx.json"
AT = "2026-04-12T21:40:00Z"


@pytest.fixture
def run():
    app = typer.Typer()
    documents.register(app)

    def call(*arguments, code=0):
        result = CliRunner().invoke(app, [str(one) for one in arguments])
        assert result.exit_code == code, result.output
        assert code == 2 or result.exception is None or isinstance(result.exception, SystemExit)
        return result.output

    return call


@pytest.fixture
def descriptor(tmp_path):
    members = {
        "url": ZONE,
        "cert": PEM.read_text(),
        "name": "Ruritania Health Service",
        "report": "https://health.ruritania.example/report",
        "pub": "https://health.ruritania.example/pub/full",
        "pubs": [],
    }
    path = tmp_path / "cx.json"
    path.write_text(json.dumps(members))
    return path


@pytest.mark.parametrize("entry", INDEX["publications"], ids=lambda entry: entry["file"])
def test_inspect_publications(run, entry):
    found = json.loads(run("inspect", SAMPLES / entry["file"], "--json"))
    assert found["kind"] == "publication"
    for name in ("zone", "aggregated", "publishedAt", "nextUpdateNotBefore", "excludesPublishedBefore"):
        assert found[name] == entry[name]
    assert [(n["alertLevel"], n["generatorType"], n["seeds"]) for n in found["notifications"]] == [
        (n["alertLevel"], n["generatorType"], n["count"]) for n in entry["notifications"]
    ]
    assert found["signers"][0]["serial"] == found["certificates"][0]["serial"]


def test_inspect_reports(run):
    found = json.loads(run("inspect", REPORT, "--json"))
    entry = INDEX["seed_reports"][1]
    assert found["publisherName"] == entry["publisherName"]
    assert [one["generatorType"] for one in found["descriptors"]] == [1, 2]
    assert found["signatures"][0]["algorithm"] == "sha256_ecdsa"


def test_secrets_only_when_asked_for(run):
    entry = INDEX["seed_reports"][1]
    preseed = entry["descriptors"][0]["preseedValue"]
    for arguments in ((), ("--json",)):
        shown = run("inspect", REPORT, *arguments)
        assert preseed not in shown and entry["seedReportChallenge"] not in shown
        shown = run("inspect", REPORT, "--secrets", *arguments)
        assert preseed in shown and entry["seedReportChallenge"] in shown


def test_inspect_for_people(run, descriptor):
    shown = run("inspect", FULL)
    for text in (
        "publication",
        ZONE,
        "2026-04-12T21:39:00Z",
        "diagnosed",
        "symptomatic",
        "sha256",
        "secp256r1",
    ):
        assert text in shown
    shown = run("inspect", descriptor)
    assert "Ruritania Health Service" in shown and "rsa" not in shown


def test_standard_input():
    app = typer.Typer()
    documents.register(app)
    for command in (("inspect", "-"), ("verify", "report", "-")):
        assert "Ruritania" in CliRunner().invoke(app, command, input=REPORT.read_bytes()).output
    assert CliRunner().invoke(app, ["verify", "descriptor", "-"], input=b"{").exit_code == 1


def test_inspect_says_what_is_wrong(run, tmp_path):
    wrong = tmp_path / "wrong"
    for content in (b"", b"<html>", b"{}", FULL.read_bytes()[:-1], REPORT.read_bytes() + b"\0", b"0\x80\0\0"):
        wrong.write_bytes(content)
        assert len(run("inspect", wrong, code=1).splitlines()) == 1
    assert "No such file" in run("inspect", tmp_path / "absent", code=1)


def test_terminals_are_not_obeyed(run, descriptor):
    descriptor.write_text(descriptor.read_text().replace("Ruritania H", "\\u001b[31mR\\u202eH"))
    for shown in (run("inspect", descriptor), run("verify", "descriptor", descriptor)):
        assert "\x1b" not in shown and "\u202e" not in shown


def verified(run, *arguments, code=0, file=FULL, cert=PEM, zone=ZONE):
    command = ("verify", "publication", file, "--cert", cert, "--zone", zone, "--json")
    return json.loads(run(*command, *arguments, code=code))


def test_verify_publications(run):
    assert run("verify", "publication", FULL, "--cert", PEM, "--zone", ZONE).startswith("verified: 6 seeds")
    assert verified(run)["seeds"] == 6
    unaggregated = SAMPLES / "publication_p256_unaggregated.der"
    assert verified(run, "--role", "publisher", file=unaggregated)["verified"]
    partial = SAMPLES / "publication_p256_partial.der"
    assert verified(run, "--recorded", "2026-04-12T21:00:01Z", "--now", AT, file=partial)["verified"]


def test_every_reason_to_refuse_a_publication(run, tmp_path):
    changed = bytearray(FULL.read_bytes())
    changed[200] ^= 1  # in a seed
    (tmp_path / "changed").write_bytes(changed)
    unaggregated = SAMPLES / "publication_p256_unaggregated.der"
    partial = SAMPLES / "publication_p256_partial.der"
    past = ("--recorded", "2026-04-12T21:39:00Z", "--now", "2026-04-13T00:00:00Z")
    for reason, arguments, others in (
        ("signature", (), {"cert": SAMPLES / "publisher_rsa2048.pem"}),
        ("signature", (), {"file": tmp_path / "changed"}),
        ("malformed", (), {"file": REPORT}),
        ("zone", (), {"zone": "https://other.example/"}),
        ("not-aggregated", (), {"file": unaggregated}),
        ("aggregated", ("--role", "publisher"), {}),
        ("older", ("--recorded", "2026-04-12T21:39:01Z"), {}),
        ("stale", past, {}),
        ("gap", (), {"file": partial}),
        ("gap", ("--recorded", "2026-04-12T21:00:00+00:00"), {"file": partial}),
    ):
        answer = verified(run, *arguments, code=1, **others)
        assert (answer["verified"], answer["reason"]) == (False, reason)
    line = run("verify", "publication", FULL, "--cert", PEM, "--zone", "https://other.example/", code=1)
    assert line.startswith("refused: zone: ") and line.count("\n") == 1


def test_verify_publication_with_wrong_arguments(run, tmp_path):
    for arguments in (("--now", "noon"), ("--recorded", "2026-13-01"), ("--now", "")):
        run("verify", "publication", FULL, "--cert", PEM, "--zone", ZONE, *arguments, code=1)
    run("verify", "publication", FULL, "--cert", tmp_path / "absent", "--zone", ZONE, code=1)
    run("verify", "publication", FULL, "--zone", ZONE, code=2)


def test_times():
    assert verify.read_time("1776029940") == verify.read_time("2026-04-12T21:39:00Z") == 1776029940
    assert verify.read_time("2026-04-12T23:39:00+02:00") == verify.read_time("2026-04-12T21:39") == 1776029940
    assert verify.time_text(1776029940) == "2026-04-12T21:39:00Z"


def test_verify_reports(run, tmp_path):
    for path in (REPORT, SAMPLES / "seedreport_libcx_rsa2048_type1.der"):
        assert run("verify", "report", path).startswith("verified: ")
    assert "2 seeds" in run("verify", "report", REPORT, "--name", "Ruritania Health Service")
    answer = json.loads(run("verify", "report", REPORT, "--name", "Another", "--json", code=1))
    assert answer["reason"] == "wrong-publisher-name"
    (tmp_path / "cut").write_bytes(REPORT.read_bytes()[:-1])
    answer = json.loads(run("verify", "report", tmp_path / "cut", "--json", code=1))
    assert answer["reason"] == "not-a-report"


def test_verify_descriptors(run, descriptor):
    assert ZONE in run("verify", "descriptor", descriptor, "--stored-url", ZONE)
    line = run("verify", "descriptor", descriptor, "--stored-url", "https://old.example/", code=1)
    assert line.startswith("refused: url: ")
    descriptor.write_text(descriptor.read_text().replace('"report": "https', '"report": "http'))
    assert run("verify", "descriptor", descriptor, code=1).startswith("refused: report: ")


def test_algorithms_get_their_names():
    message = "signer: digest algorithm 2.16.840.1.101.3.4.2.3 is not supported"
    assert "2.16.840.1.101.3.4.2.3 (sha512)" in verify.name_algorithms(message)
    assert verify.name_algorithms("at 1.2.3.4") == "at 1.2.3.4"


def test_describe_takes_bytes():
    assert inspect.describe(FULL.read_bytes())["bytes"] == FULL.stat().st_size
