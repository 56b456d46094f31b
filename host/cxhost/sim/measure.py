"""From the record of a run to its figures: what was found, what was missed, and what it cost."""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from cx import profiles
from cxhost import energy
from cxhost.boards import load_board
from cxhost.sim.attackers import Sniffer
from cxhost.sim.badge import SimulatedBadge
from cxhost.sim.run import Record, Reported, Run, Synced
from cxhost.sim.scenario import DAY_S

# Bins of true minutes within two metres; the last has no end.
EDGES_MIN = (0, 1, 5, 10, 15, 20, 30, 60, 120)
CONTACT_MIN = 15
CLOSE_MIN = 5
_LISTENING = 1  # of the parts of the energy computed
_CYCLES = 100_000  # erasures of a block that makers of SPI flash promise
# docs/identifiers.md: an identifier generated and tested on an ESP32, and how many a seed has at most.
_IDENTIFIER_US = 45
_IDENTIFIERS = 2048


@dataclass(frozen=True)
class Verdict:
    """What one owner was told after one round of reports, beside the truth.

    ``near_min``: true minutes within two metres of the one of the reporters who was there longest;
    ``live_min``: of these, while both badges were worn and on; ``close_min``: within four metres. ``risk``:
    high (an alert), low or none; ``delay_h``: from the report to the alert, None without one.
    """

    owner: str
    reporters: tuple[str, ...]
    near_min: float
    live_min: float
    close_min: float
    risk: str
    delay_h: float | None


def verdicts(record: Record) -> list[Verdict]:
    """Return each owner's verdict after each round of reports that reached them."""
    found = []
    sessions: dict[int, list[Synced]] = {}
    for synced in record.syncs:
        if not synced.session.error:
            sessions.setdefault(synced.person.index, []).append(synced)
    for index, mine in sessions.items():
        told: set[int] = set()
        for synced in mine:
            fresh = [
                report
                for report in record.reports
                if id(report) not in told and _is_listed(record, report, synced.at_s)
            ]
            told.update(id(report) for report in fresh)
            others = [report for report in fresh if report.person.index != index]
            if others:
                found.append(_verdict(record, synced, others))
    return found


def _is_listed(record: Record, report: Reported, at_s: float) -> bool:
    """Tell whether a report was in the newest list at a time."""
    return not report.session.error and any(report.at_s < out_s <= at_s for out_s in record.published)


def _verdict(record: Record, synced: Synced, reports: list[Reported]) -> Verdict:
    index = synced.person.index
    contacts = [report.contacts[index] for report in reports if index in report.contacts]
    risks = synced.session.new_risks
    risk = "high" if "high" in risks else "low" if "low" in risks else "none"
    first_s = min(report.at_s for report in reports)
    lit = [at_s for at_s, person, is_alert in record.lit if person == index and is_alert and at_s > first_s]
    ended_s = synced.at_s + synced.session.ended_s - synced.session.began_s
    return Verdict(
        synced.person.name,
        tuple(report.person.name for report in reports),
        max((contact.near_s for contact in contacts), default=0.0) / 60,
        max((contact.live_s for contact in contacts), default=0.0) / 60,
        max((contact.close_s for contact in contacts), default=0.0) / 60,
        risk,
        (min([*lit, ended_s]) - first_s) / 3600 if risk == "high" else None,
    )


