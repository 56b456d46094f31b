"""Requests that are rarely made: settings, removing a publisher, the log of events. Loaded when they come."""

from badge.transfer import RequestError
from cx import profiles
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from badge.app import App
    from badge.publications import Publisher

# In the order of the numbers in badge/events.py.
_NAMES = (
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
_LIGHTS = ("all", "quiet")
_EVENTS = const(16)  # in one answer


def checked_settings(app: "App", request: dict) -> dict:
    """Return the badge's settings as the request would have them; RequestError names what is wrong."""
    settings = dict(app.settings)
    for name, value in request.items():
        if (name == "profile" and value in profiles.NAMES) or (name == "light" and value in _LIGHTS):
            settings[name] = value
        elif name == "profile":
            raise RequestError("profile: one of " + ", ".join(profiles.NAMES))
        elif name == "light":
            raise RequestError("light: one of " + ", ".join(_LIGHTS))
        elif name != "do":
            raise RequestError("%s: no such setting; there are profile and light" % name[:20])
    if len(request) < 2:
        raise RequestError("configure: name profile or light")
    return settings


def remove_publisher(app: "App", publisher: "Publisher") -> None:
    """Forget a publisher and all that came from it; its alerts go too.

    The descriptor goes first: whatever happens then, the badge no longer trusts it.
    """
    if publisher.is_pending:
        raise RequestError("publisher: its list is being matched, wait for that")
    app.publications.remove(publisher)
    app.alerts.forget(publisher.id)
    app.matching.forget(publisher.id)


def log_page(app: "App", first: int) -> dict:
    """Return events from number ``first`` on, and the number to go on with, None at the end."""
    found, count = app.events.page(first, _EVENTS)
    following = first + len(found)
    return {
        "events": [[boot, second, date, _NAMES[kind], detail] for boot, second, date, kind, detail in found],
        "next": following if found and following < count else None,
    }
