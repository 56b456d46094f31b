"""What a computer may ask of the badge, and what needs the owner's button.

No request returns a seed, a preseed, a private key, a contact or an identifier; a seed report
leaves the badge only after the button. Consent is needed for: a publisher after the first, any
change of a known one, removing one, reading alerts (they are health data), reporting, settings, wiping, and
setting a clock that was known by more than an hour or to a date that cannot be (``Clock.needs_owner``).
"""

import asyncio
import gc

from badge import events
from badge.loading import Loaded
from badge.transfer import RequestError, Transfer
from badge.ui import CONSENT_S, KINDS
from cx import frame
from cx.compat import TYPE_CHECKING, const
from cx.errors import CxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from badge.app import App

    Waiting = Callable[[str, int], None]

__all__ = ["RequestError", "Requests"]

_YEAR_2020 = const(1577836800)
_YEAR_2100 = const(4102444800)
_DESCRIPTOR_BYTES = const(8192)


class Requests:
    """The requests by name. ``version`` is the application's, ``board`` the board's name."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._transfer = Transfer(app.storage)
        self._actions = {
            "hello": self._hello,
            "info": self._info,
            "set_time": self._set_time,
            "put": self._put,
            "end": self._end,
            "alerts": self._alerts,
            "report": self._report,
            "wipe": self._wipe,
            "configure": self._configure,
            "remove": self._remove,
            "log": self._log,
        }

    async def carry_out(self, request: dict, waiting: "Waiting") -> dict:
        """Carry out one request and return its answer.

        ``waiting`` is called with what is waited for and for how many seconds at the most.
        RequestError or CxError, in one line, when it is not carried out.
        """
        name = request.get("do")
        action = self._actions.get(name) if isinstance(name, str) else None
        if action is None:
            raise RequestError("do: unknown request; this badge knows " + ", ".join(sorted(self._actions)))
        return await action(request, waiting)

    def data(self, payload: bytes) -> dict:
        """Take one piece of the file that is being put; return {"offset": bytes held}."""
        return {"offset": self._transfer.data(payload)}

    def store(self) -> None:
        """Write that piece to flash, once it was answered for."""
        self._transfer.store()

    def get(self, request: dict) -> bytes:
        """Return up to 512 bytes of the report that the owner has just agreed to give away."""
        return self._transfer.get(_number(request, "offset", 0, 0xFFFFFF))

    async def _hello(self, _request: dict, _waiting: "Waiting") -> dict:
        """Begin a session: what was offered in an earlier one is withdrawn."""
        self._transfer.withdraw()
        return self._about()

    def _about(self) -> dict:
        return {"protocol": frame.VERSION, "version": self._app.version, "board": self._app.board_name}

    async def _info(self, _request: dict, _waiting: "Waiting") -> dict:
        app = self._app
        answer = self._about()
        reports, heard, lost = app.radio.counts()
        answer.update(
            {
                "engine": app.engine,
                "engines_rejected": app.engines_rejected,
                "profile": app.profile.name,
                "settings": app.settings,
                "battery_mv": None if app.battery is None else app.battery.millivolts(),
                "uptime_s": app.clock.uptime_s(),
                "boot": app.clock.boot,
                "time": app.clock.unix(),
                "contacts": app.log.count,
                "log": app.log.summary(),
                "not_logged": app.observer.summary(),
                "near": app.observer.near,
                "marked": app.observer.is_marked,
                "seeds": app.seeds.held,
                "rotations": app.advertiser.rotations,
                "failures": app.advertiser.failures,
                "scans": app.observer.scans,
                "reports": reports,
                "heard": heard,
                "dropped": lost,
                "scan_restarts": app.radio.scan_restarts,
                "radio_restarts": app.radio.restarts,
                "noise_bytes": app.console.dropped,
                "lost_files": app.storage.lost,
                "last_crash": app.last_crash(),
                "free_bytes": _free_heap(),
                "publishers": [_publisher(known) for known in app.publications.publishers.values()],
                "matching": app.matching.info(),
            }
        )
        return answer

    async def _set_time(self, request: dict, waiting: "Waiting") -> dict:
        now = _number(request, "unix", _YEAR_2020, _YEAR_2100)
        clock = self._app.clock
        known = clock.unix()
        is_agreed = clock.needs_owner(now)
        if is_agreed:
            asked_s = clock.uptime_s()
            await self._consent("clock", waiting)
            now += clock.uptime_s() - asked_s
        clock.set_unix(now, is_agreed)
        if is_agreed or known is None:
            self._app.events.note(events.CLOCK_SET, is_agreed)
        return {"was": known}

    async def _put(self, request: dict, _waiting: "Waiting") -> dict:
        what = _text(request, "what")
        if what == "descriptor":
            limit = _DESCRIPTOR_BYTES
        elif what == "publication":
            limit = self._app.publications.limit_bytes
            self._app.publications.get(_text(request, "publisher"))
        else:
            raise RequestError("what: descriptor or publication")
        size = _number(request, "size", 1, limit)
        publisher = _text(request, "publisher") if what == "publication" else ""
        return {"offset": self._transfer.begin(what, publisher, size, _text(request, "sha256"))}

    async def _end(self, _request: dict, waiting: "Waiting") -> dict:
        """Check what was put and take it; whatever is refused is removed and changes nothing."""
        self._transfer.check()
        try:
            if self._transfer.what == "descriptor":
                return await self._take_descriptor(waiting)
            return await self._take_publication()
        finally:
            self._transfer.clear()

    async def _take_descriptor(self, waiting: "Waiting") -> dict:
        app = self._app
        checked, needs_consent = app.publications.parse(self._transfer.text())
        if needs_consent:
            await self._consent("publisher", waiting)
        count = len(app.publications.publishers)
        publisher = app.publications.add(checked)
        is_new = len(app.publications.publishers) > count
        if is_new or needs_consent:
            app.events.note(
                events.PUBLISHER_ADDED if is_new else events.PUBLISHER_CHANGED, int(publisher.id, 16)
            )
        return _publisher(publisher)

    async def _take_publication(self) -> dict:
        publisher = self._app.publications.get(self._transfer.publisher)
        try:
            published_at = await self._app.publications.take(publisher, self._transfer.name)
        except CxError:
            self._app.events.note(events.LIST_REFUSED, int(publisher.id, 16))
            raise
        self._app.events.note(events.LIST_TAKEN, int(publisher.id, 16))
        self._app.clock.trust_after(published_at)
        self._app.matching.start()
        return {"published_at": published_at}

    async def _alerts(self, _request: dict, waiting: "Waiting") -> dict:
        await self._consent("alerts", waiting)
        return self._app.alerts.summary()

    async def _report(self, request: dict, waiting: "Waiting") -> dict:
        """Sign a report for a publisher with a code, or hand out the last one again ("again": true)."""
        app = self._app
        if request.get("again"):
            await self._consent("report", waiting)
            report = app.seeds.last_report()
            if report is None:
                raise RequestError("again: there is no earlier report")
        else:
            publisher = app.publications.get(_text(request, "publisher"))
            code = _text(request, "code")
            await self._consent("report", waiting)
            app.advertiser.renew()  # silent before anything of the seed on air is given away
            report = app.seeds.report(publisher.name, code)
        return {"size": len(report), "sha256": self._transfer.offer(report)}

    async def _wipe(self, _request: dict, waiting: "Waiting") -> dict:
        """Restart, and erase everything that this badge holds before anything else."""
        await self._consent("wipe", waiting)
        asyncio.create_task(self._app.wipe())
        return {"wiping": True}

    async def _configure(self, request: dict, waiting: "Waiting") -> dict:
        """Change settings, and restart with them."""
        with Loaded("badge.caretaking") as caretaking:
            settings = caretaking.checked_settings(self._app, request)
        await self._consent("settings", waiting)
        self._app.save_settings(settings)
        self._app.events.note(events.SETTINGS)
        asyncio.create_task(self._app.restart())
        return {"settings": settings, "restarting": True}

    async def _remove(self, request: dict, waiting: "Waiting") -> dict:
        """Forget a publisher, with its list, its alerts and what was matched of it."""
        publisher = self._app.publications.get(_text(request, "publisher"))
        await self._consent("removal", waiting)
        with Loaded("badge.caretaking") as caretaking:
            caretaking.remove_publisher(self._app, publisher)
        self._app.events.note(events.PUBLISHER_REMOVED, int(publisher.id, 16))
        return {"removed": publisher.id}

    async def _log(self, request: dict, _waiting: "Waiting") -> dict:
        """Return the log of events in pages, oldest first."""
        first = _number(request, "first", 0, 0xFFFF) if "first" in request else 0
        with Loaded("badge.caretaking") as caretaking:
            return caretaking.log_page(self._app, first)

    async def _consent(self, kind: str, waiting: "Waiting") -> None:
        if not await self._app.ui.consent(kind, lambda: waiting(kind, CONSENT_S)):
            self._app.events.note(events.NOT_AGREED)
            raise RequestError("consent: the button was not pressed" + (", or not for 3 s" * KINDS[kind][1]))


def _publisher(publisher) -> dict:  # noqa: ANN001  type only known to the type checker
    return {
        "id": publisher.id,
        "name": publisher.name,
        "url": publisher.url,
        "pub": publisher.state["descriptor"]["pub"],
        "report": publisher.state["descriptor"]["report"],
        "published_at": publisher.published_at,
        "taken_at": publisher.state["taken_at"],
        "pending": publisher.is_pending,
        "unknown_types": publisher.unknown_types,
        "needs_full": publisher.needs_full,
    }


def _free_heap() -> int:
    gc.collect()
    return gc.mem_free()


def _text(request: dict, name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not value:
        raise RequestError(name + ": text expected")
    return value


def _number(request: dict, name: str, least: int, most: int) -> int:
    value = request.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RequestError("%s: a whole number from %d to %d expected" % (name, least, most))
    return value
