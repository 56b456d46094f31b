"""The whole way in one run: three badges meet, one owner reports, one is alerted, the diagnosis is withdrawn.

The badges run their real firmware on simulated boards in virtual time; the publisher is the real
one, over TLS on this computer. What should come out stands in this scenario, beside each step;
identifiers and seeds are judged by ``cxhost.drbg``, which shares no code with the badge.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from cxhost import drbg, lists, show, sync
from cxhost.asn1 import publication_data
from cxhost.companion import Badge
from cxhost.consent import press_ms
from cxhost.publisher import AlertLevel, Publisher, listen, make_localhost_tls, serve
from cxhost.sim import OnAir, SimulatedBadge, Simulation

START = datetime(2026, 3, 2, 8, 0, tzinfo=timezone.utc)
MEETING_S = 40 * 60
PASSING_AFTER_S = 20 * 60
PASSING_S = 2 * 60
DAYS_LATER_S = 2 * 86_400
_HOME = {"A": (0.0, 0.0), "B": (2.0, 0.0), "C": (1000.0, 1000.0)}
_ALONE = {"A": (0.0, 0.0), "B": (1000.0, 0.0), "C": (0.0, 1000.0)}
_PASSING = (0.0, 2.0)


@dataclass
class Check:
    """One line of the table at the end."""

    what: str
    expected: str
    happened: str
    is_right: bool


@dataclass
class Stage:
    """Everything that the steps of the demo share."""

    sim: Simulation
    badges: dict[str, SimulatedBadge]
    publisher: Publisher
    client: httpx.Client
    kept: Path
    out: Console
    code: str = ""
    disclosed: list[bytes] = field(default_factory=list)
    reported_at: datetime = START
    checks: list[Check] = field(default_factory=list)

    def say(self, who: str, text: str) -> None:
        """Print one line of the timeline."""
        when = self.sim.now.strftime("%a %H:%M:%S")
        self.out.print(f"[dim]{when}[/dim]  [bold]{who:9}[/bold] {text}", highlight=False, soft_wrap=True)

    def check(self, what: str, expected: str, happened: object, is_right: bool) -> None:
        """Add a line to the table at the end."""
        self.checks.append(Check(what, expected, str(happened), is_right))

    def within(self, what: str, low: float, high: float, happened: float, unit: str = "") -> None:
        """Add a line that expects a figure in a range."""
        expected = f"{low:g}{unit}" if low == high else f"{low:g} to {high:g}{unit}"
        self.check(what, expected, f"{round(happened, 1):g}{unit}", low <= happened <= high)

    @contextmanager
    def cable(self, name: str) -> Iterator[tuple[Badge, Any]]:
        """Plug a badge into the computer; its owner presses the button whenever it asks."""
        badge = self.badges[name]
        transport = badge.transport()

        def on_waiting(kind: str, _seconds: int) -> None:
            self.say(f"owner {name}", "sees the light blink and presses the button")
            badge.press_button(press_ms(kind))

        yield Badge(transport, on_waiting), transport
        transport.close()


def run(directory: Path, out: Console, seed: int = 1) -> bool:
    """Run the demo in an empty ``directory``; return whether everything happened as expected."""
    began = time.monotonic()
    with _stage(directory, out, seed) as stage:
        _provision(stage)
        _meet(stage)
        _report(stage)
        _alert(stage)
        _withdraw(stage)
        _judge_the_air(stage)
    _print_table(stage, time.monotonic() - began)
    return all(check.is_right for check in stage.checks)


@contextmanager
def _stage(directory: Path, out: Console, seed: int) -> Iterator[Stage]:
    tls = make_localhost_tls(directory)
    trusted = ssl.create_default_context(cafile=str(tls.ca))
    listener = listen()
    url = f"https://localhost:{listener.getsockname()[1]}/cx.json"
    with (
        Simulation(directory / "badges", seed=seed, start=START) as sim,
        Publisher.create(
            directory / "publisher",
            "Ruritania Health Service",
            url,
            clock=lambda: sim.now,
            fewest_new_seeds=1,  # no decoys: what is counted here is what was reported
        ) as publisher,
        serve(publisher, tls, listener),
        httpx.Client(verify=trusted, timeout=30) as client,
    ):
        badges = {name: sim.add_badge(name, position=place) for name, place in _HOME.items()}
        yield Stage(sim, badges, publisher, client, directory / "lists", out)


def _provision(stage: Stage) -> None:
    stage.say("publisher", f"{stage.publisher.name} answers at {stage.publisher.url}")
    text = lists.fetch(stage.client, stage.publisher.url).decode()
    for name in stage.badges:
        with stage.cable(name) as (badge, transport):
            hello = badge.hello()
            badge.request("set_time", unix=int(transport.now()))
            sync.provision(badge, text)
            stage.say(f"badge {name}", f"version {hello['version']}: knows the time and trusts the publisher")


def _meet(stage: Stage) -> None:
    sim = stage.sim
    stage.say("A and B", "two metres apart from now on, for 40 minutes")
    began = sim.now
    sim.run_for(PASSING_AFTER_S)
    stage.badges["C"].move(_PASSING)
    stage.say("C", "passes A at two metres, for two minutes")
    sim.run_for(PASSING_S)
    stage.badges["C"].move(_ALONE["C"])
    sim.run_until(began + timedelta(seconds=MEETING_S))
    for name, place in _ALONE.items():
        stage.badges[name].move(place)
    for sent in _sent(stage, "A"):
        stage.say("on air", f"A: {sent.payload[7:].hex()} from {sent.address.hex(':')}")
    stage.say("all", "go their own ways for two days")
    sim.run_for(DAYS_LATER_S)
    for name in ("B", "C"):
        with stage.cable(name) as (badge, _):
            info = badge.request("info")
        stage.say(f"badge {name}", f"{info['contacts']} contacts logged, {info['heard']} receptions")
        stage.within(f"badge {name} has logged contacts", 4 if name == "B" else 1, 8, info["contacts"])


def _report(stage: Stage) -> None:
    """Let A's owner report, and publish the seeds."""
    stage.code = stage.publisher.issue_code(level=AlertLevel.DIAGNOSED)
    stage.say("publisher", f"a clinic gives A's owner the confirmation code {stage.code}")
    with stage.cable("A") as (badge, _):
        known = badge.request("info")["publishers"][0]
        signed = sync.take_report(badge, known, stage.code)
    stage.reported_at = stage.sim.now
    sync.upload_report(stage.client, known["report"], signed)
    seeds = stage.publisher.code_state(stage.code).seeds
    stage.say("computer", f"uploads A's signed report, {len(signed)} bytes, {seeds} seeds: accepted")
    stage.within("seeds in A's report, one a day", 2, 3, seeds)
    stage.sim.run_for(3600)
    listed = _publish(stage)
    stage.disclosed = [seed for _, seed in listed]
    stage.within("seeds in the list", seeds, seeds, len(listed))


