"""What the companion does about a badge that is wiped, or is not."""

from __future__ import annotations

import pytest

from cxhost import sync
from cxhost.companion import BadgeError

FULL = {"boot": 7, "publishers": [{"id": "ab"}], "contacts": 12}
EMPTY = {"boot": 8, "publishers": [], "contacts": 0}


class Line:
    """A transport on which nothing but time passes."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def now(self) -> float:
        return self.now_s

    def read(self, timeout_s: float) -> bytes:
        self.now_s += max(timeout_s, 0.1)
        return b""


class Scripted:
    """A badge that restarts into ``after``, away for ``away_s``; records what it was asked, and when."""

    def __init__(self, line: Line, away_s: float, after: dict, refusal: BadgeError | None = None) -> None:
        self.line, self.away_s, self.after, self.refusal = line, away_s, after, refusal
        self.wiped_s: float | None = None
        self.asked: list[tuple[str, float]] = []

    def hello(self) -> dict:
        return self.request("hello")

    def request(self, do: str, timeout_s: float = 5, **_fields: object) -> dict:
        self.asked.append((do, self.line.now_s))
        if self.wiped_s is not None and self.line.now_s - self.wiped_s < self.away_s:
            self.line.now_s += 25
            raise BadgeError("timeout", "no answer")
        if do == "wipe":
            if self.refusal:
                raise self.refusal
            self.wiped_s = self.line.now_s
        return {"info": FULL if self.wiped_s is None else self.after}.get(do, {})


def wipe(badge: Scripted, line: Line) -> tuple[dict, list[int]]:
    seconds: list[int] = []
    return sync.wipe(badge, line, lambda what, done, total: seconds.append(done)), seconds


def test_waits_until_the_badge_is_back_and_says_nothing_while_it_starts():
    line = Line()
    badge = Scripted(line, 70, EMPTY)
    info, seconds = wipe(badge, line)
    assert info == EMPTY and seconds == sorted(seconds) and seconds[-1] >= 60
    assert badge.wiped_s is not None
    assert not [do for do, when in badge.asked if badge.wiped_s < when < badge.wiped_s + 10]


def test_the_owner_does_not_agree():
    line = Line()
    with pytest.raises(BadgeError, match="button"):
        wipe(Scripted(line, 0, FULL, BadgeError("RequestError", "consent: the button was not pressed")), line)


def test_a_badge_that_does_not_come_back():
    line = Line()
    with pytest.raises(BadgeError, match="look again with info"):
        wipe(Scripted(line, 10_000, EMPTY), line)
    assert line.now_s < 1000 + 400


@pytest.mark.parametrize("left", [{"boot": 7}, {"publishers": [{}]}, {"contacts": 1}])
def test_a_badge_that_comes_back_with_something(left):
    line = Line()
    with pytest.raises(BadgeError, match="not empty"):
        wipe(Scripted(line, 20, EMPTY | left), line)
