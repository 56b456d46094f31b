"""A badge's log and files in RAM, and lists that it matches: what the tests of matching share."""

import documents as d
from cx import cms, der, extensions, known, matches, matchrun, people, publication, resolving, sorting
from cx.bloom import Bloom
from cx.contact import Contact
from cx.generator import Generator
from memory_files import MemoryFiles

DAY_S = 86400
TODAY = 20555  # 2026-04-12
RETENTION_S = 14 * DAY_S
BLANK_SIGNER = d.signer(b"", key=d.TEST_KEY)


def usage_extension(usages: list) -> bytes:
    """Return the field ``extensions`` with usage: for each notification a list of (day, count) or None."""
    strings = [d.octets(b"".join([extensions.encode_usage(one) for one in each])) for each in usages]
    parameters = d.sequence(strings)
    return der.encode(0xA0, d.sequence([extensions.encode_extension(extensions.USAGE, parameters)]))


def identifiers(kind: int, seed: bytes, count: int) -> list:
    """Return the first identifiers of a chain."""
    generator = Generator(kind, seed)
    return [generator.next_id() for _ in range(count)]


def read_unsigned(stream):
    """Return a list's header, passing over the signature, which is not what is tested here."""
    real = cms.verify
    cms.verify = lambda *_: None
    try:
        return publication.verify(stream, d.certificate())
    finally:
        cms.verify = real


class World:
    """A badge. ``began``: the date at which each boot began, missing if not known; ``now_s``: the date."""

    def __init__(self, filter_bytes: int = 4096) -> None:
        self.files = MemoryFiles()
        self.filter = Bloom(filter_bytes)
        self.records = []
        self.began = {1: TODAY * DAY_S}
        self.now_s = (TODAY + 1) * DAY_S
        self.publishers = []
        self.progress = None
        self.engine = "first"
        self.total_ids = 0
        self.checkpoint_ids = 65536
        self.most_known = 1000

    def meet(
        self, contact_id: bytes, start_s: int = 0, minutes: int = 20, db: int = 50, boot: int = 1
    ) -> None:
        contact = Contact(contact_id, boot, start_s, minutes * 60, db, db)
        self.records.append(contact.encode())
        self.filter.add(contact_id)

    def bounds(self, boot: int, second: int) -> tuple:
        date = self.began[boot] + second if boot in self.began else None
        return date, date

    def is_expired(self, boot: int, second: int, retention_s: int) -> bool:
        return boot in self.began and self.now_s - self.began[boot] - second >= retention_s

    def log(self):
        for at in range(0, len(self.records), 32):
            yield b"".join(self.records[at : at + 32])

    def run(self, publisher: str, document: bytes):
        """Match a list to its end."""
        for _ in self.steps(publisher, document):
            pass
        return self

    def steps(self, publisher: str, document: bytes):
        """Match a list, and yield at each slice."""
        if publisher not in self.publishers:
            self.publishers.append(publisher)
        others = [one for one in self.publishers if one != publisher]
        world = matchrun.World(
            self.files, self.filter, self.log, lambda: 0, self.engine, checkpoint_ids=self.checkpoint_ids
        )
        stream = d.stream(document)
        self.progress = known.Progress()
        header = read_unsigned(stream)
        run = matchrun.Run(world, publisher, others, stream, header, self.progress)
        before = 0
        for _ in run.work():
            self.total_ids += self.progress.ids - before
            before = self.progress.ids
            yield
        is_full = header.excludes_published_before is None
        yield from sorting.add_fresh(self.files, publisher, run.is_new_set, self.most_known)
        yield from resolving.resolve(self.files, publisher, others, is_full, self.is_kept)
        known.forget_run(self.files, publisher)

    def is_kept(self, boot: int, second: int) -> bool:
        return not self.is_expired(boot, second, RETENTION_S)

    def people(self) -> list:
        return list(people.people(self.files, sorted(self.publishers), self, RETENTION_S))

    def matches(self, publisher: str) -> list:
        """Return (seed, place in the chain, record) of all that lies in a publisher's file, sorted."""
        stream = self.files.open("matches/" + publisher, "rb")
        return sorted(
            [
                (entry.seed, place, record)
                for entry in matches.entries(stream)
                for place, record in entry.sightings(stream)
            ]
        )

    def levels(self) -> list:
        return sorted([person.level for person in self.people()])


def listed(*groups, excludes: str = "", usages=None, published_at: str = "20260412120000Z") -> bytes:
    """Return a list of (level, type, [seeds]); ``usages``: for each group a list of (day, count)."""
    content = d.content(
        [d.notification(level, kind, b"".join(seeds)) for level, kind, seeds in groups],
        excludes=excludes,
        published_at=published_at,
        more=usage_extension(usages) if usages else b"",
    )
    return d.cms(content, [BLANK_SIGNER])
