"""AES in plain bytecode with fused tables, for two sizes of small integers.

SubBytes and MixColumns together are one table look-up for each byte and part of a column. Where
small integers hold 32 bits (CPython, 64-bit MicroPython) the part is the whole column, a word. On a
32-bit chip a word would be an object on the heap, so columns are two halves of 16 bits there.

All the work of an engine is done in one Python generator: its frame is allocated once, keeps the
tables at hand, and is resumed for each step. A function with so many variables would take its frame
from the heap at every call.
"""

from struct import pack_into

from cx.aes import Engine, substitution_box
from cx.compat import TYPE_CHECKING, const, is_small_int

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cx.compat import MutableBuffer

_BLOCK = const(16)  # not imported: a range with any other step would be an object


class TableEngine(Engine):
    """What both sizes share. ``parts`` is how many integers make a block."""

    name = "bytecode"

    def __init__(self, parts: int) -> None:
        self._keys = [[0] * parts for _ in range(15)]
        self._counter = [0] * parts
        self._state = self._out = bytearray(2 * _BLOCK)
        self._blocks = 0
        self._work = self._loop()

    def _loop(self) -> "Iterator[None]":
        """Encrypt ``_blocks`` counter blocks of ``_state`` each time it is resumed."""
        raise NotImplementedError

    def _count(self, full: int) -> None:
        """Add one to the counter, modulo 2^128; ``full`` is the greatest value of a part."""
        counter = self._counter
        at = len(counter) - 1
        while at >= 0 and counter[at] == full:
            counter[at] = 0
            at -= 1
        if at >= 0:
            counter[at] += 1

    def _run(self, state: bytearray, out: "MutableBuffer", blocks: int) -> None:
        self._state = state
        self._out = out
        self._blocks = blocks
        if next(self._work, self):  # an error or an interrupt has ended the generator: make a new one
            self._work = self._loop()
            next(self._work)

    def block(self, state: bytearray, out: "MutableBuffer") -> None:
        """Encrypt V as it is; see ``Engine.block``. Allocates nothing."""
        self._run(state, out, 1)

    def step(self, state: bytearray, out: "MutableBuffer") -> None:
        """Do one Generate call; see ``Engine.step``. Allocates nothing."""
        self._run(state, out, len(state) // _BLOCK + 1)

    def wipe(self) -> None:
        """Overwrite the key schedule and the counter."""
        for parts in self._keys:
            for at in range(len(parts)):
                parts[at] = 0
        for at in range(len(self._counter)):
            self._counter[at] = 0


class WordEngine(TableEngine):
    """Columns as words of 32 bits. Where these are no small integers it works, but allocates."""

    def __init__(self) -> None:
        super().__init__(4)
        box = substitution_box()
        twice = [s << 1 ^ (0x11B if s & 0x80 else 0) for s in box]
        t0 = tuple([twice[n] << 24 | box[n] * 0x10100 | box[n] ^ twice[n] for n in range(256)])
        t1 = tuple([(t & 0xFF) << 24 | t >> 8 for t in t0])
        t2 = tuple([(t & 0xFF) << 24 | t >> 8 for t in t1])
        t3 = tuple([(t & 0xFF) << 24 | t >> 8 for t in t2])
        self._tables = [t0, t1, t2, t3] + [tuple([s << shift for s in box]) for shift in (24, 16, 8, 0)]

    def _loop(self) -> "Iterator[None]":
        # The first sixteen variables have the shortest bytecode, shorter than a constant like 255.
        low = 255
        a = b = c = d = k0 = k1 = k2 = k3 = 0
        t0, t1, t2, t3, s0, s1, s2, s3 = self._tables
        keys, counter = self._keys, self._counter
        middle_128, middle_256 = keys[1:10], keys[1:14]
        while True:
            state = self._state
            length = len(state) - _BLOCK
            for at in range(0, length, 4):
                word = state[at] << 24 | state[at + 1] << 16 | state[at + 2] << 8 | state[at + 3]
                keys[at >> 4][at >> 2 & 3] = word
            for at in range(length, length + _BLOCK, 4):
                word = state[at] << 24 | state[at + 1] << 16 | state[at + 2] << 8 | state[at + 3]
                counter[at >> 2 & 3] = word
            back = length // _BLOCK
            rcon = 0x01000000
            for index in range(back, length // 4 + 7):
                word = keys[index - 1][3]
                if back == 1 or not index & 1:
                    word = rcon ^ (
                        s0[word >> 16 & low] | s1[word >> 8 & low] | s2[word & low] | s3[word >> 24]
                    )
                    rcon = rcon << 1 if rcon < 0x80000000 else 0x1B000000
                else:
                    word = s0[word >> 24] | s1[word >> 16 & low] | s2[word >> 8 & low] | s3[word & low]
                a, b, c, d = keys[index - back]
                new = keys[index]
                new[0] = a = a ^ word
                new[1] = b = a ^ b
                new[2] = c = b ^ c
                new[3] = c ^ d
            for at in range(-_BLOCK, self._blocks * _BLOCK - _BLOCK, _BLOCK):
                if self._blocks > 1:
                    self._count(0xFFFFFFFF)
                a, b, c, d = counter
                k0, k1, k2, k3 = keys[0]
                a ^= k0
                b ^= k1
                c ^= k2
                d ^= k3
                for k0, k1, k2, k3 in middle_128 if back == 1 else middle_256:
                    k0 ^= t0[a >> 24] ^ t1[b >> 16 & low] ^ t2[c >> 8 & low] ^ t3[d & low]
                    k1 ^= t0[b >> 24] ^ t1[c >> 16 & low] ^ t2[d >> 8 & low] ^ t3[a & low]
                    k2 ^= t0[c >> 24] ^ t1[d >> 16 & low] ^ t2[a >> 8 & low] ^ t3[b & low]
                    d = t0[d >> 24] ^ t1[a >> 16 & low] ^ t2[b >> 8 & low] ^ t3[c & low] ^ k3
                    a = k0
                    b = k1
                    c = k2
                k0, k1, k2, k3 = keys[length // 4 + 6]
                k0 ^= s0[a >> 24] | s1[b >> 16 & low] | s2[c >> 8 & low] | s3[d & low]
                k1 ^= s0[b >> 24] | s1[c >> 16 & low] | s2[d >> 8 & low] | s3[a & low]
                k2 ^= s0[c >> 24] | s1[d >> 16 & low] | s2[a >> 8 & low] | s3[b & low]
                k3 ^= s0[d >> 24] | s1[a >> 16 & low] | s2[b >> 8 & low] | s3[c & low]
                if at < 0:
                    pack_into(">IIII", self._out, 0, k0, k1, k2, k3)
                else:
                    pack_into(">IIII", state, at, k0, k1, k2, k3)
            yield


class HalfEngine(TableEngine):
    """Columns as two halves of 16 bits, which are small integers everywhere."""

    def __init__(self) -> None:
        super().__init__(8)
        box = substitution_box()
        twice = [s << 1 ^ (0x11B if s & 0x80 else 0) for s in box]
        # The four halves that occur in the columns (2 1 1 3), (3 2 1 1), (1 3 2 1), (1 1 3 2).
        t21 = tuple([twice[n] << 8 | box[n] for n in range(256)])
        t13 = tuple([box[n] << 8 | box[n] ^ twice[n] for n in range(256)])
        t32 = tuple([(box[n] ^ twice[n]) << 8 | twice[n] for n in range(256)])
        t11 = tuple([s * 0x101 for s in box])
        self._tables = [t21, t13, t32, t11] + [tuple([s << shift for s in box]) for shift in (8, 0)]

    def _loop(self) -> "Iterator[None]":
        low = 255
        w0 = w1 = w2 = w3 = w4 = w5 = w6 = w7 = 0  # first, as in ``WordEngine``
        t21, t13, t32, t11, s0, s1 = self._tables
        keys, counter = self._keys, self._counter
        middle_128, middle_256 = keys[1:10], keys[1:14]
        while True:
            state = self._state
            length = len(state) - _BLOCK
            for at in range(0, length, 2):
                keys[at >> 4][at >> 1 & 7] = state[at] << 8 | state[at + 1]
            for at in range(length, length + _BLOCK, 2):
                counter[at >> 1 & 7] = state[at] << 8 | state[at + 1]
            back = length // _BLOCK
            rcon = 0x100
            for index in range(back, length // 4 + 7):
                w0, w1, w2, w3, w4, w5, w6, w7 = keys[index - 1]
                if back == 1 or not index & 1:
                    b0 = (s0[w6 & low] | s1[w7 >> 8]) ^ rcon
                    b1 = s0[w7 & low] | s1[w6 >> 8]
                    rcon = rcon << 1 if rcon < 0x8000 else 0x1B00
                else:
                    b0 = s0[w6 >> 8] | s1[w6 & low]
                    b1 = s0[w7 >> 8] | s1[w7 & low]
                w0, w1, w2, w3, w4, w5, w6, w7 = keys[index - back]
                new = keys[index]
                new[0] = w0 = w0 ^ b0
                new[1] = w1 = w1 ^ b1
                new[2] = w2 = w2 ^ w0
                new[3] = w3 = w3 ^ w1
                new[4] = w4 = w4 ^ w2
                new[5] = w5 = w5 ^ w3
                new[6] = w6 ^ w4
                new[7] = w7 ^ w5
            for at in range(-_BLOCK, self._blocks * _BLOCK - _BLOCK, _BLOCK):
                if self._blocks > 1:
                    self._count(0xFFFF)
                w0, w1, w2, w3, w4, w5, w6, w7 = counter
                k0, k1, k2, k3, k4, k5, k6, k7 = keys[0]
                w0 ^= k0
                w1 ^= k1
                w2 ^= k2
                w3 ^= k3
                w4 ^= k4
                w5 ^= k5
                w6 ^= k6
                w7 ^= k7
                for k0, k1, k2, k3, k4, k5, k6, k7 in middle_128 if back == 1 else middle_256:
                    b0 = w0 >> 8
                    b1 = w0 & low
                    b2 = w1 >> 8
                    b3 = w1 & low
                    b4 = w2 >> 8
                    b5 = w2 & low
                    b6 = w3 >> 8
                    b7 = w3 & low
                    b8 = w4 >> 8
                    b9 = w4 & low
                    ba = w5 >> 8
                    bb = w5 & low
                    bc = w6 >> 8
                    bd = w6 & low
                    be = w7 >> 8
                    bf = w7 & low
                    w0 = t21[b0] ^ t32[b5] ^ t13[ba] ^ t11[bf] ^ k0
                    w1 = t13[b0] ^ t11[b5] ^ t21[ba] ^ t32[bf] ^ k1
                    w2 = t21[b4] ^ t32[b9] ^ t13[be] ^ t11[b3] ^ k2
                    w3 = t13[b4] ^ t11[b9] ^ t21[be] ^ t32[b3] ^ k3
                    w4 = t21[b8] ^ t32[bd] ^ t13[b2] ^ t11[b7] ^ k4
                    w5 = t13[b8] ^ t11[bd] ^ t21[b2] ^ t32[b7] ^ k5
                    w6 = t21[bc] ^ t32[b1] ^ t13[b6] ^ t11[bb] ^ k6
                    w7 = t13[bc] ^ t11[b1] ^ t21[b6] ^ t32[bb] ^ k7
                k0, k1, k2, k3, k4, k5, k6, k7 = keys[length // 4 + 6]
                k0 ^= s0[w0 >> 8] | s1[w2 & low]
                k1 ^= s0[w5 >> 8] | s1[w7 & low]
                k2 ^= s0[w2 >> 8] | s1[w4 & low]
                k3 ^= s0[w7 >> 8] | s1[w1 & low]
                k4 ^= s0[w4 >> 8] | s1[w6 & low]
                k5 ^= s0[w1 >> 8] | s1[w3 & low]
                k6 ^= s0[w6 >> 8] | s1[w0 & low]
                k7 ^= s0[w3 >> 8] | s1[w5 & low]
                if at < 0:
                    pack_into(">HHHHHHHH", self._out, 0, k0, k1, k2, k3, k4, k5, k6, k7)
                else:
                    pack_into(">HHHHHHHH", state, at, k0, k1, k2, k3, k4, k5, k6, k7)
            yield


def table_engine() -> TableEngine:
    """Return the engine that suits this runtime's small integers."""
    return WordEngine() if is_small_int(0xFFFFFFFF) else HalfEngine()
