"""Names made short: the program stays the same, and no name gets in another's way."""

from __future__ import annotations

import ast

import pytest

from cxhost import shorten
from cxhost.boards import board_names, load_board
from cxhost.build import _module, application_sources, build

FIRST = '''
from other import Base, used_there
_SIZE = const(5)
_table = [1, 2]
_spoken = 1

class _Thing(Base):
    """Holds _inner, in words."""
    def __init__(self, _unused):
        self._inner = "_spoken"
        self._shared = used_there
    def _step(self):
        return self._inner, _table, _SIZE  # _inner
'''
SECOND = """
class Base:
    def __init__(self):
        self._depth = self._own()
        self._shared = 1
    def _own(self):
        return 0
def used_there():
    return third._kept
"""
THIRD = """
_kept = 1
def _gone():
    return 2
"""


def test_what_is_renamed_and_what_is_not():
    made = shorten.shorten({"first": FIRST, "other": SECOND, "third": THIRD}, {})
    first, other, third = made["first"], made["other"], made["third"]
    for kept in ("_SIZE", "_spoken", "_shared", "used_there", "Base", "_inner, in words", "# _inner"):
        assert kept in first, kept
    for gone in ("_table", "_Thing", "_unused", "._inner", "_step"):
        assert gone not in first, gone
    assert "_shared" in other and "_depth" not in other
    assert "_kept" in third and "_kept" in other and "_gone" not in third
    # A class and its base class never have the same short name; strangers share them.
    short = {name: set(shorten._identifiers(text)) for name, text in made.items()}
    numbered = {
        name: {one for one in found if one[1:].isdigit() and one[0] == "_"} for name, found in short.items()
    }
    assert len(numbered["first"]) == 5 and len(numbered["other"]) == 2 and len(numbered["third"]) == 1
    assert not numbered["first"] & numbered["other"]
    assert numbered["third"] <= numbered["first"]


def test_lines_stay_where_they_are():
    made = shorten.shorten({"first": FIRST, "other": SECOND}, {})
    assert made["first"].count("\n") == FIRST.count("\n")
    where = FIRST.splitlines().index("    def _step(self):")
    assert made["first"].splitlines()[where].startswith("    def _")


def test_a_name_that_the_main_program_uses_is_kept():
    made = shorten.shorten({"third": THIRD}, {"main": "import third\nprint(third._gone())\n"})
    assert "_gone" in made["third"]


def test_short_names_never_meet_others():
    made = shorten.shorten({"a": "_0 = 1\n_1 = 2\n_x = 3\ndef f(_2): return _x\n"}, {})
    names = shorten._identifiers(made["a"])
    assert {"_0", "_1", "_2"} <= names and "_x" not in names and len(names) == 7


class _Renamed(ast.NodeTransformer):
    """Puts the long names back; two that were made one would not come out."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def visit(self, node: ast.AST) -> ast.AST:
        for field in ("id", "attr", "name", "arg"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                setattr(node, field, self._names.get(value, value))
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            node.names = [self._names.get(name, name) for name in node.names]
        return self.generic_visit(node)


@pytest.mark.parametrize("name", board_names())
def test_the_application_is_the_same_program(name):
    """Renamed back, every module is what it was: each long name became one short name of its own."""
    board = load_board(name)
    sources = {one: path for one, path in application_sources(board).items() if one.endswith(".mpy")}
    texts = {_module(one): path.read_text() for one, path in sources.items()}
    build(board)
    short = build(board).with_name(f"{board.name}.short")
    for one in sources:
        before, after = ast.parse(texts[_module(one)]), ast.parse((short / one).read_text())
        pairs = list(zip(ast.walk(before), ast.walk(after), strict=True))
        names: dict[str, str] = {}
        for old, new in pairs:
            for field in ("id", "attr", "name", "arg"):
                long, brief = getattr(old, field, None), getattr(new, field, None)
                if isinstance(long, str) and long != brief:
                    assert names.setdefault(brief, long) == long, one
        assert len(set(names.values())) == len(names)
        assert ast.dump(_Renamed(names).visit(after)) == ast.dump(before)


def test_a_badge_knows_few_private_names():
    """Every name costs RAM, and beyond 1 260 MicroPython's tables of names double, which takes 9 KB."""
    folder = build(load_board("ESP32_GENERIC"))
    names = set()
    for path in folder.rglob("*.mpy"):
        names |= _names(path.read_bytes())
    private = {name for name in names if name[:1] == "_" and name[:2] != "__"}
    assert len(names) > 500 and len(private) < 200


def _names(code: bytes) -> set[str]:
    """Return the names in a .mpy file of version 6 (py/persistentcode.c): flags, counts, then the names."""
    place = 4

    def number() -> int:
        nonlocal place
        value = 0
        while True:
            octet = code[place]
            place += 1
            value = value << 7 | octet & 0x7F
            if octet < 0x80:
                return value

    assert code[:2] == b"M\x06"
    count, _objects = number(), number()
    found = set()
    for _ in range(count):
        length = number()
        if length & 1:  # one that every MicroPython has
            continue
        found.add(code[place : place + (length >> 1)].decode())
        place += (length >> 1) + 1
    return found
