"""The only module that asks which runtime this is.

Everything that MicroPython and CPython spell differently is given one name here,
found by looking for the feature and never by comparing versions.
"""

from array import array
from gc import collect
from hashlib import sha256
from sys import maxsize

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


def is_small_int(value: int) -> bool:
    """Say whether this runtime keeps ``value`` without a heap object. CPython's own way counts as such."""
    return maxsize >= 2 * value


if TYPE_CHECKING:
    Buffer = bytes | bytearray | memoryview
    MutableBuffer = bytearray | memoryview

    # viper's pointers, which it knows by name; a type checker may take them for what they point into
    ptr8 = ptr16 = ptr32 = bytearray

__all__ = ["TYPE_CHECKING", "array", "collect", "const", "cryptolib", "is_small_int", "sha256"]
