"""Alert levels (CX architecture specification, section "Publications")."""

from cx.compat import const

NO_ALERT = const(0)
DEBUG_ALERT = const(1)
EXPIRED = const(2)
UNKNOWN_ALERT = const(3)
SYMPTOMATIC = const(4)
DIAGNOSED = const(5)
_NAMES = ("no-alert", "debug-alert", "expired", "unknown-alert", "symptomatic", "diagnosed")


def alert_level(level: int) -> int:
    """Return ``level`` as an observer takes it: a level that it does not know is UNKNOWN_ALERT."""
    return level if NO_ALERT <= level <= DIAGNOSED else UNKNOWN_ALERT


def level_name(level: int) -> str:
    """Return the name of an alert level; a level that nobody knows yet counts as unknown-alert."""
    return _NAMES[alert_level(level)]


def is_alarming(level: int) -> bool:
    """Tell whether a level may raise an alarm: all but no-alert, debug-alert and expired."""
    return level not in (NO_ALERT, DEBUG_ALERT, EXPIRED)
