"""Strict DER: ITU-T X.690 sections 8, 10 and 11, for documents that lie in memory.

The reader copies nothing: contents come as memoryviews of the bytes it was given. It moves forward only;
``enter`` and ``leave`` go into a constructed element and out of it. Every method that reads a field takes
``what``, the field's name, for the error message. ``derstream`` reads files with the same methods.

Tags are small integers: the identifier octet, and for tag numbers from 31 on, octet + (number << 8).
"""

from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cx.compat import Buffer

BOOLEAN = const(0x01)
INTEGER = const(0x02)
BIT_STRING = const(0x03)
OCTET_STRING = const(0x04)
NULL = const(0x05)
OID = const(0x06)
UTF8 = const(0x0C)
TIME = const(0x18)
SEQUENCE = const(0x30)
SET = const(0x31)
CONTEXT_0 = const(0xA0)  # [0], constructed

_MAX_DEPTH = const(16)
_CONSTRUCTED = const(0x20)
_DAY_S = const(86400)


class Reader:
    """Reads DER from ``data`` (bytes-like), from front to back. Errors: ``FormatError``."""

    def __init__(self, data: "Buffer") -> None:
        self._data = memoryview(data)
        self.position = 0
        self.end = len(self._data)  # of the element we are in
        self._depth = 0

    # The two places where bytes are touched; the streaming reader has its own.

    def _octet(self) -> int:
        """Return the byte at ``position``, without moving."""
        return self._data[self.position]

    def take(self, length: int) -> "Buffer":
        """Return the next ``length`` bytes without a copy. The caller knows that they are there."""
        start = self.position
        self.position = start + length
        return self._data[start : self.position]

    # Structure

    def fail(self, what: str, problem: str) -> FormatError:
        """Return the error for field ``what``, with the place in the document."""
        return FormatError(what + ": " + problem + " at byte " + str(self.position))

    def at_end(self) -> bool:
        """Tell whether the element that was entered (or the whole document) is read to its end."""
        return self.position >= self.end

    def peek(self) -> int:
        """Return the first octet of the next element, or -1 at the end."""
        return -1 if self.position >= self.end else self._octet()

    def _byte(self, what: str) -> int:
        if self.position >= self.end:
            raise self.fail(what, "the data ends inside an element")
        octet = self._octet()
        self.position += 1
        return octet

    def header(self, what: str) -> "tuple[int, int]":
        """Read identifier and length; return (tag, length of the contents), which fit in this element."""
        tag = self._byte(what)
        if tag & 0x1F == 0x1F:
            tag |= self._tag_number(what) << 8
        elif tag == 0:
            raise self.fail(what, "tag 0 is reserved")
        length = self._byte(what)
        if length >= 0x80:
            length = self._long_length(length & 0x7F, what)
        if length > self.end - self.position:
            raise self.fail(what, "an element is longer than what encloses it")
        return tag, length

    def _tag_number(self, what: str) -> int:
        number = 0
        for _ in range(3):
            octet = self._byte(what)
            number = number << 7 | octet & 0x7F
            if number == 0:
                break
            if octet < 0x80:
                if number < 0x1F:
                    break
                return number
        raise self.fail(what, "a long tag that is not minimal, or above 2097151,")

    def _long_length(self, count: int, what: str) -> int:
        if count == 0:
            raise self.fail(what, "indefinite length, which DER does not allow,")
        if count > 4:
            raise self.fail(what, "a length of more than four octets")
        length = 0
        for _ in range(count):
            length = length << 8 | self._byte(what)
        if length < 0x80 or length >> (8 * (count - 1)) == 0:
            raise self.fail(what, "a length that is not minimal")
        return length

    def expect(self, tag: int, what: str) -> int:
        """Read the header of an element that must have ``tag``; return the length of its contents."""
        found, length = self.header(what)
        if found != tag:
            raise self.fail(what, "expected tag 0x%02x, found 0x%02x" % (tag, found))
        return length

    def enter(self, tag: int, what: str) -> int:
        """Go into the next element; return what ``leave`` needs to come out again."""
        return self.enter_contents(self.expect(tag, what), what)

    def enter_contents(self, length: int, what: str) -> int:
        """Take the next ``length`` bytes for an element whose header is read already; like ``enter``."""
        if self._depth >= _MAX_DEPTH:
            raise self.fail(what, "nested too deeply")
        self._depth += 1
        outer = self.end
        self.end = self.position + length
        return outer

    def leave(self, outer: int, what: str) -> None:
        """Come out of an element, which must have been read to its end."""
        if self.position != self.end:
            raise self.fail(what, "unexpected bytes before the end of the element")
        self._depth -= 1
        self.end = outer

    def leave_rest(self, outer: int, what: str) -> None:
        """Come out of an element, passing over well-formed fields of a later version."""
        while self.position < self.end:
            self.skip(what)
        self.leave(outer, what)

    def skip(self, what: str) -> None:
        """Pass over one element of any type; what is nested in it must be well-formed, to a bounded depth."""
        depth = self._depth
        outers = []
        while True:
            tag, length = self.header(what)
            universal = tag & 0xFF if tag < 0x40 else 0
            if tag & _CONSTRUCTED:
                if 0 < universal < 0x30 and universal not in (0x28, 0x2B):
                    raise self.fail(what, "a constructed string, which DER does not allow,")
                outers.append(self.enter_contents(length, what))
            else:
                if universal in (0x10, 0x11):
                    raise self.fail(what, "a SEQUENCE or SET that is not constructed")
                self.position += length
            while outers and self.position == self.end:
                self.leave(outers.pop(), what)
            if not outers:
                self._depth = depth
                return

    def finish(self, what: str) -> None:
        """Check that nothing follows the document."""
        if self.position != self.end:
            raise self.fail(what, "unexpected bytes after the document")

    def element(self, what: str, limit: int = 4096) -> "Buffer":
        """Return the next element whole, its header included (``limit``: its most bytes)."""
        start = self.position
        _, length = self.header(what)
        total = self.position - start + length
        self._bound(total, what, limit)
        self.position = start
        return self.take(total)

    # Fields

    def _bound(self, length: int, what: str, limit: int) -> None:
        if length > limit:
            raise self.fail(what, "longer than %d bytes" % limit)

    def contents(self, tag: int, what: str, limit: int = 1024) -> "Buffer":
        """Return the contents of the next element, which must have ``tag`` and at most ``limit`` bytes."""
        length = self.expect(tag, what)
        self._bound(length, what, limit)
        return self.take(length)

    def octets(self, what: str, limit: int = 1024) -> "Buffer":
        """Read an OCTET STRING; return its contents."""
        return self.contents(OCTET_STRING, what, limit)

    def integer_octets(self, what: str, limit: int = 1024) -> "Buffer":
        """Read an INTEGER; return its minimal two's complement octets."""
        octets = self.contents(INTEGER, what, limit)
        if len(octets) == 0:
            raise self.fail(what, "an empty INTEGER")
        if len(octets) > 1 and octets[0] == (0 if octets[1] < 0x80 else 0xFF):
            raise self.fail(what, "an INTEGER that is not minimal")
        return octets

    def integer(self, what: str, limit: int = 8) -> int:
        """Read an INTEGER of at most ``limit`` octets."""
        octets = self.integer_octets(what, limit)
        value = int.from_bytes(octets, "big")
        if octets[0] >= 0x80:
            value -= 1 << 8 * len(octets)
        return value

    def boolean(self, what: str) -> bool:
        """Read a BOOLEAN: 0x00 or 0xff, nothing else."""
        octets = self.contents(BOOLEAN, what, 1)
        if len(octets) != 1 or octets[0] not in (0, 0xFF):
            raise self.fail(what, "a BOOLEAN that is neither 00 nor ff")
        return octets[0] == 0xFF

    def null(self, what: str) -> None:
        """Read a NULL."""
        self.contents(NULL, what, 0)

    def oid(self, what: str) -> bytes:
        """Read an OBJECT IDENTIFIER; return its contents (``oid_text`` makes them readable)."""
        octets = bytes(self.contents(OID, what, 64))
        start = True  # of a subidentifier
        for octet in octets:
            if start and octet == 0x80:
                raise self.fail(what, "an OBJECT IDENTIFIER that is not minimal")
            start = octet < 0x80
        if not octets or not start:
            raise self.fail(what, "an OBJECT IDENTIFIER that is empty or cut off")
        return octets

    def text(self, what: str, limit: int = 1024) -> str:
        """Read a UTF8String of at most ``limit`` bytes."""
        octets = self.contents(UTF8, what, limit)
        if not is_utf8(octets):
            raise self.fail(what, "text that is not valid UTF-8")
        return str(octets, "utf-8")

    def time(self, what: str) -> int:
        """Read a GeneralizedTime ``YYYYMMDDHHMMSSZ``; return seconds since 1970-01-01 UTC."""
        octets = bytes(self.contents(TIME, what, 15))
        seconds = parse_time(octets)
        if seconds is None:
            raise self.fail(what, "a time that is not YYYYMMDDHHMMSSZ")
        return seconds

    def bits(self, what: str, limit: int = 1024) -> "Buffer":
        """Read a BIT STRING of whole bytes; return them."""
        octets = self.contents(BIT_STRING, what, limit)
        if len(octets) == 0 or octets[0] != 0:
            raise self.fail(what, "a BIT STRING that is not whole bytes")
        return octets[1:]


