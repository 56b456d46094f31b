"""The seeds of a verified publication, read a second time from its stream (CX protocol).

What is here is all that matching needs: ``cx.publication``, with the cryptography behind it, makes the header
and need not stay in RAM.
"""

from cx import der, extensions
from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError
from cx.header import SEED_BYTES, Publication, enter, enter_notification

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cx.derstream import Stream, StreamReader

_MAX_SLICE_SEEDS = const(16)


class Notifications:
    """The seeds of a verified publication, as an iterator of (alert level, generator type, seed bytes).

    The level is the number in the document: see ``cx.levels.alert_level``. Notifications of an unknown type
    hold no seeds that we could tell apart: they are passed over, and counted in ``header.unknown_types``.
    ``position`` is where the next seed lies: save it with ``header.digest``, and give it to ``notifications``
    to go on there. ``usage`` is 4 bytes for each seed that was handed out last (``extensions.decode_usage``),
    empty when there are none.
    """

    def __init__(self, stream: "Stream", header: Publication, position: int = 0) -> None:
        self._reader = reader = enter(stream, header, header.start, header.end)
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
            self._outer, self._level, self._type, self._left = enter_notification(reader)
            self._size = SEED_BYTES.get(self._type, 0)
            usages = self._usages.expect(der.OCTET_STRING, "usage") if self._usages else 0
            if not self._size:
                reader.position += self._left
                self._left = 0
                if self._usages:
                    self._usages.position += usages
        return True


def guidance_octets(stream: "Stream", header: Publication) -> "bytes | None":
    """Return the parameters of the extension guidance; None when there are none that can be understood."""
    place = header.extensions.get(extensions.GUIDANCE)
    if place is None:
        return None
    try:
        parameters = enter(stream, header, place).element("guidance", extensions.GUIDANCE_MAX_BYTES)
        extensions.decode_guidance(parameters)
    except FormatError:
        return None
    return bytes(parameters)


def guidance(stream: "Stream", header: Publication) -> "extensions.Guidance | None":
    """Return the guidance of a publication that ``verify`` accepted; None when none is understood."""
    parameters = guidance_octets(stream, header)
    return None if parameters is None else extensions.decode_guidance(parameters)


def _find_usages(stream: "Stream", header: Publication) -> "StreamReader | None":
    """Return a reader at the first notification's usages; None when there are none, or not one for each seed.

    Two readers go from length to length side by side: what lies between is not read.
    """
    place = header.extensions.get(extensions.USAGE)
    if place is None:
        return None
    usages = enter(stream, header, place)
    reader = enter(stream, header, header.start, header.end)
    try:
        usages.enter(der.SEQUENCE, "usage")
        start = usages.position
        while not reader.at_end():
            outer, _, generator_type, length = enter_notification(reader)
            reader.position += length
            reader.leave_rest(outer, "notification")
            found = usages.expect(der.OCTET_STRING, "usage")
            usages.position += found
            size = SEED_BYTES.get(generator_type)
            if size and found != length // size * extensions.USAGE_BYTES:
                return None
        if not usages.at_end():
            return None
    except FormatError:
        return None
    usages.position = start
    return usages
