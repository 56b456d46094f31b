"""One measurement, run by ``bench/run.py`` inside the runtime that is measured.

Usage: workload.py LIB_DIR ENGINE TASK TYPE COUNT

Prints one line of JSON: seconds, bytes allocated, collections, and the last block or the number of hits,
which the caller compares between runtimes. Nothing is printed of what a real seed would give.
"""

import gc
import json
import sys
import time
from binascii import hexlify
from hashlib import sha256

try:
    from typing import TYPE_CHECKING
except ImportError:
    TYPE_CHECKING = False
if TYPE_CHECKING:
    from cx.aes import Engine
    from cx.bloom import Bloom

try:
    from micropython import mem_total
except ImportError:

    def mem_total() -> int:
        """Return 0: CPython does not count like that."""
        return 0


FILTER_BYTES = 32768
CONTACTS = 10000
CURVE = (1000, 5000, 10000, 20000, 40000, 65000)


def clock() -> int:
    """Return nanoseconds from an arbitrary start."""
    return time.time_ns() if not hasattr(time, "perf_counter_ns") else time.perf_counter_ns()


def engine_of(name: str, lib: str) -> "Engine":
    """Return the engine that is measured."""
    from cx import aes, aes_tables

    if name == "words":
        return aes_tables.WordEngine()
    if name == "halves":
        return aes_tables.HalfEngine()
    if name == "unfiltered":
        return unfiltered_viper(lib)
    return dict(aes.CANDIDATES)[name]()


def unfiltered_viper(lib: str) -> "Engine":
    """Return the viper engine with the filter cut out of its source, to tell the look-up's cost."""
    with open(lib + "/cx/aes_viper.py") as stream:
        source = stream.read()
    begin = source.index("        # The filter")
    end = source.index("    given = ptr8")
    space = {"__name__": "unfiltered"}
    exec(source[:begin] + source[end:], space)  # noqa: S102  our own source
    return space["ViperEngine"]()


def filled_filter() -> "Bloom":
    """Return the 32 KiB filter with 10 000 contacts: digests, the same in every run."""
    from cx.bloom import Bloom

    bloom = Bloom(FILTER_BYTES)
    for number in range(CONTACTS):
        bloom.add(sha256(b"%d" % number).digest())
    return bloom


class Collections:
    """Counts the collections that an engine plans."""

    def __init__(self) -> None:
        self.planned = 0

    def collect(self) -> None:
        """Collect, and count."""
        self.planned += 1
        gc.collect()


class Task:
    """What is repeated ``count`` times; ``run`` returns what is compared."""

    def __init__(self, engine: str, kind: int, lib: str) -> None:
        self.out = bytearray(16)
        self.kind = kind
        key_len = kind * 16
        self.state = bytearray(range(key_len + 16))
        self.bloom: Bloom
        if engine == "textbook":
            from textbook import TextbookState

            self.textbook = TextbookState(bytes(self.state[:key_len]), bytes(self.state[key_len:]))
        else:
            self.engine = engine_of(engine, lib)

    def textbook_step(self, count: int) -> str:
        """Generate with the textbook."""
        block = b""
        for _ in range(count):
            block = self.textbook.generate()
        return hexlify(block).decode()

    def step(self, count: int) -> str:
        """Generate one block a call: what the advertiser does."""
        engine, state, out = self.engine, self.state, self.out
        for _ in range(count):
            engine.step(state, out)
        return hexlify(out).decode()

    def search(self, count: int) -> str:
        """Generate and test: what the matcher does, from candidate to candidate."""
        engine, state, out, bloom = self.engine, self.state, self.out, self.bloom
        hits = 0
        while count > 0:
            done = engine.search(state, out, bloom, min(count, 512))
            hits += done > 0
            count -= done or min(count, 512)
        return str(hits)

    def curve(self, count: int) -> str:
        """Return how many of ``count`` foreign identifiers the growing filter takes."""
        from cx.bloom import Bloom

        self.bloom = Bloom(FILTER_BYTES)
        hits, number = {}, 0
        for contacts in CURVE:
            while number < contacts:
                self.bloom.add(sha256(b"%d" % number).digest())
                number += 1
            hits[str(contacts)] = int(self.search(count))
        return json.dumps({"tried": count, "hits": hits})

    def instantiate(self, count: int) -> str:
        """Begin a seed."""
        from cx.generator import Generator

        seed = bytes(range(24 * self.kind))
        generator = Generator(self.kind, seed, self.engine)
        for _ in range(count - 1):
            generator = Generator(self.kind, seed, self.engine)
        return hexlify(generator.next_id()).decode()


def main(arguments: "list[str]") -> None:
    """Run one task and print what it took."""
    lib, engine, name, kind, count = (
        arguments[0],
        arguments[1],
        arguments[2],
        int(arguments[3]),
        int(arguments[4]),
    )
    sys.path.insert(0, lib)
    from cx import aes

    task = Task(engine, kind, lib)
    if name == "search":
        task.bloom = filled_filter()
    run = getattr(task, "textbook_step" if engine == "textbook" else name)
    counter = Collections()
    aes.collect = counter.collect
    run(1)
    gc.collect()
    counter.planned = 0
    free = getattr(gc, "mem_free", int)()
    total = mem_total()
    start = clock()
    result = run(count)
    seconds = (clock() - start) / 1e9
    total = mem_total() - total
    # A step that leaves something behind collects as planned; what leaves nothing cannot fill the heap.
    collections = counter.planned if total < free or counter.planned else None
    print(json.dumps({"seconds": seconds, "bytes": total, "collections": collections, "result": result}))


if __name__ == "__main__":
    main(sys.argv[1:])
