"""Publications: signed lists of seeds, of any size, read from a stream (CX protocol; CMS is RFC 5652).

``verify`` reads the stream once, checks the signature over what it read, then the form, and returns the
``Publication``. ``check_observer`` or ``check_publisher`` then applies the rules of the protocol. Only then
``notifications`` reads the stream a second time, and hands out seed by seed; bytes that changed in between
are refused (``derstream``).
"""

from cx import cms, der, extensions
from cx.compat import TYPE_CHECKING, const
from cx.derstream import FirstPass, SecondPass, StreamReader
from cx.errors import FormatError, RefusedError
from cx.x509 import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cx.compat import Buffer
    from cx.derstream import Stream

CONTENT_TYPE = b"\x2b\x06\x01\x04\x01\xce\x23\x03\x01"  # 1.3.6.1.4.1.10019.3.1


_SEED_BYTES = {1: 24, 2: 48}
_MAX_URLS_BYTES = const(4096)
_MAX_SLICE_SEEDS = const(16)
_SLICE_BYTES = const(16384)
_DAY_S = const(86400)


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


def verify(stream: "Stream", certificate: "Buffer") -> Publication:
    """Read a whole publication, check that ``certificate`` (DER) signed it, and its form; return its header.

    The header is genuine, but may not be acceptable: ``check_observer`` or ``check_publisher`` comes next.
    Errors: ``FormatError``, ``NotSupportedError``, ``SignatureError``. Nothing of the content is interpreted
    before the signature is known to be good. RAM: at most 8 KiB, and 16 bytes for each 16 KiB of the
    publication.
    """
    header = Publication()
    for _ in verify_steps(stream, certificate, header):
        pass
    return header


def verify_steps(stream: "Stream", certificate: "Buffer", header: Publication) -> "Iterator[None]":
    """Do what ``verify`` does in slices, filling ``header``; yield after every 16 KiB for other tasks.

    ``header`` means nothing before this has come to its end without an error.
    """
    signer = Certificate(certificate)
    blocks = FirstPass(stream)
    reader = StreamReader(blocks)
    outers = cms.enter(reader, CONTENT_TYPE)
    header.start, header.end = reader.position, reader.end
    blocks.watch(header.start, header.end)
    while header.end - reader.position > _SLICE_BYTES:
        reader.position += _SLICE_BYTES
        reader.peek()  # brings what lies before it, too
        yield
    reader.position = header.end
    header.digest = blocks.digest()
    signers = cms.read_signers(reader, outers, signer)
    blocks.finish(reader.position, "publication")
    header.chunk_hashes = blocks.chunk_hashes
    del blocks, reader  # the signature check needs the room
    yield
    cms.verify(signers, CONTENT_TYPE, header.digest, signer.spki)
    yield
    _read_content(_enter(stream, header, header.start, header.end), header)


def _read_content(reader: StreamReader, header: Publication) -> None:
    """Read TBSPublicationData, whose version may be any, with fields after those that we know."""
    outer = reader.enter(der.SEQUENCE, "publication")
    header.version = reader.integer("version")
    header.zone = reader.text("zone")
    if reader.peek() == der.BOOLEAN:
        header.aggregated = reader.boolean("aggregated")
        if header.aggregated:
            raise FormatError("aggregated: TRUE is the default, which DER does not write")
    header.published_at = reader.time("publishedAt")
    header.next_update_not_before = reader.time("nextUpdateNotBefore")
    header.next_update_not_after = reader.time("nextUpdateNotAfter")
    if reader.peek() == der.TIME:
        header.excludes_published_before = reader.time("excludesPublishedBefore")
    _read_notifications(reader, header)
    _read_urls(reader, header)
    if reader.peek() == der.CONTEXT_0:
        header.extensions = extensions.read_extensions(reader)
    reader.leave_rest(outer, "publication")
    reader.finish("publication")


def _read_notifications(reader: StreamReader, header: Publication) -> None:
    """Check the form of the notifications and count the seeds."""
    outer = reader.enter(der.SEQUENCE, "notifications")
    header.start, header.end = reader.position, reader.end
    while not reader.at_end():
        inner, _, generator_type, length = _enter_notification(reader)
        size = _SEED_BYTES.get(generator_type)
        if size is None:
            header.unknown_types += 1
        else:
            if length % size:
                raise reader.fail("seedValues", "not a whole number of seeds")
            header.seeds += length // size
        reader.position += length
        reader.leave_rest(inner, "notification")
    reader.leave(outer, "notifications")


