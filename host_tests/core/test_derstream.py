"""The two passes over a stream: block borders, short reads, and bytes that change between the passes."""

import hashlib

import documents as d
from cx import der
from cx.derstream import FirstPass, SecondPass, StreamReader
from cx.errors import FormatError, SignatureError
from support import raises


class Dribble:
    """A stream that gives at most seven bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def seek(self, offset: int) -> None:
        self._at = offset

    def readinto(self, buffer: memoryview) -> int:
        part = self._data[self._at : self._at + min(len(buffer), 7)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def pattern(size: int) -> bytes:
    data = bytearray(size)
    for index in range(size):
        data[index] = (index * 7 + (index >> 8)) & 0xFF
    return bytes(data)


def test_digest_of_any_range():
    data = pattern(40000)
    for start, end in (
        (0, 40000),
        (0, 1),
        (2047, 2049),
        (2048, 4096),
        (2048, 2048),
        (5, 16384),
        (30000, 40000),
    ):
        blocks = FirstPass(d.stream(data))
        blocks.load(start // 1024)
        blocks.watch(start, end)
        assert blocks.digest() == hashlib.sha256(data[start:end]).digest()
        blocks.finish(len(data), "x")


def chunk_hash(chunk: bytes) -> bytes:
    blocks = [chunk[start : start + 1024] for start in range(0, len(chunk), 1024)] or [b""]
    if len(blocks[-1]) == 1024 and len(chunk) < 16384:
        blocks.append(b"")  # the end of the stream is found by reading on
    return hashlib.sha256(b"".join([hashlib.sha256(block).digest()[:16] for block in blocks])).digest()[:16]


def test_chunk_hashes():
    for size in (0, 1, 1023, 1024, 16383, 16384, 16385, 17408, 32768 + 1024, 300000):
        data = pattern(size)
        blocks = FirstPass(d.stream(data))
        blocks.finish(size, "x")
        expected = b"".join([chunk_hash(data[start : start + 16384]) for start in range(0, size, 16384)])
        found = b"".join(blocks.chunk_hashes)
        assert found[: len(expected)] == expected
        assert len(found) % 256 == 0 and len(found) - len(expected) <= 256


def test_length_must_be_exact():
    for size in (0, 1, 2047, 2048, 2049, 16384):
        FirstPass(d.stream(bytes(size))).finish(size, "x")
        raises(FormatError, FirstPass(d.stream(bytes(size + 1))).finish, size, "x")
        raises(FormatError, FirstPass(d.stream(bytes(size))).finish, size + 1, "x")


def test_elements_across_blocks():
    elements = [
        der.encode(der.OCTET_STRING, pattern(size)) for size in (0, 1, 100, 1000, 1024, 900, 1023, 500, 700)
    ]
    data = der.encode_sequence(elements)
    for stream in (d.stream(data), Dribble(data)):
        reader = StreamReader(FirstPass(stream))
        outer = reader.enter(der.SEQUENCE, "s")
        for element in elements:
            assert reader.element("e") == element
        reader.leave(outer, "s")


def test_second_pass_reads_what_the_first_read():
    data = pattern(40000)
    first = FirstPass(d.stream(data))
    first.finish(40000, "x")
    reader = StreamReader(SecondPass(Dribble(data), first.chunk_hashes))
    for position in (0, 39999, 16384, 2047, 30000):
        reader.position = position
        length = min(3000, 40000 - position)
        assert reader.take(length) == data[position : position + length]


def test_second_pass_refuses_every_change():
    data = pattern(20000)
    first = FirstPass(d.stream(data))
    first.finish(20000, "x")
    for place in (0, 2047, 2048, 16383, 16384, 19999):
        changed = bytearray(data)
        changed[place] ^= 0x80
        reader = StreamReader(SecondPass(d.stream(bytes(changed)), first.chunk_hashes))
        reader.position = place
        raises(SignatureError, reader.take, 1)
        reader.position = 0 if place >= 16384 else 16384
        assert reader.take(1) == data[reader.position - 1 : reader.position]
    for other in (data[:-1], data + b"\x00", b""):
        reader = StreamReader(SecondPass(d.stream(other), first.chunk_hashes))
        reader.position = 19000
        raises(SignatureError, reader.take, 1)


class Turncoat(Dribble):
    """A stream that changes while a chunk is checked: good when it is read first, bad after."""

    def __init__(self, data: bytes, good_reads: int) -> None:
        super().__init__(data)
        self._good_reads = good_reads

    def seek(self, offset: int) -> None:
        super().seek(offset)
        self._good_reads -= 1
        if self._good_reads < 0:
            self._data = b"\xff" * len(self._data)


def test_a_block_is_tied_to_the_chunk_when_it_is_used():
    data = pattern(16384)
    first = FirstPass(d.stream(data))
    first.finish(16384, "x")
    reader = StreamReader(SecondPass(Turncoat(data, 16), first.chunk_hashes))
    raises(SignatureError, reader.take, 1)
    reader = StreamReader(SecondPass(Turncoat(data, 17), first.chunk_hashes))
    assert reader.take(1024) == data[:1024]
    raises(SignatureError, reader.take, 1)


def test_an_element_may_begin_at_the_end_of_any_block():
    """Whole elements are what was written, wherever in a block their headers begin, on both passes."""
    for length in (0, 5, 200, 1500):
        wanted = der.encode(0xA0, b"\x2a" * length)
        for before in range(1012, 1030):
            padding = der.encode(der.OCTET_STRING, bytes(before - 4))  # its header has four octets
            data = padding + wanted
            assert len(padding) == before
            first = FirstPass(d.stream(data))
            reader = StreamReader(first)
            reader.end = len(data)
            reader.skip("padding")
            assert reader.element("x") == wanted
            assert reader.at_end()
            first.finish(len(data), "x")
            second = StreamReader(SecondPass(d.stream(data), first.chunk_hashes))
            second.end = len(data)
            second.position = before
            assert second.element("x") == wanted


def test_an_element_that_is_too_long_or_cut_off():
    element = der.encode(0x30, bytes(300))
    for data, limit in ((element, 303), (element[:-1], 4096), (b"\x1f\x82\x00\x01a", 4096)):
        reader = StreamReader(FirstPass(d.stream(data)))
        reader.end = len(element)
        raises(FormatError, reader.element, "x", limit)
