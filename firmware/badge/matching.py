"""Works a verified list through, in slices between other tasks.

Each seed is regenerated once, when it is first seen. ``known/ID`` holds the seeds of a publisher
that were worked through already (generator type, then the seed); a list is compared with it in
blocks, so that memory stays bounded whatever the list's length.
"""

import asyncio

from badge.loading import Loaded
from cx import matcher
from cx.compat import TYPE_CHECKING, const
from cx.errors import CxError
from cx.generator import seed_len

if TYPE_CHECKING:
    from collections.abc import Iterator

    from badge.alerts import Alerts, Run
    from badge.contacts import ContactLog
    from badge.observer import Observer
    from badge.publications import Publications, Publisher
    from badge.storage import Storage
    from cx.publication import Publication

_FOLDER = "known"
_BLOCK_SEEDS = const(16)
_MOST_CANDIDATES = const(48)
_BREATH_RECORDS = const(256)  # other tasks have their turn after as many records


class Progress:
    """How far the matching is: seeds looked at, new ones regenerated, and what went wrong last."""

    def __init__(self) -> None:
        self.publisher = ""
        self.seeds = 0
        self.new_seeds = 0
        self.unknown_types = 0
        self.error = ""


class Matching:
    """The task that turns waiting lists into matches."""

    def __init__(
        self,
        storage: "Storage",
        publications: "Publications",
        observer: "Observer",
        log: "ContactLog",
        alerts: "Alerts",
    ) -> None:
        self._storage = storage
        self._publications = publications
        self._observer = observer
        self._log = log
        self._alerts = alerts
        self._wanted = asyncio.Event()
        self.progress = Progress()
        storage.make_folder(_FOLDER)
        if self.is_waiting:
            self._wanted.set()

    @property
    def is_waiting(self) -> bool:
        """Tell whether a list is waiting or being worked through."""
        return any(publisher.is_pending for publisher in self._publications.publishers.values())

    def start(self) -> None:
        """Wake the task: a list is waiting."""
        self._wanted.set()

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
        self.progress = Progress()
        self.progress.publisher = publisher.id
        # What is near now belongs into the log before it is compared.
        self._observer.log_all()
        stream = self._publications.open_list(publisher)
        try:
            with Loaded("cx.publication") as publication:
                # Verified again: the file lay in flash since, perhaps over a restart.
                header = publication.verify(stream, publisher.certificate)
                await self._work_through(publisher, header, publication.notifications(stream, header))
        except (CxError, MemoryError, OSError) as error:
            # Never again from here, or a list that is too much for the badge would restart it for ever;
            # publishedAt stays as it was, so the next sync brings a list again.
            self.progress.error = type(error).__name__ + ": " + str(error)
            self._publications.drop(publisher)
            return
        finally:
            stream.close()
        self._publications.done(publisher, header.published_at)

    async def _work_through(
        self, publisher: "Publisher", header: "Publication", notifications: "Iterator"
    ) -> None:
        self.progress.unknown_types = header.unknown_types
        is_full = header.excludes_published_before is None
        run = self._alerts.begin(publisher.id, is_full)
        fresh = self._name(publisher) + ".new"
        with open(self._storage.path(fresh), "wb") as known:
            if not is_full:
                for kind, seed in self._known(publisher):
                    known.write(bytes([kind]) + seed)
            for block in _blocks(notifications):
                await self._match_block(publisher, block, run)
                for kind, seed in block:
                    known.write(bytes([kind]) + seed)
                self.progress.seeds += len(block)
        # Matches first: if the power goes in between, the seeds are matched again and give the same.
        self._alerts.end(run)
        self._storage.rename(fresh, self._name(publisher))

    async def _match_block(self, publisher: "Publisher", block: dict, run: "Run") -> None:
        for key, level in block.items():
            run.set_level(key[1], level)
        for key in await self._unknown(publisher, block):
            found: "dict[bytes, matcher.Candidate]" = {}
            for hit in matcher.candidates(key[0], key[1], self._log.filter):
                if hit is None:
                    await asyncio.sleep_ms(0)
                else:
                    found[hit[0]] = hit[1]
                if len(found) >= _MOST_CANDIDATES:
                    await self._confirm(found, block, run)
            await self._confirm(found, block, run)
            self.progress.new_seeds += 1

    async def _unknown(self, publisher: "Publisher", block: dict) -> "list[tuple[int, bytes]]":
        """Return the seeds of a block that were not worked through before."""
        new = set(block)
        for count, key in enumerate(self._known(publisher)):
            new.discard(key)
            if count % _BREATH_RECORDS == 0:
                await asyncio.sleep_ms(0)
        return list(new)

    async def _confirm(self, found: dict, block: dict, run: "Run") -> None:
        """Compare the candidates with the log, in one pass, and forget them."""
        if not found:
            return
        for count, met in enumerate(self._log.contacts()):
            candidate = found.get(met.contact_id)
            if candidate is not None:
                key = (candidate.generator_type, candidate.seed)
                run.add(candidate.seed, block[key], met)
            if count % _BREATH_RECORDS == 0:
                await asyncio.sleep_ms(0)
        found.clear()

    def _known(self, publisher: "Publisher") -> "Iterator[tuple[int, bytes]]":
        name = self._name(publisher)
        if not self._storage.exists(name):
            return
        with open(self._storage.path(name), "rb") as stream:
            while True:
                kind = stream.read(1)
                if not kind:
                    return
                yield kind[0], stream.read(seed_len(kind[0]))

    @staticmethod
    def _name(publisher: "Publisher") -> str:
        return _FOLDER + "/" + publisher.id


def _blocks(notifications: "Iterator[tuple[int, int, bytes]]") -> "Iterator[dict]":
    """Gather (level, type, seed) into dicts of (type, seed) -> level of a bounded size."""
    block: dict = {}
    for level, kind, seed in notifications:
        block[(kind, bytes(seed))] = level
        if len(block) >= _BLOCK_SEEDS:
            yield block
            block = {}
    if block:
        yield block
