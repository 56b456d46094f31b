"""What a visit to the network consists of: the date, lists, a kept report, a door. Loaded for that time only.

It goes in steps: while a list that was fetched is verified, neither this module nor anything of TLS is in
memory (``wifi.py``). Bluetooth is off all the time, and afterwards comes back under a new address.
"""

import os
import time

from badge import dates
from badge.loading import Loaded
from badge.networks import UNSENT, authorities, load
from badge.wifi import FETCHED
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
# While the badge is charged, it stays on the network for so long after a visit, for a computer to come.
_CABLE_DOOR_S = const(120)
_BUTTON_DOOR_S = const(600)
_NEVER_S = const(86400)
_PAUSE_S = const(3600)  # the least time between two visits
_ABSENT_DOUBLINGS = const(4)  # a badge that comes home waits for two hours at the most
_DAY_S = const(86400)
_NOT_MODIFIED = const(304)
_OK = const(200)
_MOST_REPORT_TRIES = const(20)
_REPORT_TYPE = "application/octet-stream"


async def act(app: "App", wifi: "Wifi") -> int:
    """Do the next step of a visit, or begin one if anything is due.

    Return in how many seconds to come again, with ``wifi.visit`` None; or 0 with ``wifi.visit`` as the next
    step needs it. Then what lies in the file FETCHED is to be verified: a list of the publisher
    ``visit["publisher"]``, or its descriptor, by ``visit["what"]``. What is to be said of it is expected
    in ``visit["error"]``, empty when it was taken.
    """
    if wifi.visit is None:
        wait_s = _wait_s(app, wifi)
        if wait_s:
            return wait_s
        wifi.visit = {}
        wifi.said.update({"error": "", "bytes": 0})
        wifi.said.setdefault("failures", 0)
        wifi.said.setdefault("synced_s", None)
        await app.radio.pause()
    if "reset" not in wifi.visit and await _Visit(app, wifi, wifi.visit).proceed():
        return 0
    return await _end(app, wifi)


def _wait_s(app: "App", wifi: "Wifi") -> int:
    """Return in how many seconds to visit the network, 0 for now."""
    return 0 if _door_s(app, wifi) or app.storage.exists(UNSENT) else _due_s(app, wifi)


def _due_s(app: "App", wifi: "Wifi") -> int:
    """Return in how many seconds the next list is due, 0 for now; without a date, now."""
    now = app.clock.unix()
    if now is None:
        return 0
    delay_s = wifi.said.get("delay_s", 0)
    waits = [
        updates.fetch_at(_plan(publisher), now, delay_s) - now
        for publisher in app.publications.publishers.values()
    ]
    return min(waits) if waits else _NEVER_S


def _door_s(app: "App", wifi: "Wifi") -> int:
    """Return for how many seconds a computer is let in now."""
    if wifi.is_held:
        return _BUTTON_DOOR_S
    return _CABLE_DOOR_S if app.cable is not None and app.cable.value() else 0


async def _end(app: "App", wifi: "Wifi") -> int:
    """End a visit: open the door, then switch Bluetooth on; return in how many seconds to come again."""
    visit, is_held, said = wifi.visit or {}, wifi.is_held, wifi.said
    door_s = _door_s(app, wifi)
    try:
        if door_s and "broadcast" in visit and "reset" not in visit:
            with Loaded("badge.door") as door:
                await door.serve(app, visit["broadcast"], door_s)
    finally:
        # What fails here is tried again, and then restarts the board: the visit is over when Bluetooth is on.
        app.storage.remove(FETCHED)
        dates.end_trial(app.clock)
        with Loaded("badge.station") as station:
            station.leave()
        wifi.visit, wifi.is_held = None, False
        app.radio.resume()
        app.matching.start()
    if is_held:
        with Loaded("badge.descriptors") as descriptors:
            await descriptors.ask(app)
    said["delay_s"] = app.randomness.between(0, updates.MAX_DELAY_S)
    if said["error"]:
        said["failures"] += 1
        most = said["failures"] if "broadcast" in visit else _ABSENT_DOUBLINGS
        return updates.back_off_s(min(said["failures"], most), os.urandom(1)[0])
    said["failures"] = 0
    said["synced_s"] = app.clock.uptime_s()
    return max(_due_s(app, wifi), _PAUSE_S)


