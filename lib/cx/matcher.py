"""From a published seed to the contacts that it explains.

``candidates`` regenerates a seed's identifiers and asks the filter about each; the few that pass are
then compared with the log itself, by whoever holds it.
"""

from cx.compat import TYPE_CHECKING, const
from cx.generator import MAX_IDS, Generator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cx.bloom import Bloom

# Identifiers for each slice: about 50 ms on an ESP32 with a fast engine.
SLICE_IDS = const(512)


class Candidate:
    """An identifier of a published seed that may be in the log: whose it is and its place in the chain."""

    def __init__(self, generator_type: int, seed: bytes, position: int) -> None:
        self.generator_type = generator_type
        self.seed = seed
        self.position = position


def candidates(
    generator_type: int, seed: bytes, contact_filter: "Bloom"
) -> "Iterator[tuple[bytes, Candidate] | None]":
    """Yield (identifier, Candidate) for each hit of the filter, and None after every slice of work.

    The caller gives other tasks their turn at each None.
    """
    generator = Generator(generator_type, seed)
    try:
        while generator.position < MAX_IDS:
            stop = min(generator.position + SLICE_IDS, MAX_IDS)
            while generator.position < stop:
                found = generator.find(contact_filter, stop - generator.position)
                if found is None:
                    break
                yield found, Candidate(generator_type, seed, generator.position - 1)
            yield None
    finally:
        generator.wipe()
