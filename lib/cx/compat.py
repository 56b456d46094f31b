"""The only module that asks which runtime this is.

Everything that MicroPython and CPython spell differently is given one name here,
found by looking for the feature and never by comparing versions.
"""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:  # type: ignore[no-redef]
        """Return ``value``: CPython has no compile-time constants."""
        return value


try:
    from typing import TYPE_CHECKING
except ImportError:  # MicroPython has no typing module and never evaluates annotations
    TYPE_CHECKING = False

__all__ = ["TYPE_CHECKING", "const"]
