"""The only module that asks which runtime this is.

Everything that MicroPython and CPython spell differently is given one name here,
found by looking for the feature and never by comparing versions.
"""

from array import array
from gc import collect
from hashlib import sha256

try:
    from micropython import const  # type: ignore[assignment]
except ImportError:

    def const(value):  # type: ignore[no-redef]  # noqa: ANN001, ANN201
        """Return ``value``: CPython has no compile-time constants."""
        return value


try:
    import cryptolib
except ImportError:  # CPython, and firmware built without it
    cryptolib = None  # type: ignore[assignment]

try:
    from typing import TYPE_CHECKING
except ImportError:  # MicroPython has no typing module and never evaluates annotations
    TYPE_CHECKING = False

if TYPE_CHECKING:
    Buffer = bytes | bytearray | memoryview
    MutableBuffer = bytearray | memoryview

__all__ = ["TYPE_CHECKING", "array", "collect", "const", "cryptolib", "sha256"]