def _enter_notification(reader: StreamReader) -> "tuple[int, int, int, int]":
    """Read to the seeds; return what ``leave`` needs, the level, the type and the length of the seeds."""
    outer = reader.enter(der.SEQUENCE, "notification")
    level = reader.integer("alertLevel")
    generator_type = reader.integer("generatorType")
    return outer, level, generator_type, reader.expect(der.OCTET_STRING, "seedValues")


def _read_urls(reader: StreamReader, header: Publication) -> None:
    """Read the updateURLs; those beyond 4 KiB in all are passed over, for want of room."""
    outer = reader.enter(der.SEQUENCE, "updateURLs")
    room = _MAX_URLS_BYTES
    while not reader.at_end():
        start = reader.position
        length = reader.expect(der.UTF8, "updateURLs")
        room -= length + 64  # what the string object costs
        if room < 0:
            reader.position += length
        else:
            reader.position = start
            header.update_urls.append(reader.text("updateURLs", _MAX_URLS_BYTES))
    reader.leave(outer, "updateURLs")


# The rules. ``recorded_at`` is the publishedAt of the publication that was taken last from the same
# place, None when there is none; ``now`` is None while the clock is not set.


def check_observer(header: Publication, zone: str, recorded_at: "int | None", now: "int | None") -> None:
    """Raise ``RefusedError`` if an observer must refuse a genuine publication of the publisher at ``zone``.

    Reasons, in this order: ``zone``, ``not-aggregated``, ``older``, ``stale``, ``gap``.
    """
    _check_zone(header, zone)
    if not header.aggregated:
        raise RefusedError("aggregated: FALSE: it is for other publishers, not for badges", "not-aggregated")
    _check_times(header, recorded_at, now)


def check_publisher(header: Publication, zone: str, recorded_at: "int | None", now: "int | None") -> None:
    """Raise ``RefusedError`` if a consuming publisher must refuse it.

    Like ``check_observer``, but ``aggregated`` must be FALSE. ``zone`` is the one that
    the other publisher's ``pubs`` names for this file.
    Reasons, in this order: ``zone``, ``aggregated``, ``older``, ``stale``, ``gap``.
    """
    _check_zone(header, zone)
    if header.aggregated:
        raise RefusedError("aggregated: TRUE: it is for badges, not for other publishers", "aggregated")
    _check_times(header, recorded_at, now)


def _check_zone(header: Publication, zone: str) -> None:
    if header.zone != zone:
        raise RefusedError("zone: the publication is for another zone than " + zone, "zone")


def _check_times(header: Publication, recorded: "int | None", now: "int | None") -> None:
    if recorded is not None and header.published_at < recorded:
        raise RefusedError("publishedAt: older than the publication taken last", "older")
    if recorded == header.published_at and now is not None and header.next_update_not_after < now:
        raise RefusedError("nextUpdateNotAfter: past, and nothing newer is here: try the next URL", "stale")
    excludes = header.excludes_published_before
    if excludes is not None and (recorded is None or excludes >= recorded):
        raise RefusedError("excludesPublishedBefore: there would be a gap: take a fuller publication", "gap")


def check_duplicates(found: "Iterable[tuple[int, int, bytes]]") -> None:
    """Raise ``RefusedError``, reason ``duplicate``, if a seed is listed twice; for consuming publishers.

    It needs RAM for all seeds. A badge takes the level that comes last.
    """
    seen = set()
    for _, generator_type, seed in found:
        if (generator_type, seed) in seen:
            raise RefusedError("notifications: a seed is listed twice", "duplicate")
        seen.add((generator_type, seed))


def fetch_not_before(header: Publication, now: int, delay_s: int) -> int:
    """Return when to fetch next: nextUpdateNotBefore and a random delay, which the caller draws.

    A nextUpdateNotBefore more than 24 hours ahead is a mistake, and is ignored.
    """
    if header.next_update_not_before > now + _DAY_S:
        return now
    return max(now, header.next_update_not_before + delay_s)


def clock_after(header: Publication, known: int) -> int:
    """Return the time that an unset clock may be moved to: publishedAt, at most 30 days on.

    ``known``: the latest time that the badge has any reason to believe in. Nothing may be deleted on the
    strength of it.
    """
    return min(max(header.published_at, known), known + 30 * _DAY_S)


