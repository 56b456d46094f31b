"""The owner's commands, as typed, against a simulated badge and a real HTTPS publisher."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from cxhost import cli, session
from cxhost.interpreter import InterpreterError, interpreter
from cxhost.publisher import Publisher, listen, make_localhost_tls, serve

try:
    interpreter()
except InterpreterError as missing:
    pytest.skip(str(missing), allow_module_level=True)


@pytest.fixture
def site(tmp_path):
    """A publisher that answers on loopback."""
    tls = make_localhost_tls(tmp_path)
    listener = listen()
    url = f"https://localhost:{listener.getsockname()[1]}/cx.json"
    name = "Ruritania Health Service"
    with Publisher.create(tmp_path / "publisher", name, url, fewest_new_seeds=1) as publisher:
        publisher.publish()
        with serve(publisher, tls, listener):
            yield publisher, tls.ca


@pytest.fixture
def badge(tmp_path) -> str:
    return f"sim:{tmp_path / 'badge'}"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """Where the companion keeps its own things; and a terminal wide enough for every table."""
    monkeypatch.setenv("CXBADGE_HOME", str(tmp_path / "home"))
    for console in (session.out, session.err):
        monkeypatch.setattr(console, "_width", 200)
    return tmp_path / "home"


@dataclass
class Run:
    """What a command did."""

    returncode: int
    stdout: str
    stderr: str


def cxbadge(*arguments: object, typed: str = "") -> Run:
    """Run a command as the console script does, in this process: an interpreter's start costs more."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr(sys, "argv", ["cxbadge", *map(str, arguments)])
        patch.setattr(sys, "stdin", io.StringIO(typed))
        cli.main()
        sys.exit(0)
    return Run(int(ended.value.code or 0), stdout.getvalue(), stderr.getvalue())


def good(*arguments: object, typed: str = "") -> str:
    run = cxbadge(*arguments, typed=typed)
    assert run.returncode == 0, run.stderr
    return run.stdout


def bad(*arguments: object, code: int = 1, typed: str = "") -> str:
    """Return the one line with which a command fails."""
    run = cxbadge(*arguments, typed=typed)
    assert run.returncode == code, run.stdout + run.stderr
    lines = [line for line in run.stderr.splitlines() if "cxbadge: " in line]
    assert len(lines) == 1 and "Traceback" not in run.stderr, run.stderr
    return lines[0]


def test_provision_sync_alerts_report(site, badge, tmp_path, home):
    publisher, ca = site
    answer = good("provision", publisher.url, "--ca", ca, "--port", badge)
    assert "Ruritania Health Service" in answer
    result = json.loads(good("sync", "--ca", ca, "--port", badge, "--json"))
    assert [(one["state"], one["error"], one["seeds"]) for one in result["publishers"]] == [
        ("taken", None, 0)
    ]
    assert json.loads(good("alerts", "--port", badge, "--yes", "--json"))["alerts"] == []
    info = json.loads(good("info", "--port", badge, "--json"))
    assert info["publishers"][0]["published_at"] == result["publishers"][0]["published_at"]

    assert "code" in bad("report", "--code", "0000-0000-0000", "--ca", ca, "--port", badge, "--yes")
    code = publisher.issue_code()
    kept = tmp_path / "report.der"
    owner = ("--ca", ca, "--port", badge, "--yes")
    assert "accepted" in good("report", "--code", "-", "--output", kept, *owner, typed=f"{code.lower()}\n")
    assert publisher.code_state(code).seeds >= 1
    good("verify", "report", kept)
    # The upload can be repeated, and the list holds what was reported.
    assert "accepted" in good("report", "--again", *owner)
    assert sum(publisher.publish().counts.values()) == publisher.code_state(code).seeds
    # What the publisher refused was kept, for its owner only, until it was delivered.
    assert list((home / "reports").glob("*")) == []


def test_a_report_that_is_not_delivered_is_kept_by_both(site, badge, home):
    publisher, ca = site
    owner = ("--ca", ca, "--port", badge, "--yes")
    good("provision", publisher.url, "--ca", ca, "--port", badge)
    code = publisher.issue_code()
    said = bad(
        "report", "--code", code, "--port", badge, "--yes"
    )  # does not know the authority's certificate
    (kept,) = (home / "reports").glob("*")
    assert "certificate" in said.lower() and str(kept) in said and "--again" in said
    assert kept.stat().st_mode & 0o077 == 0
    assert publisher.code_state(code).seeds == 0
    assert "signed for 'Ruritania" not in good("report", "--file", kept, *owner)
    seeds = publisher.code_state(code).seeds
    assert seeds >= 1
    assert "accepted" in good("report", "--again", "--publisher", "Ruritania Health Service", *owner)
    assert publisher.code_state(code).seeds == seeds


