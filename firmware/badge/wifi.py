"""Lists without a cable: the task that visits a Wi-Fi network, as much of it as stays in memory.

A visit goes in steps (``syncing.py``), which are loaded for their time. Between two of them, when a list was
fetched, nothing of the network's code is in memory, since verifying takes all there is.
"""

import asyncio

from badge.loading import Loaded
from cx.compat import TYPE_CHECKING, const
from cx.errors import CxError

if TYPE_CHECKING:
    from typing import Any

    from badge.app import App

FETCHED = "wifi.list"  # the file that was fetched
_AFTER_START_S = const(60)
_AFTER_FAULT_S = const(3600)
_NEVER_S = const(86400)  # a new network wakes the task
_BUSY_S = const(60)
_TICK_S = const(2)


# Names that other code has, too, are used here again: MicroPython keeps a new one in memory for ever.
class Wifi:
    """The task.

    ``said`` tells of the last visit (``syncing.py``), and is empty before the first. ``visit`` is what a step
    leaves
    for the next one, None between visits. ``is_held``: the owner has held the button.
    """

    def __init__(self, app: "App") -> None:
        self._app = app
        self._wait_s = _AFTER_START_S
        self.is_held = False
        self.visit: "dict | None" = None
        self.said: "dict[str, Any]" = {}

    def start(self, is_held: bool = False) -> None:
        """Have it looked at soon whether there is something to do.

        ``is_held``: visit the network now, and let a computer on it in.
        """
        self.is_held = self.is_held or is_held
        self._wait_s = 0

    async def run(self) -> None:
        """Visit the network when it is due, for ever."""
        while True:
            await asyncio.sleep(_TICK_S)
            self._wait_s -= _TICK_S
            while self._wait_s <= 0:
                self._wait_s = await self.act()

    async def act(self) -> int:
        """Do one step; return in how many seconds to come again, 0 in the middle of a visit."""
        # Asked here, so that no badge without a network, and none that is matching, loads a step.
        if self.visit is None and not self._app.storage.exists("wifi"):
            return _NEVER_S
        if self.visit is None and self._app.matching.is_waiting:
            return _BUSY_S
        try:
            with Loaded("badge.syncing") as syncing:
                wait_s = await syncing.act(self._app, self)
            del syncing  # the name would keep it in memory
            if not wait_s and self.visit:
                self.visit["error"] = await self._take(self.visit)
            return wait_s
        except (OSError, MemoryError, ImportError, CxError) as error:
            self.said["error"] = type(error).__name__ + ": " + str(error)
            if self.visit is None:
                return _AFTER_FAULT_S
            if "reset" in self.visit:
                raise  # not even its end could be reached: the board restarts, with Bluetooth on
            self.visit["reset"] = True
            return 0

    async def _take(self, visit: dict) -> str:
        """Verify and take what was fetched; return why it was refused, or nothing."""
        try:
            publisher = self._app.publications.get(visit["publisher"])
            if visit["what"] == "publication":
                await self._app.take_list(publisher, FETCHED)
                return ""
            with Loaded("badge.descriptors") as descriptors:
                return descriptors.check(self._app, publisher)
        except (CxError, MemoryError) as error:
            return str(error)
