"""Inside MicroPython: read ``type seed`` lines, print a digest of each seed's first identifiers.

Usage: micropython chain_digests.py LIB_DIR ENGINE COUNT < lines
"""

import sys
from binascii import hexlify, unhexlify
from hashlib import sha256


def main(lib: str, engine_name: str, count: int) -> None:
    sys.path.insert(0, lib)
    from cx import aes, aes_tables
    from cx.generator import Generator

    made = {"halves": aes_tables.HalfEngine, "words": aes_tables.WordEngine}
    engine = made[engine_name]() if engine_name in made else dict(aes.CANDIDATES)[engine_name]()
    for line in sys.stdin:
        kind, seed = line.split()
        generator = Generator(int(kind), unhexlify(seed), engine)
        print(hexlify(sha256(b"".join([generator.next_id() for _ in range(count)])).digest()).decode())


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