def result(run: Run) -> dict[str, Any]:
    """Return everything that is reported of a finished run, as JSON has it. Switches the badges off."""
    record = run.record
    for badge in record.badges.values():
        badge.power_off()
    found = verdicts(record)
    scenario = record.scenario
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "seed": record.seed,
        "badges": len(record.badges),
        "people": len(record.people),
        "hours": (scenario.end - scenario.begin) / 3600,
        "detection": _detection(found),
        "alerts": _alerts(found),
        "delay_h": _spread([one.delay_h for one in found if one.delay_h is not None]),
        "sniffers": [
            {"at": one.attacker.at, **asdict(one.followed())}
            for one in run.attackers
            if isinstance(one, Sniffer)
        ],
        "attackers": [
            {"kind": type(one).__name__.lower(), "identifiers": one.identifiers}
            for one in run.attackers
            if not isinstance(one, Sniffer)
        ],
        "identifiers": _identifiers(run),
        "flash": _flash(record),
        "energy": _energy(record),
        "sync": _sync(record),
        "faults": _faults(run),
        "verdicts": [asdict(one) for one in found],
        "digest": _digest(run),
        "machine": {"wall_s": round(record.wall_s, 1), "steps": run.sim.steps},
    }


def _detection(found: list[Verdict]) -> dict[str, Any]:
    bins = []
    for low, high in zip(EDGES_MIN, [*EDGES_MIN[1:], None], strict=True):
        inside = [one for one in found if low <= one.live_min and (high is None or one.live_min < high)]
        risks = Counter(one.risk for one in inside)
        bins.append({"from_min": low, "to_min": high, "owners": len(inside), **_shares(risks, len(inside))})
    return {
        "contacts": _found([one for one in found if one.live_min >= CONTACT_MIN]),
        "with_badges_off": _found([one for one in found if one.near_min >= CONTACT_MIN]),
        "by_minutes": bins,
    }


def _shares(risks: Counter[str], total: int) -> dict[str, float | None]:
    return {name: round(risks[name] / total, 4) if total else None for name in ("high", "low", "none")}


def _found(contacts: list[Verdict]) -> dict[str, Any]:
    """Return how many contacts of 15 minutes led to an alert (high risk), and how many to a low risk."""
    risks = Counter(one.risk for one in contacts)
    return {"owners": len(contacts), **_shares(risks, len(contacts))}


def _alerts(found: list[Verdict]) -> dict[str, Any]:
    high = [one for one in found if one.risk == "high"]
    false = [one for one in high if one.close_min < CLOSE_MIN]
    return {
        "count": len(high),
        "false": len(false),
        "false_share": round(len(false) / len(high), 4) if high else None,
        "low": sum(one.risk == "low" for one in found),
    }


