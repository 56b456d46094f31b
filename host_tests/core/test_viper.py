"""The viper engine: as machine code inside MicroPython, as plain source with checked pointers on CPython."""

from cx import aes, aes_tables
from cx.bloom import Bloom
from cx.generator import Generator
from support import is_native, viper_engine


def patterned(length):
    return bytearray([(at * 37 + 11) & 255 for at in range(length)])


def test_self_test_passes():
    engine = viper_engine()
    assert engine is None or aes.passes_self_test(engine)


def test_steps_equal_the_bytecode_engine():
    engine, judge = viper_engine(), aes_tables.HalfEngine()
    for length in (32, 48):
        ours, theirs = patterned(length), patterned(length)
        out, expected = bytearray(16), bytearray(16)
        for _ in range(20 if engine else 0):
            engine.step(ours, out)
            judge.step(theirs, expected)
            assert out == expected and ours == theirs


def test_chain_equals_the_plain_way():
    engine = viper_engine()
    for length in (32, 48) if engine else ():
        ours, theirs = bytearray(16), bytearray(16)
        engine.chain(patterned(length), patterned(80), ours)
        aes.Engine.chain(aes_tables.HalfEngine(), patterned(length), patterned(80), theirs)
        assert ours == theirs


def test_counter_carries_through_all_bytes():
    engine, judge = viper_engine(), aes_tables.HalfEngine()
    for length in (32, 48):
        for zeros in range(0 if engine else 17, 17):
            ours = patterned(length - 16) + bytearray(zeros) + bytearray(b"\xff" * (16 - zeros))
            theirs = bytearray(ours)
            out, expected = bytearray(16), bytearray(16)
            engine.step(ours, out)
            judge.step(theirs, expected)
            assert out == expected and ours == theirs


def test_search_takes_each_bit_of_the_filter():
    """A filter with all bits set but one must refuse an identifier only when it is one of its six."""
    engine = viper_engine()
    for kind, seed in ((1, bytes(range(24))), (2, bytes(range(48)))):
        if not engine:
            break
        contact_id = Generator(kind, seed).next_id()
        own = Bloom(64)
        own.add(contact_id)
        for at in range(512):
            bloom = Bloom(64)
            bloom.bits[:] = b"\xff" * 64
            bloom.bits[at >> 3] ^= 1 << (at & 7)
            is_own = own.bits[at >> 3] >> (at & 7) & 1
            if is_native(engine) or is_own or at % 64 == 0:
                found = Generator(kind, seed, engine).find(bloom, 1)
                assert found == (None if is_own else contact_id)


def test_large_filter_is_used_to_its_end():
    engine = viper_engine()
    for size in (64, 1024, 32768) if engine else ():
        generator = Generator(1, bytes(24), engine)
        chain = [generator.next_id() for _ in range(20)]
        bloom = Bloom(size)
        for contact_id in chain[7:9]:
            bloom.add(contact_id)
        again = Generator(1, bytes(24), engine)
        assert again.find(bloom, 20) == chain[7] and again.position == 8
        assert again.find(bloom, 12) == chain[8] and again.position == 9
        assert again.find(bloom, 11) is None and again.position == 20
        assert again.save() == generator.save()


def test_one_wrong_entry_of_any_table_is_rejected():
    engine = viper_engine()
    if not engine:
        return
    tables = [engine._t0, engine._t1, engine._more[0], engine._more[1], engine._more[2]]
    for number in range(5):
        table = tables[number]
        width = 4 if number < 4 else 1
        # With stand-ins a self-test takes long: some entries there, every one on the real engine.
        for entry in range(0, 256, 1 if is_native(engine) else 128):
            at = entry * width + entry % width
            table[at] ^= 0x01
            assert not aes.passes_self_test(engine), (number, entry)
            table[at] ^= 0x01
    assert aes.passes_self_test(engine)


def test_wipe_leaves_nothing_in_the_work_area():
    engine = viper_engine()
    if engine:
        engine.step(patterned(48), bytearray(16))
        assert any(engine._stairs)
        engine.wipe()
        assert not any(engine._stairs)
