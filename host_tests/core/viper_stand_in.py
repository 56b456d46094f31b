"""Run viper source undecorated on CPython: pointers are objects that know their buffer.

Nothing is translated: the module's own file is compiled under its own name, so coverage, tracebacks
and debuggers see its lines. Every access is checked against the buffer it belongs to, which the real
pointers do not do.
"""

import ctypes
import sys
import types
from collections import deque
from pathlib import Path

# The kernel is given fewer buffers than this; older ones may be gone.
KEPT = 16


class Address:
    """What the pointer types have in common, to tell a cast from a new buffer."""

    address = 0


def pointer_type(memory, size):
    """Return the stand-in for ``ptr8``, ``ptr16`` or ``ptr32``; ``memory`` holds (address, buffer) pairs."""

    class Pointer(Address):
        def __init__(self, place):
            if isinstance(place, Address):
                place = place.address
            elif not isinstance(place, int):
                view = memoryview(place)
                place = ctypes.addressof(ctypes.c_char.from_buffer(view))
                memory.appendleft((place, view))
            self.address = place
            self.start, self.view = next(
                (start, view) for start, view in memory if start <= place < start + len(view)
            )

        def __int__(self):
            return self.address

        def slice(self, index):
            at = self.address - self.start + index * size
            assert (self.start + at) % size == 0, "unaligned access"
            assert 0 <= at <= len(self.view) - size, "access beyond the buffer"
            return slice(at, at + size)

        def __getitem__(self, index):
            return int.from_bytes(self.view[self.slice(index)], "little")

        def __setitem__(self, index, value):
            self.view[self.slice(index)] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    return Pointer


def load():
    """Return ``cx.aes_viper`` as a new module that runs on CPython."""
    from cx import aes

    path = Path(aes.__file__).with_name("aes_viper.py")
    memory = deque(maxlen=KEPT)
    module = types.ModuleType("cx.aes_viper_on_cpython")
    module.__file__ = str(path)
    for name, size in (("ptr8", 1), ("ptr16", 2), ("ptr32", 4)):
        setattr(module, name, pointer_type(memory, size))
    micropython = types.ModuleType("micropython")
    micropython.viper = lambda function: function
    sys.modules["micropython"] = micropython
    try:
        exec(compile(path.read_text(), str(path), "exec"), module.__dict__)  # noqa: S102  our own source
    finally:
        del sys.modules["micropython"]
    return module
