"""What the badges' lights show: three short flashes in a row are an alert."""

from __future__ import annotations

from datetime import datetime, timedelta

from cxhost.sim.badge import SimulatedBadge

_ALERT_FLASHES = 3
_SHORT = timedelta(seconds=0.12)
_IN_A_ROW = timedelta(seconds=0.5)
# An alert is shown every quarter of a minute; when the light has not shown it for so long, it is over.
_OVER = timedelta(minutes=2)


class Light:
    """Reads one badge's light."""

    def __init__(self, badge: SimulatedBadge) -> None:
        self._badge = badge
        self._lit: datetime | None = None
        self._row: list[datetime] = []
        self._last: datetime | None = None

    def read(self, now: datetime) -> list[tuple[datetime, bool]]:
        """Take what the pins did since the last time and forget it.

        Return [(moment, whether the light shows an alert from then on)].
        """
        changes: list[tuple[datetime, bool]] = []
        for change in self._badge.pin_log:
            if change.value:
                self._lit = change.time
            elif self._lit is not None:
                if change.time - self._lit <= _SHORT:
                    self._end_row(self._lit, changes)
                    self._row.append(self._lit)
                self._lit = None
        self._badge.pin_log.clear()
        self._end_row(now, changes)
        if self._last is not None and now - self._last > _OVER:
            changes.append((self._last, False))
            self._last = None
        return changes

    def _end_row(self, now: datetime, changes: list[tuple[datetime, bool]]) -> None:
        """Judge the row of short flashes if it is over."""
        if not self._row or now - self._row[-1] <= _IN_A_ROW:
            return
        if len(self._row) == _ALERT_FLASHES:
            if self._last is None:
                changes.append((self._row[0], True))
            self._last = self._row[-1]
        self._row.clear()
