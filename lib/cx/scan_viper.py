"""The look at every record of the log, in machine code; ``cx.matcher`` has the same in bytecode."""

import micropython

from cx.compat import TYPE_CHECKING

if TYPE_CHECKING:
    from cx.compat import ptr8


@micropython.viper
def scan(mask: ptr8, records: ptr8, at: int, end: int) -> int:
    """Return where the next record is that ``mask`` may hold, from ``at`` on; ``end`` if none is."""
    high = int(mask[0])
    while at < end:
        second = int(records[at + 1])
        third = int(records[at + 2])
        if mask[1 + (records[at] | (second & high) << 8)] & (1 << (third & 7)):  # noqa: SIM102
            if mask[1 + (records[at + 3] | (second >> 5 & high) << 8)] & (1 << (third >> 5)):
                return at
        at += 24
    return end
