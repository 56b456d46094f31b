"""Publications and logs for the tests of matching, made by the host's own code, and what must come out.

Nothing here is the core's: identifiers come from OpenSSL's AES, lists from asn1crypto and cryptography, and
matches from plain sets. ``python population.py --count 10000`` plays random populations.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

from cxhost import drbg, extensions
from cxhost.asn1 import PUBLICATION_OID
from cxhost.interpreter import interpreter
from cxhost.publisher import publication, signing

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

TODAY = datetime(2026, 4, 12, tzinfo=timezone.utc)
DAY = TODAY.toordinal() - datetime(1970, 1, 1).toordinal()
ENGINES = ("viper", "cryptolib", "bytecode")
Row = tuple[int, int, bytes, tuple[int, int] | None]  # level, type, seed, usage


@cache
def ids(kind: int, seed: bytes, count: int) -> list[bytes]:
    """Return the first identifiers of a chain."""
    return drbg.contact_ids(kind, seed, count)


@cache
def _key(kind: str) -> signing.SigningKey:
    return signing.new_key(kind)


@dataclass
class Source:
    """A publisher with a key, whose lists are written by hand."""

    url: str = "https://health.example/cx.json"
    key_kind: str = "rsa"
    number: int = 0
    guidance: dict[str, Any] | None = None
    signer: signing.Signer = field(init=False)
    certificate: bytes = field(init=False)

    def __post_init__(self) -> None:
        key = _key(self.key_kind)
        self.certificate = signing.certificate_pem(signing.self_signed(key, "Test", TODAY))
        self.signer = signing.Signer(signing.key_pem(key), self.certificate)

    @property
    def id(self) -> str:
        """The badge's short name for it."""
        return hashlib.sha256(self.url.encode()).digest()[:4].hex()

    @property
    def descriptor(self) -> str:
        """Its descriptor."""
        own = {key: f"{self.url}/{key}" for key in ("report", "pub")}
        return json.dumps(
            {"url": self.url, "cert": self.certificate.decode(), "name": self.url, "pubs": [], **own}
        )

    def sign(self, rows: Sequence[Row], partial: bool = False) -> str:
        """Return the next list in hexadecimal."""
        self.number += 1
        at = TODAY + timedelta(minutes=self.number)
        listing = publication.Listing(
            zone=self.url,
            published_at=at,
            next_update_not_before=at,
            next_update_not_after=at + timedelta(hours=1),
            groups=publication.group(
                (level, kind, seed, usage and extensions.encode_usage(usage))
                for level, kind, seed, usage in rows
            ),
            update_urls=[f"{self.url}/full"],
            excludes_published_before=at - timedelta(hours=1) if partial else None,
            guidance=self.guidance,
        )
        return self.signer.sign(publication.encode(listing), PUBLICATION_OID).hex()


def play(lines: Sequence[dict[str, Any]], folder: Path | None = None, timeout_s: int = 600) -> list[Any]:
    """Let a badge live through a script (``device/player.py``); return what it told."""
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "script"
        script.write_text("".join(json.dumps(line) + "\n" for line in lines))
        command = [interpreter(), "-X", "heapsize=64m", str(HERE / "device" / "player.py")]
        command += [str(ROOT / "lib"), str(ROOT / "firmware"), str(script)]
        run = subprocess.run(
            command + ([str(folder)] if folder else []),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    # littlefs says what it mends when it is mounted after a power cut.
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def expected(rows: Sequence[Row], contacts: Sequence[Sequence[Any]]) -> dict[str, list[list[Any]]]:
    """Return who was met, by plain sets: seed to the [place, identifier] of each of its contacts, sorted."""
    found: dict[str, list[list[Any]]] = {}
    for _, kind, seed, usage in rows:
        places = {one.hex(): at for at, one in enumerate(ids(kind, seed, usage[1] if usage else 2048))}
        met = sorted([places[one[0]], one[0]] for one in contacts if one[0] in places)
        if met:
            found[seed.hex()] = met
    return found


def population(rng: random.Random, source: Source) -> tuple[list[dict[str, Any]], list[Row], list[list[Any]]]:
    """Return a script, its list and its contacts: half of them with true matches, all with near misses."""
    pool = [(1 + rng.randrange(2), bytes([number]) * 24) for number in range(8)]
    pool = [(kind, seed * kind) for kind, seed in pool]
    usages = [None if rng.random() < 0.02 else (DAY, rng.randint(1, 24)) for _ in pool]
    listed = rng.sample(range(8), rng.randint(1, 6))
    rows: list[Row] = [(rng.choice((3, 4, 5)), *pool[one], usages[one]) for one in listed]
    has_matches = rng.random() < 0.5
    contacts: list[list[Any]] = []
    for _ in range(rng.randint(1, 40)):
        kind, seed = pool[rng.randrange(8)]
        contact_id = rng.choice(ids(kind, seed, 24)) if has_matches else rng.randbytes(16)
        if rng.random() < 0.2:  # all bits count: one of the 122 that are random is another
            bit = rng.choice([one for one in range(128) if one not in (48, 49, 50, 51, 64, 65)])
            contact_id = (int.from_bytes(contact_id, "big") ^ 1 << 127 - bit).to_bytes(16, "big")
        contacts.append([contact_id.hex(), 600 * len(contacts), 20, 50])
    script: list[dict[str, Any]] = [
        {"new": {"filter_bytes": rng.choice((64, 64, 1024)), "blocks": 48}},
        {"publisher": source.descriptor},
        {"time": int(TODAY.timestamp())},
        {"meet": contacts},
        {"wait": 40000},
        {"take": {"id": source.id, "list": source.sign(rows)}},
        {"tell": 1},
    ]
    return script, rows, contacts


def judge(
    source: Source, rows: Sequence[Row], contacts: Sequence[Sequence[Any]], told: dict[str, Any]
) -> None:
    """Compare what a badge told with sets; AssertionError when they differ."""
    found = {seed: sorted(met) for seed, _, met in told["matches"].get(source.id, [])}
    right = expected(rows, contacts)
    assert found == right
    levels = {seed: level for seed, level, _ in told["matches"].get(source.id, [])}
    assert levels == {seed.hex(): level for level, _, seed, _ in rows if seed.hex() in right}
    summary = told["summary"]
    assert sum(one["contacts"] for one in summary["alerts"]) == sum(len(met) for met in right.values())
    assert summary["alarm"] == bool(right)  # each contact is of 20 minutes, near


def populations(count: int, engine: str, seed: int) -> int:
    """Play and judge so many populations with one engine; return how many had matches."""
    rng = random.Random(seed)
    source = Source()
    with_matches = 0
    for start in range(0, count, 250):
        made = [population(rng, source) for _ in range(min(250, count - start))]
        told = play([{"engine": engine}, *(line for script, _, _ in made for line in script)])
        for number, (_, rows, contacts) in enumerate(made):
            assert told[2 * number]["error"] == ""
            judge(source, rows, contacts, told[2 * number + 1])
            with_matches += bool(expected(rows, contacts))
    return with_matches


def main() -> None:
    """Play many populations with each engine."""
    parser = argparse.ArgumentParser(description="Random populations against plain sets, with every engine.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for number, engine in enumerate(ENGINES):
        count = options.count // len(ENGINES) + (number < options.count % len(ENGINES))
        found = populations(count, engine, options.seed + number)
        print(f"{engine}: {count} populations, {found} with matches: none false, none missed", flush=True)


if __name__ == "__main__":
    main()
