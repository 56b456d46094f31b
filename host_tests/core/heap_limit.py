"""Run inside MicroPython: verify a publication and read its seeds with only so many bytes of heap to spare.

Usage: micropython -X heapsize=512k heap_limit.py LIB_DIR PUBLICATION CERTIFICATE SPARE_BYTES

Everything but one hole of SPARE_BYTES is filled first, so that whatever is alive at once has to fit there.
Prints the number of seeds; exits 1 when the memory is not enough.
"""

import gc
import sys


def fill_but(spare: int) -> object:
    """Fill the heap but for ``spare`` bytes in one piece; return what keeps it full."""
    gc.collect()
    hole = bytearray(spare)
    kept = None
    size = 16384
    while size >= 16:
        try:
            kept = (kept, bytearray(size))
        except MemoryError:
            size //= 2
    del hole
    gc.collect()
    return kept


def main(arguments: list) -> int:
    """Verify, read, print the count."""
    sys.path.insert(0, arguments[0])
    from cx import notifications, publication

    assert notifications  # loaded when it is first needed; here before the heap is filled
    with open(arguments[2], "rb") as file:
        certificate = file.read()
    stream = open(arguments[1], "rb")  # noqa: SIM115  closed when the process ends; no memory for a frame here
    kept = fill_but(int(arguments[3]))
    try:
        header = publication.verify(stream, certificate)
        count = 0
        for _ in publication.notifications(stream, header):
            count += 1
    except MemoryError:
        kept = None
        print("not enough")
        return 1
    print(count, kept is not None)
    return 0


sys.exit(main(sys.argv[1:]))
