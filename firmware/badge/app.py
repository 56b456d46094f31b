"""Builds every part of the badge, hands each what it needs, and runs them together."""

import asyncio
import gc
import io
import sys

from machine import RTC, reset, reset_cause

from badge.advertiser import Advertiser
from badge.alerts import Alerts
from badge.clock import CHECKPOINT_S, FIRST_CHECKPOINT_S, Clock
from badge.console import Console
from badge.contacts import ContactLog
from badge.events import Events
from badge.loading import Loaded
from badge.matching import Matching
from badge.observer import Observer
from badge.processor import Processor
from badge.publications import Publications
from badge.radio import Radio
from badge.randomness import Randomness
from badge.requests import Requests
from badge.seeds import Seeds
from badge.storage import Storage
from badge.ui import Ui
from badge.wifi import Wifi
from cx import aes, profiles
from cx.compat import TYPE_CHECKING, const
from cx.errors import CxError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from bluetooth import BLE
    from esp32 import NVS
    from machine import WDT

    from badge.drivers.axp192 import Axp192
    from badge.drivers.button import Button
    from badge.drivers.buzzer import Buzzer
    from badge.drivers.led import Led
    from badge.drivers.serial import UsbSerial
    from badge.drivers.st7789 import Screen
    from badge.publications import Publisher
    from cx.bloom import Bloom

VERSION = "0.1.0"
_CRASH = "crash"
_WIPE = "wipe"
_SETTINGS = "settings"
_START = const(0)  # numbers of badge/events.py
_LIST_TAKEN = const(6)
_LIST_REFUSED = const(7)
_CRASHED = const(1)
_RETENTION_DAYS = const(14)
_WATCH_S = const(60)
_HOUSE_S = const(3600)
_ANSWER_MS = const(500)


