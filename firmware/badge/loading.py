"""Code that is needed for a moment only: loaded, used, and let go again.

The documents and their cryptography take about a third of the application's memory, and are needed
when a list is taken, when a report is signed, and once a day for a new key. So they are imported
where they are used, inside ``with Loaded(...)``, and forgotten afterwards.
"""

import gc
import sys

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from types import ModuleType, TracebackType
    from typing import Any

# Collecting often while a module is loaded keeps its garbage from splitting the heap (see main.py).
_THRESHOLD = const(2048)


class Loaded:
    """``with Loaded("cx.publication") as publication:`` the module is there for the block, and gone after it.

    What the module itself imports goes with it, unless it was there before. Objects made by the
    module keep what they need of it alive for as long as they live.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._before: "set[str]" = set()

    def __enter__(self) -> "Any":
        self._before = set(sys.modules)
        gc.collect()
        gc.threshold(_THRESHOLD)
        try:
            __import__(self._name)
        except MemoryError:
            self._forget_new()
            raise
        finally:
            gc.threshold(-1)
        return sys.modules[self._name]

    def __exit__(
        self,
        _kind: "type[BaseException] | None",
        _error: "BaseException | None",
        _trace: "TracebackType | None",
    ) -> None:
        self._forget_new()

    def _forget_new(self) -> None:
        for name in list(sys.modules):
            if name not in self._before:
                _forget(sys.modules.pop(name), name)
        gc.collect()


def _forget(module: "ModuleType", name: str) -> None:
    """Take a submodule out of its package, which holds it too."""
    package, _, short = name.rpartition(".")
    if package in sys.modules and getattr(sys.modules[package], short, None) is module:
        delattr(sys.modules[package], short)
