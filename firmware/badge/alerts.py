"""Whom the owner met, and the alarm that follows: the files of matches, judged by the dates of now."""

from badge.loading import Loaded
from cx.compat import TYPE_CHECKING, const
from cx.known import GUIDANCE, MATCHES

if TYPE_CHECKING:
    from badge.clock import Clock
    from badge.publications import Publications
    from badge.storage import Storage

_JUDGE_AGAIN_S = const(3600)


class Alerts:
    """All matches of this badge. ``retention_s``: older contacts no longer count."""

    def __init__(
        self, storage: "Storage", clock: "Clock", publications: "Publications", retention_s: int
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._publications = publications
        self._retention_s = retention_s
        self._is_alarming = False
        self._judge_at_s = 0
        storage.make_folder(MATCHES)
        storage.make_folder(GUIDANCE)

    def is_kept(self, boot: int, second: int) -> bool:
        """Tell whether what was at a second of a boot still counts."""
        return not self._clock.is_expired(boot, second, self._retention_s)

    def changed(self) -> None:
        """Judge again when next asked."""
        self._judge_at_s = 0

    def forget(self, publisher: str) -> None:
        """Drop the matches and the thresholds of a publisher that was removed."""
        self._storage.remove(MATCHES + "/" + publisher)
        self._storage.remove(GUIDANCE + "/" + publisher)
        self.changed()

    @property
    def is_alarming(self) -> bool:
        """Tell whether any match is a high risk. Judged when something changed, and every hour."""
        now = self._clock.uptime_s()
        if now >= self._judge_at_s:
            self._judge_at_s = now + _JUDGE_AGAIN_S
            try:
                self._is_alarming = self.summary()["alarm"]
            except MemoryError:  # a list is being matched: what was known before still holds
                self._judge_at_s = now + _JUDGE_AGAIN_S // 60
        return self._is_alarming

    def summary(self) -> dict:
        """Return what may be shown of the matches, see ``cx.people``: no seed and no identifier."""
        publishers = [one for one in sorted(self._publications.publishers) if self._has_matches(one)]
        if not publishers:
            return {"alarm": False, "alerts": [], "more": 0}
        with Loaded("cx.people") as people:
            return people.summary(people.people(self._storage, publishers, self._clock, self._retention_s))

    def _has_matches(self, publisher: str) -> bool:
        name = MATCHES + "/" + publisher
        if not self._storage.exists(name):
            return False
        with self._storage.open(name, "rb") as stream:
            return bool(stream.read(1))
