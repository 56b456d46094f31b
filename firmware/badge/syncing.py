"""What a visit to the network consists of: the date, lists, a kept report. Loaded for that time only.

A visit goes on in steps (``proceed``), and lies in a dict between them: while a list that was fetched is
verified, neither this module nor anything of TLS is in memory (``wifi.py``). Bluetooth is off all the time.
"""

import os
import time

from badge.loading import Loaded
from badge.networks import authorities, load
from badge.wifi import FETCHED, UNSENT
from cx import updates
from cx.compat import TYPE_CHECKING, const
from cx.errors import CxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from badge.app import App
    from badge.publications import Publisher
    from badge.wifi import Wifi

_DESCRIPTOR_BYTES = const(8192)
_BUDGET_MS = const(240_000)  # for everything but the door
_LEAST_MS = const(5_000)  # no request is begun with less
_PAUSE_S = const(3600)  # the least time between two visits
_ABSENT_DOUBLINGS = const(4)  # a badge that comes home waits for two hours at the most
_DAY_S = const(86400)
_NOT_MODIFIED = const(304)
_OK = const(200)
_MOST_REPORT_TRIES = const(20)
_REPORT_TYPE = "application/octet-stream"


def wait_s(app: "App", wifi: "Wifi") -> int:
    """Return in how many seconds the next list is due, 0 for now; without a date, now."""
    now = app.clock.unix()
    if now is None:
        return 0
    waits = [
        updates.fetch_at(_plan(publisher), now, wifi.delay_s) - now
        for publisher in app.publications.publishers.values()
    ]
    return min(waits) if waits else _DAY_S


def after(app: "App", wifi: "Wifi", visit: dict) -> int:
    """Note how a visit went, once Bluetooth is on again; return in how many seconds to look again."""
    wifi.delay_s = app.randomness.between(0, updates.MAX_DELAY_S)
    if wifi.error:
        wifi.failures += 1
        most = wifi.failures if visit.get("is_joined") else _ABSENT_DOUBLINGS
        return updates.back_off_s(min(wifi.failures, most), os.urandom(1)[0])
    wifi.failures = 0
    wifi.synced_s = app.clock.uptime_s()
    return max(wait_s(app, wifi), _PAUSE_S)


async def proceed(app: "App", wifi: "Wifi", visit: dict) -> bool:
    """Go on with a visit; True when something was fetched that has to be verified before it goes on.

    ``visit`` is empty at the beginning. What was fetched is in the file FETCHED: a list of the publisher
    ``visit["publisher"]`` if ``visit["is_list"]``, else its descriptor. What is to be said of it is expected
    in ``visit["refused"]``, empty when it was taken.
    """
    return await _Visit(app, wifi, visit).proceed()


