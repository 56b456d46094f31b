"""Thousands of transfers with cuts at random, of the cable and of the power: see ``cuts.py``.

Usage: micropython transfers.py LIB FIRMWARE TRANSFERS SEED

The badge's console, requests, transfer and storage are its own; only what a list means is left out: a list
that comes whole is put in its place, as ``badge.publications`` does after it has verified it.
"""

import binascii
import gc
import hashlib
import json
import random
import struct
import sys

import parts
from parts import Nor

BLOCKS = 48
LIST = "lists/x"
PIECE = 106
MOST_CUTS = 4
SILENCE_MS = 1500


class PowerCut(Exception):
    """The battery went, in the middle of a step on flash."""


class FailingNor(Nor):
    """Flash whose power goes after ``left`` steps, half-way through the next; None: it stays.

    Nothing is written from then on, whatever the badge's code still does before anybody looks.
    """

    left = None
    is_dead = False

    def writeblocks(self, block, buffer, offset=None):
        if (
            not self.is_dead
        ):  # a dead badge's files are closed by the collector, where nothing can be allocated
            Nor.writeblocks(self, block, buffer, offset)

    def ioctl(self, request, argument):
        return 0 if self.is_dead and request == 6 else Nor.ioctl(self, request, argument)

    def _has_power(self, step):
        if self.left == 0:
            self.left = None
            self.half(step)
            self.is_dead = True
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def write(self, block, offset, piece):
        if self._has_power(("write", block, offset, bytes(piece))):
            Nor.write(self, block, offset, piece)

    def erase(self, block):
        if self._has_power(("erase", block)):
            Nor.erase(self, block)


class Wire:
    """The badge's end of the cable: what it writes is decoded; ``read`` is never called."""

    def __init__(self, frame):
        self._decoder = frame.Decoder(frame.MAX_FROM_BADGE)
        self.answers = []

    def write(self, data):
        self.answers += list(self._decoder.frames(data))


class Publisher:
    id = "0123abcd"


class Publications:
    """Knows one publisher."""

    limit_bytes = 1 << 20

    def get(self, _publisher):
        return Publisher


class Nothing:
    """Stands for parts that a transfer has nothing to do with; ``trusted`` is the clock's."""

    trusted = 0

    def note(self, _kind, _detail=0):
        pass

    def start(self):
        pass


class Badge:
    """What runs from one start to the next."""

    def __init__(self, nor):
        from badge.console import Console
        from badge.requests import Requests
        from badge.storage import Storage
        from cx import frame

        parts.mount(nor)
        self.storage = Storage(parts.DATA)
        self.storage.make_folder("lists")
        self.publications = Publications()
        self.events = self.matching = self.clock = Nothing()
        self.wire = Wire(frame)
        self.console = Console(self.wire, Requests(self), lambda: None)

    async def take_list(self, _publisher, name):
        self.storage.rename(name, LIST)
        return 0

    def give(self, data):
        """Let the badge take bytes and return its answers."""
        self.wire.answers = []
        for kind, sequence, payload in self.console._decoder.frames(data):
            handled = self.console._handle(kind, sequence, payload)
            try:
                while True:
                    handled.send(None)
            except StopIteration:
                pass
        return self.wire.answers


