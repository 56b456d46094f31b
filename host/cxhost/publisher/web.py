"""The publisher over HTTP: its descriptor, its publications, and the place for reports.

Paths are those of the URLs in the descriptor. Only files are served, so that any cache can stand in front.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cxhost.publisher import editions, pages
from cxhost.publisher.cases import AcceptedReport
from cxhost.publisher.ratelimit import subscriber
from cxhost.publisher.service import Publisher
from cxhost.publisher.staff import HEADERS, Staff
from cxhost.publisher.status import TITLE, status_blocks
from cxhost.reports import Reason, ReportRefused

_log = logging.getLogger(__name__)
_BODY_TIMEOUT_S = 30
_CHUNK = 64 * 1024
# How much of a body that is too large is still taken in, times the limit: many clients read no answer before.
_DRAIN = 4
_PUBLICATION_TYPE = "application/cms"
_REPORT_TYPE = "application/octet-stream"
_WRONG_CODE = {Reason.CODE_MISTYPED, Reason.CODE_UNKNOWN, Reason.CODE_EXPIRED, Reason.CODE_USED}
_STATUS = {Reason.TOO_LARGE: 413, Reason.WRONG_NAME: 403} | dict.fromkeys(_WRONG_CODE, 403)
_BAD_REPORT = 400
_REPORT_THREADS = 8
_BUSY_WAIT_S = 10
_STATUS_CACHE = "public, max-age=30"


class _Site:
    """The answers, for one publisher."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._wrong_here = publisher.bucket("codes", publisher.settings.wrong_codes_per_address)
        self._wrong_overall = publisher.bucket("codes of all", publisher.settings.wrong_codes_overall)
        self._reports = 0  # that are being checked or wait for that
        self._report_threads: CapacityLimiter | None = None

    def _wait_s(self, client: str) -> int:
        """Return how many seconds this client must wait before it may try another code; 0 if it may now."""
        return math.ceil(max(self._wrong_here.wait_s(client), self._wrong_overall.wait_s("")))

    def _count_wrong(self, client: str) -> None:
        self._wrong_here.add(client)
        self._wrong_overall.add("")

    def page(self, status: int, title: str, text: str, headers: dict[str, str] | None = None) -> HTMLResponse:
        """Return a page for the owner. A report's contents are never shown again."""
        body = pages.page(title, pages.paragraph(text), pages.paragraph(self._publisher.name))
        return HTMLResponse(body, status, {**HEADERS, **(headers or {})})

    async def report(self, request: Request) -> Response:
        """Take a Seed Report."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _REPORT_TYPE:
            raise HTTPException(415, f"A report is sent as {_REPORT_TYPE}.")
        client = subscriber(request.client.host if request.client else "")
        limit = self._publisher.settings.max_report_bytes
        try:
            body = await asyncio.wait_for(_read(request, limit), _BODY_TIMEOUT_S)
            if wait_s := await run_in_threadpool(self._wait_s, client):
                raise HTTPException(429, "Too many wrong codes: please wait.", {"Retry-After": str(wait_s)})
            accepted = await self._accept(body)
            _log.info("report accepted", extra={"fields": {"seeds": accepted.seeds}})
        except (asyncio.TimeoutError, TimeoutError):
            raise HTTPException(408, "The report did not arrive in time.") from None
        except ClientDisconnect:
            raise HTTPException(400, "The report broke off.") from None
        except ReportRefused as refused:
            _log.info("report refused", extra={"fields": {"reason": refused.reason.value}})
            if refused.reason in _WRONG_CODE:
                await run_in_threadpool(self._count_wrong, client)
            status = _STATUS.get(refused.reason, _BAD_REPORT)
            headers = {"CX-Reason": refused.reason.value}
            if refused.reason is Reason.TOO_LARGE:
                headers["Connection"] = "close"
            return self.page(status, "Your report was not accepted", str(refused), headers)
        seeds = "1 seed" if accepted.seeds == 1 else f"{accepted.seeds} seeds"
        text = (
            f"Your report of {seeds} was accepted. People who were near you will be told by their own badge; "
            "nobody is told who you are. Please follow the advice that you were given."
        )
        return self.page(200, "Thank you", text)

    async def _accept(self, body: bytes) -> AcceptedReport:
        """Take a report on one of a few threads, so that lists and health are answered whatever comes."""
        if self._reports >= self._publisher.settings.max_waiting_reports:
            raise HTTPException(503, "Too many reports at this moment.", {"Retry-After": str(_BUSY_WAIT_S)})
        if self._report_threads is None:  # made inside the event loop that it belongs to
            self._report_threads = CapacityLimiter(_REPORT_THREADS)
        self._reports += 1
        try:
            return await to_thread.run_sync(self._publisher.accept_report, body, limiter=self._report_threads)
        finally:
            self._reports -= 1

    def file(self, path: Path, media_type: str) -> Callable[[Request], Awaitable[Response]]:
        """Return the answer that serves one file as it is at that moment."""

        async def serve(request: Request) -> Response:
            response = await run_in_threadpool(_file_response, path, media_type, request)
            if response is None:
                raise HTTPException(404, "There is nothing here yet.")
            return response

        return serve

    async def partial(self, request: Request) -> Response:
        """Serve a partial publication, by the ten digits of its cut-off, or that for another zone."""
        name = request.path_params["name"]
        if not (editions.PARTIAL.fullmatch(name) or editions.ZONE_FILE.fullmatch(name)):
            raise HTTPException(404, "There is nothing here.")
        path = self._publisher.publication_file.with_name(name)
        return await self.file(path, _PUBLICATION_TYPE)(request)

    async def health(self, request: Request) -> Response:
        """Say whether the database answers and the newest list is still valid: for balancers and alarms."""
        state = await run_in_threadpool(self._publisher.health)
        return JSONResponse(state, 200 if state["ok"] else 503, {"Cache-Control": "no-store"})

    async def status(self, request: Request) -> Response:
        """Show when the last list was made, the sizes of its files, and the age of others' lists."""
        blocks = await run_in_threadpool(status_blocks, self._publisher)
        return HTMLResponse(pages.page(TITLE, *blocks), headers={**HEADERS, "Cache-Control": _STATUS_CACHE})

    async def failed(self, request: Request, error: Exception) -> Response:
        """Say what is wrong with a request."""
        status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
        headers = dict(getattr(error, "headers", None) or {})
        return self.page(status, "This did not work", detail or "Please try again later.", headers)

    async def busy(self, request: Request, error: Exception) -> Response:
        """Say that the database cannot be reached now; nothing was accepted."""
        _log.error("database unreachable")
        return self.page(503, "Please try again", "The server is busy.", {"Retry-After": "60"})