def is_utf8(octets: "Buffer") -> bool:
    """Tell whether ``octets`` are well-formed UTF-8 (Unicode table 3-7: no overlong forms, no surrogates).

    MicroPython's own decoder lets surrogates and overlong forms pass.
    """
    more = 0  # continuation bytes still to come
    low = 0x80
    high = 0xBF
    for octet in octets:
        if more:
            if not low <= octet <= high:
                return False
            more -= 1
            low, high = 0x80, 0xBF
        elif octet >= 0x80:
            if not 0xC2 <= octet <= 0xF4:
                return False
            more = 1 + (octet >= 0xE0) + (octet >= 0xF0)
            low = {0xE0: 0xA0, 0xF0: 0x90}.get(octet, 0x80)
            high = {0xED: 0x9F, 0xF4: 0x8F}.get(octet, 0xBF)
    return more == 0


def _days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date of the Gregorian calendar."""
    if month < 3:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719469


def parse_time(octets: bytes) -> "int | None":
    """Return the seconds since 1970-01-01 UTC of ``YYYYMMDDHHMMSSZ``, or None when it is not such a time."""
    if len(octets) != 15 or octets[14] != 0x5A:
        return None
    for digit in octets[:14]:
        if not 0x30 <= digit <= 0x39:
            return None
    year, month, day = int(octets[0:4]), int(octets[4:6]), int(octets[6:8])
    hour, minute, second = int(octets[8:10]), int(octets[10:12]), int(octets[12:14])
    if year < 1 or not 1 <= month <= 12 or day < 1 or hour > 23 or minute > 59 or second > 59:
        return None
    following = _days(year, month + 1, 1) if month < 12 else _days(year + 1, 1, 1)
    days = _days(year, month, day)
    if days >= following:
        return None
    return days * _DAY_S + hour * 3600 + minute * 60 + second


def oid_text(octets: "Buffer") -> str:
    """Return an OBJECT IDENTIFIER's contents in dotted form. Subidentifiers may be of any size."""
    numbers = []
    value = 0
    for octet in octets:
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            if not numbers:
                root = min(value // 40, 2)
                numbers.append(str(root))
                value -= 40 * root
            numbers.append(str(value))
            value = 0
    return ".".join(numbers)


# Writing


def encode(tag: int, *parts: "Buffer") -> bytes:
    """Return the element ``tag`` (one octet) with the joined ``parts`` as contents."""
    contents = b"".join(parts)
    length = len(contents)
    if length < 0x80:
        head = bytes((tag, length))
    else:
        count = 1
        while length >> 8 * count:
            count += 1
        head = bytes((tag, 0x80 | count)) + length.to_bytes(count, "big")
    return head + contents


def encode_integer(value: int) -> bytes:
    """Return an INTEGER."""
    count = 1
    while not -(1 << 8 * count - 1) <= value < 1 << 8 * count - 1:
        count += 1
    if value < 0:
        value += 1 << 8 * count
    return encode(INTEGER, value.to_bytes(count, "big"))


def encode_text(text: str) -> bytes:
    """Return a UTF8String."""
    return encode(UTF8, text.encode("utf-8"))


def encode_oid(octets: "Buffer") -> bytes:
    """Return an OBJECT IDENTIFIER from its contents octets."""
    return encode(OID, octets)


def encode_sequence(parts: "Sequence[Buffer]") -> bytes:
    """Return a SEQUENCE of elements that are encoded already."""
    return encode(SEQUENCE, *parts)
