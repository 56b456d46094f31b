"""The page for staff: issue codes, look one up, withdraw a case, see how the publisher does."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cxhost.publisher import pages
from cxhost.publisher.levels import AlertLevel, level_label
from cxhost.publisher.operators import SESSION_LIFE, Member, Permission
from cxhost.publisher.ratelimit import subscriber
from cxhost.publisher.service import Publisher, PublisherError
from cxhost.publisher.status import shown

_COOKIE = "__Secure-cx-staff"
_TITLE = "Publisher staff"
_MAX_FORM = 4096
_MAX_HOURS, _MAX_COUNT = 720, 100
_WRONG_TOKENS = 10
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers would hide the Origin of our own forms
    "Cache-Control": "no-store",
}

Fields = dict[str, str]
Action = Callable[["Staff", Fields, str], str]


def _number(fields: Fields, name: str, highest: int) -> int:
    text = fields.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= highest):
        raise PublisherError(f"{name}: must be a whole number from 1 to {highest}")
    return int(text)


def _level(fields: Fields) -> AlertLevel:
    try:
        return AlertLevel.from_label(fields.get("level", ""))
    except ValueError:
        raise PublisherError("level: choose one from the list") from None


class Staff:
    """The answers of the staff page, for one publisher."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._base = urlsplit(publisher.settings.link("staff")).path
        self._wrong = publisher.bucket("tokens", _WRONG_TOKENS)

    def routes(self) -> list[Route]:
        """Return the routes of the page."""
        actions: dict[str, tuple[Action, Permission]] = {
            "issue": (Staff._issue, Permission.ISSUE),
            "lookup": (Staff._look_up, Permission.LOOK_UP),
            "level": (Staff._change, Permission.WITHDRAW),
            "zone": (Staff._move, Permission.WITHDRAW),
        }
        posts: dict[str, Callable[[Request], Awaitable[Response]]] = {
            name: self._acting(action, needed) for name, (action, needed) in actions.items()
        }
        posts |= {"login": self._login, "logout": self._logout}
        return [
            Route(self._base, self._home),
            *(Route(f"{self._base}/{name}", answer, methods=["POST"]) for name, answer in posts.items()),
        ]

    def _page(self, *blocks: str, status: int = 200, **headers: str) -> HTMLResponse:
        title = _TITLE if status < 400 else f"Error: {_TITLE}"  # the first thing that is read out
        return HTMLResponse(pages.page(title, *blocks), status, {**HEADERS, **headers})

    def _denied(self, status: int, text: str, **headers: str) -> HTMLResponse:
        form = pages.login_form(self._base)
        return self._page(pages.notice(text, failed=True), form, status=status, **headers)

    def _operator(self, request: Request) -> Member | None:
        """Return who is logged in with this request's cookie."""
        return self._publisher.operators.session_of(request.cookies.get(_COOKIE, ""))

    async def _fields(self, request: Request) -> Fields | None:
        """Return the form that was sent; None if it comes from another site or is none of ours."""
        if request.headers.get("origin") != f"https://{request.headers.get('host')}":
            return None
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_FORM:
                return None
        try:
            values = parse_qs(body.decode("ascii"), max_num_fields=10, errors="strict")
        except ValueError:
            return None
        return {name: value[0] for name, value in values.items()}

    async def _home(self, request: Request) -> Response:
        operator = await run_in_threadpool(self._operator, request)
        if operator is None:
            return self._page(pages.login_form(self._base))
        return await run_in_threadpool(self._working_page, operator, "")

    def _working_page(self, operator: Member, result: str, status: int = 200) -> Response:
        about = self._publisher.status()
        seeds = ", ".join(f"{level_label(level)} {count}" for level, count in about["seeds"].items())
        rows = {
            "Codes issued": str(about["codes_issued"]),
            "Codes used": str(about["codes_used"]),
            "Seeds published": seeds or "none",
            "Decoys": str(about["decoys"]),
            "Seeds of other publishers": str(about["relayed"]),
            "Waiting for the next list": str(about["waiting"]),
            "Last list": shown(about["published_at"] or "none yet"),
            "Size of the full list": f"{about['publication_bytes'] or 0} bytes",
        }
        who = pages.paragraph(f"{self._publisher.name}; logged in as {operator.name}")
        forms = pages.staff_forms(
            self._base, self._publisher.settings.code_hours, self._publisher.zones().every, operator.may
        )
        tables = pages.table("Status", rows) + self._feeds()
        tables += pages.link(urlsplit(self._publisher.settings.link("status")).path, "Status page")
        return self._page(who, result, forms, tables, status=status)

    def _feeds(self) -> str:
        """Return the state of what is taken from other publishers; nothing if there are none."""
        rows = {}
        for one in self._publisher.topology():
            lists = [f"{feed.zone}: {feed.age(self._publisher.now())}" for feed in one.feeds]
            rows[one.url] = "; ".join([one.relation, *([one.problem] if one.problem else []), *lists])
        return pages.table("Other publishers", rows) if rows else ""

    async def _login(self, request: Request) -> Response:
        client = subscriber(request.client.host if request.client else "")
        fields = await self._fields(request)
        if fields is None:
            return self._denied(400, "This form was not sent from here.")
        if wait_s := math.ceil(await run_in_threadpool(self._wrong.wait_s, client)):
            return self._denied(429, "Too many wrong tokens: please wait.", **{"Retry-After": str(wait_s)})
        token = fields.get("token", "")
        session = await run_in_threadpool(self._publisher.operators.start_session, token)
        if session is None:
            await run_in_threadpool(self._wrong.add, client)
            return self._denied(403, "This token is not known.")
        response = RedirectResponse(self._base, 303, HEADERS)
        response.set_cookie(_COOKIE, session, **self._cookie(int(SESSION_LIFE.total_seconds())))
        return response

    def _cookie(self, max_age_s: int) -> dict[str, Any]:
        return {
            "max_age": max_age_s,
            "path": self._base,
            "secure": True,
            "httponly": True,
            "samesite": "strict",
        }

    async def _logout(self, request: Request) -> Response:
        if await self._fields(request) is None:
            return self._denied(400, "This form was not sent from here.")
        response = RedirectResponse(self._base, 303, HEADERS)
        response.set_cookie(_COOKIE, "", **self._cookie(0))
        return response

    def _acting(self, action: Action, needed: Permission) -> Callable[[Request], Awaitable[Response]]:
        """Return the answer that lets an operator who may do ``action``, and shows what became of it."""

        async def answer(request: Request) -> Response:
            fields = await self._fields(request)
            if fields is None:
                return self._denied(400, "This form was not sent from here.")
            operator = await run_in_threadpool(self._operator, request)
            if operator is None:
                return self._denied(403, "Please log in.")
            if needed not in operator.may:
                text = f"You may not do this: it needs the permission {needed.value}."
                return await run_in_threadpool(
                    self._working_page, operator, pages.notice(text, failed=True), 403
                )
            return await run_in_threadpool(self._act, action, fields, operator)

        return answer

    def _act(self, action: Action, fields: Fields, operator: Member) -> Response:
        try:
            return self._working_page(operator, action(self, fields, operator.name))
        except PublisherError as error:
            text = str(error)
            return self._working_page(operator, pages.notice(text[:1].upper() + text[1:], failed=True), 400)

    def _issue(self, fields: Fields, operator: str) -> str:
        level, hours = _level(fields), _number(fields, "hours", _MAX_HOURS)
        count = _number(fields, "count", _MAX_COUNT)
        life = timedelta(hours=hours)
        zone = fields.get("zone", "")
        codes = self._publisher.issue_codes(count, level, life, operator, zone)
        return pages.issued(codes, f"Issued: {level.label}, valid for {hours} h. Shown only now.")

    def _look_up(self, fields: Fields, operator: str) -> str:
        state = self._publisher.code_state(fields.get("code", ""))
        rows = {
            "State": state.state,
            "Level": level_label(state.level),
            "Zone": state.zone,
            "Issued": shown(state.issued_at),
            "Usable until": shown(state.expires_at),
            "Used": shown(state.used_at or "not yet"),
            "Seeds": str(state.seeds),
        }
        return pages.result(pages.table("The code", rows))

    def _change(self, fields: Fields, operator: str) -> str:
        level = _level(fields)
        self._publisher.set_level(fields.get("code", ""), level, operator)
        return pages.notice(f"The case is {level.label} now; badges learn it from the next list.")

    def _move(self, fields: Fields, operator: str) -> str:
        zone = fields.get("zone", "")
        self._publisher.set_zone(fields.get("code", ""), zone, operator)
        return pages.notice(f"The case belongs to {zone} now; badges learn it from the next list.")
