"""Lists without a cable: when the badge joins a Wi-Fi network that its owner told it, and what came of it.

Only this much stays in memory. Everything else is loaded for the minute in which Bluetooth is off
(``syncing.py`` and what it loads), and forgotten again: Bluetooth and TLS do not fit into the chip together.
"""

import asyncio
import os

from badge.loading import Loaded
from cx.compat import TYPE_CHECKING, const
from cx.errors import CxError

if TYPE_CHECKING:
    from typing import Any

    from badge.app import App

CONFIG = "wifi"
ANNOUNCEMENT = b"cx-badge door"  # and the port, two bytes, big-endian
FETCHED = "wifi.list"
UNSENT = "unsent"  # the state file that tells of a report which its publisher may not have yet
# While the badge is charged, it stays on the network for so long after a sync, for a computer to come.
_CABLE_DOOR_S = const(120)
_BUTTON_DOOR_S = const(600)
_AFTER_START_S = const(60)
_BUSY_S = const(60)
_NEVER_S = const(86400)
_AFTER_FAULT_S = const(3600)


class Wifi:
    """The task that syncs. ``cable``: tells whether the badge is charged; None if nothing can.

    ``failures``: tries in a row that failed. ``error``: of the last try, empty if it went well.
    ``bytes_fetched``: in the last try. ``synced_s``: uptime of the last good one, None before.
    ``time_asked_s``: uptime when a time server was asked last. ``delay_s``: how long after
    nextUpdateNotBefore the next visit is, so that not all badges come at once.
    """

    def __init__(self, app: "App", cable: "Any") -> None:
        self._app = app
        self._cable = cable
        self._wanted = asyncio.Event()
        self._is_opened = False
        self.failures = 0
        self.error = ""
        self.bytes_fetched = 0
        self.synced_s: "int | None" = None
        self.time_asked_s: "int | None" = None
        self.delay_s = 0  # drawn after each visit

    def wake(self) -> None:
        """Have it looked at once whether there is something to do: the configuration changed."""
        self._wanted.set()

    def open(self) -> None:
        """Sync now, and let a computer on the network in for ten minutes: the owner's button says so."""
        self._is_opened = True
        self._wanted.set()

    @property
    def door_s(self) -> int:
        """For how many seconds a computer is let in now."""
        if self._is_opened:
            return _BUTTON_DOOR_S
        return _CABLE_DOOR_S if self._cable is not None and self._cable.value() else 0

    def summary(self) -> dict:
        """Return what may be told of the last try; no network's name."""
        return {
            "configured": self._app.storage.exists(CONFIG),
            "failures": self.failures,
            "error": self.error,
            "bytes": self.bytes_fetched,
            "synced_s": self.synced_s,
        }

    async def run(self) -> None:
        """Sync when it is due, for ever."""
        wait_s = _AFTER_START_S
        while True:
            try:
                await asyncio.wait_for(self._wanted.wait(), wait_s)
            except asyncio.TimeoutError:
                pass
            self._wanted.clear()
            wait_s = await self._try()

    async def _try(self) -> int:
        """Visit the network if anything is due; return in how many seconds to look again."""
        app = self._app
        is_opened = self._is_opened
        try:
            if not app.storage.exists(CONFIG):
                return _NEVER_S
            if app.matching.is_waiting:
                return _BUSY_S
            wait_s = self._wait_s()
            if wait_s and not self.door_s and not app.storage.exists(UNSENT):
                return wait_s
            visit = {}
            await self._visit(visit)
            return await self._after(visit, is_opened)
        except (OSError, MemoryError, ImportError, CxError) as error:
            self.failures += 1
            self.error = type(error).__name__ + ": " + str(error)
            return _AFTER_FAULT_S + os.urandom(1)[0]
        finally:
            self._is_opened = False

    async def _visit(self, visit: dict) -> None:
        """Go through one visit with Bluetooth off; whatever happens, it is on again afterwards."""
        app = self._app
        self.error = ""
        self.bytes_fetched = 0
        await app.radio.pause()
        try:
            while await self._proceed(visit):
                # Verifying a list needs all the memory there is: nothing of the network's code is loaded.
                visit["refused"] = await self._take(visit)
            if self.door_s and "broadcast" in visit:
                await self._open_door(visit["broadcast"])
        finally:
            app.storage.remove(FETCHED)
            app.clock.end_trial()
            self._leave()
            app.radio.resume()
            app.matching.start()

    # A name for a loaded module keeps it in memory while its function runs: hence a function for each.
    def _wait_s(self) -> int:
        with Loaded("badge.syncing") as syncing:
            return syncing.wait_s(self._app, self)

    async def _after(self, visit: dict, is_opened: bool) -> int:
        if is_opened:
            with Loaded("badge.descriptors") as descriptors:
                await descriptors.ask(self._app)
            del descriptors
        with Loaded("badge.syncing") as syncing:
            return syncing.after(self._app, self, visit)

    async def _proceed(self, visit: dict) -> bool:
        with Loaded("badge.syncing") as syncing:
            return await syncing.proceed(self._app, self, visit)

    async def _take(self, visit: dict) -> str:
        """Verify and take what was fetched; return why it was refused, or nothing."""
        try:
            publisher = self._app.publications.get(visit["publisher"])
            if not visit["is_list"]:
                with Loaded("badge.descriptors") as descriptors:
                    return descriptors.examine(self._app, publisher)
            await self._app.take_list(publisher, FETCHED)
        except CxError as error:
            return str(error)
        except MemoryError as error:
            return "out of memory: " + str(error)
        return ""

    async def _open_door(self, broadcast: str) -> None:
        with Loaded("badge.door") as door:
            await door.serve(self._app, broadcast, self.door_s)

    def _leave(self) -> None:
        with Loaded("badge.station") as station:
            station.leave()
