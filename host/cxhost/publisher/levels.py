"""The alert levels of a publication, and their names for people and programs."""

from __future__ import annotations

from enum import IntEnum


class AlertLevel(IntEnum):
    """AlertLevel of the CX specification. Values that are not here are passed on untouched."""

    NO_ALERT = 0
    DEBUG_ALERT = 1
    EXPIRED = 2
    UNKNOWN_ALERT = 3
    SYMPTOMATIC = 4
    DIAGNOSED = 5

    @property
    def label(self) -> str:
        """The name as the specification writes it, for example ``no-alert``."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def from_label(cls, label: str) -> AlertLevel:
        """Return the level of that name or number; ``ValueError`` names all that there are."""
        for level in cls:
            if label.strip().lower() in (level.label, str(int(level))):
                return level
        raise ValueError(f"no such level: {label}. One of {', '.join(level.label for level in cls)}")


def level_label(level: int) -> str:
    """Return the name of any level, ``level-N`` for one that the specification does not name."""
    return AlertLevel(level).label if level in AlertLevel._value2member_map_ else f"level-{level}"
