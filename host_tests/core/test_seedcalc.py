"""The Seed Calculator against the CX specification's vectors."""

from binascii import unhexlify

from cx.errors import FormatError, NotSupportedError
from cx.seedcalc import seed_value
from support import raises, vector


def test_specification_vectors():
    cases = vector("cx_spec")["seed_calculators"]
    assert len(cases) == 6
    for case in cases:
        seed = seed_value(case["type"], unhexlify(case["preseed"]), unhexlify(case["spki"]))
        assert bytes(seed) == unhexlify(case["seed"])


def test_another_encoding_of_the_key_gives_another_seed():
    spki = b"\x30\x59" + b"k" * 89
    assert seed_value(1, bytes(24), spki) != seed_value(1, bytes(24), spki + b"\x00")


def test_wrong_preseed_is_a_named_error():
    assert "preseed" in str(raises(FormatError, seed_value, 1, bytes(48), b"k"))
    assert "preseed" in str(raises(FormatError, seed_value, 2, bytes(24), b"k"))
    raises(NotSupportedError, seed_value, 3, bytes(24), b"k")
