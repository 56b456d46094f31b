"""A badge's matching, run by ``bench/matching.py`` inside MicroPython: its log and files, no radio.

Usage: matching_workload.py LIB_DIR FIRMWARE_DIR PLAN

PLAN is JSON: "folder" for the badge's files, "contacts" to log, "filter_bytes", "candidates", "certificate",
and "steps", each with a "list" (a file) and "full" (how many seeds of it are regenerated alone, for
comparison; 0: not). Prints one line of JSON for each step: CPU seconds, seeds, passes over the log, writes.
"""

import asyncio
import binascii
import gc
import hashlib
import json
import os
import sys
import time

from micropython import const

_DAY_S = const(86400)


class Nvs:
    """A chip's NVS in RAM."""

    def __init__(self):
        self.values = {}

    def get_i32(self, key):
        if key not in self.values:
            raise OSError(2)
        return self.values[key]

    def set_i32(self, key, value):
        self.values[key] = value

    def commit(self):
        pass


class Rtc:
    """A chip's clock that was never set."""

    def datetime(self, fields=None):
        return (2000, 1, 1, 5, 0, 0, 0, 0)


def log_of(plan, storage, clock):
    """Return the badge's log with so many contacts of strangers, and its filter whole."""
    from badge.contacts import ContactLog
    from cx.bloom import Bloom
    from cx.contact import Contact

    log = ContactLog(storage, clock, Bloom(plan["filter_bytes"]), 4 << 20, 14)
    for number in range(plan["contacts"]):
        contact_id = hashlib.sha256(b"stranger %d" % number).digest()[:16]
        log.append(Contact(contact_id, 0, number, 300, 50, 50))
    log.flush()

    async def until_whole():
        task = asyncio.create_task(log.run())
        await log.whole.wait()
        task.cancel()

    asyncio.run(until_whole())
    return log


class Counting:
    """The badge's files, with what is written counted."""

    def __init__(self, storage):
        self._storage = storage
        self.writes = self.bytes = 0

    def open(self, name, mode):
        stream = self._storage.open(name, mode)
        if mode == "rb":
            return stream
        self.writes += 1
        return _Counted(self, stream)

    def save(self, name, payload):
        self.writes += 1
        self.bytes += len(payload)
        self._storage.save(name, payload)

    def exists(self, name):
        return self._storage.exists(name)

    def remove(self, name):
        self._storage.remove(name)

    def rename(self, old, new):
        self._storage.rename(old, new)

    def load(self, name):
        return self._storage.load(name)


class _Counted:
    def __init__(self, files, stream):
        self._files = files
        self._stream = stream

    def write(self, data):
        self._files.bytes += len(data)
        return self._stream.write(data)

    def close(self):
        self._stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stream.close()


def regenerate(path, certificate, count):
    """Return the CPU seconds of regenerating the first ``count`` seeds of a list, and nothing else."""
    from cx import publication
    from cx.bloom import Bloom
    from cx.extensions import decode_usage
    from cx.generator import MAX_IDS, Generator

    with open(path, "rb") as stream:
        header = publication.verify(stream, certificate)
        listed = publication.notifications(stream, header)
        seeds = []
        for _, kind, seed in listed:
            used = decode_usage(listed.usage)
            seeds.append((kind, seed, used[1] if used else MAX_IDS))
            if len(seeds) == count:
                break
    empty = Bloom(64)
    gc.collect()
    start = time.clock()
    for kind, seed, used in seeds:
        generator = Generator(kind, seed)
        generator.find(empty, used)
        generator.wipe()
    return time.clock() - start


def match(world, path, certificate):
    """Match a list as the badge does; return CPU seconds and the run's progress."""
    from cx import known, matchrun, publication, resolving, sorting

    files = world.files
    progress = known.Progress()
    gc.collect()
    start = time.clock()
    with open(path, "rb") as stream:
        header = publication.Publication()
        for _ in publication.verify_steps(stream, certificate, header):
            pass
        run = matchrun.Run(world, "p", [], stream, header, progress)
        for _ in run.work():
            pass
        for _ in sorting.add_fresh(files, "p", run.is_new_set, 100000):
            pass
        for _ in resolving.resolve(files, "p", [], True, lambda boot, second: True):
            pass
    known.forget_run(files, "p")
    return time.clock() - start, progress


def main(lib, firmware, plan):
    sys.path.insert(0, lib)
    sys.path.insert(0, firmware)
    from badge.clock import Clock
    from badge.storage import Storage
    from cx import matchrun

    with open(plan) as stream:
        plan = json.load(stream)
    storage = Storage(plan["folder"])
    for name in ("known", "matches"):
        storage.make_folder(name)
    clock = Clock(storage, Nvs(), Rtc(), 14 * _DAY_S)
    log = log_of(plan, storage, clock)
    certificate = binascii.unhexlify(plan["certificate"])
    files = Counting(storage)
    world = matchrun.World(files, log.filter, log.blocks, clock.uptime_s, "viper", plan["candidates"])
    for step in plan["steps"]:
        alone_s = regenerate(step["list"], certificate, step["full"]) if step["full"] else None
        files.writes = files.bytes = 0
        seconds, progress = match(world, step["list"], certificate)
        answer = {"seconds": seconds, "alone_s": alone_s, "rate": log.filter.rate()}
        for name in ("seeds", "new_seeds", "ids", "log_passes", "saves"):
            answer[name] = getattr(progress, name)
        answer["writes"], answer["bytes"] = files.writes, files.bytes
        print(json.dumps(answer))


os.stat(sys.argv[3])
main(*sys.argv[1:])
