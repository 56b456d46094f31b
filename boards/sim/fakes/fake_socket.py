"""``socket``: the computer's own while the badge is connected to an access point, else none."""

import fake_network
import usocket
from usocket import *  # type: ignore  # noqa: F403

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from typing import Any

_ENETUNREACH = 118  # lwIP's
_EAI_FAIL = -202


def socket(*arguments: int) -> "Any":
    """Return a socket; OSError without a connection."""
    if not fake_network.is_connected():
        raise OSError(_ENETUNREACH)
    return usocket.socket(*arguments)


def getaddrinfo(*arguments: "Any") -> "list[tuple]":
    """Return addresses; OSError without a connection."""
    if not fake_network.is_connected():
        raise OSError(_EAI_FAIL)
    return usocket.getaddrinfo(*arguments)
