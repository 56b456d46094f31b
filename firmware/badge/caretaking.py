"""Requests that are made rarely, most of them with the owner's button: their code is loaded when they come.

``check`` comes before the button, ``act`` after it.
"""

import asyncio
import struct

from badge import dates, events
from badge.transfer import RequestError, whole_number
from cx import profiles
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from badge.app import App
    from badge.clock import Clock
    from badge.events import Events
    from badge.publications import Publisher
    from badge.transfer import Transfer

# What the owner is asked for (badge/ui.py); "" for nothing.
_CONSENT = {
    "put": "",
    "set_time": "",
    "alerts": "alerts",
    "days": "",
    "report": "report",
    "wipe": "wipe",
    "configure": "settings",
    "remove": "removal",
    "log": "",
    "wifi": "settings",
    "sent": "",
    "authorities": "settings",  # the end of putting them
}
_YEAR_2020 = const(1577836800)
_YEAR_2100 = const(4102444800)
# Numbers of badge/events.py, and the names in their order
_CLOCK_SET = const(2)
_PUBLISHER_REMOVED = const(5)
_SETTINGS = const(8)
_EVENT_NAMES = (
    "start",
    "crash",
    "clock set",
    "publisher added",
    "publisher changed",
    "publisher removed",
    "list taken",
    "list refused",
    "settings changed",
    "not agreed",
)
_DESCRIPTOR_BYTES = const(8192)
_LIGHTS = ("all", "quiet")
_EVENTS = const(16)  # in one answer


def check(app: "App", name: str, request: dict, others: "list[str]") -> str:
    """Return the kind of consent that a request needs, "" for none; RequestError or CxError if it cannot be.

    ``others``: the names of the requests that are carried out elsewhere.
    """
    kind = _CONSENT.get(name)
    if kind is None:
        known = ", ".join(sorted(others + list(_CONSENT)))
        raise RequestError("do: unknown request; this badge knows " + known)
    if name == "set_time":
        return "clock" if dates.needs_owner(app.clock, _date(request)) else ""
    if name == "configure":
        _settings(app, request)
    elif name == "remove":
        _publisher(app, request)
    elif name == "report" and not request.get("again"):
        _publisher(app, request)
        _text(request, "code")
        _days(request)
    elif name == "wifi":
        from badge import networks  # not needed for anything else here

        networks.change(app.storage, request)
    elif name == "log" and "first" in request:
        whole_number(request, "first", 0, 0xFFFF)
    return kind


def act(app: "App", transfer: "Transfer", name: str, request: dict, waited_s: int) -> dict:
    """Carry out a request that was checked, and that the owner agreed to after ``waited_s``, if above 0."""
    if name == "set_time":
        return _set_time(app.clock, app.events, _date(request) + waited_s, waited_s > 0)
    if name == "put":
        return _put(app, transfer, request)
    if name == "alerts":
        return app.alerts.summary()
    if name == "days":  # not which were disclosed: that would tell of an illness
        return {"days": app.seeds.days()}
    if name == "report":
        return _report(app, transfer, request)
    if name == "wipe":
        asyncio.create_task(app.wipe())
        return {"wiping": True}
    if name == "configure":
        return _configure(app, _settings(app, request))
    if name in ("wifi", "sent", "authorities"):
        return _change_wifi(app, transfer, name, request)
    if name == "remove":
        return _remove(app, _publisher(app, request))
    return _log(app, request.get("first", 0))


def _put(app: "App", transfer: "Transfer", request: dict) -> dict:
    what = _text(request, "what")
    publisher = ""
    if what in ("descriptor", "authorities"):
        limit = _DESCRIPTOR_BYTES
    elif what == "publication":
        limit = app.publications.limit_bytes
        publisher = _publisher(app, request).id
    else:
        raise RequestError("what: descriptor, publication or authorities")
    size = whole_number(request, "size", 1, limit)
    return {"offset": transfer.begin(what, publisher, size, _text(request, "sha256"))}