async def _read(request: Request, limit: int) -> bytes:
    """Return the body, ``limit`` bytes at most; ``ReportRefused`` if there are more, without keeping them."""
    body = bytearray()
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received <= limit:
            body += chunk
        elif received > _DRAIN * limit:
            break
    if received > limit:
        raise ReportRefused(Reason.TOO_LARGE, f"The report is larger than {limit} bytes.")
    return bytes(body)


def _file_response(path: Path, media_type: str, request: Request) -> Response | None:
    """Return the file, opened once: its size and bytes belong together even if it is replaced meanwhile."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return None
    about = os.fstat(stream.fileno())
    tag = f'"{about.st_mtime_ns:x}-{about.st_size:x}"'
    headers = {"ETag": tag, "Cache-Control": "public, max-age=60", "X-Content-Type-Options": "nosniff"}
    if tag in request.headers.get("if-none-match", ""):
        stream.close()
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(about.st_size)
    if request.method == "HEAD":
        stream.close()
        return Response(headers=headers, media_type=media_type)

    def chunks() -> Iterator[bytes]:
        with stream:
            while chunk := stream.read(_CHUNK):
                yield chunk

    return StreamingResponse(chunks(), headers=headers, media_type=media_type)


def build_app(publisher: Publisher) -> Starlette:
    """Return the web application of ``publisher``."""
    site, settings = _Site(publisher), publisher.settings
    files = [
        (settings.url, publisher.descriptor_file, "application/json"),
        (settings.link(editions.FULL), publisher.public / editions.FULL, _PUBLICATION_TYPE),
        (settings.link(editions.OWN), publisher.public / editions.OWN, _PUBLICATION_TYPE),
    ]
    routes = [Route(urlsplit(url).path or "/", site.file(path, kind)) for url, path, kind in files]
    routes.append(Route(urlsplit(settings.link("pub/")).path + "{name}", site.partial))
    routes.append(Route(urlsplit(settings.link("report")).path, site.report, methods=["POST"]))
    routes.append(Route(urlsplit(settings.link("health")).path, site.health))
    routes.append(Route(urlsplit(settings.link("status")).path, site.status))
    routes += Staff(publisher).routes()
    handlers = {HTTPException: site.failed, OperationalError: site.busy}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app
