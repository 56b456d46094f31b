"""The console's frames, and what a noisy line does to them."""

from cx import frame
from cx.errors import FormatError
from support import raises


def decode(data: bytes, limit: int = 230) -> "tuple[list, int]":
    """Return the frames found and the bytes dropped, the same whether bytes come one by one or at once."""
    results = []
    for size in (1, 7, len(data) + 1):
        decoder = frame.Decoder(limit)
        found = []
        for at in range(0, len(data), size):
            found += list(decoder.frames(data[at : at + size]))
        results.append((found, decoder.dropped))
    assert results[0] == results[1] == results[2]
    return results[0]


def test_frame_layout():
    # CRC-32 of 01 07 00 02 7B 7D as zlib and every other ISO-HDLC implementation gives it.
    assert frame.encode(frame.REQUEST, 7, b"{}").hex() == "c358010700027b7d2945d7c4"


def test_round_trip_of_all_lengths():
    for length in (0, 1, 100, 230):
        payload = bytes(i & 0xFF for i in range(length))
        assert decode(frame.encode(frame.DATA, 255, payload)) == ([(frame.DATA, 255, payload)], 0)


def test_noise_between_frames_is_dropped_and_counted():
    stream = b"\x03noise\xc3" + frame.encode(1, 1, b"a") + b"\r\n" + frame.encode(1, 2, b"b")
    assert decode(stream) == ([(1, 1, b"a"), (1, 2, b"b")], 9)


def test_half_a_frame_does_not_swallow_the_next():
    whole = frame.encode(1, 9, b"whole")
    for cut in range(1, len(whole)):
        decoder = frame.Decoder(230)
        assert list(decoder.frames(whole[:cut])) == []
        decoder.reset()  # what a badge does after a second of silence
        assert list(decoder.frames(whole)) == [(1, 9, b"whole")], cut
        assert decoder.dropped == cut


def test_every_flipped_bit_is_noticed():
    whole = frame.encode(1, 9, b"whole")
    for bit in range(len(whole) * 8):
        broken = bytearray(whole)
        broken[bit // 8] ^= 1 << bit % 8
        assert decode(bytes(broken))[0] == [], bit


def test_oversize_frames_are_not_waited_for():
    decoder_limit = 16
    stream = frame.encode(1, 1, bytes(17)) + frame.encode(1, 2, b"after")
    assert decode(stream, decoder_limit)[0] == [(1, 2, b"after")]


def test_false_starts_hide_no_frame():
    whole = frame.encode(1, 2, b"after")
    for noise in (b"\xc3" * 300, b"\xc3\x58" * 300, b"\xc3\x58\x01\x01\x00\x00" * 60, whole[:-1], b"\xc3"):
        found, dropped = decode(noise + whole + bytes(300))
        assert found == [(1, 2, b"after")], noise[:8]
        assert dropped == len(noise) + 300


def test_a_payload_over_two_bytes_of_length_is_refused():
    raises(FormatError, frame.encode, 1, 1, bytes(0x10000))
