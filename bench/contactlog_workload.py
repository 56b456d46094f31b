"""What ``bench/contactlog.py`` has MicroPython do.

``contactlog_workload.py LIB FIRMWARE DEVICE TASK COUNT RECORDS``. DEVICE: the folder of ``parts.py``, which
puts the badge's storage code on a littlefs in memory. TASK: ``append`` COUNT contacts, ``rebuild`` the
filter of a log of RECORDS, COUNT times, or ``sizes``. Prints JSON.
"""

import asyncio
import gc
import json
import sys

DAY_S = 86400
LOG_BLOCKS = 180
BLOCKS = 512


class Disk:
    """A block device in memory that does as little as it can."""

    def __init__(self, block: int) -> None:
        self.block = block
        self.data = bytearray(BLOCKS * block)

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> None:
        """Fill ``buffer``."""
        at = block * self.block + offset
        buffer[:] = self.data[at : at + len(buffer)]

    def writeblocks(self, block: int, buffer: bytearray, offset: int = 0) -> None:
        """Take ``buffer``."""
        at = block * self.block + offset
        self.data[at : at + len(buffer)] = buffer

    def ioctl(self, request: int, _argument: int) -> int:
        """Tell the size; an erase does nothing."""
        return {4: BLOCKS, 5: self.block}.get(request, 0)


class Bench:
    """A badge's log on such a disk. ``parts``: the module of that name."""

    def __init__(self, parts) -> None:  # noqa: ANN001  found at run time
        self.parts = parts
        disk = Disk(parts.BLOCK)
        parts.format_flash(disk)
        parts.mount(disk)
        self.badge = parts.Parts(parts.Nvs(None), LOG_BLOCKS, 16384)

    def append(self, count: int) -> None:
        """Log contacts as they come, one each three seconds."""
        from cx.contact import Contact

        parts, badge = self.parts, self.badge
        for number in range(count):
            parts.time.now_ms += 3000
            now_s = badge.clock.uptime_s()
            badge.log.append(Contact(parts.contact_id(number), badge.clock.boot, now_s, 600, 50, 55))

    def rebuild(self, times: int) -> dict:
        """Make the filter again; return how many records lay between two turns of other tasks."""
        held = self.badge.log.count
        counting = Counting(self.badge.log.filter)
        self.badge.log.filter = counting
        for _ in range(times):
            counting.most = counting.since = 0
            asyncio.run(self.turns(counting))
        return {"records": held, "most_in_a_slice": counting.most, "turns": counting.turns}

    async def turns(self, counting: "Counting") -> None:
        """Rebuild beside a task that notes each of its turns."""
        log = self.badge.log
        log.whole.clear()
        log._stale.set()
        tasks = [asyncio.create_task(log.run()), asyncio.create_task(counting.watch())]
        await log.whole.wait()
        for task in tasks:
            task.cancel()


class Counting:
    """Stands before the filter and counts what is added between two turns of another task."""

    def __init__(self, inner) -> None:  # noqa: ANN001
        self.inner = inner
        self.since = self.most = self.turns = 0

    def add(self, contact_id: memoryview) -> None:
        """Add and count."""
        self.inner.add(contact_id)
        self.since += 1

    def clear(self) -> None:
        """Clear."""
        self.inner.clear()

    async def watch(self) -> None:
        """Note what was added since the last turn."""
        while True:
            self.most = max(self.most, self.since)
            self.since = 0
            self.turns += 1
            await asyncio.sleep_ms(0)


def sizes(parts) -> dict:  # noqa: ANN001
    """Return the bytes of heap that each structure takes."""
    from badge.clock import Clock
    from badge.contacts import ContactLog
    from badge.segments import Segments
    from badge.sightings import Sightings
    from cx.bloom import Bloom
    from cx.contact import Contact
    from cx.visits import Allowance, Visits

    disk = Disk(parts.BLOCK)
    parts.format_flash(disk)
    parts.mount(disk)
    storage = parts.Parts(parts.Nvs(None), LOG_BLOCKS).storage
    found = {}

    def keep(name: str, make) -> None:  # noqa: ANN001
        gc.collect()
        before = gc.mem_alloc()
        made = make()
        gc.collect()
        found[name] = gc.mem_alloc() - before
        del made

    def full_visits() -> Visits:
        visits = Visits(384, 60, 2, 0, len)
        for number in range(400):
            visits.heard(parts.contact_id(number), 50)
        return visits

    def many_boots() -> Clock:
        nvs = parts.Nvs(None)
        for _ in range(220):
            clock = Clock(storage, nvs, parts.Rtc(), 14 * DAY_S)
        return clock

    def two_weeks() -> Segments:
        segments = Segments(storage, 60)
        for _ in range(60):
            segments._begin()
        return segments

    clock = Clock(storage, parts.Nvs(None), parts.Rtc(), 14 * DAY_S)
    bloom = Bloom(64)
    keep("filter", lambda: Bloom(16384))
    keep("sightings of a scan (240)", lambda: Sightings(240))
    keep("visits, nobody near", lambda: Visits(384, 60, 2, 0, len))
    keep("visits, table full (384)", full_visits)
    keep("limit of records", lambda: Allowance(7200, 2400))
    keep("log, empty", lambda: ContactLog(storage, clock, bloom, LOG_BLOCKS * parts.BLOCK, 14))
    keep("60 segments", two_weeks)
    keep("clock, one boot", lambda: Clock(storage, parts.Nvs(None), parts.Rtc(), 0))
    keep("clock, 200 boots", many_boots)
    keep("one contact in memory", lambda: Contact(bytes(16), 0, 0, 0, 0, 0))
    return found


def main(arguments: "list[str]") -> None:
    """Do a task and print what it took."""
    lib, firmware, device, task, count, records = arguments
    sys.path.insert(0, device)
    import parts

    parts.prepare(lib, firmware)
    if task == "sizes":
        print(json.dumps(sizes(parts)))
        return
    bench = Bench(parts)
    extra = {}
    if task == "rebuild":
        bench.append(int(records))
        bench.badge.log.flush()
    gc.collect()
    start = parts.real_time.ticks_us()
    if task == "append":
        bench.append(int(count))
    else:
        extra = bench.rebuild(int(count))
    extra["seconds"] = parts.real_time.ticks_diff(parts.real_time.ticks_us(), start) / 1e6
    print(json.dumps(extra))


main(sys.argv[1:])
