"""AES engines against FIPS 197 and SP 800-38A, their common interface, and the choice between them."""

from binascii import unhexlify

from cx import aes
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
            key = unhexlify(key)
            engine.set_key(key, len(key))
            block = bytearray(unhexlify(plain))
            engine.encrypt(block, 0, block, 0)
            assert bytes(block) == unhexlify(cipher), engine.name


def test_encrypt_takes_offsets():
    key, plain, cipher = (unhexlify(h) for h in KNOWN[0])
    for engine in engines():
        engine.set_key(key + b"more", 16)
        room = bytearray(40)
        engine.encrypt(b"abc" + plain, 3, room, 17)
        assert bytes(room) == bytes(17) + cipher + bytes(7), engine.name


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


def test_one_wrong_table_entry_is_rejected():
    engine = aes.TableEngine()
    for name in ("_box", "_t21", "_t13", "_t32", "_t11"):
        table = getattr(engine, name)
        for index in (0, 0x63, 0xFF):
            table[index] ^= 0x10
            assert not aes.passes_self_test(engine), name
            table[index] ^= 0x10
    assert aes.passes_self_test(engine)


def broken():
    engine = aes.TableEngine()
    engine._t13[7] ^= 0x80
    return engine


def missing():
    raise ImportError("not in this firmware")


def test_choice_falls_back_and_says_why():
    engine = aes.choose((("fast", missing), ("middle", broken), ("slow", aes.TableEngine)))
    assert engine.name == "bytecode"
    assert engine.rejected == ["fast: not in this firmware", "middle: gives wrong results"]


def test_no_engine_at_all_is_an_error():
    error = raises(NotSupportedError, aes.choose, (("fast", missing), ("middle", broken)))
    assert "fast: not in this firmware" in str(error)


def test_engine_is_chosen_once():
    assert aes.engine() is aes.engine()
    assert aes.engine().name in [name for name, _ in aes.CANDIDATES]


def test_wipe_leaves_no_round_key():
    engine = aes.TableEngine()
    engine.set_key(b"\x01" * 32, 32)
    assert any(any(key) for key in engine._keys)
    engine.wipe()
    assert not any(any(key) for key in engine._keys)
