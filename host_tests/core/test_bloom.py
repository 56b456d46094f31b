"""The contact filter: it never forgets, ignores the fixed bits, and errs as rarely as the formula says."""

from cx.bloom import Bloom
from cx.compat import sha256
from cx.errors import FormatError
from support import raises


def random_id(number):
    return sha256(b"%d" % number).digest()[:16]


def test_never_forgets():
    bloom = Bloom(1024)
    for number in range(500):
        bloom.add(random_id(number))
        assert random_id(number) in bloom
    for number in range(500):
        assert random_id(number) in bloom


def test_empty_and_cleared_hold_nothing():
    bloom = Bloom(64)
    assert random_id(1) not in bloom and bloom.rate() == 0
    bloom.add(random_id(1))
    assert random_id(1) in bloom
    bloom.clear()
    assert random_id(1) not in bloom and bloom.rate() == 0 and not any(bloom.bits)


def test_bytes_with_fixed_bits_are_not_used():
    bloom = Bloom(1024)
    bloom.add(random_id(7))
    for value in range(256):
        raw = bytearray(random_id(7))
        raw[6] = value
        raw[8] = 255 - value
        assert raw in bloom


def test_every_other_byte_is_used():
    bloom = Bloom(32768)
    bloom.add(random_id(7))
    for at in range(16):
        other = bytearray(random_id(7))
        other[at] ^= 0xFF
        assert (other in bloom) == (at in (6, 8))


def test_adding_again_changes_nothing():
    bloom = Bloom(256)
    bloom.add(random_id(3))
    before, rate = bytes(bloom.bits), bloom.rate()
    bloom.add(random_id(3))
    assert bytes(bloom.bits) == before and bloom.rate() == rate


def test_all_of_every_size_is_used():
    for size in (64, 512):
        bloom = Bloom(size)
        for number in range(size * 8):
            bloom.add(random_id(number))
        assert sum(bin(byte).count("1") for byte in bloom.bits) > size * 8 * 0.99
        assert 0.94 < bloom.rate() <= 1


def test_false_positives_follow_the_fill():
    bloom = Bloom(1024)
    for number in range(1000):
        bloom.add(random_id(number))
    wrong = sum(random_id(number) in bloom for number in range(1000, 5000))
    # fill 1 - exp(-6000 / 8192) = 0.519, rate 0.0196; four standard deviations are 0.0088
    assert abs(bloom.rate() - 0.0196) < 0.003
    assert abs(wrong / 4000 - bloom.rate()) < 0.0088


def test_wrong_size_is_a_named_error():
    for size in (0, 32, 63, 1000, 65536, -64):
        assert "size_bytes" in str(raises(FormatError, Bloom, size))
