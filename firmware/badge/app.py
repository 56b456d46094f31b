"""Builds every part of the badge, hands each what it needs, and runs them together."""

import asyncio
import gc
import io
import sys

from badge.advertiser import Advertiser
from badge.alerts import Alerts
from badge.clock import TICK_CHECK_S, Clock
from badge.console import Console
from badge.contacts import ContactLog
from badge.matching import Matching
from badge.observer import Observer
from badge.publications import Publications
from badge.radio import Radio
from badge.randomness import Randomness
from badge.requests import Requests
from badge.seeds import Seeds
from badge.storage import Storage
from badge.ui import Ui
from cx import aes, profiles, risk
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluetooth import BLE
    from esp32 import NVS
    from machine import WDT

    from badge.drivers.button import Button
    from badge.drivers.led import Led
    from badge.drivers.serial import UsbSerial
    from cx.bloom import Bloom

VERSION = "0.1.0"
_CRASH = "crash"
_RETENTION_DAYS = const(14)
_WATCH_S = const(60)


class App:
    """The whole badge.

    ``board``: the values of ``board.json``. ``contact_filter``: made by ``main.py`` before anything else.
    ``start_watchdog``: starts the timer that resets the board unless it is fed every minute.
    """

    def __init__(
        self,
        board: dict,
        contact_filter: "Bloom",
        ble: "BLE",
        nvs: "NVS",
        serial: "UsbSerial",
        led: "Led",
        button: "Button",
        start_watchdog: "Callable[[], WDT]",
    ) -> None:
        self.version = VERSION
        self.board_name = board["name"]
        self.engine = aes.engine().name
        budget = board["budget"]
        self.profile = profiles.profile(board.get("profile", profiles.DEFAULT))
        self.storage = Storage()
        self.clock = Clock(self.storage, nvs)
        self.radio = Radio(ble)
        self.randomness = Randomness(self.storage, self.radio)
        self.seeds = Seeds(self.storage, nvs, self.clock, self.randomness, _RETENTION_DAYS)
        self.log = ContactLog(self.storage, self.clock, contact_filter, budget["log_bytes"], _RETENTION_DAYS)
        self.observer = Observer(
            self.radio, self.log, self.clock, self.randomness, board["receive_offset_db"], self.profile
        )
        self.advertiser = Advertiser(self.radio, self.seeds, self.randomness, self.profile)
        self.publications = Publications(self.storage, self.clock, budget["publication_bytes"])
        self.alerts = Alerts(self.storage, self.clock, risk.Thresholds())
        self.matching = Matching(self.storage, self.publications, self.observer, self.log, self.alerts)
        self.ui = Ui(led, button, lambda: self.alerts.is_alarming)
        self.console = Console(serial, Requests(self))
        self._start_watchdog = start_watchdog

    async def run(self) -> None:
        """Run every task until one of them fails; then stop, so that the board restarts."""
        self.radio.start()
        gc.collect()
        await asyncio.gather(
            self.advertiser.run(),
            self.observer.run(),
            self.matching.run(),
            self.console.run(),
            self.ui.run(),
            self._keep_house(),
            self._watch(),
        )

    def note_crash(self, error: Exception) -> None:
        """Keep the type and the place of an error over the restart; its message might say too much."""
        text = io.BytesIO()
        sys.print_exception(error, text)  # type: ignore[arg-type]
        lines = text.getvalue().decode().split("\n")  # type: ignore[attr-defined]
        places = [line.strip() for line in lines if line.startswith("  File")]
        self.storage.save_json(_CRASH, {"error": type(error).__name__, "places": places[-3:]})

    def last_crash(self) -> "dict | None":
        """Return the error that ended an earlier run, or None."""
        return self.storage.load_json(_CRASH, None)

    async def _watch(self) -> None:
        """Let the board be reset when nothing runs any more, or when an identifier is on air for too long."""
        watchdog = self._start_watchdog()
        while True:
            if not self.advertiser.is_late():
                watchdog.feed()
            await asyncio.sleep(_WATCH_S)

    async def _keep_house(self) -> None:
        while True:
            self.clock.uptime_s()
            self.seeds.delete_old()
            await asyncio.sleep(TICK_CHECK_S)
