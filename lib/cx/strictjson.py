"""Strict JSON (RFC 8259): the same answer on every runtime.

MicroPython's own parser lets missing commas, repeated names and invalid UTF-8 pass, CPython's lets NaN and
repeated names pass; a document that is the root of trust must not mean two things. Numbers are integers:
nothing here has others.
"""

from cx.compat import TYPE_CHECKING, const
from cx.der import is_utf8
from cx.errors import FormatError

if TYPE_CHECKING:
    from cx.compat import Buffer

_MAX_DEPTH = const(8)
_MAX_DIGITS = const(9)
_ESCAPES = {0x22: '"', 0x5C: "\\", 0x2F: "/", 0x62: "\b", 0x66: "\f", 0x6E: "\n", 0x72: "\r", 0x74: "\t"}
_HEX = b"0123456789abcdef"
_WORDS = {b"true": True, b"false": False, b"null": None}


def loads(text: "Buffer | str") -> object:
    """Return the value of a JSON text: dict, list, str, int, bool or None. Errors: ``FormatError``."""
    octets = text.encode("utf-8") if isinstance(text, str) else bytes(text)
    if not is_utf8(octets):
        raise FormatError("JSON: not valid UTF-8")
    parser = _Parser(octets)
    value = parser.value(0)
    parser.space()
    if parser.position != len(octets):
        raise parser.fail("unexpected text after the value")
    return value


class _Parser:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.position = 0

    def fail(self, problem: str) -> FormatError:
        return FormatError("JSON: " + problem + " at byte " + str(self.position))

    def _peek(self) -> int:
        return self._octets[self.position] if self.position < len(self._octets) else -1

    def space(self) -> None:
        while self._peek() in (0x20, 0x09, 0x0A, 0x0D):
            self.position += 1

    def _accept(self, character: int) -> bool:
        """Pass over white space and then ``character``, if it is there."""
        self.space()
        found = self._peek() == character
        self.position += found
        return found

    def _expect(self, character: int) -> None:
        if not self._accept(character):
            raise self.fail("expected " + chr(character))

    def value(self, depth: int) -> object:
        if depth > _MAX_DEPTH:
            raise self.fail("nested too deeply")
        self.space()
        start = self._peek()
        if start == 0x22:
            return self._string()
        if start == 0x7B:
            return self._object(depth)
        if start == 0x5B:
            return self._array(depth)
        if start == 0x2D or 0x30 <= start <= 0x39:
            return self._number()
        for word in _WORDS:
            if self._octets[self.position : self.position + len(word)] == word:
                self.position += len(word)
                return _WORDS[word]
        raise self.fail("expected a value")

    def _object(self, depth: int) -> "dict[str, object]":
        self.position += 1
        members = {}
        if self._accept(0x7D):
            return members
        while True:
            self.space()
            if self._peek() != 0x22:
                raise self.fail("expected a name in quotes")
            name = self._string()
            if name in members:
                raise FormatError(name + ": this property is there twice")
            self._expect(0x3A)
            members[name] = self.value(depth + 1)
            if self._accept(0x7D):
                return members
            self._expect(0x2C)

    def _array(self, depth: int) -> "list[object]":
        self.position += 1
        elements = []
        if self._accept(0x5D):
            return elements
        while True:
            elements.append(self.value(depth + 1))
            if self._accept(0x5D):
                return elements
            self._expect(0x2C)

    def _number(self) -> int:
        start = self.position
        self.position += self._peek() == 0x2D
        first = self.position
        while 0x30 <= self._peek() <= 0x39:
            self.position += 1
        digits = self.position - first
        if not 1 <= digits <= _MAX_DIGITS or (digits > 1 and self._octets[first] == 0x30):
            raise self.fail("a number that is not a plain integer")
        if self._peek() in (0x2E, 0x45, 0x65):
            raise self.fail("a number that is not a plain integer")
        return int(self._octets[start : self.position])

    def _string(self) -> str:
        self.position += 1
        parts = []
        start = self.position
        while True:
            octet = self._peek()
            if octet < 0x20:
                raise self.fail("text that does not end, or has a control character,")
            if octet in (0x22, 0x5C):
                parts.append(str(self._octets[start : self.position], "utf-8"))
                self.position += 1
                if octet == 0x22:
                    return "".join(parts)
                parts.append(self._escape())
                start = self.position
            else:
                self.position += 1

    def _escape(self) -> str:
        kind = self._peek()
        self.position += 1
        if kind in _ESCAPES:
            return _ESCAPES[kind]
        if kind != 0x75:
            raise self.fail("an unknown escape")
        code = self._hex()
        if 0xD800 <= code < 0xDC00:
            if self._octets[self.position : self.position + 2] != b"\\u":
                raise self.fail("half of a surrogate pair")
            self.position += 2
            low = self._hex()
            if not 0xDC00 <= low < 0xE000:
                raise self.fail("half of a surrogate pair")
            return chr(0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00)
        if 0xDC00 <= code < 0xE000:
            raise self.fail("half of a surrogate pair")
        return chr(code)

    def _hex(self) -> int:
        code = 0
        for _ in range(4):
            digit = _HEX.find(self._octets[self.position : self.position + 1].lower() or b"?")
            if digit < 0:
                raise self.fail("an escape without four hexadecimal digits")
            code = code * 16 + digit
            self.position += 1
        return code
