"""The task that works waiting lists through, in slices between other tasks (``cx.matchrun``).

Each step's code is in RAM only as long as the step lasts, so that their peaks do not add up.
"""

import asyncio
import gc

from badge.loading import Loaded
from cx import known
from cx.compat import TYPE_CHECKING, const
from cx.errors import CxError

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import BinaryIO

    from badge.alerts import Alerts
    from badge.clock import Clock
    from badge.contacts import ContactLog
    from badge.observer import Observer
    from badge.publications import Publications, Publisher
    from badge.storage import Storage
    from cx.header import Publication

# Collecting often keeps what lives from lying between garbage all over the heap, which splits it.
_THRESHOLD = const(4096)


class Matching:
    """The task that turns waiting lists into matches.

    ``engine``: the name of the AES in use. ``most_known``: of how many seeds of a publisher it is remembered
    that they were matched.
    """

    def __init__(
        self,
        storage: "Storage",
        clock: "Clock",
        publications: "Publications",
        observer: "Observer",
        log: "ContactLog",
        alerts: "Alerts",
        engine: str,
        most_known: int,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._publications = publications
        self._observer = observer
        self._log = log
        self._alerts = alerts
        self._engine = engine
        self._most_known = most_known
        self._wanted = asyncio.Event()
        self._publisher = ""
        self._error = ""
        self._began_s = 0
        self._progress: "known.Progress | None" = None
        storage.make_folder(known.KNOWN)
        if self.is_waiting:
            self._wanted.set()

    @property
    def is_waiting(self) -> bool:
        """Tell whether a list is waiting or being worked through."""
        return any(publisher.is_pending for publisher in self._publications.publishers.values())

    def info(self) -> dict:
        """Return how far the matching is; ``left_s`` is an estimate from the work of this start, or None."""
        progress, left_s = self._progress, None
        if progress and progress.seeds > progress.start:
            spent_s = self._clock.uptime_s() - self._began_s
            left_s = spent_s * (progress.total - progress.seeds) // (progress.seeds - progress.start)
        return {
            "waiting": self.is_waiting,
            "publisher": self._publisher,
            "seeds": progress.seeds if progress else 0,
            "total": progress.total if progress else 0,
            "new_seeds": progress.new_seeds if progress else 0,
            "left_s": left_s,
            "error": self._error,
        }

    def start(self) -> None:
        """Wake the task: a list is waiting."""
        self._wanted.set()

    def forget(self, publisher: str) -> None:
        """Drop what is known of the lists of a publisher that was removed."""
        known.forget(self._storage, publisher)

    async def run(self) -> None:
        """Match whatever waits, for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            for publisher in list(self._publications.publishers.values()):
                if publisher.is_pending:
                    await self._log.whole.wait()
                    async with self._log.lock:
                        await self._match(publisher)

    async def _match(self, publisher: "Publisher") -> None:
        self._publisher, self._error, self._progress = publisher.id, "", None
        # What is near now belongs into the log before it is compared.
        self._observer.log_all()
        stream = None
        try:
            stream = self._publications.open_list(publisher)
            with Loaded("cx.header"):
                # Verified again: the file lay in flash since, perhaps over a restart.
                header = await self._publications.verify(publisher, stream)
                await self._work_through(publisher.id, stream, header)
        except (CxError, MemoryError, OSError) as error:
            # Never again from here, or a list that is too much for the badge would restart it for ever;
            # publishedAt stays as it was, so the next sync brings a list again.
            self._error = type(error).__name__ + ": " + str(error)
            self._publications.drop(publisher)
        else:
            self._publications.done(publisher, header, self._engine)
            self._alerts.changed()
        finally:
            if stream is not None:
                stream.close()
        known.forget_run(self._storage, publisher.id)

    async def _work_through(self, publisher: str, stream: "BinaryIO", header: "Publication") -> None:
        others = [one for one in sorted(self._publications.publishers) if one != publisher]
        is_new_set = await self._find(publisher, others, stream, header)
        with Loaded("cx.sorting") as sorting:
            await _do(sorting.add_fresh(self._storage, publisher, is_new_set, self._most_known))
        await self._resolve(publisher, others, header)
        self._take_guidance(publisher, stream, header)

    async def _find(
        self, publisher: str, others: "list[str]", stream: "BinaryIO", header: "Publication"
    ) -> bool:
        with Loaded("cx.matchrun") as matchrun:
            world = matchrun.World(
                self._storage, self._log.filter, self._log.blocks, self._clock.uptime_s, self._engine
            )
            self._progress = known.Progress()
            run = matchrun.Run(world, publisher, others, stream, header, self._progress)
            self._began_s = self._clock.uptime_s()
            await _do(run.work())
            return run.is_new_set

    async def _resolve(self, publisher: str, others: "list[str]", header: "Publication") -> None:
        is_full = header.excludes_published_before is None
        with Loaded("cx.resolving") as resolving:
            await _do(resolving.resolve(self._storage, publisher, others, is_full, self._alerts.is_kept))

    def _take_guidance(self, publisher: str, stream: "BinaryIO", header: "Publication") -> None:
        name = known.GUIDANCE + "/" + publisher
        with Loaded("cx.notifications") as notifications:
            guidance = notifications.guidance_octets(stream, header)
        if guidance is None:
            self._storage.remove(name)
        else:
            self._storage.save(name, guidance)


async def _do(steps: "Generator[None, None, None]") -> None:
    """Do all steps, with other tasks in between."""
    gc.threshold(_THRESHOLD)
    try:
        for _ in steps:
            await asyncio.sleep_ms(0)
    finally:
        steps.close()  # and the files that it reads
        gc.threshold(-1)
