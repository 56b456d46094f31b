"""Measure matching: ``make bench``, or ``python bench/matching.py --help``.

A badge's own log, files and code in MicroPython; lists by the host's code. CPU time, as other work on the
machine should not count. Exit status 1 when a figure misses its target.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from rich.console import Console
from rich.table import Table

from cxhost import extensions
from cxhost.asn1 import PUBLICATION_OID
from cxhost.interpreter import interpreter
from cxhost.publisher import publication, signing

HERE = Path(__file__).parent
ROOT = HERE.parent
NOW = datetime(2026, 4, 12, tzinfo=timezone.utc)
ZONE = "https://health.example/cx.json"
DAY = 20555
CASES = 1430
DAYS = 14
USED = 2048 // DAYS
# contacts, bytes of the filter, candidates compared at once, most times the pure regeneration
LOGS = ((10_000, 16_384, 256, 1.15), (30_000, 32_768, 1024, 1.5))
MOST_REPUBLISHED = 0.02
MOST_DIFFERENCE = 0.10


class Lists:
    """Signs lists into files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        key = signing.new_key("rsa")
        certificate = signing.certificate_pem(signing.self_signed(key, "Bench", NOW))
        self._signer = signing.Signer(signing.key_pem(key), certificate)
        self.certificate = x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER)
        self._count = 0

    def add(self, seeds: list[bytes], usage: int = 0) -> str:
        """Return the file of a list of these seeds, of which so many identifiers were used each (0: all)."""
        self._count += 1
        at = NOW + timedelta(minutes=self._count)
        used = extensions.encode_usage((DAY, usage)) if usage else None
        listing = publication.Listing(
            zone=ZONE,
            published_at=at,
            next_update_not_before=at,
            next_update_not_after=at,
            groups=publication.group((5, 1, seed, used) for seed in seeds),
            update_urls=[],
        )
        path = self._folder / f"list{self._count}"
        path.write_bytes(self._signer.sign(publication.encode(listing), PUBLICATION_OID))
        return str(path)


def seeds(count: int, what: str) -> list[bytes]:
    """Return so many different seeds of type 1."""
    return [hashlib.sha256(f"{what} {number}".encode()).digest()[:24] for number in range(count)]


def run(lists: Lists, log: tuple[int, int, int, float], steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let a badge with a log match lists one after another; return what each cost."""
    with tempfile.TemporaryDirectory() as scratch:
        plan = {
            "folder": scratch + "/data",
            "contacts": log[0],
            "filter_bytes": log[1],
            "candidates": log[2],
            "certificate": lists.certificate.hex(),
            "steps": steps,
        }
        (Path(scratch) / "plan").write_text(json.dumps(plan))
        command = [interpreter(), "-X", "heapsize=4m", str(HERE / "matching_workload.py")]
        command += [str(ROOT / "lib"), str(ROOT / "firmware"), scratch + "/plan"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def figures(count: int, lists: Lists) -> tuple[list[dict[str, Any]], list[tuple[str, float, float]]]:
    """Measure everything; return what each run cost, and the judged targets: name, measured, most."""
    rows, targets = [], []
    first = seeds(count, "first")
    for log in LOGS:
        steps = [
            {"list": lists.add(first), "full": count},
            {"list": lists.add(first), "full": 0},
            {"list": lists.add(first + seeds(100, "later")), "full": 0},
        ]
        told = run(lists, log, steps)
        names = (f"{count} new seeds", "the list again", "100 more")
        rows += [{"what": name, "contacts": log[0], **one} for name, one in zip(names, told, strict=True)]
        ratio = told[0]["seconds"] / told[0]["alone_s"]
        targets.append((f"{log[0]} contacts: time / pure regeneration", ratio, log[3]))
        ratio = told[1]["seconds"] / told[0]["seconds"]
        targets.append((f"{log[0]} contacts: the list again / first run", ratio, MOST_REPUBLISHED))
    cases = round(CASES * count / 20_000)
    days = [{"list": lists.add(seeds(cases * DAYS, "day"), USED), "full": 0}]
    whole = [{"list": lists.add(seeds(cases, "whole")), "full": 0}]
    daily, full = run(lists, LOGS[0], days)[0], run(lists, LOGS[0], whole)[0]
    rows.append({"what": f"{cases} cases of {DAYS} days", "contacts": LOGS[0][0], **daily})
    rows.append({"what": f"{cases} full-length seeds", "contacts": LOGS[0][0], **full})
    targets.append(
        ("daily seeds with usage / full-length", daily["seconds"] / full["seconds"], 1 + MOST_DIFFERENCE)
    )
    return rows, targets


def main() -> int:
    """Print the figures; return 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=20_000, help="how many new seeds a list has (20000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows, targets = figures(options.seeds, Lists(Path(folder)))
    if options.json:
        print(json.dumps({"runs": rows, "targets": targets}))
    else:
        console = Console()
        table = Table(
            "list", "contacts", "CPU s", "alone", "new seeds", "identifiers", "log passes", "writes", "bytes"
        )
        for one in rows:
            alone = f"{one['alone_s']:.2f}" if one["alone_s"] else ""
            table.add_row(
                one["what"],
                *(str(one["contacts"]), f"{one['seconds']:.2f}", alone),
                *(str(one[key]) for key in ("new_seeds", "ids", "log_passes", "writes", "bytes")),
            )
        console.print(table)
        for name, measured, most in targets:
            verdict = "enough" if measured <= most else "MISSED"
            console.print(f"{name}: {measured:.3f}, at most {most}: {verdict}")
    return int(any(measured > most for _, measured, most in targets))


if __name__ == "__main__":
    sys.exit(main())
