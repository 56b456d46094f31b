"""HTTP/1.1 messages, without sockets (RFC 9110, RFC 9112): URLs, requests, and a reader of responses.

The reader takes whatever a server sends in pieces of any size, and holds one line of it at the most.
"""

from cx.compat import TYPE_CHECKING, const
from cx.errors import FormatError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_URL_LEN = const(512)
_LINE_LEN = const(512)  # a longer line is read over, but for its beginning
_MAX_HEAD_BYTES = const(16384)
_MAX_LENGTH_DIGITS = const(9)
_PORTS = {"https": 443, "http": 80}
_WANTED = (
    "location",
    "etag",
    "last-modified",
    "content-length",
    "content-encoding",
    "transfer-encoding",
)
REDIRECTS = (301, 302, 303, 307, 308)

_STATUS = const(0)
_HEADERS = const(1)
_LENGTH = const(2)  # a body of known length
_UNTIL_END = const(3)  # a body that ends with the connection
_CHUNK_SIZE = const(4)
_CHUNK = const(5)
_CHUNK_END = const(6)
_TRAILERS = const(7)
_DONE = const(8)


class Url:
    """An absolute http or https URL: ``scheme``, ``host`` (no brackets), ``port``, ``target``, ``authority``.

    FormatError when it is no such URL, has a user, or a character that a request line must not have.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_URL_LEN:
            raise FormatError("URL: longer than %d characters" % MAX_URL_LEN)
        for character in text:
            if not "!" <= character <= "~":
                raise FormatError("URL: a character that a URL must not have")
        scheme, separator, rest = text.partition("://")
        self.scheme = scheme.lower()
        if not separator or self.scheme not in _PORTS:
            raise FormatError("URL: expected an absolute https or http URL")
        rest = rest.partition("#")[0]
        end = len(rest)
        for mark in "/?":
            at = rest.find(mark)
            if 0 <= at < end:
                end = at
        self.authority = rest[:end]
        target = rest[end:]
        self.target = target if target.startswith("/") else "/" + target
        self.host, self.port = _split_authority(self.authority, _PORTS[self.scheme])

    def join(self, location: str) -> str:
        """Return the absolute URL that ``location`` means, seen from here (RFC 3986, section 5)."""
        if location.startswith("//"):
            return self.scheme + ":" + location
        if "://" in location.split("?")[0].split("#")[0]:
            return location
        start = self.scheme + "://" + self.authority
        if location.startswith("/"):
            return start + location
        return start + self.target.split("?")[0].rpartition("/")[0] + "/" + location


def _split_authority(authority: str, default_port: int) -> "tuple[str, int]":
    if "@" in authority:
        raise FormatError("URL: a user in it")
    host, port = authority, ""
    if authority.startswith("["):
        host, closing, port = authority[1:].partition("]")
        if not closing or (port and not port.startswith(":")):
            raise FormatError("URL: no valid host")
        port = port[1:]
    elif ":" in authority:
        host, _, port = authority.partition(":")
    if not host:
        raise FormatError("URL: no host")
    if not port:
        return host, default_port
    if not port.isdigit() or len(port) > 5 or not 0 < int(port) < 65536:
        raise FormatError("URL: no valid port")
    return host, int(port)


def follow(url: str, location: str) -> str:
    """Return where a redirect of ``url`` leads; RefusedError if it would leave HTTPS."""
    here = Url(url)
    there = here.join(location)
    if here.scheme == "https" and Url(there).scheme != "https":
        raise RefusedError("redirect: from https to http", "redirect")
    return there


def request(method: str, url: Url, headers: "dict[str, str]", length: int = -1) -> bytes:
    """Return the head of a request; ``length``: of the body that follows it, -1 for none.

    Values of ``headers`` must be free of control characters; nothing here tells one client from another.
    """
    lines = [
        method + " " + url.target + " HTTP/1.1",
        "Host: " + url.authority,
        "User-Agent: cx",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    for name in headers:
        lines.append(name + ": " + headers[name])
    if length >= 0:
        lines.append("Content-Length: %d" % length)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Response:
    """Reads one response. ``sink`` is called with each piece of a body of at most ``limit`` bytes.

    The pieces are views that die with the call. ``status`` and ``headers`` (names in small letters; of those
    that matter here, see above) are complete when ``has_head``; ``body_bytes`` counts. Only the bodies of
    responses with ``status`` 200 to 299 go to the sink. Errors: FormatError for what is no HTTP,
    RefusedError (reason ``size``) for a body over the limit.
    """

    def __init__(self, limit: int, sink: "Callable[[memoryview], object]") -> None:
        self.status = 0
        self.headers: "dict[str, str]" = {}
        self.body_bytes = 0
        self._limit = limit
        self._sink = sink
        self._state = _STATUS
        self._line = bytearray(_LINE_LEN)
        self._used = 0  # of the line
        self._head_bytes = 0
        self._left = 0

    @property
    def has_head(self) -> bool:
        """Tell whether all headers have come."""
        return self._state > _HEADERS

    @property
    def is_done(self) -> bool:
        """Tell whether all has come."""
        return self._state == _DONE

    def end(self) -> None:
        """Note that the connection has ended; FormatError when that was too early."""
        if self._state == _UNTIL_END:
            self._state = _DONE
        if self._state != _DONE:
            raise FormatError("response: the connection ended in the middle")

    def feed(self, data: memoryview) -> None:
        """Take what came; what follows the end of the response is ignored."""
        at = 0
        while at < len(data) and self._state != _DONE:
            if self._state in (_LENGTH, _UNTIL_END, _CHUNK):
                at += self._take_body(data[at:])
            else:
                at += self._take_line(data[at:])

    def _take_body(self, data: memoryview) -> int:
        count = len(data)
        if self._state != _UNTIL_END:
            count = min(count, self._left)
            self._left -= count
        self.body_bytes += count
        if self.body_bytes > self._limit:
            raise RefusedError("response: more than %d bytes" % self._limit, "size")
        if 200 <= self.status < 300:
            self._sink(data[:count])
        if self._state != _UNTIL_END and not self._left:
            self._state = _DONE if self._state == _LENGTH else _CHUNK_END
        return count

    def _take_line(self, data: memoryview) -> int:
        """Take bytes up to the end of the line; what is too long of it is dropped."""
        line, used = self._line, self._used
        count = 0
        for value in data:
            count += 1
            if value == 10:
                break
            if used < _LINE_LEN:
                line[used] = value
                used += 1
        else:
            value = 0
        self._head_bytes += count
        if self._head_bytes > _MAX_HEAD_BYTES:
            raise FormatError("response: headers over %d bytes" % _MAX_HEAD_BYTES)
        self._used = used
        if value == 10:
            self._used = 0
            if used and line[used - 1] == 13:
                used -= 1
            self._handle_line(used)
        return count

    def _handle_line(self, length: int) -> None:
        state = self._state
        if state == _STATUS:
            self._handle_status(length)
        elif state == _HEADERS:
            if length:
                self._handle_header(length)
            else:
                self._begin_body()
        elif state == _CHUNK_SIZE:
            self._begin_chunk(length)
        elif state == _CHUNK_END:
            if length:
                raise FormatError("response: a chunk of the wrong length")
            self._head_bytes = 0
            self._state = _CHUNK_SIZE
        elif not length:  # trailers, passed over
            self._state = _DONE

    def _handle_status(self, length: int) -> None:
        parts = bytes(self._line[: min(length, 16)]).split(b" ")
        if (
            len(parts) < 2
            or not parts[0].startswith(b"HTTP/1.")
            or len(parts[1]) != 3
            or not _is_decimal(parts[1])
        ):
            raise FormatError("response: not HTTP/1.1")
        self.status = int(parts[1])
        self._state = _HEADERS

    def _handle_header(self, length: int) -> None:
        at = self._line.find(b":", 0, length)
        if at <= 0 or at > 32:
            return
        name = _text(self._line[:at]).lower()
        if name not in _WANTED:
            return
        value = "" if length == _LINE_LEN else _text(self._line[at + 1 : length]).strip()
        if name == "content-length" and self.headers.get(name, value) != value:
            raise FormatError("response: two lengths")
        self.headers[name] = value

    def _begin_body(self) -> None:
        if 100 <= self.status < 200:  # the real one follows
            self.headers = {}
            self._state = _STATUS
            return
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise FormatError("response: compressed, which was not asked for")
        coding = self.headers.get("transfer-encoding")
        if self.status in (204, 304):
            self._state = _DONE
        elif coding is not None:
            if coding.lower() != "chunked" or "content-length" in self.headers:
                raise FormatError("response: a transfer coding that was not asked for")
            self._head_bytes = 0
            self._state = _CHUNK_SIZE
        elif "content-length" in self.headers:
            self._begin_known_length(self.headers["content-length"])
        else:
            self._state = _UNTIL_END

    def _begin_known_length(self, text: str) -> None:
        if not text.isdigit() or len(text) > _MAX_LENGTH_DIGITS:
            raise FormatError("response: no valid length")
        self._left = int(text)
        if self._left > self._limit:
            raise RefusedError("response: %d bytes, more than %d" % (self._left, self._limit), "size")
        self._state = _LENGTH if self._left else _DONE

    def _begin_chunk(self, length: int) -> None:
        digits = bytes(self._line[: min(length, 16)]).split(b";")[0].strip()
        try:
            self._left = int(digits, 16)
        except ValueError:
            self._left = -1
        if self._left < 0 or len(digits) > 8 or digits[:1] in b"+-":
            raise FormatError("response: a chunk without a length")
        self._head_bytes = 0
        self._state = _CHUNK if self._left else _TRAILERS


def _is_decimal(digits: bytes) -> bool:
    return all(48 <= digit <= 57 for digit in digits)


def _text(line: "bytes | bytearray") -> str:
    """Return a line as text; what is not ASCII becomes a question mark."""
    return "".join(chr(value) if value < 128 else "?" for value in line)
