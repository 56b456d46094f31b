"""A publisher through a day of many reports, hour by hour, with an edition each half hour.

python bench/publisher_day.py [--reports 19500] [--seeds-each 14] [--postgresql] [--json]

19 500 reports is what Germany's app took on the busiest day of 2022. Only the clock is not real: reports are
signed, verified and kept, lists signed and written. At the end every seed has to be in the list.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from publisher import NAME, URL, Clock, make_report, timed

from cxhost.publisher import Publisher
from cxhost.publisher.publication import cut_offs, partial_name

sys.path.insert(0, str(Path(__file__).parents[1] / "host_tests" / "host"))
from postgres_server import PostgresServer

# How many of a day's reports come in each of its 24 hours, in per mille: few at night, most after work.
HOURS = (10, 6, 4, 4, 6, 12, 25, 42, 56, 64, 66, 64, 62, 60, 58, 58, 60, 62, 64, 62, 56, 44, 33, 22)


def half_hours(reports: int) -> Iterator[int]:
    """Yield how many reports come in each half hour, ``reports`` altogether."""
    told = so_far = 0
    for hour in HOURS:
        for _ in range(2):
            so_far += hour
            count = reports * so_far // (2 * sum(HOURS)) - told
            told += count
            yield count


def replay(publisher: Publisher, clock: Clock, reports: int, seeds_each: int) -> dict[str, Any]:
    """Live through the day; return the figures."""
    accepting_s = largest_hour = 0.0
    publishing = []
    with ProcessPoolExecutor(1) as maker:
        made = None
        counts = [*half_hours(reports), 0]
        for count, following in pairwise(counts):
            if made is None:
                made = start(maker, publisher, count, seeds_each)
            ready = list(made)
            made = start(maker, publisher, following, seeds_each)  # while these are taken
            begun = time.perf_counter()
            for der in ready:
                publisher.accept_report(der)
            accepting_s += time.perf_counter() - begun
            clock.now += timedelta(minutes=30)
            took, edition = timed(publisher.publish)
            publishing.append(took)
            hour = edition.path.with_name(partial_name(cut_offs(edition.published_at)[1]))
            largest_hour = max(largest_hour, hour.stat().st_size)
            print(f"\r{clock.now:%H:%M}", end="", file=sys.stderr, flush=True)
    listed = sum(edition.counts.values())
    if listed != reports * seeds_each:
        raise SystemExit(f"{listed} seeds are listed, {reports * seeds_each} were reported")
    return {
        "reports": reports,
        "seeds_listed": listed,
        "reports_per_s": round(reports / accepting_s),
        "busiest_half_hour_reports": max(half_hours(reports)),
        "publish_s_median": round(sorted(publishing)[len(publishing) // 2], 2),
        "publish_s_worst": round(max(publishing), 2),
        "full_bytes": edition.path.stat().st_size,
        "largest_two_hours_bytes": int(largest_hour),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def start(maker: ProcessPoolExecutor, publisher: Publisher, count: int, seeds_each: int) -> Iterator[bytes]:
    """Let another process make so many reports."""
    codes = publisher.issue_codes(count)
    return maker.map(make_report, codes, [seeds_each] * count, chunksize=50)


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reports", type=int, default=19_500, help="reports in the day")
    parser.add_argument("--seeds-each", type=int, default=14, help="seeds in one report")
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL server of its own")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    chosen = parser.parse_args()
    clock = Clock()
    clock.now = clock.now.replace(hour=0, minute=0)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = "sqlite:///publisher.db"
        if chosen.postgresql:
            database = stack.enter_context(PostgresServer(is_safe=True)).new_database()
        made = Publisher.create(folder / "publisher", NAME, URL, clock, database=database, fewest_new_seeds=1)
        publisher = stack.enter_context(made)
        figures = replay(publisher, clock, chosen.reports, chosen.seeds_each)
    print(file=sys.stderr)
    print(json.dumps(figures) if chosen.json else "\n".join(f"{k}: {v}" for k, v in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
