"""The owner's commands, as typed, against a simulated badge and a real HTTPS publisher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def cxbadge(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    command = [str(Path(sys.executable).parent / "cxbadge"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)


def good(*arguments: object) -> str:
    run = cxbadge(*arguments)
    assert run.returncode == 0, run.stderr
    return run.stdout


def bad(*arguments: object) -> str:
    """Return the one line with which a command fails."""
    run = cxbadge(*arguments)
    assert run.returncode == 1, run.stdout + run.stderr
    lines = [line for line in run.stderr.splitlines() if "button" not in line]
    assert len(lines) == 1 and "Traceback" not in run.stderr, run.stderr
    return lines[0]


def test_provision_sync_alerts_report(site, badge, tmp_path):
    publisher, ca = site
    answer = good("provision", publisher.url, "--ca", ca, "--port", badge)
    assert "Ruritania Health Service" in answer
    result = json.loads(good("sync", "--ca", ca, "--port", badge, "--json"))
    assert [(one["error"], one["seeds"]) for one in result["publishers"]] == [(None, 0)]
    assert json.loads(good("alerts", "--port", badge, "--yes", "--json"))["alerts"] == []
    info = json.loads(good("info", "--port", badge, "--json"))
    assert info["publishers"][0]["published_at"] == result["publishers"][0]["published_at"]

    assert "code" in bad("report", "--code", "0000-0000-0000", "--ca", ca, "--port", badge, "--yes")
    code = publisher.issue_code()
    kept = tmp_path / "report.der"
    owner = ("--ca", ca, "--port", badge, "--yes")
    assert "accepted" in good("report", "--code", code, "--output", kept, *owner)
    assert publisher.code_state(code).seeds >= 1
    good("verify", "report", kept)
    # The upload can be repeated, and the list holds what was reported.
    assert "accepted" in good("report", "--again", *owner)
    assert sum(publisher.publish().counts.values()) == publisher.code_state(code).seeds


def test_what_cannot_be_reached_or_trusted(site, badge, tmp_path):
    publisher, ca = site
    assert "certificate" in bad("provision", publisher.url, "--port", badge).lower()
    assert "https" in bad("provision", "http://localhost/cx.json", "--port", badge)
    assert "No such file" in bad("provision", tmp_path / "nowhere.json", "--port", badge)
    assert "--ca" in bad("sync", "--ca", tmp_path / "nowhere.pem", "--port", badge)
    assert "provision" in bad("report", "--code", "X", "--port", badge)
    assert "either" in bad("report", "--port", badge)
    assert "cannot be opened" in bad("info", "--port", tmp_path / "no-device")
    good("provision", publisher.url, "--ca", ca, "--port", badge)
    publisher.publication_file.write_bytes(publisher.publication_file.read_bytes()[:-1])
    assert cxbadge("sync", "--ca", ca, "--port", badge).returncode == 1
    assert json.loads(good("info", "--port", badge, "--json"))["publishers"][0]["published_at"] is None


def test_wipe(site, badge):
    publisher, ca = site
    good("provision", publisher.url, "--ca", ca, "--port", badge)
    assert "Aborted" in bad("wipe", "--port", badge)
    kept = json.loads(good("info", "--port", badge, "--json"))
    assert len(kept["publishers"]) == 1
    wiped = json.loads(good("wipe", "--port", badge, "--yes", "--json"))
    assert wiped == {"wiped": True, "boot": kept["boot"] + 2}
    after = json.loads(good("info", "--port", badge, "--json"))
    assert after["publishers"] == [] and after["contacts"] == 0 and after["last_crash"] is None


def test_devices_and_help():
    json.loads(good("devices", "--json"))
    for command in (
        "info",
        "sync",
        "provision",
        "report",
        "alerts",
        "wipe",
        "flash",
        "install",
        "build",
        "demo",
    ):
        assert "Example" in good(command, "--help")