class App:
    """The whole badge.

    ``board``: the values of ``board.json``. ``contact_filter``: made by ``main.py`` before anything else.
    ``start_watchdog``: starts the timer that resets the board unless it is fed every minute. The last four
    are None where the board has none.
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
        battery: "Axp192 | None" = None,
        buzzer: "Buzzer | None" = None,
        screen: "Screen | None" = None,
        cable: "Any" = None,
    ) -> None:
        self.version = VERSION
        self.board_name = board["name"]
        self.engine = aes.engine().name
        self.engines_rejected = aes.engine().rejected
        budget = board["budget"]
        self._nvs = nvs
        _finish_wipe(nvs)
        self.storage = Storage()
        self.settings: "dict[str, str]" = {"profile": board.get("profile", profiles.DEFAULT), "light": "all"}
        self.settings.update(self.storage.load_json(_SETTINGS, {}))
        if self.settings["profile"] not in profiles.NAMES:  # of a later version
            self.settings["profile"] = profiles.DEFAULT
        self.profile = profiles.profile(self.settings["profile"])
        self.clock = Clock(self.storage, nvs, RTC(), _RETENTION_DAYS * 86400)
        self.events = Events(self.storage, self.clock)
        self.events.note(_START, reset_cause())
        self.radio = Radio(ble)
        self.randomness = Randomness(self.storage, self.radio)
        self.seeds = Seeds(self.storage, nvs, self.clock, self.randomness, _RETENTION_DAYS)
        self.log = ContactLog(self.storage, self.clock, contact_filter, budget["log_bytes"], _RETENTION_DAYS)
        self.storage.make_room = self.log.give_up_oldest
        self.observer = Observer(
            self.radio, self.log, self.clock, self.randomness, board["receive_offset_db"], self.profile
        )
        self.advertiser = Advertiser(self.radio, self.seeds, self.randomness, self.profile)
        self.publications = Publications(self.storage, self.clock, budget["publication_bytes"])
        self.publications.check_again([line.split(":")[0] for line in self.engines_rejected])
        self.alerts = Alerts(self.storage, self.clock, self.publications, _RETENTION_DAYS * 86400)
        self.matching = Matching(
            self.storage,
            self.clock,
            self.publications,
            self.observer,
            self.log,
            self.alerts,
            self.engine,
            budget["known_seeds"],
        )
        self.battery = battery
        self.ui = Ui(
            led,
            button,
            lambda: self.alerts.is_alarming,
            self.observer.mark,
            self.settings["light"] == "quiet",
            buzzer,
            screen,
        )
        self.processor = Processor(self.profile.cpu_mhz)
        self.cable = cable
        self.wifi = Wifi(self)
        self.ui.on_hold = self.wifi.start
        self.console = Console(serial, Requests(self), self.processor.hurry)
        self._start_watchdog = start_watchdog

    async def run(self) -> None:
        """Run every task until one of them fails; then stop, so that the board restarts."""
        self.radio.start()
        gc.collect()
        await asyncio.gather(
            self.advertiser.run(),
            self.log.run(),
            self.observer.run(),
            self.matching.run(),
            self.console.run(),
            self.wifi.run(),
            self.ui.run(),
            self.ui.watch_button(),
            self._keep_house(),
            self._watch(),
        )

    def note_crash(self, error: Exception) -> None:
        """Keep the type and the place of an error over the restart; its message might say too much."""
        self.events.note(_CRASHED)
        self.events.save()
        text = io.BytesIO()
        sys.print_exception(error, text)  # type: ignore[arg-type]
        lines = text.getvalue().decode().split("\n")  # type: ignore[attr-defined]
        places = [line.strip() for line in lines if line.startswith("  File")]
        try:
            self.storage.save_json(_CRASH, {"error": type(error).__name__, "places": places[-3:]})
        except OSError:
            return  # the flash is full or broken, which is perhaps what ended the run

    def last_crash(self) -> "dict | None":
        """Return the error that ended an earlier run, or None."""
        return self.storage.load_json(_CRASH, None)

    async def _watch(self) -> None:
        """Let the board be reset when nothing runs any more, or when an identifier is on air for too long."""
        watchdog = self._start_watchdog()
        while True:
            if not self.advertiser.is_late():
                watchdog.feed()
            self.processor.calm()
            await asyncio.sleep(_WATCH_S)

    async def take_list(self, publisher: "Publisher", name: str) -> int:
        """Take the file ``name`` as a publisher's list; return its publishedAt. CxError when refused."""
        try:
            published_at = await self.publications.take(publisher, name)
        except CxError:
            self.events.note(_LIST_REFUSED, int(publisher.id, 16))
            raise
        self.events.note(_LIST_TAKEN, int(publisher.id, 16))
        with Loaded("badge.dates") as dates:
            dates.trust_after(self.clock, published_at)
        return published_at

    async def wipe(self) -> None:
        """Restart into the wiping of everything that this badge holds."""
        self._nvs.set_i32(_WIPE, 1)
        self._nvs.commit()
        await self.restart()

    async def restart(self) -> None:
        """Restart, once the answer to the computer has gone out."""
        self.events.save()
        await asyncio.sleep_ms(_ANSWER_MS)
        self.log.flush()
        self.clock.checkpoint()
        reset()

    async def _keep_house(self) -> None:
        await asyncio.sleep(FIRST_CHECKPOINT_S)
        cleaned_s = -_HOUSE_S
        while True:
            self.clock.checkpoint()
            self.events.save()
            if self.clock.uptime_s() - cleaned_s >= _HOUSE_S:
                cleaned_s = self.clock.uptime_s()
                self.seeds.delete_old()
                self.log.drop_expired()
            await asyncio.sleep(CHECKPOINT_S)


def _finish_wipe(nvs: "NVS") -> None:
    """Erase everything if that was asked for, however often the battery went meanwhile."""
    try:
        nvs.get_i32(_WIPE)
    except OSError:
        return
    from badge import erasure  # not loaded otherwise: it would take memory all the time

    erasure.erase_all(nvs)
    nvs.erase_key(_WIPE)
    nvs.commit()
    del sys.modules["badge.erasure"]
