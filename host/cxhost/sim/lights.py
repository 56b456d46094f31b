"""What the badges' lights show: three flashes in a row are an alert."""

from __future__ import annotations

from datetime import datetime, timedelta

from cxhost.sim.badge import SimulatedBadge

_ALERT_FLASHES = 3
_IN_A_ROW = timedelta(seconds=0.5)
# An alert is shown every quarter of a minute; when the light has not shown it for so long, it is over.
_OVER = timedelta(minutes=2)


class Light:
    """Reads one badge's light."""

    def __init__(self, badge: SimulatedBadge) -> None:
        self._badge = badge
        self._row: list[datetime] = []
        self._last: datetime | None = None

    def read(self, now: datetime) -> list[tuple[datetime, bool]]:
        """Take what the pins did since the last time and forget it.

        Return [(moment, whether the light shows an alert from then on)].
        """
        changes: list[tuple[datetime, bool]] = []
        for change in self._badge.pin_log:
            if change.value and self._is_third(change.time):
                if self._last is None:
                    changes.append((self._row[0], True))
                self._last = change.time
        self._badge.pin_log.clear()
        if self._last is not None and now - self._last > _OVER:
            changes.append((self._last, False))
            self._last = None
        return changes

    def _is_third(self, when: datetime) -> bool:
        if self._row and when - self._row[-1] > _IN_A_ROW:
            self._row.clear()
        self._row.append(when)
        return len(self._row) == _ALERT_FLASHES
