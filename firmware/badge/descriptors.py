"""Publishers' descriptors that came over Wi-Fi: a changed one waits until the owner agrees."""

from badge.wifi import FETCHED
from cx.compat import TYPE_CHECKING, const
from cx.errors import CxError, RefusedError

if TYPE_CHECKING:
    from badge.app import App
    from badge.publications import Publisher

_FOLDER = "descriptors"
_PUBLISHER_CHANGED = const(4)  # number of badge/events.py


def check(app: "App", publisher: "Publisher") -> str:
    """Look at the file FETCHED, which came from the publisher's own URL; return what is to be said of it."""
    try:
        checked, is_changed = _parse(app, FETCHED)
        if checked["url"] != publisher.url:
            raise RefusedError("url: not the stored one")
    except CxError as error:
        return "descriptor: " + str(error)
    if not is_changed:
        return ""
    app.storage.make_folder(_FOLDER)
    app.storage.rename(FETCHED, _FOLDER + "/" + publisher.id)
    return "its descriptor has changed: hold the button, or sync over USB, to agree"


async def ask(app: "App") -> None:
    """Ask the owner, who has just held the button, to agree to what publishers changed."""
    for name in app.storage.names(_FOLDER):
        path = _FOLDER + "/" + name
        try:
            checked, is_changed = _parse(app, path)
            if is_changed and not await app.ui.consent("publisher", lambda: None):
                continue
            app.publications.add(checked)
            app.events.note(_PUBLISHER_CHANGED, int(name, 16))
        except CxError:  # another change of it came over USB
            pass
        app.storage.remove(path)


def _parse(app: "App", name: str) -> "tuple[dict, bool]":
    with open(app.storage.path(name), "rb") as stream:
        content = stream.read()
    try:
        text = content.decode()
    except (UnicodeError, ValueError):
        raise RefusedError("not UTF-8")
    return app.publications.parse(text)