class _Visit:
    """One step.

    In the dict: ``start_ms``; ``walks``, a list of [publisher's ID, URLs left]; the list's ``url``, ``etag``
    and ``modified``; ``date`` of a time server with the uptime when it came; ``broadcast``.
    """

    def __init__(self, app: "App", wifi: "Wifi", visit: dict) -> None:
        self._app = app
        self._said = wifi.said
        self._visit = visit
        self._config = load(app.storage)

    async def proceed(self) -> bool:
        visit = self._visit
        if "walks" not in visit:
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
                self._said["error"] = str(error)
                return False
        return True

    # The date

    async def _ask_date(self) -> None:
        """Ask a time server, if the date is not known or was not asked for since a day."""
        clock = self._app.clock
        asked_s = self._said.get("asked_s")
        if clock.is_known() and asked_s is not None and clock.uptime_s() - asked_s < _DAY_S:
            return
        with Loaded("badge.sntp") as sntp:
            date = await sntp.ask(self._config["time_server"])
        if date is None or date < clock.not_before() - _DAY_S:
            return
        self._said["asked_s"] = clock.uptime_s()
        self._visit["date"] = (date, clock.uptime_s())
        if not clock.is_known():
            dates.try_date(clock, date)  # certificates cannot be judged without one

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
        dates.end_trial(clock)
        for publisher in self._app.publications.publishers.values():
            plan = publisher.state.get("updates")
            if date is not None and plan is not None and updates.is_date_plausible(date, plan):
                if not dates.needs_owner(clock, date) or updates.is_behind(known, plan):
                    clock.set_unix(date)
                return

    # Lists

    def _plan_walks(self) -> None:
        """Note the URLs to try for each publisher whose list is due."""
        now, walks = self._now(), []
        for publisher in self._app.publications.publishers.values():
            plan = _plan(publisher)
            if now is None or updates.fetch_at(plan, now, self._said.get("delay_s", 0)) <= now:
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
            self._visit.update({"publisher": publisher.id, "what": "publication"})
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
        if visit["error"]:
            self._note(publisher, visit["error"])
            return
        if visit["what"] != "publication":
            return
        noted = updates.note_validators(
            publisher.state["updates"], visit["url"], visit["etag"], visit["modified"]
        )
        publisher.state["updates"] = noted
        self._app.publications.save(publisher)
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
            self._said["bytes"] += answer.body_bytes
            return answer.status, answer.etag, answer.modified

    def _note(self, publisher: "Publisher", why: str) -> None:
        self._said["error"] = publisher.name + ": " + why

    def _forgive(self, publisher: "Publisher") -> None:
        """Forget what went wrong with earlier URLs of the walk: one was good."""
        if self._said["error"].startswith(publisher.name + ": "):
            self._said["error"] = ""

    async def _fetch_descriptor(self, publisher: "Publisher") -> bool:
        """No list could be had: perhaps the publisher has other URLs or another certificate now."""
        why = self._said["error"]
        got = await self._fetch(publisher, publisher.url, {}, _DESCRIPTOR_BYTES, True)
        self._said["error"] = why
        if got is None or got[0] != _OK:
            return False
        self._visit.update({"publisher": publisher.id, "what": "descriptor"})
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
            except (web.WebError, CxError, OSError):
                # Not a word of it in ``said``: any computer may read that, and a report tells of an illness.
                return
        if 200 <= answer.status < 300:
            storage.remove(UNSENT)


def _plan(publisher: "Publisher") -> "updates.Plan | None":
    """Return what the list taken last says about the next one, None if it is not known."""
    plan = publisher.state.get("updates")
    return plan if updates.is_of(plan, publisher.published_at) else None
