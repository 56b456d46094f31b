"""Sightings to visits to 24-byte records."""

from cx import contact
from cx.contact import Contact, Visits
from cx.errors import FormatError
from support import raises

ID = bytes(range(16))
OTHER = bytes(range(1, 17))


def test_record_layout():
    record = Contact(ID, 0x1234, 4 * 0x010203, 120, 40, 52).encode()
    assert record == ID + bytes.fromhex("1234 010203 0c 28 34".replace(" ", ""))


def test_record_round_trip():
    for boot, start_s, duration_s in ((0, 0, 0), (65535, 4 * 0xFFFFFF, 2550), (7, 400, 600)):
        back = contact.decode(Contact(ID, boot, start_s, duration_s, 40, 52).encode())
        assert (back.contact_id, back.boot, back.start_s, back.duration_s) == (ID, boot, start_s, duration_s)
        assert (back.least_db, back.mean_db) == (40, 52)


def test_values_beyond_a_field_stay_at_its_end():
    back = contact.decode(Contact(ID, 1, 1 << 40, 100_000, -5, 300).encode())
    assert (back.start_s, back.duration_s, back.least_db, back.mean_db) == (4 * 0xFFFFFF, 2550, 0, 255)


def test_other_lengths_are_refused():
    for length in (0, 23, 25):
        raises(FormatError, contact.decode, bytes(length))


def test_a_torn_last_record_is_left_out():
    record = Contact(ID, 1, 2, 3, 4, 5).encode()
    assert [bytes(r) for r in contact.records(record * 3 + record[:23])] == [record] * 3


def test_a_visit_lasts_from_first_to_last_sighting_and_one_period():
    visits = Visits(limit=4, period_s=60)
    for second, attenuation_db in ((100, 50), (160, 44), (220, 56)):
        assert visits.saw(ID, second, attenuation_db) is None
    closed = visits.close(ID, 3)
    assert (closed.boot, closed.start_s, closed.duration_s) == (3, 100, 180)
    assert (closed.least_db, closed.mean_db) == (44, 50)
    assert len(visits) == 0


def test_only_idle_visits_are_over():
    visits = Visits(limit=4, period_s=60)
    visits.saw(ID, 0, 50)
    visits.saw(OTHER, 200, 50)
    assert visits.over(240, 240) == [ID]
    assert visits.over(239, 240) == []
    assert sorted(visits.over(200, 0)) == [ID, OTHER]


def test_a_full_table_names_the_one_unseen_for_longest():
    visits = Visits(limit=2, period_s=60)
    visits.saw(ID, 0, 50)
    visits.saw(OTHER, 10, 50)
    visits.saw(ID, 20, 50)
    assert visits.saw(bytes(16), 30, 50) == OTHER