class Notifications:
    """The seeds of a verified publication, as an iterator of (alert level, generator type, seed bytes).

    The level is the number in the document: see ``cx.levels.alert_level``. Notifications of an unknown type
    hold no seeds that we could tell apart: they are passed over, and counted in ``header.unknown_types``.
    ``position`` is where the next seed lies: save it with ``header.digest``, and give it to ``notifications``
    to go on there. ``usage`` is 4 bytes for each seed that was handed out last (``extensions.decode_usage``),
    empty when there are none.
    """

    def __init__(self, stream: "Stream", header: Publication, position: int = 0) -> None:
        self._reader = reader = _enter(stream, header, header.start, header.end)
        self._outer = -1  # the end of the notifications, while we are in one
        self._left = 0  # bytes of seeds in it that were not handed out
        self._level = self._type = self._size = 0
        self._usages = _find_usages(stream, header)
        self.usage = b""
        while self._find() and reader.position < position:
            ahead = min(position - reader.position + self._size - 1, self._left)
            self._pass(ahead - ahead % self._size)

    @property
    def position(self) -> int:
        """Where the next seed lies in the stream."""
        return self._reader.position

    def __iter__(self) -> "Iterator[tuple[int, int, bytes]]":
        return self

    def __next__(self) -> "tuple[int, int, bytes]":
        if not self._find():
            raise StopIteration
        return self._level, self._type, self._take(self._size)

    def next_slice(self, seeds: int = _MAX_SLICE_SEEDS) -> "tuple[int, int, bytes] | None":
        """Return the level, the type and up to ``seeds`` seeds joined; None at the end."""
        if not self._find():
            return None
        return self._level, self._type, self._take(min(self._left, seeds * self._size))

    def _pass(self, length: int) -> None:
        self._left -= length
        self._reader.position += length
        if self._usages:
            self._usages.position += length // self._size * extensions.USAGE_BYTES

    def _take(self, length: int) -> bytes:
        self._left -= length
        if self._usages:
            self.usage = self._usages.take(length // self._size * extensions.USAGE_BYTES)
        return self._reader.take(length)

    def _find(self) -> bool:
        """Go on to the next notification with seeds, if none are left in this; False at the end."""
        reader = self._reader
        while not self._left:
            if self._outer >= 0:
                reader.leave_rest(self._outer, "notification")
                self._outer = -1
            if reader.at_end():
                return False
            self._outer, self._level, self._type, self._left = _enter_notification(reader)
            self._size = _SEED_BYTES.get(self._type, 0)
            usages = self._usages.expect(der.OCTET_STRING, "usage") if self._usages else 0
            if not self._size:
                reader.position += self._left
                self._left = 0
                if self._usages:
                    self._usages.position += usages
        return True


def notifications(stream: "Stream", header: Publication, position: int = 0) -> Notifications:
    """Return the iterator over the seeds of a publication that ``verify`` accepted, from ``position`` on.

    Raises ``SignatureError`` if the stream no longer holds what was verified. RAM: about 2 KiB, and as much
    again when the publication tells the usage of its seeds.
    """
    return Notifications(stream, header, position)


def guidance(stream: "Stream", header: Publication) -> "extensions.Guidance | None":
    """Return the guidance of a publication that ``verify`` accepted; None when none is understood."""
    place = header.extensions.get(extensions.GUIDANCE)
    if place is None:
        return None
    try:
        parameters = _enter(stream, header, place).element("guidance", extensions.GUIDANCE_MAX_BYTES)
        return extensions.decode_guidance(parameters)
    except FormatError:
        return None


def _enter(stream: "Stream", header: Publication, start: int, end: int = 0) -> StreamReader:
    """Return a reader of the second pass from ``start`` to ``end`` (0: for the caller to know)."""
    reader = StreamReader(SecondPass(stream, header.chunk_hashes))
    reader.position = start
    reader.end = end or reader.end
    return reader


def _find_usages(stream: "Stream", header: Publication) -> "StreamReader | None":
    """Return a reader at the first notification's usages; None when there are none, or not one for each seed.

    Two readers go from length to length side by side: what lies between is not read.
    """
    place = header.extensions.get(extensions.USAGE)
    if place is None:
        return None
    usages = _enter(stream, header, place)
    reader = _enter(stream, header, header.start, header.end)
    try:
        usages.enter(der.SEQUENCE, "usage")
        start = usages.position
        while not reader.at_end():
            outer, _, generator_type, length = _enter_notification(reader)
            reader.position += length
            reader.leave_rest(outer, "notification")
            found = usages.expect(der.OCTET_STRING, "usage")
            usages.position += found
            size = _SEED_BYTES.get(generator_type)
            if size and found != length // size * extensions.USAGE_BYTES:
                return None
        if not usages.at_end():
            return None
    except FormatError:
        return None
    usages.position = start
    return usages
