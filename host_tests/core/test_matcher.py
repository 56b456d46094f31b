"""From a published seed to the logged contacts that it explains."""

from cx import matcher
from cx.bloom import Bloom
from cx.contact import Contact
from cx.generator import MAX_IDS
from support import vector


def contact(contact_id: bytes) -> Contact:
    return Contact(contact_id, 0, 0, 60, 40, 40)


def confirm(found: dict, log: list) -> "list[tuple]":
    return [(found[met.contact_id], met) for met in log if met.contact_id in found]


def run(generator_type: int, seed: bytes, log: list) -> "tuple[list, int]":
    """Return the (position, identifier) pairs confirmed, and the number of slices it took."""
    contact_filter = Bloom(1024)
    for met in log:
        contact_filter.add(met.contact_id)
    found = {}
    slices = 0
    for hit in matcher.candidates(generator_type, seed, contact_filter):
        if hit is None:
            slices += 1
        else:
            found[hit[0]] = hit[1]
    confirmed = [(one.position, met.contact_id) for one, met in confirm(found, log)]
    return sorted(confirmed), slices


def test_first_and_last_identifier_of_each_vector_are_found_at_their_place():
    for case in vector("cx_spec")["generators"]:
        seed = bytes.fromhex(case["seed"])
        first, last = bytes.fromhex(case["first_id"]), bytes.fromhex(case["last_id"])
        confirmed, slices = run(case["type"], seed, [contact(last), contact(first), contact(bytes(16))])
        assert confirmed == [(0, first), (MAX_IDS - 1, last)]
        assert slices == MAX_IDS // matcher.SLICE_IDS


def test_a_full_filter_gives_candidates_but_no_false_match():
    case = vector("cx_spec")["generators"][0]
    strangers = [contact(bytes([i]) * 16) for i in range(100)]
    full = Bloom(64)
    for stranger in strangers:
        full.add(stranger.contact_id)
    found = {}
    for hit in matcher.candidates(case["type"], bytes.fromhex(case["seed"]), full):
        if hit is not None:
            found[hit[0]] = hit[1]
    assert list(confirm(found, strangers)) == []


def test_one_bit_of_difference_is_no_match():
    case = vector("cx_spec")["generators"][0]
    close = bytearray(bytes.fromhex(case["first_id"]))
    close[15] ^= 1
    assert run(case["type"], bytes.fromhex(case["seed"]), [contact(bytes(close))])[0] == []


def test_every_visit_of_an_identifier_is_confirmed():
    case = vector("cx_spec")["generators"][0]
    first = bytes.fromhex(case["first_id"])
    assert run(case["type"], bytes.fromhex(case["seed"]), [contact(first)] * 3)[0] == [(0, first)] * 3
