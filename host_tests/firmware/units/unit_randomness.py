"""Generators that must be refused, and one that must not. Runs inside MicroPython."""

import os

from badge.randomness import Randomness, RandomnessError

TRUE_URANDOM = os.urandom


class Flash:
    """Storage in memory that counts."""

    def __init__(self):
        self.saved = []

    def load(self, name):
        return None

    def save(self, name, payload):
        self.saved.append(bytes(payload))


class On:
    def __init__(self, is_on=True):
        self._is_on = is_on

    def is_active(self):
        return self._is_on


def refused(urandom, is_on=True):
    flash = Flash()
    randomness = Randomness(flash, On(is_on))
    os.urandom = urandom
    try:
        randomness.secret(48)
    except RandomnessError:
        return not flash.saved
    finally:
        os.urandom = TRUE_URANDOM
    return False


def unit_a_good_generator_is_taken(solo):
    flash = Flash()
    randomness = Randomness(flash, On())
    secrets = [bytes(randomness.secret(48)) for _ in range(300)]
    assert len(set(secrets)) == 300 and len(set(flash.saved)) == 300
    assert not [pool for pool in flash.saved if [1 for secret in secrets if pool[:8] in secret]]


def unit_without_the_radio_there_is_no_secret(solo):
    assert refused(TRUE_URANDOM, is_on=False)


def unit_broken_generators_are_refused(solo):
    counter = [0]

    def counting(length):
        counter[0] += 1
        return bytes([counter[0] & 255] * length)

    def one_value_often(length):
        drawn = bytearray(TRUE_URANDOM(length))
        for at in range(0, length, 5):
            drawn[at] = 7
        return b"\x07" + bytes(drawn[1:])

    fixed = TRUE_URANDOM(256)
    assert refused(lambda length: bytes(length)), "zeros"
    assert refused(lambda length: b"\xff" * length), "ones"
    assert refused(counting), "one value for each draw"
    assert refused(lambda length: b"\x55\xaa" * (length // 2)), "two values"
    assert refused(lambda length: bytes(value & 3 for value in TRUE_URANDOM(length))), "two bits"
    assert refused(lambda length: fixed[:length]), "the same draw again"
    assert refused(one_value_often), "one value five times too often in ten"


def unit_the_pool_alone_or_the_generator_alone_does_not_give_the_secret(solo):
    draws = [TRUE_URANDOM(256) for _ in range(4)]

    def again():
        queue = list(draws)
        return lambda length: queue.pop(0)

    made = []
    for pool in (bytes(32), b"\x01" * 32):
        flash = Flash()
        flash.load = lambda name, pool=pool: bytearray(pool)
        randomness = Randomness(flash, On())
        os.urandom = again()
        try:
            made.append(bytes(randomness.secret(24)))
        finally:
            os.urandom = TRUE_URANDOM
    assert made[0] != made[1]


def unit_numbers_are_even_and_within_their_range(solo):
    randomness = Randomness(Flash(), On())
    for low, high in ((0, 0), (0, 6), (200_000, 270_000), (5, 6)):
        drawn = [randomness.between(low, high) for _ in range(2000)]
        assert min(drawn) >= low and max(drawn) <= high
    counts = [0] * 7
    for _ in range(14_000):
        counts[randomness.between(0, 6)] += 1
    # chi squared with 6 degrees of freedom: above 27.9 once in 10 000
    assert sum((count - 2000) ** 2 for count in counts) / 2000 < 27.9
