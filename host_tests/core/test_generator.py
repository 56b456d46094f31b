"""The Generator against the CX specification's vectors; save and resume; the end of the chain; bad input."""

from binascii import unhexlify

from cx.bloom import Bloom
from cx.errors import ExhaustedError, FormatError, NotSupportedError
from cx.generator import MAX_IDS, Generator, seed_len
from support import engines, raises, vector

SEEDS = {1: bytes(range(24)), 2: bytes(range(48))}


def test_specification_vectors_on_every_engine():
    cases = vector("cx_spec")["generators"]
    assert len(cases) == 4
    for engine in engines():
        for case in cases:
            generator = Generator(case["type"], unhexlify(case["seed"]), engine)
            assert case["count"] == MAX_IDS
            assert generator.next_id() == unhexlify(case["first_id"])
            buffer = bytearray(16)
            for _ in range(MAX_IDS - 1):
                generator.next_into(buffer)
            assert bytes(buffer) == unhexlify(case["last_id"]), engine.name
            assert generator.position == MAX_IDS


def test_identifiers_are_version_4_uuids():
    for kind, seed in SEEDS.items():
        generator = Generator(kind, seed)
        for _ in range(50):
            contact_id = generator.next_id()
            assert isinstance(contact_id, bytes) and len(contact_id) == 16
            assert contact_id[6] >> 4 == 4 and contact_id[8] >> 6 == 2


def test_seed_lengths():
    assert (seed_len(1), seed_len(2)) == (24, 48)
    for unknown in (0, 3, -1, 256):
        raises(NotSupportedError, seed_len, unknown)


def test_wrong_seed_is_a_named_error():
    for kind, length in ((1, 23), (1, 25), (1, 48), (2, 24), (2, 47), (1, 0)):
        error = raises(FormatError, Generator, kind, b"\xaa" * length)
        assert "seed" in str(error) and str(seed_len(kind)) in str(error)
    for unknown in (0, 3, 255):
        raises(NotSupportedError, Generator, unknown, b"\xaa" * 24)


def test_2049th_identifier_is_an_error():
    generator = Generator(1, SEEDS[1])
    generator.skip(MAX_IDS - 1)
    generator.next_id()
    before = generator.save()
    raises(ExhaustedError, generator.next_id)
    buffer = bytearray(b"\x5a" * 16)
    raises(ExhaustedError, generator.next_into, buffer)
    assert buffer == b"\x5a" * 16
    assert generator.save() == before
    assert generator.find(Bloom(64), 10) is None
    raises(ExhaustedError, Generator.resume(before).next_id)


def test_short_buffer_moves_nothing():
    generator = Generator(1, SEEDS[1])
    raises(FormatError, generator.next_into, bytearray(15))
    assert generator.position == 0
    longer = bytearray(20)
    generator.next_into(longer)
    assert longer[16:] == bytes(4) and bytes(longer[:16]) == Generator(1, SEEDS[1]).next_id()


def test_skip_is_next_id_thrown_away():
    one, two = Generator(2, SEEDS[2]), Generator(2, SEEDS[2])
    for _ in range(17):
        one.next_id()
    two.skip(17)
    assert one.next_id() == two.next_id()
    raises(ExhaustedError, two.skip, MAX_IDS)
    raises(ExhaustedError, two.skip, -1)
    assert two.position == 18


def test_resume_goes_on_at_every_position():
    for kind, seed in SEEDS.items():
        whole = Generator(kind, seed)
        state = whole.save()
        assert len(state) == {1: 43, 2: 59}[kind]
        for position in range(MAX_IDS):
            resumed = Generator.resume(state)
            assert resumed.position == position and resumed.generator_type == kind
            assert resumed.next_id() == whole.next_id()
            state = resumed.save()
            assert state == whole.save()


def test_damaged_state_is_refused():
    state = Generator(1, SEEDS[1]).save()
    for at in range(len(state)):
        for bit in (0x01, 0x80):
            damaged = bytearray(state)
            damaged[at] ^= bit
            assert "generator state" in str(raises(FormatError, Generator.resume, damaged))
    for length in range(len(state)):
        raises(FormatError, Generator.resume, state[:length])
    raises(FormatError, Generator.resume, state + b"\x00")


def with_checksum(body):
    from cx.compat import sha256

    return bytes(body) + sha256(body).digest()[:4]


def test_impossible_state_with_a_good_checksum_is_refused():
    state = Generator(1, SEEDS[1]).save()[:-4]
    assert Generator.resume(with_checksum(state)).position == 0
    raises(FormatError, Generator.resume, with_checksum(state[:5] + b"\x08\x01" + state[7:]))
    raises(FormatError, Generator.resume, with_checksum(state[:4] + b"\x02" + state[5:]))
    raises(NotSupportedError, Generator.resume, with_checksum(state[:4] + b"\x03" + state[5:]))


def test_wipe_leaves_no_secret():
    generator = Generator(1, SEEDS[1])
    generator.next_id()
    drbg = generator._drbg
    generator.wipe()
    assert not any(drbg.state) and not any(generator._out)
    raises(ExhaustedError, generator.next_id)


def allocated(call, times):
    """Return the bytes that ``times`` calls took from the heap; 0 on CPython, which does not count."""
    import gc

    if not hasattr(gc, "mem_alloc"):
        return 0
    try:
        from micropython import mem_total as taken  # also counts what was given back at once
    except ImportError:
        taken = gc.mem_alloc
    call()
    gc.collect()
    gc.disable()
    try:
        start = taken()
        own = taken() - start
        start = taken()
        for _ in range(times):
            call()
        return taken() - start - own
    finally:
        gc.enable()


def test_no_identifier_allocates_but_with_cryptolib():
    buffer, bloom = bytearray(16), Bloom(64)
    for engine in engines():
        for kind, seed in SEEDS.items():
            if engine.name != "cryptolib":
                generator = Generator(kind, seed, engine)
                assert allocated(lambda: generator.next_into(buffer), 300) == 0, engine.name  # noqa: B023
                assert allocated(lambda: generator.find(bloom, 3), 100) == 0, engine.name  # noqa: B023


def test_cryptolib_leaves_one_object_for_each_identifier():
    buffer = bytearray(16)
    for engine in engines():
        if engine.name == "cryptolib":
            generator = Generator(1, SEEDS[1], engine)
            one = allocated(lambda: generator.next_into(buffer), 1)  # noqa: B023
            assert 0 < one <= 512 and allocated(lambda: generator.next_into(buffer), 20) == 20 * one  # noqa: B023


def test_find_returns_each_heard_identifier_once():
    for engine in engines():
        for kind, seed in SEEDS.items():
            generator = Generator(kind, seed, engine)
            chain = [generator.next_id() for _ in range(60)]
            bloom = Bloom(4096)
            for heard in (0, 1, 31, 59):
                bloom.add(chain[heard])
            again = Generator(kind, seed, engine)
            found = []
            while again.position < 60:
                contact_id = again.find(bloom, min(20, 60 - again.position))
                if contact_id:
                    found.append((again.position - 1, contact_id))
            assert found == [(at, chain[at]) for at in (0, 1, 31, 59)], engine.name
            assert again.save() == generator.save()


def test_find_stops_at_the_slice_and_at_the_end():
    generator = Generator(1, SEEDS[1])
    empty = Bloom(64)
    assert generator.find(empty, 7) is None and generator.position == 7
    assert generator.find(empty, 0) is None and generator.position == 7
    generator.skip(MAX_IDS - 10)
    assert generator.find(empty, 1000) is None and generator.position == MAX_IDS