def test_a_kept_report_goes_to_nobody_else(site, badge, tmp_path):
    publisher, ca = site
    owner = ("--ca", ca, "--port", badge, "--yes")
    good("provision", publisher.url, "--ca", ca, "--port", badge)
    other = json.loads(publisher.descriptor_file.read_text())
    other["url"] = other["url"].replace("localhost", "other.example")
    other["name"] = "Another Service"
    (tmp_path / "other.json").write_text(json.dumps(other))
    good("provision", tmp_path / "other.json", *owner)
    code = publisher.issue_code()
    assert "name one with --publisher" in bad("report", "--code", code, *owner)
    assert "accepted" in good("report", "--code", code, "--publisher", publisher.url, *owner)
    said = bad("report", "--again", "--publisher", "Another Service", *owner)
    assert "signed for 'Ruritania Health Service'" in said and "nothing was sent" in said
    # Without a name it is the one that it was signed for.
    assert "Ruritania Health Service has the report" in good("report", "--again", *owner)


def test_codes_and_days_are_checked_before_the_badge_is_asked(site, badge):
    publisher, ca = site
    good("provision", publisher.url, "--ca", ca, "--port", badge)
    seeds = json.loads(good("info", "--port", badge, "--json"))["seeds"]
    code = publisher.issue_code()
    typo = code[:-1] + ("0" if code[-1] != "0" else "1")
    owner = ("--ca", ca, "--port", badge, "--yes")
    assert "mistyped" in bad("report", "--code", typo, *owner)
    assert "mistyped" in bad("report", "--code", "-", *owner, typed="7K3M\n")
    assert "--code" in bad("report", *owner)
    assert "empty" in bad("report", "--code", "-", *owner)
    assert "YYYY-MM-DD" in bad("report", "--code", code, "--since", "yesterday", *owner)
    assert "no seed of 2020-01-01" in bad("report", "--code", code, "--days", "2020-01-01", *owner)
    assert "no seed of these days" in bad("report", "--code", code, "--since", "2999-01-01", *owner)
    assert "either" in bad("report", "--code", code, "--days", "unknown", "--since", "2020-01-01", *owner)
    assert "nothing was disclosed" in bad(
        "report", "--code", code, "--ca", ca, "--port", badge, typed="\nn\n"
    )
    assert publisher.code_state(code).state == "ready"
    assert json.loads(good("info", "--port", badge, "--json"))["seeds"] == seeds


def test_only_newer_lists_cross_the_cable_and_nothing_is_asked_for_in_vain(site, badge, home):
    publisher, ca = site
    good("provision", publisher.url, "--ca", ca, "--port", badge)

    def one(*more: object) -> dict:
        return json.loads(good("sync", "--ca", ca, "--port", badge, "--json", *more))["publishers"][0]

    first = one()
    assert first["state"] == "taken" and first["bytes_sent"] > 500
    # It says itself when the next one comes: until then nobody is asked.
    assert one()["state"] == "not due"
    again = one("--force")
    assert (again["state"], again["bytes_sent"]) == ("current", 0)
    publisher.publish()
    newer = one("--force")
    assert newer["state"] == "taken" and newer["published_at"] > first["published_at"]
    assert {path.suffix for path in (home / "lists").iterdir()} == {".list", ".json", ".note"}


def test_many_badges_at_once(site, tmp_path):
    publisher, ca = site
    ports = [part for number in range(3) for part in ("--port", f"sim:{tmp_path / f'badge{number}'}")]
    made = json.loads(good("provision", publisher.url, "--ca", ca, *ports, "--json"))
    assert [one["state"] for one in made] == ["done"] * 3
    missing = ("--port", f"sim:{tmp_path / 'nowhere'}")
    run = cxbadge("sync", "--ca", ca, *ports, *missing, "--json")
    assert run.returncode == 1
    lines = json.loads(run.stdout)
    assert [one["state"] for one in lines] == ["done"] * 3 + ["failed"]
    assert all(one["publishers"][0]["state"] == "taken" for one in lines[:3])
    assert "no simulated badge" in lines[3]["error"]
    table = cxbadge("sync", "--ca", ca, *ports).stdout
    assert table.count("done") == 3 and "no newer one is due" in table


