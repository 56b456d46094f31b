"""How often someone may be wrong: a leaky bucket for each address and one for all of them together.

Kept in memory, forgotten with time, never written down. Each server counts for itself.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable

WINDOW_S = 600.0
_MAX_KEYS = 50_000
_IPV6_SUBSCRIBER = 64  # one subscriber has at least this network to choose addresses from


class LeakyBucket:
    """Holds up to ``size`` drops for each key and loses that many in ten minutes. For several threads.

    Of more than 50 000 keys, the ones that were quiet the longest are forgotten.
    """

    def __init__(self, size: int, now: Callable[[], float]) -> None:
        self._size = size
        self._now = now
        self._lock = threading.Lock()
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def _level(self, key: str) -> float:
        level, since = self._levels.get(key, (0.0, self._now()))
        return max(0.0, level - (self._now() - since) * self._size / WINDOW_S)

    def wait_s(self, key: str) -> float:
        """Return how many seconds until there is room for one more drop; 0 if there is."""
        with self._lock:
            return max(0.0, self._level(key) + 1 - self._size) * WINDOW_S / self._size

    def add(self, key: str) -> None:
        """Let a drop fall in."""
        with self._lock:
            self._levels[key] = (min(self._level(key) + 1, float(self._size)), self._now())
            self._levels.move_to_end(key)
            if len(self._levels) > _MAX_KEYS:
                self._levels.popitem(last=False)


def subscriber(address: str) -> str:
    """Return what stands for one client: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_SUBSCRIBER), strict=False))
