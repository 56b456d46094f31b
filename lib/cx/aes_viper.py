"""The fast engine: machine code made by MicroPython's viper emitter, over one fixed buffer.

One call generates many identifiers and tests each against the contact filter. The work area is a
staircase: step r holds 16 bytes of round key r and 16 bytes of the state before that round, so
that one pointer, in a register, reaches everything at fixed distances and moves on once per round.

On CPython, and on firmware without native code, importing this module fails and the next engine is
taken. The tests also run the same source undecorated on CPython, with stand-ins for the pointers.
"""

import micropython

from cx.aes import BLOCK, Engine, substitution_box
from cx.compat import TYPE_CHECKING, const

if TYPE_CHECKING:
    from cx.bloom import Bloom
    from cx.compat import Buffer, MutableBuffer, ptr8, ptr16, ptr32

_OUT_AT = const(16 * 32)  # where the output block stands, after the last stair
# Places in the list that goes to the kernel, as viper takes four arguments at most.
_T2 = const(0)
_T3 = const(1)
_BOX = const(2)
_STATE = const(3)
_OUT = const(4)
_BITS = const(5)
_LAST = const(6)
_COUNT = const(7)
_KEY_LEN = const(8)
_BLOCKS = const(9)


@micropython.viper
def _kernel(s: ptr8, t0: ptr32, t1: ptr32, more) -> int:  # noqa: ANN001, C901  a call costs more than a block
    """Do up to ``count`` Generate steps on ``state`` and stop at a candidate; see ``Engine.search``.

    ``s`` is the staircase, ``t0`` and ``t1`` the first tables: as the first locals they live in
    registers. With one block it encrypts V as it is, and advances nothing. With no block it chains
    ``count`` blocks of data, which then stand in the filter's place.
    """
    s = ptr8(s)
    t0 = ptr32(t0)
    t1 = ptr32(t1)
    t2 = ptr32(more[_T2])
    t3 = ptr32(more[_T3])
    box = ptr8(more[_BOX])
    state = ptr8(more[_STATE])
    bits = ptr8(more[_BITS])
    last = int(more[_LAST])
    count = int(more[_COUNT])
    key_len = int(more[_KEY_LEN])
    blocks = int(more[_BLOCKS])
    base = int(s)
    out = ptr8(base + _OUT_AT)
    v = ptr8(int(state) + key_len)
    top = base + 32 * (key_len // 4 + 5)
    is_chain = 0
    if blocks == 0:
        is_chain = 1
        blocks = 1
        w = ptr32(out)
        w[0] = 0
        w[1] = 0
        w[2] = 0
        w[3] = 0
    done = 0
    found = 0
    while done < count:
        if is_chain:
            w = ptr32(v)
            data = ptr32(int(bits) + 16 * done)
            w[0] = ptr32(out)[0] ^ data[0]
            w[1] = ptr32(out)[1] ^ data[1]
            w[2] = ptr32(out)[2] ^ data[2]
            w[3] = ptr32(out)[3] ^ data[3]
        done += 1
        # The key schedule, FIPS 197 section 5.2.
        s = ptr8(base)
        w = ptr32(state)
        ptr32(s)[0] = w[0]
        ptr32(s)[1] = w[1]
        ptr32(s)[2] = w[2]
        ptr32(s)[3] = w[3]
        rcon = 1
        if key_len == 16:
            while int(s) <= top:
                s[32] = box[s[13]] ^ rcon
                s[33] = box[s[14]]
                s[34] = box[s[15]]
                s[35] = box[s[12]]
                ptr32(s)[8] = ptr32(s)[8] ^ ptr32(s)[0]
                ptr32(s)[9] = ptr32(s)[8] ^ ptr32(s)[1]
                ptr32(s)[10] = ptr32(s)[9] ^ ptr32(s)[2]
                ptr32(s)[11] = ptr32(s)[10] ^ ptr32(s)[3]
                s = ptr8(int(s) + 32)
                rcon = (rcon << 1) ^ ((rcon >> 7) * 0x11B)
        else:
            ptr32(s)[8] = w[4]
            ptr32(s)[9] = w[5]
            ptr32(s)[10] = w[6]
            ptr32(s)[11] = w[7]
            while int(s) < top:
                s[64] = box[s[45]] ^ rcon
                s[65] = box[s[46]]
                s[66] = box[s[47]]
                s[67] = box[s[44]]
                ptr32(s)[16] = ptr32(s)[16] ^ ptr32(s)[0]
                ptr32(s)[17] = ptr32(s)[16] ^ ptr32(s)[1]
                ptr32(s)[18] = ptr32(s)[17] ^ ptr32(s)[2]
                ptr32(s)[19] = ptr32(s)[18] ^ ptr32(s)[3]
                s[96] = box[s[76]]
                s[97] = box[s[77]]
                s[98] = box[s[78]]
                s[99] = box[s[79]]
                ptr32(s)[24] = ptr32(s)[24] ^ ptr32(s)[8]
                ptr32(s)[25] = ptr32(s)[24] ^ ptr32(s)[9]
                ptr32(s)[26] = ptr32(s)[25] ^ ptr32(s)[10]
                ptr32(s)[27] = ptr32(s)[26] ^ ptr32(s)[11]
                s = ptr8(int(s) + 64)
                rcon <<= 1
        # The blocks: the first is the output, the others become the new key and V.
        block = 0
        while block < blocks:
            if blocks > 1:
                i = 15
                v[15] = v[15] + 1
                while v[i] == 0 and i > 0:
                    i -= 1
                    v[i] = v[i] + 1
            s = ptr8(base)
            w = ptr32(v)
            ptr32(s)[4] = w[0] ^ ptr32(s)[0]
            ptr32(s)[5] = w[1] ^ ptr32(s)[1]
            ptr32(s)[6] = w[2] ^ ptr32(s)[2]
            ptr32(s)[7] = w[3] ^ ptr32(s)[3]
            while int(s) < top:
                ptr32(s)[12] = t0[s[16]] ^ t1[s[21]] ^ t2[s[26]] ^ t3[s[31]] ^ ptr32(s)[8]
                ptr32(s)[13] = t0[s[20]] ^ t1[s[25]] ^ t2[s[30]] ^ t3[s[19]] ^ ptr32(s)[9]
                ptr32(s)[14] = t0[s[24]] ^ t1[s[29]] ^ t2[s[18]] ^ t3[s[23]] ^ ptr32(s)[10]
                ptr32(s)[15] = t0[s[28]] ^ t1[s[17]] ^ t2[s[22]] ^ t3[s[27]] ^ ptr32(s)[11]
                s = ptr8(int(s) + 32)
            s[48] = box[s[16]]
            s[49] = box[s[21]]
            s[50] = box[s[26]]
            s[51] = box[s[31]]
            s[52] = box[s[20]]
            s[53] = box[s[25]]
            s[54] = box[s[30]]
            s[55] = box[s[19]]
            s[56] = box[s[24]]
            s[57] = box[s[29]]
            s[58] = box[s[18]]
            s[59] = box[s[23]]
            s[60] = box[s[28]]
            s[61] = box[s[17]]
            s[62] = box[s[22]]
            s[63] = box[s[27]]
            w = ptr32(out)
            if block:
                w = ptr32(int(state) + 16 * block - 16)
            w[0] = ptr32(s)[12] ^ ptr32(s)[8]
            w[1] = ptr32(s)[13] ^ ptr32(s)[9]
            w[2] = ptr32(s)[14] ^ ptr32(s)[10]
            w[3] = ptr32(s)[15] ^ ptr32(s)[11]
            block += 1
        # The filter, as in ``Bloom._probe``.
        i = 0
        if blocks > 1:
            extra = out[7] | (out[9] << 8)
            while i < 8:
                word = ptr16(out)[i]
                if ((bits[word & last] >> (((word >> 13) & 4) | (extra & 3))) & 1) == 0:
                    break
                extra >>= 2
                i += 1
                if i == 3:
                    i = 5
        if i == 8:
            found = done
            count = done
    given = ptr8(more[_OUT])  # may stand anywhere: byte by byte
    i = 0
    while i < 16:
        given[i] = out[i]
        i += 1
    return found


@micropython.viper
def _add(target: ptr32, other: ptr32, words: int):  # noqa: ANN202  viper knows no None
    """Exclusive-or words into others."""
    target = ptr32(target)
    other = ptr32(other)
    at = 0
    while at < words:
        target[at] = target[at] ^ other[at]
        at += 1


def fused_tables(box: "Buffer") -> "list[bytearray]":
    """Return the four tables of SubBytes with MixColumns, 256 little-endian words each."""
    tables = [bytearray(1024) for _ in range(4)]
    for value in range(256):
        s = box[value]
        twice = s << 1 ^ (0x11B if s & 0x80 else 0)
        column = (twice, s, s, s ^ twice)
        for rotation in range(4):
            for row in range(4):
                tables[rotation][4 * value + row] = column[row - rotation & 3]
    return tables


class ViperEngine(Engine):
    """The kernel with its tables (4.25 KiB) and work area. ``state`` must be a whole ``bytearray``."""

    name = "viper"

    def __init__(self) -> None:
        box = substitution_box()
        self._t0, self._t1, t2, t3 = fused_tables(box)
        self._stairs = bytearray(_OUT_AT + BLOCK)
        self._any = bytearray(b"\xff")  # a filter of one byte that holds everything
        self._more = [t2, t3, box, box, box, self._any, 0, 0, 0, 0]

    def _run(self, state: bytearray, out: "MutableBuffer", blocks: int) -> None:
        """Do one thing that needs no filter. Allocates nothing."""
        more = self._more
        more[_STATE] = state
        more[_OUT] = out
        more[_BITS] = self._any
        more[_LAST] = 0
        more[_COUNT] = 1
        more[_KEY_LEN] = len(state) - BLOCK
        more[_BLOCKS] = blocks
        _kernel(self._stairs, self._t0, self._t1, more)

    def chain(self, state: bytearray, data: bytearray, out: "MutableBuffer") -> None:
        """Chain the blocks of ``data`` in machine code; see ``Engine.chain``."""
        more = self._more
        more[_STATE] = state
        more[_OUT] = out
        more[_BITS] = data
        more[_COUNT] = len(data) // BLOCK
        more[_KEY_LEN] = len(state) - BLOCK
        more[_BLOCKS] = 0
        _kernel(self._stairs, self._t0, self._t1, more)

    def block(self, state: bytearray, out: "MutableBuffer") -> None:
        """Encrypt V as it is; see ``Engine.block``. Allocates nothing."""
        self._run(state, out, 1)

    def add(self, target: bytearray, other: bytearray) -> None:
        """Exclusive-or ``other`` into ``target``; see ``Engine.add``. Allocates nothing."""
        _add(target, other, len(target) // 4)

    def step(self, state: bytearray, out: "MutableBuffer") -> None:
        """Do one Generate call; see ``Engine.step``. Allocates nothing."""
        self._run(state, out, len(state) // BLOCK + 1)

    def search(self, state: bytearray, out: "MutableBuffer", bloom: "Bloom", count: int) -> int:
        """Generate and test in machine code; see ``Engine.search``. Allocates nothing."""
        more = self._more
        more[_STATE] = state
        more[_OUT] = out
        more[_BITS] = bloom.bits
        more[_LAST] = len(bloom.bits) - 1
        more[_COUNT] = count
        more[_KEY_LEN] = len(state) - BLOCK
        more[_BLOCKS] = len(state) // BLOCK + 1
        return _kernel(self._stairs, self._t0, self._t1, more)

    def wipe(self) -> None:
        """Overwrite the key schedule and the blocks."""
        self.add(self._stairs, self._stairs)