def _alert(stage: Stage) -> None:
    """B was near for 40 minutes, C for two: one alarm, and both can say why."""
    found = _sync_and_look(stage, "B")
    stage.check(
        "B's alarm", "yes, diagnosed", _told(found), found["alarm"] and _levels(found) == ["diagnosed"]
    )
    stage.within(
        "B's minutes near A",
        36,
        44,
        sum(alert["buckets"][0]["seconds"] for alert in found["alerts"]) / 60,
        " min",
    )
    found = _sync_and_look(stage, "C")
    stage.check(
        "C's alarm", "no, diagnosed", _told(found), not found["alarm"] and _levels(found) == ["diagnosed"]
    )
    stage.within(
        "C's minutes near A",
        1,
        4,
        sum(alert["buckets"][0]["seconds"] for alert in found["alerts"]) / 60,
        " min",
    )
    reason = show.why(found["alerts"][0]) if found["alerts"] else "nothing found"
    stage.check(
        "C can say why", "... below the threshold of 15 min", reason, "below the threshold of 15" in reason
    )
    _look_at_light(stage, "B", "alert", 3)
    _look_at_light(stage, "C", "working", 1)


def _withdraw(stage: Stage) -> None:
    """The diagnosis was wrong: the next list says so, and B's alert goes."""
    stage.publisher.set_level(stage.code, AlertLevel.NO_ALERT)
    stage.say("publisher", "the laboratory was wrong: the case is withdrawn")
    stage.sim.run_for(3600)
    _publish(stage)
    for name in ("B", "C"):
        found = _sync_and_look(stage, name)
        is_gone = not found["alarm"] and all(alert["risk"] == "none" for alert in found["alerts"])
        stage.check(f"{name}'s alarm after the withdrawal", "no, no-alert", _told(found), is_gone)
    _look_at_light(stage, "B", "working", 1)


