"""A hall: 200 badges, 1 000 other devices with garbage and hostile payloads, 1 000 reports a second.

``CXBADGE_MINUTES`` (20 here, 240 in ``make crowd``).
"""

from __future__ import annotations

import ast
import os

from host_tests.firmware.test_units import run_solo

MINUTES = int(os.environ.get("CXBADGE_MINUTES", "20"))
# When every badge has changed its identifier once, what is near takes the room that it will ever take.
SETTLED_SCANS = 12
FLAT_BYTES = 1024
# For so long the log takes everybody of a hall; then it is short of records, and who is far goes without.
LOGGED_MINUTES = 110


def test_a_crowd(tmp_path, capsys):
    ran = run_solo("crowd.py", str(tmp_path), str(MINUTES), timeout_s=1800)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = ast.literal_eval(ran.stdout.splitlines()[-1])
    reports, heard, lost = found["counts"]
    heap = found["heap"][SETTLED_SCANS:]
    change = max(heap) - heap[0]
    logged = sorted(found["logged_s"])
    with capsys.disabled():
        print(
            f"\ncrowd: {MINUTES} minutes, {found['scans']} scans, {reports} reports, {heard} identifiers, "
            f"{lost} dropped; longest gap {max(found['gaps_s'])} s; in the log {logged[0]} to {logged[-1]} s "
            f"of each of 200 badges, {found['strangers']} of {found['not_logged']['brief']} others; "
            f"heap at most {change:+d} bytes"
        )
    assert reports > found["scans"] * 3900 - 4000 and found["scan_restarts"] == found["failures"] == 0
    assert len(heap) > 5 and change < FLAT_BYTES
    assert max(found["gaps_s"]) <= 3 * found["period_s"]
    assert logged[0] > (min(MINUTES, LOGGED_MINUTES) - 4) * 60 * 0.95
    assert found["strangers"] == 0 and found["not_logged"]["brief"] > 20 * found["scans"]