def test_unattended_until_it_is_stopped(site, tmp_path):
    publisher, ca = site
    port = f"sim:{tmp_path / 'badge'}"
    assert "--all" in bad("provision", publisher.url, "--ca", ca, "--forever")
    command = [str(Path(sys.executable).parent / "cxbadge"), "provision", publisher.url, "--ca", str(ca)]
    process = subprocess.Popen(
        [*command, "--port", port, "--forever", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        assert (line["port"], line["state"]) == (port, "done")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        assert process.returncode == 0, process.stderr


def test_watch(site, badge):
    publisher, ca = site
    good("provision", publisher.url, "--ca", ca, "--port", badge)
    lines = good("watch", "--port", badge, "--count", 2, "--every", 0.1, "--json").splitlines()
    assert [json.loads(line)["board"] for line in lines] == ["sim", "sim"]
    assert "Ruritania" in good("watch", "--port", badge, "--count", 1)


def test_what_cannot_be_reached_or_trusted(site, badge, tmp_path):
    publisher, ca = site
    assert "certificate" in bad("provision", publisher.url, "--port", badge).lower()
    assert "https" in bad("provision", "http://localhost/cx.json", "--port", badge)
    assert "No such file" in bad("provision", tmp_path / "nowhere.json", "--port", badge)
    # A name that was mistyped makes no badge.
    assert "no simulated badge" in bad("info", "--port", badge, code=3)
    assert not Path(badge.removeprefix("sim:")).exists()
    assert "cannot be opened" in bad("info", "--port", tmp_path / "no-device", code=3)
    good("provision", publisher.url, "--ca", ca, "--port", badge)
    assert "--ca" in bad("sync", "--ca", tmp_path / "nowhere.pem", "--port", badge)
    assert "either" in bad("report", "--code", "X", "--again", "--port", badge)
    assert "button" in bad("alerts", "--port", badge, code=4, typed="n\n")
    publisher.publication_file.write_bytes(publisher.publication_file.read_bytes()[:-1])
    assert cxbadge("sync", "--ca", ca, "--port", badge).returncode == 1
    assert json.loads(good("info", "--port", badge, "--json"))["publishers"][0]["published_at"] is None


def test_wipe(site, badge):
    publisher, ca = site
    good("provision", publisher.url, "--ca", ca, "--port", badge)
    assert "Aborted" in cxbadge("wipe", "--port", badge).stderr
    kept = json.loads(good("info", "--port", badge, "--json"))
    assert len(kept["publishers"]) == 1
    wiped = json.loads(good("wipe", "--port", badge, "--yes", "--json"))
    assert wiped == {"wiped": True, "boot": kept["boot"] + 2}
    after = json.loads(good("info", "--port", badge, "--json"))
    assert after["publishers"] == [] and after["contacts"] == 0 and after["last_crash"] is None


def test_settings_events_and_a_publisher_that_is_removed(site, badge):
    publisher, ca = site
    good("provision", publisher.url, "--ca", ca, "--port", badge)
    assert json.loads(good("configure", "--port", badge, "--json"))["light"] == "all"
    assert "Aborted" in cxbadge("configure", "--light", "quiet", "--port", badge).stderr
    assert "light: one of" in bad("configure", "--light", "pink", "--port", badge, "--yes")
    assert "light: quiet" in good("configure", "--light", "quiet", "--port", badge, "--yes")
    assert json.loads(good("configure", "--port", badge, "--json"))["light"] == "quiet"
    assert "does not know" in bad("remove", "Elsewhere", "--port", badge, "--yes")
    assert "no longer trusts" in good("remove", publisher.url, "--port", badge, "--yes")
    assert json.loads(good("info", "--port", badge, "--json"))["publishers"] == []
    happened = json.loads(good("events", "--port", badge, "--json"))
    kinds = [event["event"] for event in happened]
    assert kinds == ["start", "settings changed", "start"]  # written once a minute, and before a restart
    assert "settings changed" in good("events", "--port", badge)


def test_devices_and_help():
    json.loads(good("devices", "--json"))
    for command in (
        "info",
        "sync",
        "watch",
        "provision",
        "report",
        "alerts",
        "configure",
        "remove",
        "events",
        "wipe",
        "flash",
        "install",
        "build",
        "demo",
    ):
        assert "Example" in good(command, "--help")
    assert "Exit codes" in good("--help")
