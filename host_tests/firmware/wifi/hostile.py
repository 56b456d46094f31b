"""Hostile frames for the Wi-Fi door, half of them well-formed. Runs inside MicroPython, see ``visits.py``."""

import asyncio
import json
import struct

from badge.console import Console
from cx import frame

NAMES = (
    "hello", "info", "put", "end", "progress", "get", "set_time", "alerts", "days", "report", "wipe",
    "configure", "remove", "log", "wifi", "sent", "authorities", "", "Info", "info ", None, 7, [], {},
)  # fmt: skip
FIELDS = (
    ("what", ("publication", "descriptor", "authorities", "", 1, None)),
    ("publisher", ("00000000", "", None, 5)),
    ("size", (0, 1, 100, 480000, 655361, -1, "1", None, True, 1e9)),
    ("sha256", ("0" * 64, "", None, 3)),
    ("unix", (1795489090, 0, -1, "x")),
    ("code", ("4KQ7-93XT", "")),
    ("again", (True, False)),
    ("ssid", ("x", "")),
    ("key", ("x" * 8, "")),
    ("offset", (0, 1, -1)),
    ("profile", ("all-day", "x")),
    ("forget", (True,)),
)
KINDS = (frame.REQUEST, frame.REQUEST, frame.REQUEST, frame.DATA, frame.PART, 0, 4, 0x81, 0xFF)


class Random:
    """Numbers that are the same in every run."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit

    def one(self, values):
        return values[self.below(len(values))]

    def noise(self, length):
        return bytes([self.below(256) for _ in range(length)])


class Line:
    """Stands for a connection: gives frames, counts answers."""

    def __init__(self, publisher, count, seed):
        self.random = Random(seed)
        self.publisher = publisher
        self.left = count
        self.waiting = b""
        self.kind = None
        self.answers = {}  # error, or the names in a reply: how often

    async def read(self, buffer):
        if not self.waiting:
            if not self.left:
                raise EOFError
            self.left -= 1
            if not self.left & 1023:
                await asyncio.sleep_ms(0)
            self.waiting = self.next_frame()
        count = min(len(buffer), len(self.waiting))
        buffer[:count] = self.waiting[:count]
        self.waiting = self.waiting[count:]
        return count

    def write(self, data):
        if data[:2] == b"\xc3\x58":  # the beginning of an answer; what it holds comes next
            self.kind = data[2]
            if self.kind != frame.REPLY:
                self.count("error" if self.kind == frame.ERROR else "kind %d" % self.kind)
        elif self.kind == frame.REPLY:
            self.kind = None
            self.count("reply " + " ".join(sorted(json.loads(data))))

    def count(self, what):
        self.answers[what] = self.answers.get(what, 0) + 1

    def next_frame(self):
        pick = self.random
        kind = pick.one(KINDS)
        payload = pick.noise(pick.below(40))
        if kind == frame.REQUEST:
            request = {"do": pick.one(NAMES)}
            for name, values in FIELDS:
                if pick.below(3):
                    request[name] = pick.one(values)
            if request["do"] == "put" and not pick.below(2):
                request.update({"what": "publication", "publisher": self.publisher, "size": 100})
                request["sha256"] = "%064d" % pick.below(9)
            payload = json.dumps(request).encode()[: frame.MAX_TO_BADGE]
        elif kind == frame.DATA:
            payload = struct.pack(">I", pick.one((0, 1, 100, 0xFFFFFFFF))) + payload
        made = frame.encode(kind, pick.below(256), payload)
        if pick.below(2):
            return made
        broken = bytearray(made)
        for _ in range(1 + pick.below(3)):
            broken[pick.below(len(broken))] = pick.below(256)
        return bytes(broken)


def run(app, requests, count, seed):
    """Send ``count`` frames; return how often what was answered how."""
    line = Line(next(iter(app.publications.publishers)), count, seed)
    console = Console(line, requests, lambda: None)

    async def answer():
        try:
            await console.run()
        except EOFError:  # the last frame was sent
            return

    asyncio.run(answer())
    return line.answers
