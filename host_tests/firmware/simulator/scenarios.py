"""A small scenario for the tests: four people in a room, two outside, three hours, every kind of attacker."""

from __future__ import annotations

from typing import Any

ROOM = {
    "name": "room",
    "at": [0, 0],
    "size": [6, 6],
    "wall_db": 6.9,
    "seats": {"rows": 1, "columns": 4, "first": [1, 2], "gap": [1.0, 1.0], "facing": "south"},
}
YARD = {"name": "yard", "at": [0, 10], "size": [20, 20]}


def small(**changes: Any) -> dict[str, Any]:
    """Return the scenario as its TOML file would say it, with top-level fields replaced."""
    return {
        "name": "small",
        "title": "Six people, a room and a yard",
        "begin": "08:00",
        "end": "1 10:30",
        "entrance": [0, -5],
        "publisher": {"every_min": 10},
        "place": [ROOM, YARD],
        "group": [
            {
                "name": "in",
                "people": 4,
                "timetable": [
                    {"at": "08:05", "place": "room"},
                    {"at": "08:40", "place": "yard", "do": "mingle", "cluster": 2, "every_min": 5},
                    {"at": "09:00", "place": "away"},
                ],
            },
            {
                "name": "out",
                "people": 2,
                "timetable": [
                    {"at": "08:00", "place": "yard", "do": "wander", "every_min": 4},
                    {"at": "09:30", "place": "away"},
                ],
            },
        ],
        "report": [{"person": "in-2", "at": "1 09:40"}],
        "sync": [{"at": "10:05", "groups": ["in", "out"]}],
        "attacker": [
            {"kind": "sniffer", "at": [3, 3]},
            {
                "kind": "flooder",
                "at": [2, 3],
                "on_air": 3,
                "life_s": 30,
                "since": "1 08:10",
                "until": "1 08:20",
            },
        ],
        **changes,
    }
