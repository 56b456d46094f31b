"""A run's report: one HTML file with its figures, plots and a replay, that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cxhost.energy import TARGET_HOURS
from cxhost.sim.measure import CLOSE_MIN, CONTACT_MIN
from cxhost.sim.run import Record
from cxhost.sim.scenario import DAY_S, Place

DETECTION_GOAL = 0.95
FALSE_GOAL = 0.02
_NICE = (1, 2, 2.5, 5, 10)


def html(record: Record, result: dict[str, Any]) -> str:
    """Return the report of a run as one HTML document."""
    environment = Environment(
        loader=PackageLoader("cxhost.sim"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, short=short, clock=clock)
    return environment.get_template("report.html.j2").render(
        result=result,
        scenario=record.scenario,
        model=record.scenario.radio.model(),
        goals={"detection": DETECTION_GOAL, "false": FALSE_GOAL, "hours": TARGET_HOURS},
        contact_min=CONTACT_MIN,
        close_min=CLOSE_MIN,
        bins=_bins(result["detection"]["by_minutes"]),
        delays=_steps([one["delay_h"] for one in result["verdicts"] if one["delay_h"] is not None]),
        erased=_columns([(0.0, value) for value in sorted(result["flash"]["per_badge"])]),
        hours=_columns(sorted(result["energy"]["per_badge_hours"]), TARGET_HOURS),
        replay=replay(record),
        verdicts=sorted(result["verdicts"], key=lambda one: -one["near_min"]),
    )


def percent(share: float | None) -> str:
    """Return a share as people read it."""
    return "none" if share is None else f"{share:.1%}".replace(".0%", "%")


def short(value: float | None) -> str:
    """Return a number with as many digits as matter."""
    if value is None:
        return "none"
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 100 else f"{value:.3g}"


def clock(hour: float) -> str:
    """Return hours since the first midnight as day and time."""
    minutes = round(hour * 60)
    return f"day {minutes // 1440 + 1}, {minutes // 60 % 24:02}:{minutes % 60:02}"


def _bins(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the bins that are not empty, with their labels."""
    named = []
    for row in rows:
        if row["owners"]:
            end = f" to {row['to_min']}" if row["to_min"] is not None else " or more"
            named.append({**row, "label": f"{row['from_min']}{end}"})
    return named


def nice_top(value: float) -> float:
    """Return the end of an axis: the next round number from ``value``."""
    step = 1.0
    while step * 10 <= value:
        step *= 10
    while step > value > 0:
        step /= 10
    return next(step * factor for factor in _NICE if step * factor >= value)


def _steps(values: list[float]) -> dict[str, Any]:
    """Return a cumulative curve: points (hour, share of all alerts), and the end of its axis."""
    ordered = sorted(values)
    points = [(0.0, 0.0)]
    for at, value in enumerate(ordered):
        points += [(value, at / len(ordered)), (value, (at + 1) / len(ordered))]
    top = nice_top(ordered[-1]) if ordered else 1.0
    return {"points": [*points, (top, 1.0)] if ordered else [], "top": top}


def _columns(ranges: Sequence[Sequence[float]], at_least: float = 0.0) -> dict[str, Any]:
    """Return columns from low to high, one for each badge, and the end of their axis."""
    return {"columns": ranges, "top": nice_top(max([high for _, high in ranges] + [at_least, 0.1]))}


def replay(record: Record) -> dict[str, Any]:
    """Return everything that moves, for the floor plan: seconds and decimetres, as whole numbers."""
    scenario, (left, bottom, right, top) = record.scenario, record.plan.size()
    people = []
    for person in record.people:
        flat: list[int | None] = []
        for at_s, x, y in record.frames.get(person.index, []):
            flat += [round(at_s), None if x is None else round(x * 10), None if y is None else round(y * 10)]
        people.append({"name": person.name, "badge": person.has_badge, "frames": flat})
    return {
        "begin": scenario.begin,
        "end": scenario.end,
        "box": [round(value * 10) for value in (left, bottom, right, top)],
        "places": [_drawn(place) for place in scenario.places],
        "people": people,
        "lit": [[round(at_s), person, int(is_on)] for at_s, person, is_on in record.lit],
        "reports": [[round(one.at_s), one.person.index] for one in record.reports if not one.session.error],
        "attackers": [
            {"kind": one.kind, "at": [round(value * 10) for value in one.at]} for one in scenario.attacker
        ],
        "day": DAY_S,
    }


def _drawn(place: Place) -> dict[str, Any]:
    box = [round(value * 10) for value in (*place.at, *place.size)]
    return {"name": place.name, "box": box, "wall": place.wall_db}
