"""``cxbadge publisher``: what it prints, its exit codes, and a server that is started and stopped."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from publisher_support import NAME, Owner, openssl_verified
from typer.testing import CliRunner

from cxhost.publisher.cli import app
from cxhost.publisher.database import VERSION

URL = "https://health.ruritania.example/cx.json"
PROGRAM = [sys.executable, "-W", "error", "-c", "from cxhost.publisher.cli import app; app()"]


def run(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], input=stdin)


def printed(*arguments: object, stdin: str = "") -> dict:
    """Return the JSON that a command prints; fail if it fails."""
    done = run(*arguments, "--json", stdin=stdin)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = run("init", "--name", NAME, "--url", URL, tmp_path / "ruritania")
    assert made.exit_code == 0, made.stderr
    assert URL in made.stdout
    settings = tmp_path / "ruritania" / "publisher.toml"
    settings.write_text(settings.read_text().replace("fewest_new_seeds = 28", "fewest_new_seeds = 1"))
    return tmp_path / "ruritania"


def test_help_has_examples():
    listed = run("--help").stdout
    for command in (
        "init",
        "code",
        "level",
        "zone",
        "topology",
        "lookup",
        "audit",
        "migrate",
        "backup",
        "publish",
        "status",
        "serve",
    ):
        assert command in listed
        shown = run(command, "--help")
        assert shown.exit_code == 0
        assert "Example" in shown.stdout


def test_code_publish_status(directory):
    code = printed("code", directory, "--level", "symptomatic")["codes"][0]
    assert re.fullmatch(r"(\w{4}-){2}\w{4}", code)
    assert len(printed("code", directory, "--count", "20")["codes"]) == 20
    edition = printed("publish", directory)
    assert edition["notifications"] == []
    for path, size in edition["files"].items():
        assert len(Path(path).read_bytes()) == size
        openssl_verified(Path(path), directory / "cert.pem")
    status = printed("status", directory)
    assert (status["codes_issued"], status["codes_used"]) == (21, 0)
    assert status["published_at"] == edition["published_at"]
    assert NAME in run("status", directory).stdout


def test_lookup_and_audit(directory):
    code = printed("code", directory)["codes"][0]
    state = printed("lookup", directory, code.lower())
    assert (state["state"], state["level"], state["used_at"]) == ("ready", "diagnosed", None)
    assert "ready" in run("lookup", directory, stdin=code + "\n").stdout
    printed("level", directory, "symptomatic", code)
    entries = printed("audit", directory)["entries"]
    assert [(one["action"], one["detail"]) for one in entries] == [
        ("level", "diagnosed to symptomatic"),
        ("issue", "diagnosed"),
    ]
    assert len({one["case"] for one in entries}) == 1
    assert code not in run("audit", directory).stdout
    assert run("audit", directory, "--newest", "1").stdout.count("case") == 1


def test_backup(directory, tmp_path):
    code = printed("code", directory)["codes"][0]
    done = run("backup", directory, tmp_path / "copy")
    assert (done.exit_code, done.stdout) == (0, f"Copied to {tmp_path / 'copy'}\n")
    assert printed("lookup", tmp_path / "copy", code)["state"] == "ready"
    assert run("backup", directory, tmp_path / "copy").exit_code == 1


def test_operators(directory):
    token = printed("operator", "add", directory, "Clinic East")["token"]
    assert len(token) == 32
    everything = ["issue", "look-up", "withdraw"]
    assert printed("operator", "list", directory) == {"operators": {"Clinic East": everything}}
    assert (
        run("operator", "permit", directory, "Clinic East", "--may", "look-up", "--may", "issue").exit_code
        == 0
    )
    assert run("operator", "list", directory).stdout == "Clinic East: issue, look-up\n"
    wrong = run("operator", "permit", directory, "Clinic East", "--may", "fly")
    assert (wrong.exit_code, "fly: no permission; there are issue" in wrong.stderr) == (1, True)
    again = run("operator", "add", directory, "Clinic East")
    assert (again.exit_code, "already" in again.stderr) == (1, True)
    assert run("operator", "remove", directory, "Clinic East").exit_code == 0
    assert run("operator", "list", directory).stdout == "none\n"
    assert run("operator", "remove", directory, "Clinic East").exit_code == 1
    assert run("operator", "permit", directory, "Clinic East").exit_code == 1
    assert run("operator", "add", directory, " ").exit_code == 1


def test_migrate_changes_nothing_when_all_is_new(directory):
    printed("code", directory)
    done = run("migrate", directory)
    assert (done.exit_code, VERSION in done.stdout) == (0, True)
    assert printed("status", directory)["codes_issued"] == 1


def test_level_by_argument_and_by_prompt(directory):
    code = printed("code", directory)["codes"][0]
    assert printed("level", directory, "no-alert", code) == {"level": "no-alert"}
    asked = run("level", directory, "diagnosed", stdin=code + "\n")
    assert asked.exit_code == 0
    assert "diagnosed" in asked.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["publish", "{other}"], "publisher.toml: not found"),
        (["init", "--name", "x", "--url", "http://x/", "{other}"], "url"),
        (["init", "--name", "x", "--url", URL, "{dir}"], "not empty"),
        (["init", "--name", "x", "--url", URL, "--key", "dsa", "{other}"], "--key"),
        (["code", "{dir}", "--level", "purple"], "no such level: purple"),
        (["level", "{dir}", "no-alert", "0000-0000-0000"], "not known"),
        (["level", "{dir}", "no-alert", "0000-0000-0001"], "mistyped"),
    ],
)
def test_errors_are_one_line(directory, tmp_path, arguments, said):
    places = {"dir": directory, "other": tmp_path / "other"}
    done = run(*(argument.format(**places) for argument in arguments))
    assert done.exit_code == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_wrong_usage_is_exit_code_2(directory):
    for arguments in (["code"], ["nonsense"], ["code", directory, "--hours", "0"], ["init", directory]):
        assert run(*arguments).exit_code == 2


def test_a_database_that_is_none(directory):
    (directory / "publisher.db").write_bytes(b"this is no database" * 100)
    done = run("publish", directory)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "database" in done.stderr


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_serve_publishes_takes_reports_and_stops(directory, stop):
    code = printed("code", directory)["codes"][0]
    with subprocess.Popen(
        [*PROGRAM, "serve", str(directory), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            context = ssl.create_default_context(cafile=str(directory / "tls" / "ca.pem"))
            base = f"https://localhost:{port}"
            with httpx.Client(verify=context, base_url=base, trust_env=False, timeout=30) as client:
                kind = {"Content-Type": "application/octet-stream"}
                answer = client.post("/report", content=Owner().report(code), headers=kind)
                assert answer.status_code == 200
                assert client.get("/cx.json").json()["name"] == NAME
                ends = time.monotonic() + 60  # the first list is made on a thread of its own
                while client.get("/pub/full").status_code != 200:
                    assert time.monotonic() < ends
                    time.sleep(0.05)
        finally:
            process.send_signal(stop)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert "report accepted" in [line["event"] for line in lines]
    assert "published" in [line["event"] for line in lines]
    assert code not in out + err
    openssl_verified(directory / "public" / "pub" / "full", directory / "cert.pem")
