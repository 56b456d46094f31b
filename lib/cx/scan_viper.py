"""The look at every record of the log, in machine code; ``cx.matcher`` has the same in bytecode."""

import micropython

from cx.compat import TYPE_CHECKING

if TYPE_CHECKING:
    from cx.compat import ptr8


@micropython.viper
def scan(mask: ptr8, records: ptr8, at: int, end: int) -> int:
    """Return where the next record is that ``mask`` may hold, from ``at`` on; ``end`` if none is."""
    while at < end:
        if mask[records[at] | (records[at + 1] & 7) << 8] & (1 << (records[at + 2] & 7)):  # noqa: SIM102
            if mask[records[at + 3] | records[at + 1] >> 5 << 8] & (1 << (records[at + 2] >> 5)):
                return at
        at += 24
    return end
