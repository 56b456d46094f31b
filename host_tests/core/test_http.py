"""HTTP/1.1 messages: what servers send, good and bad, in pieces of any size."""

from cx import http
from cx.errors import CxError, FormatError, RefusedError
from support import raises

OK = b"HTTP/1.1 200 OK\r\n"


def read(raw: bytes, limit: int = 1000, piece: int = 7, ends: bool = True):
    body = bytearray()
    response = http.Response(limit, body.extend)
    for at in range(0, len(raw), piece):
        response.feed(memoryview(raw)[at : at + piece])
    if ends and not response.is_done:
        response.end()
    return response, bytes(body)


def refused(raw: bytes, error=FormatError, **more) -> str:
    for piece in (1, 3, 4096):
        caught = raises(error, lambda size=piece: read(raw, piece=size, **more))
    return str(caught)


def test_urls_are_taken_apart():
    for text, host, port, target in (
        ("https://health.example/pub/full", "health.example", 443, "/pub/full"),
        ("HTTP://a.example:8080", "a.example", 8080, "/"),
        ("https://a.example?x=/y", "a.example", 443, "/?x=/y"),
        ("http://[::1]:81/a#b", "::1", 81, "/a"),
    ):
        url = http.Url(text)
        assert (url.host, url.port, url.target) == (host, port, target)


def test_what_is_no_url_is_refused():
    for text in (
        "ftp://a/b",
        "https:/a",
        "https:///x",
        "https://a b/",
        "https://a/\r\nHost: b",
        "https://user@a/",
        "https://a:0/",
        "https://a:65536/",
        "https://a:+1/",
        "http://[::1/",
        "https://a/" + "x" * 512,
        "https://\u00e4.example/",
    ):
        raises(FormatError, http.Url, text)


def test_redirects_lead_on_but_never_out_of_https():
    here = "https://a.example:444/pub/full?x=1"
    for location, there in (
        ("https://b.example/y", "https://b.example/y"),
        ("/y", "https://a.example:444/y"),
        ("y?u=http://c/", "https://a.example:444/pub/y?u=http://c/"),
        ("//b.example/y", "https://b.example/y"),
    ):
        assert http.follow(here, location) == there
    assert http.follow("http://a/x", "https://b/y") == "https://b/y"
    assert http.follow("http://a/x", "http://b/y") == "http://b/y"
    for bad in ("http://a.example/y", "HTTP://a.example/"):
        assert raises(RefusedError, http.follow, here, bad).reason == "redirect"
    for bad in ("ftp://a/", "https://\r\n/", "javascript://x"):
        raises(FormatError, http.follow, here, bad)


def test_a_request_is_what_the_standard_says():
    made = http.request("POST", http.Url("https://a.example:444/x?y"), {"If-None-Match": '"e"'}, 12)
    assert made == (
        b"POST /x?y HTTP/1.1\r\nHost: a.example:444\r\nUser-Agent: cx\r\nAccept-Encoding: identity\r\n"
        b'Connection: close\r\nIf-None-Match: "e"\r\nContent-Length: 12\r\n\r\n'
    )


def test_bodies_of_known_length_of_chunks_and_to_the_end():
    for raw in (
        OK + b"Content-Length: 5\r\n\r\nhello and more",
        OK + b"content-length:5\n\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\nX: y\r\n\r\n",
        OK + b"\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nContent-Length: 9\r\n\r\n" + OK + b"\r\nhello",
    ):
        for piece in (1, 2, 3, 5, 4096):
            response, body = read(raw, piece=piece)
            assert body == b"hello" and response.status == 200 and response.body_bytes == 5


def test_only_the_headers_that_matter_are_kept():
    raw = OK + b'ETag: "a"\r\nX-Y: z\r\nLast-Modified:  yesterday \r\nContent-Length: 0\r\n\r\n'
    response, _ = read(raw)
    assert response.headers == {"etag": '"a"', "last-modified": "yesterday", "content-length": "0"}
    assert response.is_done


def test_answers_without_a_body():
    for status in (b"204 No Content", b"304 Not Modified"):
        response, body = read(b"HTTP/1.1 " + status + b"\r\nContent-Length: 10\r\n\r\n")
        assert response.is_done and body == b""


def test_the_body_of_an_error_goes_nowhere():
    response, body = read(b"HTTP/1.0 500 Oh\r\nContent-Length: 3\r\n\r\nabc")
    assert response.status == 500 and body == b"" and response.is_done


def test_an_early_end_is_an_error():
    for raw in (
        b"",
        b"HTTP/1.1 200",
        OK,
        OK + b"Content-Length: 5\r\n\r\nhell",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhell",
    ):
        assert "ended" in refused(raw)


def test_what_is_no_http_is_refused():
    for raw in (
        b"SSH-2.0-x\r\n",
        b"HTTP/2 200\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 +20 OK\r\n",
        b"\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 5, 5\r\n\r\nhello",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        OK + b"Content-Length: 1234567890\r\n\r\n",
        OK + b"Transfer-Encoding: gzip\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        OK + b"Content-Encoding: gzip\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n123456789\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n",
    ):
        refused(raw)


def test_a_body_over_the_limit_is_refused_as_soon_as_it_shows():
    assert (
        raises(RefusedError, lambda: read(OK + b"Content-Length: 11\r\n\r\n", 10, ends=False)).reason
        == "size"
    )
    refused(OK + b"\r\n" + b"x" * 11, RefusedError, limit=10)
    refused(OK + b"Transfer-Encoding: chunked\r\n\r\nb\r\n" + b"x" * 11, RefusedError, limit=10)
    assert read(OK + b"\r\n" + b"x" * 10, 10)[1] == b"x" * 10
    # Neither does an endless error page hold a badge for ever.
    refused(b"HTTP/1.1 500 Oh\r\n\r\n" + b"x" * 11, RefusedError, limit=10)


def test_headers_have_an_end():
    assert "over" in refused(OK + b"X: y\r\n" * 4000, ends=False)
    assert "over" in refused(OK + b"X" * 20000, ends=False)
    assert "over" in refused(b"HTTP/1.1 103 Hints\r\n\r\n" * 1000, ends=False)
    assert "over" in refused(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 4000, ends=False)
    # A long one that does not matter is read over, of one that matters nothing is taken.
    raw = OK + b"Csp: " + b"x" * 4000 + b"\r\nETag: " + b"e" * 600 + b"\r\nContent-Length: 2\r\n\r\nok"
    response, body = read(raw)
    assert body == b"ok" and response.headers["etag"] == ""


def test_noise_ends_in_an_error_or_an_answer():
    raw = OK + b'ETag: "a"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
    state = 1
    for _ in range(400):
        noisy = bytearray(raw)
        for _ in range(3):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            noisy[(state >> 8) % len(noisy)] = state >> 3 & 255
        try:
            _, body = read(bytes(noisy))
            assert len(body) <= 1000
        except CxError:
            pass
