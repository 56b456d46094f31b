"""Parts of the badge in one MicroPython process, on a flash that behaves as NOR does; no radio, no console.

Much faster than a simulated board: for what needs thousands of starts or weeks of flash writes.
"""

import asyncio
import os
import sys
import time as real_time
from array import array

import vfs

BLOCK = 4096
ROOT = "/f"
DATA = "/f/data"
EPOCH_2000 = 946684800


class Time:
    """Stands for the module ``time`` of an ESP32: set ``now_ms``."""

    now_ms = 0

    def ticks_ms(self):
        return self.now_ms & (1 << 30) - 1

    def ticks_diff(self, end, start):
        return ((end - start + (1 << 29)) & (1 << 30) - 1) - (1 << 29)

    def gmtime(self, seconds):
        return real_time.gmtime(seconds + EPOCH_2000)[:8]

    def mktime(self, fields):
        return int(real_time.mktime(tuple(fields) + (0,))) - EPOCH_2000


class Rtc:
    """A chip's clock that starts at 2000 and is never right."""

    def datetime(self, fields=None):
        return (2000, 1, 1, 5, 0, 0, 0, 0)


class Randomness:
    """Numbers that are the same in every run; ``seed`` makes another series."""

    def __init__(self, seed=1):
        self.state = seed

    def between(self, low, high):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return low + (self.state >> 8) % (high - low + 1)

    def secret(self, length):
        return bytearray(self.between(0, 255) for _ in range(length))


class Nvs:
    """The NVS: a commit is one step, as ESP-IDF promises."""

    def __init__(self, journal, state=None):
        self.state = dict(state or {})
        self.live = dict(self.state)
        self.journal = journal
        self.commits = 0

    def get_i32(self, key):
        if key not in self.live:
            raise OSError(-0x1102)
        return self.live[key]

    def set_i32(self, key, value):
        self.live[key] = value

    def erase_key(self, key):
        if self.live.pop(key, None) is None:
            raise OSError(-0x1102)

    def commit(self):
        self.commits += 1
        self.state = dict(self.live)
        if self.journal is not None:
            self.journal.append(("nvs", self.state))


class Nor:
    """NOR flash as a block device: a write only clears bits, an erase sets all of a block.

    ``erases`` counts for each block. ``journal`` (a list or None) takes every step: ("erase", block) and
    ("write", block, offset, bytes).
    """

    def __init__(self, blocks, journal=None, data=None):
        self.data = data or bytearray(b"\xff" * (blocks * BLOCK))
        self.count = blocks
        self.erases = array("I", bytes(4 * blocks))
        self.journal = journal

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = self.data[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=None):
        if offset is None:
            self.erase(block)
            offset = 0
        self.write(block, offset, buffer)

    def write(self, block, offset, piece):
        if self.journal is not None:
            self.journal.append(("write", block, offset, bytes(piece)))
        at = block * BLOCK + offset
        end = at + len(piece)
        new = int.from_bytes(piece, "big")
        if int.from_bytes(self.data[at:end], "big") & new != new:
            raise AssertionError("a write to flash that was not erased")
        self.data[at:end] = piece

    def erase(self, block):
        if self.journal is not None:
            self.journal.append(("erase", block))
        self.erases[block] += 1
        self.data[block * BLOCK : (block + 1) * BLOCK] = b"\xff" * BLOCK

    def ioctl(self, request, argument):
        if request == 4:
            return self.count
        if request == 5:
            return BLOCK
        if request == 6:
            self.erase(argument)
        return 0

    def half(self, step):
        """Do the first half of a step, as a battery that goes in the middle of it does."""
        if step[0] == "write":
            self.write(step[1], step[2], step[3][: len(step[3]) // 2])
        elif step[0] == "erase":
            at = step[1] * BLOCK
            self.data[at : at + BLOCK // 2] = b"\xff" * (BLOCK // 2)

    def whole(self, step):
        if step[0] == "write":
            self.write(step[1], step[2], step[3])
        elif step[0] == "erase":
            self.erase(step[1])


time = Time()


def prepare(lib, firmware):
    """Put the badge's sources and the clock in place. Call once, before anything of the badge is imported."""
    sys.path.insert(0, lib)
    sys.path.insert(0, firmware)
    sys.modules["time"] = time


def format_flash(nor):
    vfs.VfsLfs2.mkfs(nor)


def mount(nor):
    vfs.mount(vfs.VfsLfs2(nor, mtime=False), ROOT)


def unmount():
    vfs.umount(ROOT)


class Parts:
    """A badge's storage, clock, log and seeds, started as the application starts them."""

    def __init__(self, nvs, log_blocks, filter_bytes=1024, seed=1):
        from badge.clock import Clock
        from badge.contacts import ContactLog
        from badge.seeds import Seeds
        from badge.storage import Storage
        from cx.bloom import Bloom

        self.nvs = nvs
        self.storage = Storage(DATA)
        self.clock = Clock(self.storage, nvs, Rtc(), 14 * 86400)
        self.randomness = Randomness(seed)
        self.seeds = Seeds(self.storage, nvs, self.clock, self.randomness, 14)
        self.log = ContactLog(self.storage, self.clock, Bloom(filter_bytes), log_blocks * BLOCK, 14)
        self.storage.make_room = self.log.give_up_oldest
        self.rebuild()

    def rebuild(self):
        """Run the log's task until its filter is whole."""

        async def until_whole():
            task = asyncio.create_task(self.log.run())
            await self.log.whole.wait()
            task.cancel()

        asyncio.run(until_whole())


def contact_id(number):
    """Return an identifier that no other number has, in the form of a real one."""
    mixed = (number & 0x3FFFFFFF) * 2654435761 + (number >> 30) * 40503 + 97
    return (
        (mixed >> 12 & 0xFFFFFFFFFFFF).to_bytes(6, "big")
        + bytes((0x40 | mixed & 15, mixed >> 4 & 255, 0x80 | mixed & 63, mixed >> 6 & 255))
        + number.to_bytes(6, "big")
    )


def number_of(identifier):
    return int.from_bytes(identifier[10:], "big")


def free_blocks():
    return os.statvfs(ROOT)[3]
