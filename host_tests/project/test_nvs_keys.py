"""Wiping must know every key that the badge keeps in NVS."""

from __future__ import annotations

import ast
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
# The boot's number outlives a wipe on purpose; the request to wipe is removed when the wiping is over.
KEPT = {"boot", "wipe"}


def constants(tree: ast.Module) -> dict[str, object]:
    """Return a module's constants that are plain values."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def stored(tree: ast.Module) -> set[object]:
    """Return the keys that a module stores: literal, or a constant of the same module."""
    named = constants(tree)
    keys = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("set_i32", "set_blob"):
            key = node.args[0]
            keys.add(named[key.id] if isinstance(key, ast.Name) else ast.literal_eval(key))
    return keys


def test_wiping_erases_every_stored_key():
    trees = {path.stem: ast.parse(path.read_text()) for path in FIRMWARE.rglob("*.py")}
    written = set().union(*map(stored, trees.values()))
    assert {"boot", "life", "position", "wipe"} <= written
    assert set(constants(trees["erasure"])["_KEYS"]) == written - KEPT
