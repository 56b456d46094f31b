"""AES engines against FIPS 197 and SP 800-38A, their common interface, and the choice between them."""

from binascii import unhexlify

from cx import aes, aes_tables
from cx.errors import NotSupportedError
from support import engines, raises

# FIPS 197 appendix C.1 and C.3; SP 800-38A appendix F.1.1 and F.1.5 (first blocks).
KNOWN = (
    (
        "000102030405060708090a0b0c0d0e0f",
        "00112233445566778899aabbccddeeff",
        "69c4e0d86a7b0430d8cdb78070b4c55a",
    ),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "00112233445566778899aabbccddeeff",
        "8ea2b7ca516745bfeafc49904b496089",
    ),
    (
        "2b7e151628aed2a6abf7158809cf4f3c",
        "6bc1bee22e409f96e93d7e117393172a",
        "3ad77bb40d7a3660a89ecaf32466ef97",
    ),
    (
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        "6bc1bee22e409f96e93d7e117393172a",
        "f3eed1bdb5d2a03c064b5a7e3db181f8",
    ),
)


def test_known_blocks_on_every_engine():
    for engine in engines():
        for key, plain, cipher in KNOWN:
            state = bytearray(unhexlify(key + plain))
            block = bytearray(16)
            engine.block(state, block)
            assert bytes(block) == unhexlify(cipher), engine.name
            assert bytes(state) == unhexlify(key + plain)


def test_output_may_stand_anywhere():
    key, plain, cipher = (unhexlify(h) for h in KNOWN[0])
    for engine in engines():
        room = bytearray(40)
        engine.block(bytearray(key + plain), memoryview(room)[17:])
        assert bytes(room) == bytes(17) + cipher + bytes(7), engine.name
        longer = bytearray(b"\x55" * 20)
        engine.step(bytearray(key + plain), longer)
        assert longer[16:] == b"\x55" * 4, engine.name


def test_step_is_three_or_four_blocks_with_carry():
    for engine in engines():
        for key_len in (16, 32):
            for end in (b"\x00", b"\xfc", b"\xfd", b"\xfe", b"\xff"):
                state = bytearray(bytes(range(key_len)) + b"\xff" * 15 + end)
                expected, counter, block = b"", bytearray(state), bytearray(16)
                for _ in range(key_len // 16 + 2):
                    aes.increment(counter)
                    engine.block(counter, block)
                    expected += bytes(block)
                engine.step(state, block)
                assert bytes(block) + bytes(state) == expected, engine.name


def test_chain_is_encryption_of_the_sum_with_the_block_before():
    for engine in engines():
        for key_len in (16, 32):
            for count in (1, 2, 5):
                data = bytearray([at * 7 & 255 for at in range(16 * count)])
                state = bytearray(range(key_len)) + bytearray(16)
                block = bytearray(16)
                for at in range(0, len(data), 16):
                    for index in range(16):
                        state[key_len + index] = block[index] ^ data[at + index]
                    engine.block(state, block)
                chained = bytearray(16)
                engine.chain(bytearray(range(key_len)) + bytearray(b"\x99" * 16), data, chained)
                assert chained == block, engine.name


class ChainsWrong(aes_tables.HalfEngine):
    def chain(self, state, data, out):
        super().chain(state, data[:16], out)


def test_step_after_a_step_of_the_other_key_length():
    for engine in engines():
        for lengths in ((16, 32, 16), (32, 16, 32)):
            blocks = []
            for key_len in lengths:
                block = bytearray(16)
                engine.step(bytearray(range(key_len + 16)), block)
                blocks.append(block)
            assert blocks[0] == blocks[2] != blocks[1], engine.name


def test_increment_carries_and_wraps():
    state = bytearray(b"\x55" * 16 + b"\x00" * 15 + b"\xfe")
    aes.increment(state)
    assert state[16:] == b"\x00" * 15 + b"\xff"
    aes.increment(state)
    assert state[16:] == b"\x00" * 14 + b"\x01\x00"
    state[16:] = b"\xff" * 16
    aes.increment(state)
    assert state == b"\x55" * 16 + b"\x00" * 16


def test_every_engine_passes_the_self_test():
    for engine in engines():
        assert aes.passes_self_test(engine), engine.name


def table_engines():
    return [engine for engine in engines() if engine.name == "bytecode"]


def test_one_wrong_table_entry_is_rejected():
    for engine in table_engines():
        tables = engine._tables
        for number in range(len(tables)):
            for index in (0, 0x63, 0xFF):
                right = tables[number]
                wrong = list(right)
                wrong[index] ^= 0x80
                tables[number] = tuple(wrong)
                engine._work = engine._loop()
                assert not aes.passes_self_test(engine), number
                tables[number] = right
        engine._work = engine._loop()
        assert aes.passes_self_test(engine)


class NeverFinds(aes_tables.HalfEngine):
    def search(self, state, out, bloom, count):
        super().search(state, out, bloom, count)
        return 0


class FindsAtOnce(aes_tables.HalfEngine):
    def search(self, state, out, bloom, count):
        self.step(state, out)
        return 1


def test_wrong_search_or_chain_is_rejected():
    assert aes.passes_self_test(aes_tables.HalfEngine())
    assert not aes.passes_self_test(NeverFinds())
    assert not aes.passes_self_test(FindsAtOnce())
    assert not aes.passes_self_test(ChainsWrong())


def broken():
    engine = aes_tables.HalfEngine()
    engine._tables[1] = engine._tables[0]
    return engine


def missing():
    raise ImportError("not in this firmware")


def test_choice_falls_back_and_says_why():
    engine = aes.choose((("fast", missing), ("middle", broken), ("slow", aes_tables.HalfEngine)))
    assert engine.name == "bytecode"
    assert engine.rejected == ["fast: not in this firmware", "middle: gives wrong results"]


def test_no_engine_at_all_is_an_error():
    error = raises(NotSupportedError, aes.choose, (("fast", missing), ("middle", broken)))
    assert "fast: not in this firmware" in str(error)


def test_engine_is_chosen_once():
    assert aes.engine() is aes.engine()
    assert aes.engine().name in [name for name, _ in aes.CANDIDATES]


def test_interrupted_engine_works_again():
    engine = aes_tables.HalfEngine()
    raises(TypeError, engine.step, None, bytearray(16))
    assert aes.passes_self_test(engine)


def test_wipe_leaves_no_round_key():
    for engine in table_engines():
        engine.step(bytearray(b"\x01" * 48), bytearray(16))
        assert any(any(key) for key in engine._keys) and any(engine._counter)
        engine.wipe()
        assert not any(any(key) for key in engine._keys) and not any(engine._counter)
        assert aes.passes_self_test(engine)
