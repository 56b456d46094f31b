"""What a running publisher stands: more and more reports and lists in a second, until it turns some away.

python bench/publisher_load.py [--seconds 5] [--rates 10,30,90] [--seeds-each 14] [--json]

The server is ``cxbadge publisher serve`` in a process of its own, on SQLite, over TLS. Requests start on time
whether or not earlier ones are answered: each second so many reports and three times as many fetches of the
list. Anything but a 200 or a 503 that says when to come again is a failure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from publisher import NAME, URL, make_report

from cxhost.publisher import Publisher

_WAITING = 20  # reports at most: our 180 connections are to fill that
_LISTS = 3  # to one report
_SERVE = "from cxhost.publisher.cli import app; app()"


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """Run the server; yield its base URL."""
    command = [sys.executable, "-c", _SERVE, "serve", str(directory), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            if process.stdout is None:
                raise AssertionError("no standard output")
            port = process.stdout.readline().rpartition(":")[2].strip()
            yield f"https://localhost:{port}"
        finally:
            process.terminate()


class Load:
    """Requests at a given rate, and what became of them."""

    def __init__(self, client: httpx.AsyncClient, rate: int) -> None:
        self._client = client
        self._rate = rate
        self.statuses: Counter[str] = Counter()
        self.took: list[float] = []

    async def _ask(self, at: float, report: bytes | None) -> None:
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        try:
            if report is None:
                answer = await self._client.get("/pub/full")
            else:
                kind = {"Content-Type": "application/octet-stream"}
                answer = await self._client.post("/report", content=report, headers=kind)
            status = str(answer.status_code)
            if status == "503" and report is not None and "retry-after" not in answer.headers:
                status = "503 without a time"
        except httpx.HTTPError as error:
            status = type(error).__name__
        self.statuses[("report " if report else "list ") + status] += 1
        if report:
            self.took.append(time.monotonic() - at)

    async def run(self, reports: list[bytes]) -> dict[str, Any]:
        """Send ``reports``, and lists between them; return the figures."""
        start = time.monotonic() + 0.2
        step = 1 / (self._rate * (_LISTS + 1))
        order = [one for report in reports for one in (report, *[None] * _LISTS)]
        questions = [self._ask(start + number * step, one) for number, one in enumerate(order)]
        await asyncio.gather(*questions)
        self.took.sort()
        return {
            "reports_per_s_sent": self._rate,
            "lists_per_s_sent": self._rate * _LISTS,
            **dict(sorted(self.statuses.items())),
            "report_median_ms": round(1000 * self.took[len(self.took) // 2]),
            "report_worst_ms": round(1000 * self.took[-1]),
        }


async def climb(base_url: str, ca_file: Path, rounds: list[tuple[int, list[bytes]]]) -> list[Any]:
    """Send each round at its rate, one after the other."""
    limits = httpx.Limits(max_connections=180, max_keepalive_connections=180)
    context = ssl.create_default_context(cafile=str(ca_file))
    found = []
    async with httpx.AsyncClient(
        base_url=base_url,
        verify=context,
        limits=limits,
        timeout=httpx.Timeout(60, pool=None),
        trust_env=False,
    ) as client:
        for rate, reports in rounds:
            found.append(await Load(client, rate).run(reports))
    return found


def main() -> int:
    """Run it and print the figures; 1 if anything but 200 and 503 was answered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="how long each rate is held")
    parser.add_argument("--rates", default="10,30,90", help="reports in a second, one after the other")
    parser.add_argument("--seeds-each", type=int, default=14, help="seeds in one report")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "publisher"
        with Publisher.create(directory, NAME, URL, max_waiting_reports=_WAITING) as publisher:
            publisher.publish()
            rounds = []
            for rate in map(int, chosen.rates.split(",")):
                codes = publisher.issue_codes(rate * chosen.seconds)
                rounds.append((rate, [make_report(code, chosen.seeds_each) for code in codes]))
            with serving(directory) as base_url:
                ca_file = directory / "tls" / "ca.pem"
                found = asyncio.run(climb(base_url, ca_file, rounds))
            accepted = publisher.status()["codes_used"]
    if chosen.json:
        print(json.dumps(found))
    else:
        for one in found:
            print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in one.items()))
    answered = sum(one.get("report 200", 0) for one in found)
    if answered != accepted:
        print(f"{answered} reports were answered with 200, {accepted} are kept", file=sys.stderr)
    good = {"report 200", "report 503", "list 200", "list 503"}
    kinds = {name for one in found for name in one if name.startswith(("report ", "list "))}
    return 0 if kinds <= good and answered == accepted else 1


if __name__ == "__main__":
    sys.exit(main())