class Run:
    def __init__(self, seed):
        random.seed(seed)
        self.nor = FailingNor(BLOCKS)
        parts.format_flash(self.nor)
        self.badge = Badge(self.nor)
        self.sequence = 0
        self.held = None  # what the list in its place must be
        self.counts = {
            "complete": 0,
            "replaced": 0,
            "damaged": 0,
            "cable cuts": 0,
            "power cuts": 0,
            "resumed": 0,
        }

    def restart(self):
        try:  # noqa: SIM105  MicroPython has no contextlib. The collector would, where nothing can be allocated
            self.badge.console._requests._transfer.close()
        except OSError:
            pass
        parts.unmount()
        self.nor = FailingNor(BLOCKS, None, self.nor.data)
        self.badge = Badge(self.nor)
        assert self.badge.storage.lost == [], self.badge.storage.lost

    def send(self, kind, payload):
        """Return the badge's answer to one frame, None if the cable is pulled meanwhile."""
        from cx import frame

        self.sequence = (self.sequence + 1) & 0xFF
        data = frame.encode(kind, self.sequence, payload)
        if self.until_pulled is not None:
            self.until_pulled -= 1
            if self.until_pulled < 0:
                # It may have come, and only the answer does not.
                self.badge.give(data if random.getrandbits(1) else data[: random.randrange(len(data))])
                return None
        try:
            answers = self.badge.give(data)
        finally:
            if self.nor.is_dead:
                raise PowerCut
        assert len(answers) == 1 and answers[0][1] == self.sequence, answers
        return answers[0]

    def request(self, **fields):
        from cx import frame

        answer = self.send(frame.REQUEST, json.dumps(fields).encode())
        return None if answer is None else (answer[0] == frame.REPLY, json.loads(answer[2]))

    def transfer(self, data, digest, harm):
        """Send a file from where the badge has it to its end; return (is taken, answer), None if cut."""
        from cx import frame

        answer = self.request(do="put", what="publication", publisher="x", size=len(data), sha256=digest)
        if answer is None:
            return None
        assert answer[0], answer
        offset = answer[1]["offset"]
        assert offset <= len(data)
        self.counts["resumed"] += offset > 0
        while offset < len(data):
            piece = bytearray(data[offset : offset + PIECE])
            if harm and offset <= harm < offset + len(piece):
                piece[harm - offset] ^= 1
            reply = self.send(frame.DATA, struct.pack(">I", offset) + piece)
            if reply is None:
                return None
            assert reply[0] == frame.REPLY, reply
            offset = json.loads(reply[2])["offset"]
        return self.request(do="end")

    def one(self):
        """One transfer with its cuts; what lies on the flash afterwards is as it was said."""
        length = random.choice(
            (random.randrange(1, 300), random.randrange(1, 6000), random.randrange(3900, 14000))
        )
        data = bytes([random.getrandbits(8)]) * (length - 1) + bytes([random.getrandbits(8)])
        digest = binascii.hexlify(hashlib.sha256(data).digest()).decode()
        before = self.held
        harm = random.randrange(1, length) if length > 1 and random.randrange(12) == 0 else 0
        frames = length // PIECE + 3
        for _ in range(random.randrange(MOST_CUTS + 1)):
            self.until_pulled = None
            try:
                if random.getrandbits(1):
                    self.nor.left = random.randrange(frames // 2 + 12)
                else:
                    self.until_pulled = random.randrange(frames + 1)
                answer = self.transfer(data, digest, 0)
            except PowerCut:
                self.counts["power cuts"] += 1
                self.restart()
                answer = None
            else:
                self.nor.left = None
                if answer is None:
                    self.counts["cable cuts"] += 1
                    parts.time.now_ms += SILENCE_MS
                    self.badge.console._decoder.reset()  # as the console does after a second of silence
            self.look(before, digest, answer)
        self.until_pulled = None
        if random.randrange(6) == 0:
            self.counts["replaced"] += 1  # left: the next one takes its place
            return
        answer = self.transfer(data, digest, harm)
        harmed = harm and not answer[0]
        if harmed:
            assert "sha256" in answer[1]["message"], answer
            self.counts["damaged"] += 1
        else:
            assert answer[0], answer
            self.counts["complete"] += 1
        self.look(before, digest, answer)
        for name in ("put", "put.about"):
            assert not self.badge.storage.exists(name), name
        if not harmed:
            assert self.held == digest

    def look(self, before, digest, answer):
        """The list in its place is wholly the one before or this one, and this one if the badge said so."""
        storage = self.badge.storage
        found = None
        if storage.exists(LIST):
            with open(storage.path(LIST), "rb") as stream:
                found = binascii.hexlify(hashlib.sha256(stream.read()).digest()).decode()
        assert found in (before, self.held, digest), "half a list"
        if answer is not None and answer[0]:
            assert found == digest
        self.held = found


def main(arguments):
    parts.prepare(arguments[0], arguments[1])
    run = Run(int(arguments[3]))
    total = int(arguments[2])
    for number in range(total):
        try:
            run.one()
        except AssertionError:
            print("transfer", number)
            raise
        if number % 100 == 0:
            gc.collect()
    print(total, "transfers:", ", ".join("%d %s" % (run.counts[name], name) for name in sorted(run.counts)))


main(sys.argv[1:])
