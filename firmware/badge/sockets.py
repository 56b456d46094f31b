"""Waiting for sockets without a task or a stream for each."""

from asyncio import core  # type: ignore[attr-defined]

from cx.compat import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_QUEUE = "_io_queue"  # asyncio's name, which the build must not shorten


# Generators, which MicroPython awaits; the same that its own streams wait on.
def readable(stream: "Any") -> "Any":
    """Wait until there is something to read, or the end, or an error."""
    yield getattr(core, _QUEUE).queue_read(stream)


def writable(stream: "Any") -> "Any":
    """Wait until something can be written."""
    yield getattr(core, _QUEUE).queue_write(stream)
