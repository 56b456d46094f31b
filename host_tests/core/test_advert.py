"""The broadcast payload, both ways; its vectors are also those of docs/ble-mapping.md."""

from cx import advert
from cx.errors import FormatError
from support import raises

ID = bytes.fromhex("aeaa089103d8400cbeb0046a2dab8522")
PAYLOAD = bytes.fromhex("16ffffff435801aeaa089103d8400cbeb0046a2dab8522")


def test_encode_gives_the_documented_bytes():
    assert advert.encode(ID) == PAYLOAD
    assert len(PAYLOAD) == advert.PAYLOAD_LEN


def test_decode_is_the_inverse():
    assert advert.decode(PAYLOAD) == ID
    assert advert.decode(memoryview(PAYLOAD)) == ID


def test_encode_refuses_other_lengths():
    for length in (0, 15, 17):
        raises(FormatError, advert.encode, bytes(length))


def test_other_structures_may_stand_before_and_after():
    flags = bytes.fromhex("020106")
    tx_power = bytes.fromhex("020a00")
    assert advert.decode(flags + PAYLOAD) == ID
    assert advert.decode(PAYLOAD + tx_power) == ID
    assert advert.find(flags + PAYLOAD + tx_power) == 3 + 7


def test_every_shorter_payload_is_refused():
    for length in range(len(PAYLOAD)):
        assert advert.decode(PAYLOAD[:length]) is None


def test_form_of_the_identifier_is_checked():
    for index, value in ((7 + 6, 0x50), (7 + 6, 0x00), (7 + 8, 0x3E), (7 + 8, 0xC0), (7 + 8, 0xFE)):
        wrong = bytearray(PAYLOAD)
        wrong[index] = value
        assert advert.decode(wrong) is None


def test_every_header_byte_counts():
    for index in range(7):
        wrong = bytearray(PAYLOAD)
        wrong[index] ^= 1
        assert advert.decode(wrong) is None


def test_hostile_structures_end_the_search():
    for hostile in (b"", b"\x00", b"\xff", b"\x00" * 31, b"\xff" * 31, b"\x1f" * 31, b"\x01" * 31):
        assert advert.decode(hostile) is None
