"""How bytes reach a badge: one small interface, whether over a serial port or into a simulated badge."""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """A byte pipe to one badge's console. Implemented by serial ports and by simulated badges."""

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        ...

    def read(self, timeout_s: float) -> bytes:
        """Return whatever has come, at once if there is something; ``b""`` after ``timeout_s`` of silence."""
        ...

    def now(self) -> float:
        """Return the time that this badge should be told, in seconds since 1970 UTC."""
        ...

    def close(self) -> None:
        """Give the pipe back; the badge goes on working."""
        ...
