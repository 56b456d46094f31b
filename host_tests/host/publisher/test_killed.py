"""Killed at any moment, the publisher has every report that it acknowledged, whole files, growing times.

Each life takes seconds, so that a usual run makes 60 operations; ``CX_KILLED_OPERATIONS=500`` makes as many.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from publisher_support import openssl_verified

from cxhost.asn1 import publication_data
from cxhost.publisher import Publisher

OPERATIONS = int(os.environ.get("CX_KILLED_OPERATIONS", "60"))
# Reports and publishes without end; says what it did only when that is done and kept.
WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from publisher_support import Owner
from cxhost.publisher import Publisher

with Publisher.open(Path(sys.argv[1])) as publisher:
    print("ready", flush=True)
    for number in range(10_000):
        if number % 3 == 2:
            edition = publisher.publish()
            publisher.upload_if_behind()
            print("published", int(edition.published_at.timestamp()), flush=True)
        else:
            owner, code = Owner(), publisher.issue_code()
            publisher.accept_report(owner.report(code))
            print("accepted", code, owner.seed_values()[0].hex(), flush=True)
"""


@contextmanager
def worker(directory: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WORKER, str(directory), str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lived(directory: Path, operations: int, moment: float) -> list[list[str]]:
    """Let a worker do so many operations, kill it in the next one, and return what it acknowledged.

    ``moment``: when in that operation, as a part of the time that the one before took; so that a slow
    computer is killed in its work as a quick one is.
    """
    with worker(directory) as process:
        assert process.stdout is not None and process.stderr is not None
        first = process.stdout.readline()
        assert first == "ready\n", process.communicate()[1]
        lines = []
        took = 0.0
        for _ in range(operations):
            start = time.monotonic()
            lines.append(process.stdout.readline())
            took = time.monotonic() - start
        time.sleep(took * moment)
        process.kill()
        lines += process.stdout.readlines()
        errors = process.stderr.read()
    assert errors == ""
    return [line.split() for line in lines if line.endswith("\n")]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_killed_at_random_moments(publisher):
    draw = random.Random(500)
    directory = publisher.directory
    publisher.close()
    target = directory.parent / "target"
    settings = directory / "publisher.toml"
    settings.write_text(settings.read_text().replace('target = ""', f'target = "file://{target}"'))
    accepted: dict[str, bytes] = {}
    newest = uploaded = operations = lives = 0
    while operations < OPERATIONS:
        done = lived(directory, draw.randint(3, 20), draw.random())
        lives += 1
        operations += len(done)
        accepted |= {line[1]: bytes.fromhex(line[2]) for line in done if line[0] == "accepted"}
        newest = max([newest, *(int(line[1]) for line in done if line[0] == "published")])
        with Publisher.open(directory) as again:
            for code in (line[1] for line in done if line[0] == "accepted"):
                assert again.code_state(code).state == "used"
            if newest:
                data = publication_data(again.publication_file.read_bytes()).native
                assert data["published_at"].timestamp() >= newest
                newest = max(newest, int(data["published_at"].timestamp()))
                data = publication_data((target / "pub" / "full").read_bytes()).native
                assert data["published_at"].timestamp() >= uploaded
                uploaded = int(data["published_at"].timestamp())
                for path in (*again.publication_file.parent.iterdir(), *(target / "pub").iterdir()):
                    if not path.name.startswith("."):
                        openssl_verified(path, directory / "cert.pem")
    with Publisher.open(directory) as again:
        edition = again.publish()
        again.upload_if_behind()
        assert edition.published_at.timestamp() > newest
        data = publication_data(again.publication_file.read_bytes()).native
        folder = {path.name for path in again.publication_file.parent.iterdir()}
    joined = b"".join(one["seed_values"] for one in data["notifications"])
    listed = {joined[i : i + 24] for i in range(0, len(joined), 24)}
    assert set(accepted.values()) <= listed
    assert len(listed) - len(accepted) <= lives  # at most the one report under way at each kill
    assert folder == {path.name for path in edition.files}
    assert folder == {path.name for path in (target / "pub").iterdir()}
