"""What a publication says about itself, and the way into it: what verifying and matching both need."""

from cx import der
from cx.compat import TYPE_CHECKING
from cx.derstream import SecondPass, StreamReader

if TYPE_CHECKING:
    from cx.derstream import Stream

SEED_BYTES = {1: 24, 2: 48}


class Publication:
    """What a publication says about itself. Times are seconds since 1970-01-01 UTC.

    ``version``, ``zone``, ``aggregated``, ``published_at``, ``next_update_not_before``,
    ``next_update_not_after``, ``excludes_published_before`` (None: a full publication), ``update_urls``;
    ``seeds``: how many the notifications of known type hold; ``unknown_types``: how many notifications have a
    generator type that we cannot check (tell the user, and look again after an update); ``digest``: the
    SHA-256 of the signed content, which identifies it (keep it with a saved position).
    """

    def __init__(self) -> None:
        self.version = self.published_at = self.next_update_not_before = self.next_update_not_after = 0
        self.zone = ""
        self.aggregated = True
        self.excludes_published_before: int | None = None
        self.update_urls: list[str] = []
        self.seeds = 0
        self.unknown_types = 0
        self.digest = b""
        self.chunk_hashes: list[bytearray] = []  # what ties the second pass to the first
        self.start = self.end = 0  # where the contents of the field notifications are in the stream
        self.extensions: dict[bytes, int] = {}  # where the parameters of ours begin


def enter_notification(reader: StreamReader) -> "tuple[int, int, int, int]":
    """Read to the seeds; return what ``leave`` needs, the level, the type and the length of the seeds."""
    outer = reader.enter(der.SEQUENCE, "notification")
    level = reader.integer("alertLevel")
    generator_type = reader.integer("generatorType")
    return outer, level, generator_type, reader.expect(der.OCTET_STRING, "seedValues")


def enter(stream: "Stream", header: Publication, start: int, end: int = 0) -> StreamReader:
    """Return a reader of the second pass from ``start`` to ``end`` (0: for the caller to know)."""
    reader = StreamReader(SecondPass(stream, header.chunk_hashes))
    reader.position = start
    reader.end = end or reader.end
    return reader