def _set_time(clock: "Clock", log: "Events", now: int, is_agreed: bool) -> dict:
    known = clock.unix()
    clock.set_unix(now, is_agreed)
    if is_agreed or known is None:
        log.note(_CLOCK_SET, is_agreed)
    return {"was": known}


def _report(app: "App", transfer: "Transfer", request: dict) -> dict:
    """Sign a report for a publisher with a code, or hand out the last one again ("again": true)."""
    if request.get("again"):
        report = app.seeds.last_report()
        if report is None:
            raise RequestError("again: there is no earlier report")
    else:
        app.advertiser.renew()  # silent before anything of the seed on air is given away
        publisher = _publisher(app, request)
        report = app.seeds.report(publisher.name, request["code"], _days(request))
        app.storage.save_json("unsent", {"publisher": publisher.id, "tries": 0})
    return {"size": len(report), "sha256": transfer.offer(report)}


def _settings(app: "App", request: dict) -> dict:
    """Return the settings as the request would have them."""
    settings = dict(app.settings)
    for name, value in request.items():
        if name == "do":
            continue
        choices = profiles.NAMES if name == "profile" else _LIGHTS if name == "light" else None
        if choices is None:
            raise RequestError("%s: no such setting; there are profile and light" % name[:20])
        if value not in choices:
            raise RequestError("%s: one of %s" % (name, ", ".join(choices)))
        settings[name] = value
    if len(request) < 2:
        raise RequestError("configure: name profile or light")
    return settings


def _configure(app: "App", settings: dict) -> dict:
    app.storage.save_json("settings", settings)
    app.events.note(_SETTINGS)
    asyncio.create_task(app.restart())
    return {"settings": settings, "restarting": True}


def _change_wifi(app: "App", transfer: "Transfer", name: str, request: dict) -> dict:
    from badge import networks  # not needed for anything else here

    if name == "sent":  # by the computer: the badge need not send its report over Wi-Fi
        # Only who was handed the report, with the button, knows its digest; others learn nothing.
        digest, report = _text(request, "sha256"), app.seeds.last_report()
        if report is not None and transfer.digest(report) == digest:
            app.storage.remove(networks.UNSENT)
        return {}

    app.events.note(_SETTINGS)
    if name == "authorities":
        return networks.take_authorities(app.storage, transfer.name)
    app.wifi.start()
    return networks.configure(app.storage, request)


def _remove(app: "App", publisher: "Publisher") -> dict:
    """Forget a publisher and all that came from it; its alerts go too.

    The descriptor goes first: whatever happens then, the badge no longer trusts it.
    """
    if publisher.is_pending:
        raise RequestError("publisher: its list is being matched, wait for that")
    app.publications.remove(publisher)
    app.alerts.forget(publisher.id)
    app.matching.forget(publisher.id)
    app.events.note(_PUBLISHER_REMOVED, int(publisher.id, 16))
    return {"removed": publisher.id}


def _log(app: "App", first: int) -> dict:
    """Return events from number ``first`` on, oldest first, and the number to go on with, None at the end.

    Each is [boot, second of the boot, date or None, name, detail].
    """
    entries, size = app.events.entries, events.ENTRY_LEN
    last = min(len(entries) // size, first + _EVENTS)
    found = []
    for at in range(first * size, last * size, size):
        boot, second, kind, detail = struct.unpack_from(events.ENTRY, entries, at)
        name = _EVENT_NAMES[kind] if kind < len(_EVENT_NAMES) else "%d, of a later version" % kind
        found.append([boot, second, app.clock.date_of(boot, second), name, detail])
    return {"events": found, "next": last if last < len(entries) // size else None}


def _publisher(app: "App", request: dict) -> "Publisher":
    return app.publications.get(_text(request, "publisher"))


def _date(request: dict) -> int:
    return whole_number(request, "unix", _YEAR_2020, _YEAR_2100)


def _days(request: dict) -> "list[int] | None":
    days = request.get("days")
    if days is not None and not (isinstance(days, list) and all(isinstance(day, int) for day in days)):
        raise RequestError("days: a list of days since 1970 expected")
    return days


def _text(request: dict, name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not value:
        raise RequestError(name + ": text expected")
    return value
