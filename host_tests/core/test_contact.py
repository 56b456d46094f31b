"""A contact's 24 bytes."""

from cx import contact
from cx.contact import Contact
from cx.errors import FormatError
from support import raises

ID = bytes(range(16))


def test_record_layout():
    record = Contact(ID, 0x1234, 4 * 0x010203, 120, 40, 52).encode()
    assert record == ID + bytes.fromhex("1234 010203 0c 28 34".replace(" ", ""))


def test_record_round_trip():
    for boot, start_s, duration_s in ((0, 0, 0), (65535, 4 * 0x7FFFFF, 2550), (7, 400, 600)):
        back = contact.decode(Contact(ID, boot, start_s, duration_s, 40, 52).encode())
        assert (back.contact_id, back.boot, back.start_s, back.duration_s) == (ID, boot, start_s, duration_s)
        assert (back.least_db, back.mean_db) == (40, 52)


def test_values_beyond_a_field_stay_at_its_end():
    back = contact.decode(Contact(ID, 1, 1 << 40, 100_000, -5, 300).encode())
    assert (back.start_s, back.duration_s, back.least_db, back.mean_db) == (4 * 0x7FFFFF, 2550, 0, 255)


def test_other_lengths_are_refused():
    for length in (0, 23, 25):
        raises(FormatError, contact.decode, bytes(length))


def test_a_torn_last_record_is_left_out():
    record = Contact(ID, 1, 2, 3, 4, 5).encode()
    assert [bytes(r) for r in contact.records(record * 3 + record[:23])] == [record] * 3


def test_the_owners_tag_is_one_bit_of_the_start():
    tagged = Contact(ID, 1, 4 * 0x7FFFFF, 60, 40, 52, True)
    plain = Contact(ID, 1, 4 * 0x7FFFFF, 60, 40, 52)
    assert tagged.encode()[18:21] == b"\xff\xff\xff" and plain.encode()[18:21] == b"\x7f\xff\xff"
    assert contact.decode(tagged.encode()).is_tagged and not contact.decode(plain.encode()).is_tagged
    assert contact.decode(tagged.encode()).start_s == 4 * 0x7FFFFF
