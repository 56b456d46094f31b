"""Many badges at once, on a hub: each on a port of its own, each served by a thread of its own."""

from __future__ import annotations

import glob
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from cxhost import consent
from cxhost.companion import Badge, BadgeError
from cxhost.lists import FetchError
from cxhost.transport import SIMULATED, PortError, Transport, open_transport, serial_ports

_SCAN_S = 0.5
_RETRY_S = 30.0
# A simulated badge is built when it is opened, and two must not build at once.
_opening = threading.Lock()

Work = Callable[[Badge, Transport, "Line"], None]


@dataclass
class Line:
    """What happens to one badge. ``state``: working, button (waits for it), done, failed or unplugged.

    ``what``: what it is doing, or what came of it, in words; ``done`` of ``total`` bytes or seeds of that.
    ``result``: what the work left for programs.
    """

    port: str
    state: str = "working"
    what: str = "opening"
    done: int = 0
    total: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    started_s: float = 0.0
    took_s: float = 0.0

    def progress(self, what: str, done: int, total: int) -> None:
        """Note how far the badge is."""
        self.state, self.what, self.done, self.total = "working", what, done, total


class Fleet:
    """Serves badges until every one is done, or for ever.

    ``work(badge, transport, line)`` is done for each, in a thread; ``find`` returns the ports there are now.
    ``on_end`` is called, in that thread, when a badge is done or has failed. ``may_press`` and ``may_create``
    are for simulated badges.
    """

    def __init__(
        self,
        find: Callable[[], list[str]],
        work: Work,
        on_end: Callable[[Line], None],
        may_press: bool = False,
        may_create: bool = False,
    ) -> None:
        self._find = find
        self._work = work
        self._on_end = on_end
        self._may_press = may_press
        self._may_create = may_create
        self._threads: dict[str, threading.Thread] = {}
        self.lines: dict[str, Line] = {}

    def run_once(self) -> list[Line]:
        """Serve every badge that is there now; return what happened to each."""
        for port in self._find():
            self._start(port)
        for thread in self._threads.values():
            thread.join()
        return list(self.lines.values())

    def run_forever(self, every_s: float) -> list[Line]:
        """Serve each badge when it is plugged in, again after ``every_s`` and after failures."""
        while True:
            there = set(self._find())
            for port in there:
                if self._is_due(port, every_s):
                    self._start(port)
            for port, line in self.lines.items():
                if port not in there and not self._threads[port].is_alive():
                    line.state = "unplugged"
            time.sleep(_SCAN_S)

    def _is_due(self, port: str, every_s: float) -> bool:
        line = self.lines.get(port)
        if line is None or (line.state == "unplugged" and not self._threads[port].is_alive()):
            return True
        ended_s = line.started_s + line.took_s
        pause_s = every_s if line.state == "done" else _RETRY_S
        return not self._threads[port].is_alive() and time.monotonic() - ended_s >= pause_s

    def _start(self, port: str) -> None:
        line = self.lines[port] = Line(port, started_s=time.monotonic())
        # Daemons: Ctrl-C ends the program at once, and a badge takes no harm from a pulled cable.
        thread = self._threads[port] = threading.Thread(
            target=self._serve, args=(line,), name=port, daemon=True
        )
        thread.start()

    def _serve(self, line: Line) -> None:
        try:
            with _opening:
                transport = open_transport(line.port, self._may_create)
            try:
                self._work(Badge(transport, self._on_waiting(transport, line)), transport, line)
                line.state = "done"
            finally:
                transport.close()
        except (BadgeError, PortError, FetchError, OSError) as error:
            line.state, line.what, line.error = "failed", str(error), error
        line.took_s = time.monotonic() - line.started_s
        self._on_end(line)

    def _on_waiting(self, transport: Transport, line: Line) -> Callable[[str, int], None]:
        def wait(kind: str, seconds: int) -> None:
            press = getattr(transport, "press_button", None)
            if press is not None and self._may_press:
                press(consent.press_ms(kind))
            else:
                line.state, line.what = "button", consent.question(kind, seconds)

        return wait


def is_one(named: list[str]) -> bool:
    """Tell whether these names mean one badge, whatever is plugged in."""
    return len(named) == 1 and (named[0].startswith(SIMULATED) or not glob.has_magic(named[0]))


def ports(named: Iterable[str], all_of_them: bool) -> list[str]:
    """Return the ports that are meant: those named, patterns such as ``/dev/ttyUSB*`` filled in; or all."""
    found = serial_ports() if all_of_them else []
    for name in named:
        if is_one([name]):
            found.append(name)
        else:
            found += sorted(glob.glob(name))  # noqa: PTH207  the pattern may be absolute
    return list(dict.fromkeys(found))
