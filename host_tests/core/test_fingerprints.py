"""Fingerprints on flash: none is forgotten, few are too many, and what was written is read again."""

from io import BytesIO

from cx.bloom import Bloom
from cx.compat import sha256
from cx.fingerprints import Fingerprints, fingerprint


def random_id(number):
    return sha256(b"%d" % number).digest()[:16]


def test_fingerprint_is_the_last_28_bits():
    contact_id = bytes(range(12)) + b"\xfa\xbc\xde\xf1"
    assert fingerprint(contact_id) == 0x0ABCDEF1
    assert fingerprint(b"\xff" * 16) < 0x3FFFFFFF


def test_none_is_forgotten_across_runs():
    prints = Fingerprints(BytesIO())
    for number in range(2500):
        prints.add(random_id(number))
    assert len(prints) == 2500
    asked = [random_id(number) for number in range(0, 2500, 7)]
    assert set(prints.thin(asked)) == set(asked)
    assert prints.thin([random_id(number) for number in range(3000, 3300)]) == []
    assert prints.thin([]) == []


def test_written_runs_are_read_again():
    stream = BytesIO()
    prints = Fingerprints(stream)
    for number in range(1030):
        prints.add(random_id(number))
    prints.flush()
    again = Fingerprints(stream)
    assert len(again) == 1030
    for number in range(1030, 2100):
        again.add(random_id(number))
    again.flush()
    last = Fingerprints(stream)
    assert len(last) == 2100 and len(stream.getvalue()) == 3 * 4096
    asked = [random_id(number) for number in range(0, 2100, 9)]
    assert set(last.thin(asked)) == set(asked)


def test_flush_of_nothing_new_is_harmless():
    stream = BytesIO()
    prints = Fingerprints(stream)
    prints.flush()
    assert len(Fingerprints(stream)) == 0
    prints.add(random_id(1))
    prints.flush()
    prints.flush()
    assert Fingerprints(stream).thin([random_id(1), random_id(2)]) == [random_id(1)]


def test_a_run_cut_off_by_a_power_cut_is_not_taken():
    stream = BytesIO()
    prints = Fingerprints(stream)
    for number in range(1024 + 5):
        prints.add(random_id(number))
    prints.flush()
    cut = Fingerprints(BytesIO(stream.getvalue()[: 4096 + 100]))
    assert len(cut) == 1024
    assert cut.thin([random_id(3)]) == [random_id(3)]


def test_clear_begins_again():
    prints = Fingerprints(BytesIO())
    for number in range(1500):
        prints.add(random_id(number))
    prints.clear()
    assert len(prints) == 0 and prints.thin([random_id(3)]) == []
    prints.add(random_id(9))
    assert prints.thin([random_id(3), random_id(9)]) == [random_id(9)]


def test_candidates_of_an_overfull_filter_are_thinned():
    bloom, prints = Bloom(64), Fingerprints(BytesIO())
    for number in range(120):
        bloom.add(random_id(number))
        prints.add(random_id(number))
    tried = [random_id(number) for number in range(60, 2000)]
    candidates = [contact_id for contact_id in tried if contact_id in bloom]
    assert len(candidates) > 300
    assert set(prints.thin(candidates)) == {random_id(number) for number in range(60, 120)}
