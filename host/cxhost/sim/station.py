"""The computer at the reception, and the health authority behind it: what badges are plugged into.

The publisher is the real one, with its web application; requests reach it without a network, so that a run
depends on nothing outside. Its keys are as random as ever, but its codes are drawn from the scenario's seed,
and what it signs is signed anew until the signature has its commonest length: so that a cable carries as
many bytes, and takes as much virtual time, in each run with one seed.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from asn1crypto import cms
from cryptography import x509
from starlette.applications import Starlette

from cxhost import sync
from cxhost.companion import Badge, BadgeError
from cxhost.consent import press_ms
from cxhost.lists import FetchError, fetch
from cxhost.publisher import AlertLevel, Publisher
from cxhost.publisher.web import build_app
from cxhost.sim.badge import SimulatedBadge
from cxhost.sim.scenario import Publisher as Settings
from cxhost.sim.simulation import Simulation
from cxhost.sim.transport import SimTransport

_URL = "https://health.example/cx.json"
# ECDSA with P-256 gives 71 bytes half of the time; RSA with 3072 bits always 384.
_COMMON = (71, 384)
# The publisher's clock is late by this, so that it has seconds to sign again at one moment of the world.
_BEHIND = timedelta(seconds=-60)
_SERIAL_BITS = 152  # a certificate's serial number of 20 bytes
_MATCHING_S = 6 * 3600
_POLL_S = 5
_TRIES = 3
_LASTING = ("first", "near_s", "medium_s", "far_s", "contacts", "least_db")


@dataclass
class Session:
    """One badge at the cable. ``began_s`` and ``ended_s`` since the simulation began; bytes on the wire.

    ``new_risks``: the risk of each alert that was not there the last time; ``refusals``: why the badge
    refused something that was then asked again; ``error``: why it was cut short.
    """

    badge: str
    began_s: float
    ended_s: float = 0.0
    bytes_to_badge: int = 0
    bytes_from_badge: int = 0
    list_bytes: int = 0
    new_seeds: int = 0
    matching_s: float = 0.0
    alarm: bool = False
    new_risks: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    error: str = ""


class _Meter:
    """A transport that counts."""

    def __init__(self, inner: SimTransport, session: Session) -> None:
        self._inner = inner
        self._session = session

    def write(self, data: bytes) -> None:
        self._session.bytes_to_badge += len(data)
        self._inner.write(data)

    def read(self, timeout_s: float) -> bytes:
        data = self._inner.read(timeout_s)
        self._session.bytes_from_badge += len(data)
        return data

    def now(self) -> float:
        return self._inner.now()

    def close(self) -> None:
        self._inner.close()


class _Inside(httpx.BaseTransport):
    """Brings requests to a web application in this process."""

    def __init__(self, app: Starlette) -> None:
        self._inner = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._handle(request))

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        content = request.read()
        inner = httpx.Request(request.method, request.url, headers=request.headers, content=content)
        answer = await self._inner.handle_async_request(inner)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


def _publisher(folder: Path, clock: Callable[[], datetime], settings: Settings) -> Publisher:
    for attempt in count():
        made = Publisher.create(
            folder / str(attempt),
            "Ruritania Health Service",
            _URL,
            clock=clock,
            key_kind=settings.key,
            interval_minutes=settings.every_min,
            earliest_update_minutes=settings.every_min // 2,
            **({} if settings.decoys else {"fewest_new_seeds": 1}),
        )
        certificate = x509.load_pem_x509_certificate(made.certificate_pem)
        if certificate.serial_number.bit_length() > _SERIAL_BITS and len(certificate.signature) in _COMMON:
            return made
        made.close()
    raise AssertionError  # count() has no end


def _is_common(publication: bytes) -> bool:
    signer = cms.ContentInfo.load(publication)["content"]["signer_infos"][0]
    return len(bytes(signer["signature"])) in _COMMON


class Station:
    """A computer with a cable, and the publisher. A context manager."""

    def __init__(self, folder: Path, sim: Simulation, draw: random.Random, settings: Settings) -> None:
        self._sim = sim
        self._draw = draw
        self._seen: dict[str, set[str]] = {}
        self._ahead = _BEHIND
        self.publisher = _publisher(folder, self._clock, settings)
        self.publish()
        self._client = httpx.Client(transport=_Inside(build_app(self.publisher)))

    def __enter__(self) -> Station:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()
        self.publisher.close()

    def _clock(self) -> datetime:
        return self._sim.now + self._ahead

    def publish(self) -> None:
        """Let the publisher sign a new list."""
        self._ahead = _BEHIND
        while not _is_common(self.publisher.publish().path.read_bytes()):
            self._ahead += timedelta(seconds=1)  # no two lists are of one second

    def provision(self, badge: SimulatedBadge) -> None:
        """Tell a badge the time and whom to trust."""
        session = Session(badge.name, self._now_s())
        companion, meter = self._plug(badge, session)
        companion.request("set_time", unix=int(meter.now()))
        sync.provision(companion, self.publisher.descriptor_file.read_text())

    def sync(self, badge: SimulatedBadge) -> Session:
        """Bring a badge the time and the newest list, wait for the matching, and look at its alerts."""
        session = Session(badge.name, self._now_s())
        companion, meter = self._plug(badge, session)
        try:
            companion.hello()
            companion.request("set_time", unix=int(meter.now()), timeout_s=60)
            self._bring_list(companion, session)
            self._look(companion, session)
        except (BadgeError, FetchError) as error:
            session.error = str(error)
        session.ended_s = self._now_s()
        return session

    def report(self, badge: SimulatedBadge, level: str) -> Session:
        """Let the owner of a badge report under a fresh code."""
        session = Session(badge.name, self._now_s())
        companion, _ = self._plug(badge, session)
        try:
            companion.hello()
            draw = self._draw.randrange
            code = self.publisher.issue_codes(1, AlertLevel[level.upper()], draw=draw)[0]
            known = companion.request("info")["publishers"][0]
            signed = sync.take_report(companion, known, code)
            sync.upload_report(self._client, known["report"], signed)
        except (BadgeError, FetchError) as error:
            session.error = str(error)
        session.ended_s = self._now_s()
        return session

    def _now_s(self) -> float:
        return self._sim.now_us / 1e6

    def _plug(self, badge: SimulatedBadge, session: Session) -> tuple[Badge, _Meter]:
        meter = _Meter(badge.transport(), session)
        return Badge(meter, lambda kind, _seconds: badge.press_button(press_ms(kind))), meter

    def _bring_list(self, companion: Badge, session: Session) -> None:
        for known in companion.request("info", timeout_s=30)["publishers"]:
            data, publisher = fetch(self._client, known["pub"]), known["id"]
            session.list_bytes += len(data)
            put = partial(companion.put, "publication", data, publisher=publisher)
            self._patiently(session, put)
        began_s = self._now_s()
        while True:
            info = self._patiently(session, partial(companion.request, "info", timeout_s=30))
            matching = info["matching"]
            if not matching["waiting"]:
                break
            if self._now_s() - began_s > _MATCHING_S:
                raise BadgeError("matching", "the badge has been matching for hours")
            self._sim.run_for(_POLL_S)
        if matching["error"]:
            raise BadgeError("matching", matching["error"])
        session.matching_s = self._now_s() - began_s
        session.new_seeds = matching["new_seeds"]

    def _patiently(self, session: Session, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Ask a badge; what it refuses is asked again, as the companion does with a list's next URL."""
        while True:
            try:
                return ask()
            except BadgeError as error:
                if len(session.refusals) >= _TRIES or error.error == "timeout":
                    raise
                session.refusals.append(error.error)
                self._sim.run_for(_POLL_S)

    def _look(self, companion: Badge, session: Session) -> None:
        found = companion.request("alerts", timeout_s=60)
        session.alarm = found["alarm"]
        seen = self._seen.setdefault(session.badge, set())
        for alert in found["alerts"]:
            # An alert has no name, but its times and sums change only with what was met.
            key = json.dumps({name: alert.get(name) for name in _LASTING})
            if key not in seen:
                seen.add(key)
                session.new_risks.append(alert["risk"])
