"""What a computer may ask of the badge, and what needs the owner's button.

No request returns a seed, a preseed, a private key, a contact or an identifier; a seed report
leaves the badge only after the button. Consent is needed for: a publisher after the first, any
change of a known one, removing one, reading alerts (they are health data), reporting, settings, Wi-Fi,
wiping, and setting a clock that was known by more than an hour or to a date that cannot be (``badge.dates``).
"""

import gc

from badge.loading import Loaded
from badge.transfer import RequestError, Transfer, whole_number
from badge.ui import CONSENT_S, is_held
from cx import frame
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from collections.abc import Callable

    from badge.app import App

    Waiting = Callable[[str, int], None]

__all__ = ["RequestError", "Requests"]

# Numbers of badge/events.py
_PUBLISHER_ADDED = const(3)
_PUBLISHER_CHANGED = const(4)
_NOT_AGREED = const(9)


class Requests:
    """The requests by name. ``version`` is the application's, ``board`` the board's name."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._transfer = Transfer(app.storage)
        self._actions = {
            "hello": self._hello,
            "info": self._info,
            "end": self._end,
        }

    async def carry_out(self, request: dict, waiting: "Waiting") -> dict:
        """Carry out one request and return its answer.

        ``waiting`` is called with what is waited for and for how many seconds at the most.
        RequestError or CxError, in one line, when it is not carried out.
        """
        name = request.get("do")
        if not isinstance(name, str):
            raise RequestError("do: the name of a request expected")
        action = self._actions.get(name)
        if action is None:
            return await self._rarely(name, request, waiting)
        return await action(request, waiting)

    def data(self, payload: bytes) -> dict:
        """Take one piece of the file that is being put; return {"offset": bytes held}."""
        return {"offset": self._transfer.data(payload)}

    def store(self) -> None:
        """Write that piece to flash, once it was answered for."""
        self._transfer.store()

    def get(self, request: dict) -> bytes:
        """Return up to 512 bytes of the report that the owner has just agreed to give away."""
        return self._transfer.get(whole_number(request, "offset", 0, 0xFFFFFF))

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
                "wifi": app.wifi.said,
                "free_bytes": _free_heap(),
                "publishers": [_publisher(known) for known in app.publications.publishers.values()],
                "matching": app.matching.info(),
            }
        )
        return answer

    async def _end(self, _request: dict, waiting: "Waiting") -> dict:
        """Check what was put and take it; whatever is refused is removed and changes nothing."""
        self._transfer.check()
        try:
            if self._transfer.what == "descriptor":
                return await self._take_descriptor(waiting)
            if self._transfer.what == "authorities":
                return await self._rarely("authorities", {}, waiting)
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
            app.events.note(_PUBLISHER_ADDED if is_new else _PUBLISHER_CHANGED, int(publisher.id, 16))
            app.wifi.start()
        return _publisher(publisher)

    async def _take_publication(self) -> dict:
        publisher = self._app.publications.get(self._transfer.publisher)
        published_at = await self._app.take_list(publisher, self._transfer.name)
        self._app.matching.start()
        return {"published_at": published_at}

    async def _rarely(self, name: str, request: dict, waiting: "Waiting") -> dict:
        """Carry out what ``badge.caretaking`` does; its code is not kept while the owner is waited for."""
        with Loaded("badge.caretaking") as caretaking:
            kind = caretaking.check(self._app, name, request, list(self._actions))
        waited_s = 0
        if kind:
            began_s = self._app.clock.uptime_s()
            await self._consent(kind, waiting)
            waited_s = self._app.clock.uptime_s() - began_s
        with Loaded("badge.caretaking") as caretaking:
            return caretaking.act(self._app, self._transfer, name, request, waited_s)

    async def _consent(self, kind: str, waiting: "Waiting") -> None:
        if not await self._app.ui.consent(kind, lambda: waiting(kind, CONSENT_S)):
            self._app.events.note(_NOT_AGREED)
            raise RequestError("consent: the button was not pressed" + ", or not for 3 s" * is_held(kind))


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
        "updates": publisher.state.get("updates"),
    }


def _free_heap() -> int:
    gc.collect()
    return gc.mem_free()
