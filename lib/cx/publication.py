"""Publications: signed lists of seeds, of any size, read from a stream (CX protocol; CMS is RFC 5652).

``verify`` reads the stream once, checks the signature over what it read, then the form, and returns the
``Publication``. ``check_observer`` or ``check_publisher`` then applies the rules of the protocol. Only then
``notifications`` reads the stream a second time, and hands out seed by seed; bytes that changed in between
are refused (``derstream``).
"""

from cx import cms, der, extensions
from cx.compat import TYPE_CHECKING, const
from cx.derstream import FirstPass, StreamReader
from cx.errors import FormatError, RefusedError
from cx.header import SEED_BYTES, Publication, enter, enter_notification
from cx.x509 import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cx.compat import Buffer
    from cx.derstream import Stream
    from cx.extensions import Guidance
    from cx.notifications import Notifications

__all__ = [
    "CONTENT_TYPE",
    "Publication",
    "check_duplicates",
    "check_observer",
    "check_publisher",
    "clock_after",
    "fetch_not_before",
    "guidance",
    "notifications",
    "verify",
    "verify_steps",
]

CONTENT_TYPE = b"\x2b\x06\x01\x04\x01\xce\x23\x03\x01"  # 1.3.6.1.4.1.10019.3.1

_MAX_URLS_BYTES = const(4096)
_SLICE_BYTES = const(16384)
_DAY_S = const(86400)


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
    _read_content(enter(stream, header, header.start, header.end), header)


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
        inner, _, generator_type, length = enter_notification(reader)
        size = SEED_BYTES.get(generator_type)
        if size is None:
            header.unknown_types += 1
        else:
            if length % size:
                raise reader.fail("seedValues", "not a whole number of seeds")
            header.seeds += length // size
        reader.position += length
        reader.leave_rest(inner, "notification")
    reader.leave(outer, "notifications")


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


def remember(header: Publication) -> "dict[str, object]":
    """Return what has to be kept of a publication that was taken, to find the next one (``cx.updates``)."""
    return {
        "published_at": header.published_at,
        "not_before": header.next_update_not_before,
        "not_after": header.next_update_not_after,
        "urls": header.update_urls,
    }


def clock_after(header: Publication, known: int) -> int:
    """Return the time that an unset clock may be moved to: publishedAt, at most 30 days on.

    ``known``: the latest time that the badge has any reason to believe in. Nothing may be deleted on the
    strength of it.
    """
    return min(max(header.published_at, known), known + 30 * _DAY_S)


# What follows loads more code when it is called: verifying needs the room.


def notifications(stream: "Stream", header: Publication, position: int = 0) -> "Notifications":
    """Return the seeds of a publication that was verified, see ``cx.notifications``."""
    from cx.notifications import Notifications

    return Notifications(stream, header, position)


def guidance(stream: "Stream", header: Publication) -> "Guidance | None":
    """Return the guidance of a publication that was verified; None when none is understood."""
    from cx import notifications

    return notifications.guidance(stream, header)
