"""Kinds of life: what each costs the flash, and what an attacker can take from the log.

``python lives.py --hours 336`` runs ``device/wear.py`` for each, prints a line of figures, and exits with 1
if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from cxhost.interpreter import interpreter

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ERASE_CYCLES = 100_000
BLOCKS = 512
DAY_H = 24
# The most erases a day of all 512 blocks together
MOST_ERASES = {
    "quiet": 2,
    "normal": 60,
    "crowded": 200,
    "hall": 100,
    "spray": 66,
    "thousand": 400,
    "loud": 400,
}
FEWEST_YEARS = 200  # of the worst block
TABLE_BYTES = 12_288  # the budget of what is near: 384 identifiers
ALLOWANCE_PER_DAY, ALLOWANCE_AT_ONCE = 7_200, 2_400
# Who keeps a thousand on air: the second day is like all that follow.
LONGEST_H = {"thousand": 48, "loud": 48}


def device(program: str, *arguments: object) -> str:
    """Run a program of ``device/`` in MicroPython and return what it printed."""
    command = [interpreter(), "-X", "heapsize=64m", str(HERE / "device" / program), str(ROOT / "lib")]
    run = subprocess.run(
        [*command, str(ROOT / "firmware"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise SystemExit(run.stdout + run.stderr)
    return run.stdout


def live(kind: str, hours: int) -> dict:
    """Return the figures of a kind of life, with years until a block reaches 100 000 erases.

    ``years`` by the mean of all blocks, ``worst_years`` by the block with the most erases.
    """
    found = json.loads(device("wear.py", kind, hours))
    cycles_per_year = found["most_on_one_block"] * 365 * DAY_H / hours
    return found | {
        "years": round(ERASE_CYCLES * BLOCKS / max(found["erases_per_day"], 1) / 365),
        "worst_years": round(ERASE_CYCLES / max(cycles_per_year, 0.01)),
    }


def faults(found: dict, crowded_erases: int) -> list[str]:
    """Return what is wrong with a life. ``crowded_erases``: those of a crowded day."""
    hours, erases = found["hours"], found["erases_per_day"]
    mean = erases * hours / DAY_H / BLOCKS
    checks = {
        f"{erases} erases a day": hours < DAY_H or erases <= MOST_ERASES[found["life"]],
        f"{found['worst_years']} years": hours < 7 * DAY_H or found["worst_years"] >= FEWEST_YEARS,
        f"{found['most_on_one_block']} erases of one block": found["most_on_one_block"] <= 2 + 3 * mean,
        f"{found['table_bytes']} bytes of table": found["table_bytes"] <= TABLE_BYTES,
        f"{found['unwritten']}, {found['damaged']} records lost": not found["unwritten"] + found["damaged"],
    }
    judge = judge_flood if found["life"] in LONGEST_H else judge_peace
    checks |= judge(found, crowded_erases)
    return [f"{found['life']}: {text}" for text, is_right in checks.items() if not is_right]


def judge_peace(found: dict, _crowded_erases: int) -> dict[str, bool]:
    """Without anybody who keeps many identifiers on air nothing is lost."""
    refused = 0 if found["life"] == "hall" else found["over_allowance"]  # a hall's passers-by
    return {
        f"{found['kept']} of {found['encounters']} encounters": found["kept"] == found["encounters"],
        f"{found['attacker_records']} records of the attacker": found["attacker_records"] == 0,
        f"{refused}, {found['no_room']} refused": refused + found["no_room"] == 0,
    }


def judge_flood(found: dict, crowded_erases: int) -> dict[str, bool]:
    """A thousand on air take room from those who are not nearer, but neither memory nor flash."""
    days = found["hours"] / DAY_H
    limit = ALLOWANCE_PER_DAY * days + ALLOWANCE_AT_ONCE
    per_record = found["erases_per_day"] * days / found["attacker_records"]
    checks = {
        f"{found['attacker_records']} records of the attacker": found["attacker_records"] <= limit,
        f"{per_record:.4f} erases a record": per_record * ALLOWANCE_PER_DAY <= 2 * crowded_erases,
    }
    if found["life"] == "thousand":
        near = found["near_kept"]
        checks[f"{near} near encounters"] = near >= 0.95 * found["near_encounters"] > 0
    return checks


def line(found: dict) -> str:
    """Return a life's figures as one line."""
    parts = (
        f"{found['life']:8} {found['hours']} h: {found['contacts_per_day']} contacts a day",
        f"{found['erases_per_day']} erases a day ({found['years']:,} years)",
        f"{found['most_on_one_block']} on the worst block ({found['worst_years']:,} years)",
        f"kept {found['kept']} of {found['encounters']} encounters in {found['days']} days",
        f"{found['near_kept']} of {found['near_encounters']} near ones",
        f"{found['attacker_records']} records of an attacker",
    )
    return "; ".join(parts)


def main() -> int:
    """Run every life and judge it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=int, default=336, help="hours of each life (336)")
    hours = parser.parse_args().hours
    wrong: list[str] = []
    crowded = live("crowded", hours)
    for kind in MOST_ERASES:
        found = crowded if kind == "crowded" else live(kind, min(hours, LONGEST_H.get(kind, hours)))
        print(line(found), flush=True)
        wrong += faults(found, crowded["erases_per_day"])
    for fault in wrong:
        print("FAULT:", fault)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
