"""Candidates of the filter, compared with the log; which sightings are doubtful."""

from cx.bloom import Bloom
from cx.contact import Contact
from cx.generator import MAX_IDS, Generator
from cx.matcher import Candidates, Search, owner_of, scan_plainly
from cx.ordering import doubtful
from support import vector

NO_USAGE = bytes(4)


def record(contact_id: bytes) -> bytes:
    return Contact(contact_id, 0, 0, 60, 40, 40).encode()


def run(generator_type: int, seed: bytes, log: list, size: int = 1024, most: int = 512) -> list:
    """Return the (place, identifier) pairs confirmed."""
    contact_filter = Bloom(size)
    for one in log:
        contact_filter.add(one[:16])
    candidates, confirmed = Candidates(128), []
    owner = owner_of(generator_type, 5, NO_USAGE, 7, seed)
    search = Search(owner)
    while not search.is_done:
        assert search.work(contact_filter, candidates, most) or candidates.is_full
        if candidates.is_full or search.is_done:
            found = []
            for _ in candidates.settle([b"".join(log)], found):
                confirmed += [(place, one[:16]) for whose, place, one in found if whose == owner]
                found.clear()
            candidates.clear()
        saved = search.save()
        search.close()
        search = Search(owner, saved)
    return sorted(confirmed)


def test_first_and_last_identifier_of_each_vector_are_found_at_their_place():
    for case in vector("cx_spec")["generators"]:
        seed = bytes.fromhex(case["seed"])
        first, last = bytes.fromhex(case["first_id"]), bytes.fromhex(case["last_id"])
        log = [record(last), record(first), record(bytes(16)), record(first)]
        assert run(case["type"], seed, log) == [(0, first), (0, first), (MAX_IDS - 1, last)]


def test_a_full_filter_gives_candidates_but_no_false_match():
    case = vector("cx_spec")["generators"][0]
    strangers = [record(bytes([i]) * 16) for i in range(100)]
    assert run(case["type"], bytes.fromhex(case["seed"]), strangers, 64) == []


def test_one_bit_of_difference_is_no_match():
    case = vector("cx_spec")["generators"][0]
    for at in range(16):
        close = bytearray(bytes.fromhex(case["first_id"]))
        close[at] ^= 1
        assert run(case["type"], bytes.fromhex(case["seed"]), [record(bytes(close))]) == []


def test_candidates_come_back_from_their_saved_form():
    contact_filter = Bloom(64)
    contact_filter.bits[:] = b"\xff" * 64  # everything is a candidate
    candidates, again = Candidates(128), Candidates(128)
    log = []
    for kind in (1, 2):
        owner = owner_of(kind, 5, NO_USAGE, kind, bytes(24 * kind))
        Search(owner).work(contact_filter, candidates, 20)
        generator = Generator(kind, bytes(24 * kind))
        log += [record(generator.next_id()) for _ in range(20)]
    saved = bytearray()
    candidates.save(saved)
    again.load(saved)
    second = bytearray()
    again.save(second)
    assert saved == second and again.count == 40
    found = []
    for _ in again.settle([b"".join(log)], found):
        pass
    assert [(owner[0], place) for owner, place, _ in found] == [(k, at) for k in (1, 2) for at in range(20)]


def test_the_scan_finds_what_the_mask_holds():
    mask = bytearray(2049)
    mask[0] = 7
    starts = [bytes([number * 37 & 0xFF, number, number * 11 & 0xFF, 255 - number]) for number in range(60)]
    records = b"".join([start * 6 for start in starts])
    for first, second, third, fourth in (starts[0], starts[17], starts[59]):
        mask[1 + (first | (second & 7) << 8)] |= 1 << (third & 7)
        mask[1 + (fourth | second >> 5 << 8)] |= 1 << (third >> 5)
    scans = [scan_plainly]
    try:
        from cx.scan_viper import scan

        scans.append(scan)
    except (ImportError, SyntaxError, ValueError):
        pass  # no machine code here
    for one in scans:
        found = [one(mask, records, 24 * start, len(records)) // 24 for start in (0, 1, 18, 60)]
        assert found == [0, 17, 59, 60]


def test_what_contradicts_the_order_is_doubtful():
    day = [(place, 1, 600 * place, 600) for place in range(5, 10)]
    assert doubtful(day) == set()
    assert doubtful(list(reversed(day))) == set()
    assert doubtful(day + [(2, 1, 90000, 60)]) == {5}  # an old one replayed later
    assert doubtful(day + [(20, 1, 0, 60)]) == {5}
    assert doubtful(day + [(2, 2, 90000, 60)]) == set()  # another boot: not compared
    assert doubtful([(1, 1, 60, 60), (2, 1, 0, 60)]) == set()  # within the tolerance
    assert doubtful([]) == set()


def test_many_short_doubtful_ones_do_not_outweigh_a_long_one():
    replayed = [(place, 1, 100000 + place, 10) for place in range(4)]
    assert doubtful([(9, 1, 0, 1200)] + replayed) == {1, 2, 3, 4}
