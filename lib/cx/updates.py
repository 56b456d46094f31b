"""When and from where the next publication is fetched (CX protocol): the same rules on badge and computer.

What was learnt from the publication taken last is a *plan*, a dict that fits
into JSON (``publication.remember`` makes it):

``published_at``, ``not_before``, ``not_after`` (seconds since 1970 UTC) and ``urls`` (its updateURLs), and if
the server told them, ``from`` (the URL of that file), ``etag`` and ``modified``: what it takes to ask for
something newer only (RFC 9110, section 13). A publisher without a plan is asked for its ``pub`` at once.
"""

from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from typing import Any

    Plan = dict[str, Any]

_DAY_S = const(86400)
_SCHEMES = ("https://", "http://")
# A server has to be asked at a moment of its own for each badge: up to so long after nextUpdateNotBefore.
MAX_DELAY_S = const(1800)
_FIRST_BACK_OFF_S = const(900)
_MAX_BACK_OFF_S = const(43200)
_MAX_DOUBLINGS = const(6)
# A date from the network may be so much behind publishedAt: publishers' and time servers' clocks differ.
_SLACK_S = const(300)
_VALIDATOR_LEN = const(128)


def note_validators(plan: "Plan", url: str, etag: str, modified: str) -> "Plan":
    """Return the plan with what the server said of the file at ``url``, the one that was taken last.

    ``etag`` and ``modified``: the values of the headers ETag and Last-Modified, empty when there were none;
    what is longer than 128 characters, or not printable, is left out.
    """
    noted = {key: value for key, value in plan.items() if key not in ("from", "etag", "modified")}
    for key, value in (("etag", etag), ("modified", modified)):
        if value and len(value) <= _VALIDATOR_LEN and all(" " <= character <= "~" for character in value):
            noted["from"] = url
            noted[key] = value
    return noted


def walk(plan: "Plan | None", pub: str, published_at: "int | None") -> "list[str]":
    """Return the URLs to try, in this order: each updateURL, then ``pub`` of the descriptor; none twice.

    ``published_at``: of the publication that the plan must be from. With another plan, or none, only ``pub``.
    What is no http or https URL is passed over.
    """
    urls: list[str] = []
    for url in list(plan["urls"]) if is_of(plan, published_at) else []:  # type: ignore[index]
        if url not in urls and url.lower().startswith(_SCHEMES):
            urls.append(url)
    if pub not in urls:
        urls.append(pub)
    return urls


def is_of(plan: "Plan | None", published_at: "int | None") -> bool:
    """Tell whether a plan is from the publication that was taken last."""
    return plan is not None and published_at is not None and plan["published_at"] == published_at


def conditions(plan: "Plan | None", url: str, published_at: "int | None") -> "dict[str, str]":
    """Return the headers that ask for the file at ``url`` only if it is not the one taken last."""
    if not is_of(plan, published_at) or plan.get("from") != url:  # type: ignore[union-attr]
        return {}
    headers = {}
    for name, key in (("If-None-Match", "etag"), ("If-Modified-Since", "modified")):
        if key in plan:  # type: ignore[operator]
            headers[name] = plan[key]  # type: ignore[index]
    return headers


def is_current(plan: "Plan", now: "int | None") -> bool:
    """Tell whether the publication of the plan may still be the newest: its nextUpdateNotAfter is not past.

    A file that has not changed since is as good as fetched then; otherwise it is stale, and the next URL is
    to be tried.
    """
    return now is None or now <= plan["not_after"]


def fetch_at(plan: "Plan | None", now: int, delay_s: int) -> int:
    """Return when to fetch: at nextUpdateNotBefore and a random delay, drawn by the caller up to MAX_DELAY_S.

    A nextUpdateNotBefore more than 24 hours ahead is a mistake, and is ignored.
    """
    if plan is None or plan["not_before"] > now + _DAY_S:
        return now
    return max(now, plan["not_before"] + delay_s)


def back_off_s(failures: int, draw: int) -> int:
    """Return the seconds to wait after the n-th failure in a row: 15 minutes, doubled each time, to 12 hours.

    ``draw``: a random number from 0 to 255, which makes it up to a quarter more.
    """
    if failures < 1:
        return 0
    wait_s = min(_FIRST_BACK_OFF_S << min(failures - 1, _MAX_DOUBLINGS), _MAX_BACK_OFF_S)
    return wait_s + wait_s * draw // 1024


def is_date_plausible(date: int, plan: "Plan") -> bool:
    """Tell whether a date that nobody signed, from a time server, agrees with a list that was verified.

    It has to lie between ``publishedAt``, less five minutes, and a day after ``nextUpdateNotAfter``: whoever
    answers for the time server can then not move the badge's date further than old lists reach.
    """
    return plan["published_at"] - _SLACK_S <= date <= max_date(plan)


def is_behind(known: "int | None", plan: "Plan") -> bool:
    """Tell whether a list that was verified shows that the badge's date is not known, or behind."""
    return known is None or known < plan["published_at"] - _SLACK_S


def max_date(plan: "Plan") -> int:
    """Return the latest date that a verified list is evidence for."""
    not_after = min(plan["not_after"], plan["published_at"] + 7 * _DAY_S)
    return max(not_after, plan["published_at"]) + _DAY_S
