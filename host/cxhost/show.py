"""How the companion shows a badge's answers to people."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text


def date_text(unix: float | None) -> str:
    """Return a date for people, in UTC; "unknown" for None."""
    if unix is None:
        return "unknown"
    return datetime.fromtimestamp(unix, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def why(alert: dict[str, Any]) -> str:
    """Return one sentence that says where an alert's risk comes from."""
    parts = [f"{bucket['seconds'] / 60:.0f} min up to {bucket['to_db']} dB" for bucket in alert["buckets"]]
    figures = ", ".join([*parts, f"{alert['far_s'] / 60:.0f} min farther away"])
    if alert["undated"]:
        figures += f"; the date of {alert['undated']} of {alert['contacts']} contacts is not known"
    if alert["doubtful"]:
        figures += f"; {alert['doubtful']} of {alert['contacts']} contacts are doubtful (wrong order)"
    if alert["level"] in ("no-alert", "expired"):
        return f"{figures}; the health authority has withdrawn this case"
    if alert["level"] == "debug-alert":
        return f"{figures}; a test of the system, never an alarm"
    limits = " or ".join(
        f"{bucket['high_min']} min up to {bucket['to_db']} dB"
        for bucket in alert["buckets"]
        if bucket["high_min"]
    )
    relation = "at or above" if alert["risk"] == "high" else "below"
    return f"{figures}; {relation} the threshold of {limits}"


def show_alerts(console: Console, summary: dict[str, Any]) -> None:
    """Print a badge's alerts, or that there are none."""
    if not summary["alerts"]:
        console.print("No published case was met.")
        return
    # "marked": for how long of it the owner's mark was on, with a double press of the button
    table = Table("risk", "level", "first", "last", "contacts", "closest", "marked", "why")
    for alert in summary["alerts"]:
        table.add_row(
            alert["risk"],
            alert["level"],
            date_text(alert["first"]),
            date_text(alert["last"]),
            str(alert["contacts"]),
            f"{alert['least_db']} dB",
            f"{alert['tagged_s'] / 60:.0f} min" if alert["tagged_s"] else "-",
            why(alert),
        )
    console.print(table)
    if summary["more"]:
        console.print(f"{summary['more']} less serious ones are not shown.")


def show_info(console: Console, info: dict[str, Any]) -> None:
    """Print what a badge says of itself."""
    console.print(info_view(info))


def info_view(info: dict[str, Any]) -> Group:
    """Return what a badge says of itself, to be printed."""
    table = Table(show_header=False, box=None)
    for label, text in _info_rows(info):
        table.add_row(label, text)
    lines = []
    for publisher in info["publishers"]:
        state = "a list is being matched" if publisher["pending"] else date_text(publisher["published_at"])
        lines.append(
            f"publisher {publisher['id']}  {publisher['name']}  {publisher['url']}  list of: {state}"
        )
        if publisher["unknown_types"]:
            lines.append(
                f"  {publisher['unknown_types']} notifications of a kind that this version cannot check: "
                "they are checked after an update"
            )
        if publisher["needs_full"]:
            lines.append("  all of it must be matched again: sync with the full list")
    return Group(table, *[Text(line, overflow="fold") for line in lines])


def _log_rows(info: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what the log holds, and what became no record or went early, if there is any."""
    log = info["log"]
    days = 0 if log["days"] is None else log["days"]
    rows = [("log", f"{days} days in {log['blocks']} blocks" + (", mark is on" if info["marked"] else ""))]
    names = {
        "dropped": "gone early, log full",
        "damaged": "unreadable",
        "unwritten": "not written, flash full",
    }
    lost = [f"{log[key]} {text}" for key, text in names.items() if log[key]]
    if lost:
        rows.append(("lost contacts", "; ".join(lost)))
    reasons = {
        "brief": "heard in one scan only",
        "no_room": "refused, too many at once",
        "crowded_out": "gave way to nearer ones",
        "over_allowance": "over the limit of a day",
    }
    missed = [f"{info['not_logged'][key]} {text}" for key, text in reasons.items() if info["not_logged"][key]]
    if missed:
        rows.append(("not logged", "; ".join(missed)))
    return rows


def _info_rows(info: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("version", f"{info['version']} on {info['board']}, identifiers by {info['engine']}"),
        ("time", date_text(info["time"])),
        (
            "running for",
            f"{info['uptime_s'] // 3600} h {info['uptime_s'] // 60 % 60} min, start number {info['boot']}",
        ),
        (
            "battery",
            "none to read" if info.get("battery_mv") is None else f"{info['battery_mv'] / 1000:.2f} V",
        ),
        ("contacts", f"{info['contacts']} logged, {info['near']} near now"),
        *_log_rows(info),
        ("broadcast", f"{info['rotations']} identifiers, {info['failures']} failed changes"),
        (
            "scans",
            f"{info['scans']} ({info['scan_restarts']} died), {info['reports']} reports, "
            f"{info['heard']} receptions, {info['dropped']} dropped",
        ),
        ("radio restarts", str(info["radio_restarts"])),
        ("seeds", str(info["seeds"])),
        ("free memory", f"{info['free_bytes']} bytes"),
    ]
    if info["lost_files"]:
        rows.append(("lost files", ", ".join(info["lost_files"])))
    if info["last_crash"]:
        rows.append(
            ("last crash", f"{info['last_crash']['error']} at {'; '.join(info['last_crash']['places'])}")
        )
    return rows
