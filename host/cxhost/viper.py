"""Run the core's viper source undecorated on CPython, for tests, coverage, debuggers and counting.

Pointers are objects that know their buffer.

Nothing is translated: the module's own file is compiled under its own name, so coverage, tracebacks
and debuggers see its lines. Every access is checked against the buffer it belongs to, which the real
pointers do not do.
"""

from __future__ import annotations

import ctypes
import sys
import types
from collections import deque
from pathlib import Path

from cx import aes

# The kernel is given fewer buffers than this; older ones may be gone.
KEPT = 16


class Address:
    """What the pointer types have in common, to tell a cast from a new buffer."""

    address = 0


def pointer_type(memory: deque[tuple[int, memoryview]], size: int) -> type[Address]:
    """Return the stand-in for ``ptr8``, ``ptr16`` or ``ptr32``; ``memory`` holds (address, buffer) pairs."""

    class Pointer(Address):
        def __init__(self, place: Address | int | bytearray | memoryview) -> None:
            if isinstance(place, int):
                self.address = place
            elif isinstance(place, Address):
                self.address = place.address
            else:
                view = memoryview(place)
                self.address = ctypes.addressof(ctypes.c_char.from_buffer(view))
                memory.appendleft((self.address, view))
            self.start, self.view = next(
                (start, view) for start, view in memory if 0 <= self.address - start < len(view)
            )

        def __int__(self) -> int:
            return self.address

        def slice(self, index: int) -> slice:
            """Return where an element lies in the buffer. Raises IndexError beyond it or out of step."""
            at = self.address - self.start + index * size
            if (self.start + at) % size or not 0 <= at <= len(self.view) - size:
                raise IndexError("access beyond the buffer, or not aligned")
            return slice(at, at + size)

        def __getitem__(self, index: int) -> int:
            return int.from_bytes(self.view[self.slice(index)], "little")

        def __setitem__(self, index: int, value: int) -> None:
            self.view[self.slice(index)] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    return Pointer


def load() -> types.ModuleType:
    """Return ``cx.aes_viper`` as a new module that runs on CPython."""
    path = Path(aes.__file__).with_name("aes_viper.py")
    memory: deque[tuple[int, memoryview]] = deque(maxlen=KEPT)
    module = types.ModuleType("cx.aes_viper_on_cpython")
    module.__file__ = str(path)
    for name, size in (("ptr8", 1), ("ptr16", 2), ("ptr32", 4)):
        setattr(module, name, pointer_type(memory, size))
    micropython = types.ModuleType("micropython")
    micropython.viper = lambda function: function  # type: ignore[attr-defined]
    sys.modules["micropython"] = micropython
    try:
        exec(compile(path.read_text(), str(path), "exec"), module.__dict__)  # noqa: S102  our own source
    finally:
        del sys.modules["micropython"]
    return module