class _Visit:
    """One step.

    In the dict: ``start_ms``; ``walks``, a list of [publisher's ID, URLs left]; the list's ``url``, ``etag``
    and ``modified``; ``date`` of a time server with the uptime when it came; ``broadcast``.
    """

    def __init__(self, app: "App", wifi: "Wifi", visit: dict) -> None:
        self._app = app
        self._wifi = wifi
        self._visit = visit
        self._config = load(app.storage)

    async def proceed(self) -> bool:
        visit = self._visit
        if not visit:
            visit["start_ms"] = time.ticks_ms()
            if not await self._join():
                return False
            await self._ask_date()
            self._plan_walks()
        else:
            self._note_taken()
        while visit["walks"]:
            if await self._walk():
                return True
        await self._send_report()
        self._settle_date()
        return False

    def _authorities(self) -> "Iterator[bytes]":
        return authorities(self._app.storage)

    def _left_ms(self) -> int:
        return _BUDGET_MS - time.ticks_diff(time.ticks_ms(), self._visit["start_ms"])

    async def _join(self) -> bool:
        with Loaded("badge.station") as station:
            try:
                self._visit["broadcast"] = await station.join(self._config["networks"], self._left_ms)
            except (station.AbsentError, station.StationError, OSError) as error:
                self._wifi.error = str(error)
                return False
        self._visit["is_joined"] = True
        return True

    # The date

    async def _ask_date(self) -> None:
        """Ask a time server, if the date is not known or was not asked for since a day."""
        clock, wifi = self._app.clock, self._wifi
        asked_s = wifi.time_asked_s
        if clock.is_known() and asked_s is not None and clock.uptime_s() - asked_s < _DAY_S:
            return
        with Loaded("badge.sntp") as sntp:
            date = await sntp.ask(self._config["time_server"])
        if date is None or date < clock.not_before() - _DAY_S:
            return
        wifi.time_asked_s = clock.uptime_s()
        self._visit["date"] = (date, clock.uptime_s())
        if not clock.is_known():
            clock.try_date(date)  # certificates cannot be judged without one

    def _served_date(self) -> "int | None":
        """Return the date by the time server, None without one."""
        if "date" not in self._visit:
            return None
        date, uptime_s = self._visit["date"]
        return date + self._app.clock.uptime_s() - uptime_s

    def _now(self) -> "int | None":
        """Return the date, or what a time server says while nothing better is known."""
        clock = self._app.clock
        return clock.unix() if clock.is_known() else self._served_date()

    def _settle_date(self) -> None:
        """Take the server's date if a list that was verified bears it out."""
        clock, date = self._app.clock, self._served_date()
        known = clock.unix()
        clock.end_trial()
        for publisher in self._app.publications.publishers.values():
            plan = publisher.state.get("updates")
            if date is not None and plan is not None and updates.is_date_plausible(date, plan):
                with Loaded("badge.dates") as dates:
                    if not dates.needs_owner(clock, date) or updates.is_behind(known, plan):
                        clock.set_unix(date)
                return

    # Lists

    def _plan_walks(self) -> None:
        """Note the URLs to try for each publisher whose list is due."""
        now, walks = self._now(), []
        for publisher in self._app.publications.publishers.values():
            plan = _plan(publisher)
            if now is None or updates.fetch_at(plan, now, self._wifi.delay_s) <= now:
                pub = publisher.state["descriptor"]["pub"]
                walks.append([publisher.id, updates.walk(plan, pub, publisher.published_at)])
        self._visit["walks"] = walks

    async def _walk(self) -> bool:
        """Try the next URL; tell whether that gave a list, which ends the step."""
        walks = self._visit["walks"]
        publisher = self._app.publications.publishers.get(walks[0][0])
        if publisher is None:  # removed over USB meanwhile
            walks.pop(0)
            return False
        if not walks[0][1]:
            walks.pop(0)
            return await self._fetch_descriptor(publisher)
        url = walks[0][1].pop(0)
        plan = _plan(publisher)
        # A badge that has to match all again needs the file that it had.
        known_at = None if publisher.needs_full else publisher.published_at
        conditions = updates.conditions(plan, url, known_at)
        got = await self._fetch(publisher, url, conditions, self._app.publications.limit_bytes, False)
        if got is None:
            return False
        if got[0] == _OK:
            self._visit.update({"publisher": publisher.id, "is_list": True})
            self._visit.update({"url": url, "etag": got[1], "modified": got[2]})
            return True
        if got[0] != _NOT_MODIFIED or not conditions or plan is None:
            self._note(publisher, "status %d" % got[0])
        elif updates.is_current(plan, self._now()):
            self._forgive(publisher)
            walks.pop(0)
        else:
            self._note(publisher, "stale")
        return False

    def _note_taken(self) -> None:
        """Note what came of what was fetched: a good list ends its publisher's walk."""
        visit = self._visit
        publisher = self._app.publications.publishers.get(visit["publisher"])
        if publisher is None:
            return
        if visit["refused"]:
            self._note(publisher, visit["refused"])
            return
        if not visit["is_list"]:
            return
        self._app.publications.note_validators(publisher, visit["url"], visit["etag"], visit["modified"])
        self._forgive(publisher)
        visit["walks"].pop(0)

    async def _fetch(
        self, publisher: "Publisher", url: str, headers: "dict[str, str]", limit: int, is_https_only: bool
    ) -> "tuple[int, str, str] | None":
        """Fetch ``url`` into the file; return (status, etag, modified), None and a note when that failed."""
        if self._left_ms() < _LEAST_MS:
            self._note(publisher, "no time left")
            return None
        with Loaded("badge.web") as web, open(self._app.storage.path(FETCHED), "wb") as stream:
            client = web.Client(self._authorities, self._config["pins"], self._left_ms)
            try:
                answer = await client.get(url, headers, limit, stream.write, is_https_only)
            except (web.WebError, CxError, OSError) as error:
                self._note(publisher, str(error))
                return None
            self._wifi.bytes_fetched += answer.body_bytes
            return answer.status, answer.etag, answer.modified

    def _note(self, publisher: "Publisher", why: str) -> None:
        self._wifi.error = publisher.name + ": " + why

    def _forgive(self, publisher: "Publisher") -> None:
        """Forget what went wrong with earlier URLs of the walk: one was good."""
        if self._wifi.error.startswith(publisher.name + ": "):
            self._wifi.error = ""

    async def _fetch_descriptor(self, publisher: "Publisher") -> bool:
        """No list could be had: perhaps the publisher has other URLs or another certificate now."""
        why = self._wifi.error
        got = await self._fetch(publisher, publisher.url, {}, _DESCRIPTOR_BYTES, True)
        self._wifi.error = why
        if got is None or got[0] != _OK:
            return False
        self._visit.update({"publisher": publisher.id, "is_list": False})
        return True

    # A report that the owner agreed to send

    async def _send_report(self) -> None:
        """Send the report that was signed and could not be sent; give up after twenty tries."""
        storage = self._app.storage
        unsent = storage.load_json(UNSENT, None)
        if unsent is None:
            return
        publisher = self._app.publications.publishers.get(unsent["publisher"])
        report = self._app.seeds.last_report()
        if publisher is None or report is None or unsent["tries"] >= _MOST_REPORT_TRIES:
            storage.remove(UNSENT)
            return
        unsent["tries"] += 1
        storage.save_json(UNSENT, unsent)
        with Loaded("badge.web") as web:
            client = web.Client(self._authorities, self._config["pins"], self._left_ms)
            try:
                answer = await client.post(publisher.state["descriptor"]["report"], report, _REPORT_TYPE)
            except (web.WebError, CxError, OSError) as error:
                self._note(publisher, "report: " + str(error))
                return
        if 200 <= answer.status < 300:
            storage.remove(UNSENT)
        else:
            self._note(publisher, "report: refused with status %d" % answer.status)


def _plan(publisher: "Publisher") -> "updates.Plan | None":
    """Return what the list taken last says about the next one, None if it is not known."""
    plan = publisher.state.get("updates")
    return plan if updates.is_of(plan, publisher.published_at) else None
