"""How a scenario's file writes times and directions."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import BeforeValidator

DAY_S = 86_400
_TIME = re.compile(r"(?:(\d{1,2}) )?([01]?\d|2[0-4]):([0-5]\d)")
_FACING = {"east": 0.0, "north": math.pi / 2, "west": math.pi, "south": -math.pi / 2}


def _clock(text: object) -> int:
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[1]:
        raise ValueError('must be a time of day such as "08:30"')
    return int(match[2]) * 3600 + int(match[3]) * 60


def _moment(text: object) -> int:
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None or not int(match[1] or 0):
        raise ValueError('must be a day of the run and a time such as "2 08:30"')
    return (int(match[1]) - 1) * DAY_S + int(match[2]) * 3600 + int(match[3]) * 60


def _facing(text: object) -> float:
    if text not in _FACING:
        raise ValueError(f"must be one of {', '.join(_FACING)}")
    return _FACING[str(text)]


Clock = Annotated[int, BeforeValidator(_clock)]  # seconds since midnight
Moment = Annotated[int, BeforeValidator(_moment)]  # seconds since the midnight before the run's first day
Facing = Annotated[float, BeforeValidator(_facing)]  # radians