def _spread(values: Iterable[float]) -> dict[str, Any]:
    """Return count, least, median, 90th percentile and largest of some values."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    return {
        "count": len(ordered),
        "least": round(ordered[0], 3),
        "median": round(statistics.median(ordered), 3),
        "p90": round(ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))], 3),
        "most": round(ordered[-1], 3),
    }


def _identifiers(run: Run) -> dict[str, int]:
    """Return how many identities were on air, and how often an identifier or an address came back."""
    sent = [one for one in run.sim.on_air if one.payload]
    return {
        "on_air": len(sent),
        "repeated_identifiers": len(sent) - len({one.payload for one in sent}),
        "repeated_addresses": len(sent) - len({one.address for one in sent}),
    }


def _days(record: Record, badge: SimulatedBadge) -> float:
    person = next(person for person, one in record.badges.items() if one is badge)
    return max(record.powered_s.get(person, 0.0), 60.0) / DAY_S


def _flash(record: Record) -> dict[str, Any]:
    days = {badge: _days(record, badge) for badge in record.badges.values()}
    erased = [sum(badge.use.erased.values()) / days[badge] for badge in days]
    blocks = load_board("sim").block_count
    return {
        "erased_blocks_a_day": _spread(erased),
        "nvs_commits_a_day": _spread(badge.use.nvs_commits / days[badge] for badge in days),
        "most_of_one_block": max((max(badge.use.erased.values(), default=0) for badge in days), default=0),
        "years": round(_CYCLES * blocks / max(*erased, 0.01) / 365, 0),
        "per_badge": [round(one, 1) for one in erased],
    }


def _energy(record: Record) -> dict[str, Any]:
    """Return mean currents and hours of life.

    Shares of time as measured, currents as the board states them.
    """
    settings = record.scenario.badges
    board = load_board(settings.energy_board)
    computed = energy.compute(board, profiles.profile(profiles.DEFAULT), settings.battery_mah)
    nominal = computed.parts[_LISTENING].share
    least, most, listening = [], [], []
    for badge in record.badges.values():
        share = badge.use.listened_us / 1e6 / (_days(record, badge) * DAY_S)
        listening.append(share)
        parts = list(computed.parts)
        parts[_LISTENING] = energy.Part("listening", share, parts[_LISTENING].on_ma)
        least.append(settings.battery_mah / sum(part.mean_ma[1] for part in parts))
        most.append(settings.battery_mah / sum(part.mean_ma[0] for part in parts))
    return {
        "board": board.name,
        "battery_mah": settings.battery_mah,
        "hours_least": _spread(least),
        "hours_most": _spread(most),
        "listening_share": _spread(listening),
        "listening_share_planned": round(nominal, 4),
        "per_badge_hours": [[round(a, 2), round(b, 2)] for a, b in zip(least, most, strict=True)],
        "sources": computed.sources,
    }


def _sync(record: Record) -> dict[str, Any]:
    done = [one.session for one in record.syncs if not one.session.error]
    seeds = sum(one.new_seeds for one in done)
    return {
        "count": len(done),
        "failed": [
            {"badge": one.session.badge, "hour": round(one.at_s / 3600, 2), "error": one.session.error}
            for one in record.syncs
            if one.session.error
        ],
        "refusals": [
            {"badge": one.session.badge, "hour": round(one.at_s / 3600, 2), "error": text}
            for one in record.syncs
            for text in one.session.refusals
        ],
        "bytes": _spread(one.bytes_to_badge + one.bytes_from_badge for one in done),
        "list_bytes": _spread(one.list_bytes for one in done),
        "seconds": _spread(one.ended_s - one.began_s for one in done),
        "matching_s": _spread(one.matching_s for one in done),
        "new_seeds": seeds,
        "matching_estimate_s_at_most": _spread(
            one.new_seeds * _IDENTIFIERS * _IDENTIFIER_US / 1e6 for one in done if one.new_seeds
        ),
        "reports": [
            {
                "person": one.person.name,
                "hour": round(one.at_s / 3600, 2),
                "bytes": one.session.bytes_to_badge + one.session.bytes_from_badge,
                "error": one.session.error,
            }
            for one in record.reports
        ],
    }


def _faults(run: Run) -> dict[str, Any]:
    expected, missing = 0, []
    for person, hearing in run.hearing.items():
        count, lost = hearing.missing()
        expected += count
        missing += [{"badge": person.name, "minutes": round((v.last_us - v.first_us) / 6e7, 1)} for v in lost]
    badges = run.record.badges.values()
    starts = sum(badge.starts for badge in badges)
    losses = sum(len(badge.use.power_losses) for badge in badges)
    return {
        "batteries_pulled": run.wearing.pulled,
        "cut_while_writing": run.wearing.cut,
        "taken_off": run.wearing.taken_off,
        # Each badge was switched on once, and off at the end of the run; a cut one may have ended dark.
        "own_restarts": max(0, starts - losses),
        "contacts_to_be_logged": expected,
        "contacts_missing": missing,
    }


def _digest(run: Run) -> str:
    """Return a hash of everything that happened: two runs with one seed have the same."""
    record = run.record
    digest = hashlib.sha256()
    for one in sorted(run.sim.on_air):
        digest.update(repr(one).encode())
    for person, hearing in run.hearing.items():
        digest.update(repr((person.name, sorted(hearing.visits.items()))).encode())
    digest.update(repr((record.frames, record.lit)).encode())
    for one in [*record.reports, *record.syncs]:
        session = one.session
        told = (session.badge, one.at_s, session.new_seeds, session.alarm, session.new_risks, session.error)
        digest.update(repr(told).encode())
    return digest.hexdigest()
