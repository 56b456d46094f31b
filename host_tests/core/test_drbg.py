"""CTR_DRBG with derivation function against NIST's CAVP vectors, on every engine."""

from binascii import unhexlify

from cx.drbg import CtrDrbg
from cx.errors import FormatError, NotSupportedError
from support import engines, raises, vector


def test_nist_vectors_on_every_engine():
    tests = vector("nist_ctr_drbg_sample")["tests"]
    assert len(tests) == 20
    for engine in engines():
        for case in tests:
            fields = [unhexlify(case[k]) for k in ("EntropyInput", "Nonce", "PersonalizationString")]
            drbg = CtrDrbg(case["keyBits"], fields[0], fields[1], fields[2], engine)
            length = case["ReturnedBitsLen"] // 8
            drbg.generate(length)
            assert bytes(drbg.generate(length)) == unhexlify(case["ReturnedBits"]), case["COUNT"]


def test_step_is_generate_of_16_bytes():
    for bits in (128, 256):
        for engine in engines():
            one = CtrDrbg(bits, b"e" * 32, b"n" * 16, b"", engine)
            two = CtrDrbg(bits, b"e" * 32, b"n" * 16, b"", engine)
            out = bytearray(16)
            for _ in range(5):
                one.step(out)
                assert out == two.generate(16)
            assert one.state == two.state


def test_generate_of_odd_lengths_is_a_prefix():
    whole = CtrDrbg(128, b"e" * 16, b"n" * 8).generate(48)
    for length in (1, 15, 16, 17, 33):
        assert CtrDrbg(128, b"e" * 16, b"n" * 8).generate(length) == whole[:length]


def test_bad_parameters():
    raises(NotSupportedError, CtrDrbg, 192, b"e" * 32, b"n" * 16)
    assert "entropy" in str(raises(FormatError, CtrDrbg, 128, b"e" * 15, b"n" * 8))
    assert "nonce" in str(raises(FormatError, CtrDrbg, 256, b"e" * 32, b"n" * 15))
    drbg = CtrDrbg(128, b"e" * 16, b"n" * 8)
    raises(FormatError, drbg.generate, 0)
    raises(FormatError, drbg.generate, 65537)


def test_empty_and_long_personalization():
    one = CtrDrbg(128, b"e" * 16, b"n" * 8, b"")
    two = CtrDrbg(128, b"e" * 16, b"n" * 8)
    assert one.state == two.state
    states = [bytes(CtrDrbg(256, b"e" * 32, b"n" * 16, b"p" * length).state) for length in range(70)]
    assert len(set(states)) == 70


def test_wipe_clears_the_state():
    drbg = CtrDrbg(128, b"e" * 16, b"n" * 8)
    assert any(drbg.state)
    drbg.wipe()
    assert not any(drbg.state)