def _judge_the_air(stage: Stage) -> None:
    """Compare everything that was on air with what the published seeds give by independent code."""
    explained = {identifier for seed in stage.disclosed for identifier in drbg.contact_ids(1, seed, 2048)}
    sent = _sent(stage, "A")
    before = [one for one in sent if one.time <= stage.reported_at]
    after = [one for one in sent if one.time > stage.reported_at]
    known = sum(one.payload[7:] in explained for one in before)
    stage.within("A's identifiers before the report that its seeds explain", len(before), len(before), known)
    stage.check("A's identifiers after the report", "some", len(after), len(after) > 0)
    known = sum(one.payload[7:] in explained for one in after)
    stage.within("A's identifiers after the report that its seeds explain", 0, 0, known)
    pairs = {(one.address, one.payload) for name in stage.badges for one in _sent(stage, name)}
    shared = 2 * len(pairs) - len({address for address, _ in pairs}) - len({payload for _, payload in pairs})
    stage.within(f"addresses or identifiers used twice in {len(pairs)} rotations", 0, 0, shared)


def _publish(stage: Stage) -> list[tuple[int, bytes]]:
    """Publish and return the list's (level, seed) pairs, read with asn1crypto."""
    edition = stage.publisher.publish()
    data = edition.path.read_bytes()
    listed = []
    for notification in publication_data(data)["notifications"]:
        seeds = notification["seed_values"].native
        listed += [(notification["alert_level"].native, seeds[i : i + 24]) for i in range(0, len(seeds), 24)]
    stage.say("publisher", f"publishes a signed list, {len(data)} bytes:")
    for level, seed in listed:
        stage.say("", f"  level {level}, seed {seed.hex()}")
    return listed


def _sync_and_look(stage: Stage, name: str) -> dict[str, Any]:
    """Sync a badge over its cable and return the alerts that it shows its owner."""
    with stage.cable(name) as (badge, transport):
        kept = lists.Lists(stage.client, stage.kept)
        result = sync.sync(badge, transport, kept, lambda what, done, total: None, is_forced=True)
        for one in result.publishers:
            stage.say(
                f"badge {name}",
                f"takes the list, {one.bytes_sent} bytes, matches {one.new_seeds} new seeds",
            )
            stage.check(f"{name}'s list taken and matched", "yes", one.error or "yes", one.error is None)
        found = badge.request("alerts", timeout_s=60)
    for alert in found["alerts"]:
        reason = show.why(alert)
        stage.say(
            f"badge {name}",
            f"risk {alert['risk']}, {alert['level']}, {show.date_text(alert['first'])}: {reason}",
        )
    return found


def _look_at_light(stage: Stage, name: str, state: str, flashes: int) -> None:
    """Count how often the badge's light flashes in one go, over two minutes."""
    badge = stage.badges[name]
    began = stage.sim.now
    stage.sim.run_for(120)
    lit = [one.time for one in badge.pin_log if one.value == 1 and one.time >= began]
    groups: list[list[datetime]] = []
    for moment in lit:
        if groups and moment - groups[-1][-1] < timedelta(seconds=1):
            groups[-1].append(moment)
        else:
            groups.append([moment])
    # The window may cut the first and the last group short.
    seen = sorted({len(group) for group in groups[1:-1] or groups})
    happened = " or ".join(map(str, seen)) + " in a row"
    stage.check(f"{name}'s light shows: {state}", f"{flashes} in a row", happened, seen == [flashes])


def _sent(stage: Stage, name: str) -> list[OnAir]:
    """Return every broadcast that a badge began."""
    return [one for one in stage.sim.on_air if one.badge == name and one.payload]


def _told(found: dict[str, Any]) -> str:
    return f"{'yes' if found['alarm'] else 'no'}, {' '.join(_levels(found)) or 'nothing met'}"


def _levels(found: dict[str, Any]) -> list[str]:
    return [alert["level"] for alert in found["alerts"]]


def _print_table(stage: Stage, seconds: float) -> None:
    table = Table("what", "expected", "happened", "")
    for check in stage.checks:
        verdict = "[green]ok[/green]" if check.is_right else "[red]WRONG[/red]"
        table.add_row(check.what, check.expected, check.happened, verdict)
    stage.out.print(table)
    virtual = stage.sim.now - START
    stage.out.print(f"{virtual} of three badges' lives in {seconds:.0f} s.")
