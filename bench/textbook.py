"""FIPS 197 and CTR_DRBG as the standards write them: the measure that the engines are held against.

Frozen: it is here to be slow and obviously right, and is never improved.
"""


def gf_multiply(a: int, b: int) -> int:
    """Multiply in GF(2^8) (section 4.2)."""
    product = 0
    for _ in range(8):
        if b & 1:
            product ^= a
        high = a & 0x80
        a = (a << 1) & 0xFF
        if high:
            a ^= 0x1B
        b >>= 1
    return product


def make_sbox() -> list[int]:
    """Return the S-box: inverse, then the affine map (section 5.1.1)."""
    box = []
    for value in range(256):
        inverse = next((i for i in range(256) if gf_multiply(value, i) == 1), 0)
        result = 0
        for bit in range(8):
            parity = 0x63 >> bit & 1
            for shift in (0, 4, 5, 6, 7):
                parity ^= inverse >> ((bit + shift) % 8) & 1
            result |= parity << bit
        box.append(result)
    return box


def key_expansion(key: bytes, box: list[int]) -> list[list[int]]:
    """Return the round keys as words of four bytes (section 5.2)."""
    nk = len(key) // 4
    rounds = nk + 6
    words = [list(key[4 * i : 4 * i + 4]) for i in range(nk)]
    rcon = 1
    for i in range(nk, 4 * (rounds + 1)):
        temp = list(words[i - 1])
        if i % nk == 0:
            temp = temp[1:] + temp[:1]
            temp = [box[b] for b in temp]
            temp[0] ^= rcon
            rcon = gf_multiply(rcon, 2)
        elif nk > 6 and i % nk == 4:
            temp = [box[b] for b in temp]
        words.append([words[i - nk][j] ^ temp[j] for j in range(4)])
    return words


def add_round_key(state: list[list[int]], words: list[list[int]]) -> None:
    """Section 5.1.4."""
    for c in range(4):
        for r in range(4):
            state[r][c] ^= words[c][r]


def sub_bytes(state: list[list[int]], box: list[int]) -> None:
    """Section 5.1.1."""
    for r in range(4):
        for c in range(4):
            state[r][c] = box[state[r][c]]


def shift_rows(state: list[list[int]]) -> None:
    """Section 5.1.2."""
    for r in range(1, 4):
        state[r] = state[r][r:] + state[r][:r]


def xtime(a: int) -> int:
    """Multiply by x (section 4.2.1)."""
    a <<= 1
    return a ^ 0x11B if a & 0x100 else a


def mix_columns(state: list[list[int]]) -> None:
    """Section 5.1.3."""
    for c in range(4):
        a = [state[r][c] for r in range(4)]
        state[0][c] = xtime(a[0]) ^ xtime(a[1]) ^ a[1] ^ a[2] ^ a[3]
        state[1][c] = a[0] ^ xtime(a[1]) ^ xtime(a[2]) ^ a[2] ^ a[3]
        state[2][c] = a[0] ^ a[1] ^ xtime(a[2]) ^ xtime(a[3]) ^ a[3]
        state[3][c] = xtime(a[0]) ^ a[0] ^ a[1] ^ a[2] ^ xtime(a[3])


def cipher(block: bytes, words: list[list[int]], box: list[int]) -> bytes:
    """Encrypt one block (section 5.1)."""
    rounds = len(words) // 4 - 1
    state = [[block[r + 4 * c] for c in range(4)] for r in range(4)]
    add_round_key(state, words[0:4])
    for i in range(1, rounds):
        sub_bytes(state, box)
        shift_rows(state)
        mix_columns(state)
        add_round_key(state, words[4 * i : 4 * i + 4])
    sub_bytes(state, box)
    shift_rows(state)
    add_round_key(state, words[4 * rounds :])
    return bytes(state[r][c] for c in range(4) for r in range(4))


class TextbookState:
    """The Generate function of CTR_DRBG (NIST SP 800-90A Rev. 1 section 10.2.1.5.2), 16 bytes a call."""

    def __init__(self, key: bytes, v: bytes) -> None:
        self.box = make_sbox()
        self.rekey(key)
        self.v = v

    def rekey(self, key: bytes) -> None:
        """Take a key and expand it."""
        self.key = key
        self.words = key_expansion(key, self.box)

    def block_encrypt(self, block: bytes) -> bytes:
        """Encrypt under the key at hand."""
        return cipher(block, self.words, self.box)

    def increment(self) -> None:
        """V = (V + 1) mod 2^128."""
        self.v = ((int.from_bytes(self.v, "big") + 1) % (1 << 128)).to_bytes(16, "big")

    def update(self) -> None:
        """CTR_DRBG_Update with no provided data (section 10.2.1.2)."""
        temp = b""
        seed_len = len(self.key) + 16
        while len(temp) < seed_len:
            self.increment()
            temp += self.block_encrypt(self.v)
        self.v = temp[len(self.key) : seed_len]
        self.rekey(temp[: len(self.key)])

    def generate(self) -> bytes:
        """Return 16 bytes."""
        self.increment()
        out = self.block_encrypt(self.v)
        self.update()
        return out
