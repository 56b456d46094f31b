"""A hostile computer at a badge's cable: random and mutated frames, by the hundred thousand.

``python hostile.py --frames 1000000`` runs a simulated badge that has met somebody, knows a publisher and
has seeds, a report and an alert to hide. Half of the frames have a right CRC and a sequence number of their
own, many are requests with fields changed or left out, others are cut, flipped or noise. Nobody presses the
button. Exit code 1 if the badge restarts, if its free memory ends more than 1 KiB lower, if it answers less
than it was asked, or if anything secret is in any byte that came back: seeds, keys, identifiers, contacts,
raw or in hexadecimal.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from cx import frame
from cxhost import sync
from cxhost.boards import load_board
from cxhost.companion import Badge
from cxhost.consent import press_ms
from cxhost.image import Filesystem
from cxhost.publisher import Publisher
from cxhost.reports import verify_report
from cxhost.sim import Simulation
from cxhost.sim.badge import SimulatedBadge

START = datetime(2026, 3, 2, 8, 0, tzinfo=timezone.utc)
FLAT_BYTES = 1024
WINDOW = 8  # so many bytes of a secret in a row are a leak
_BATCH = 40
_REQUESTS = (
    "hello",
    "info",
    "set_time",
    "put",
    "end",
    "get",
    "log",
    "alerts",
    "report",
    "wipe",
    "configure",
    "remove",
    "days",
    "sent",
    "wifi",
)
_FIELDS = (
    "unix",
    "what",
    "size",
    "sha256",
    "publisher",
    "code",
    "again",
    "offset",
    "first",
    "profile",
    "light",
    "days",
    "ssid",
    "x",
)
_CONSENTS = ("alerts", "report", "wipe", "configure", "remove", "wifi")


class Attacker:
    """Makes frames. ``known``: a publisher's ID; ``documents``: files to cut pieces from."""

    def __init__(self, seed: int, known: str, documents: list[bytes]) -> None:
        self._draw = random.Random(seed)
        self._known = known
        self._documents = documents
        self._sequence = 0

    def _value(self) -> object:
        draw = self._draw
        return draw.choice(
            (
                lambda: draw.randrange(-(1 << 70), 1 << 70),
                lambda: draw.randrange(-2, 600),
                lambda: int(START.timestamp()) + draw.randrange(-(10**9), 10**9),
                lambda: draw.random() * 10 ** draw.randrange(-30, 30),
                lambda: draw.choice((True, False, None, [], {}, "", [[]], {"do": "info"})),
                lambda: draw.choice(
                    ("descriptor", "publication", "seeds/0", "../pool", "all", "quiet", "all-day")
                ),
                lambda: self._known,
                lambda: draw.randbytes(draw.randrange(40)).hex(),
                lambda: draw.randbytes(draw.randrange(30)).decode("latin-1"),
            )
        )()

    def _request(self) -> bytes:
        draw = self._draw
        name = draw.choice(_REQUESTS)
        if name in _CONSENTS and draw.random() < 0.97:  # each blocks the badge for half a minute
            name = "info" if draw.random() < 0.02 else "put"
        request = {"do": name if draw.random() < 0.95 else self._value()}
        for field in draw.sample(_FIELDS, draw.randrange(5)):
            request[field] = self._value()
        if name == "put" and draw.random() < 0.5:
            request |= {"what": draw.choice(("descriptor", "publication")), "size": draw.randrange(1, 9000)}
            request |= {"sha256": draw.randbytes(32).hex(), "publisher": self._known}
        text = json.dumps(request).encode()
        kind = draw.random()
        if kind < 0.1:
            text = text[: draw.randrange(len(text))]
        elif kind < 0.2:
            at = draw.randrange(len(text))
            text = text[:at] + draw.randbytes(draw.randrange(4)) + text[at + draw.randrange(3) :]
        elif kind < 0.22:
            text = draw.choice((b"[", b'{"a":', b'"')) * draw.randrange(1, 230)
        return text[: frame.MAX_TO_BADGE]

    def _data(self) -> bytes:
        draw = self._draw
        document = draw.choice(self._documents)
        offset = draw.choice((0, draw.randrange(len(document)), draw.randrange(1 << 32)))
        return struct.pack(">I", offset) + document[offset % len(document) :][: draw.randrange(0, 220)]

    def whole(self) -> bytes:
        """Return a frame with a right CRC and the next sequence number."""
        draw = self._draw
        self._sequence = (self._sequence + 1) & 0xFF
        kind = draw.choices((frame.REQUEST, frame.DATA, frame.PART, draw.randrange(256)), (60, 25, 10, 5))[0]
        payload = self._data() if kind == frame.DATA else self._request()
        return frame.encode(kind, self._sequence, payload)

    def broken(self) -> bytes:
        """Return a frame that was cut, flipped, lengthened or never was one."""
        draw = self._draw
        data = bytearray(self.whole())
        kind = draw.randrange(5)
        if kind == 0:
            del data[draw.randrange(len(data)) :]
        elif kind == 1:
            for _ in range(draw.randrange(1, 5)):
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        elif kind == 2:
            data[4:6] = draw.randbytes(2)
        elif kind == 3:
            data[draw.randrange(len(data)) : 0] = draw.randbytes(draw.randrange(20))
        else:
            data = bytearray(draw.randbytes(draw.randrange(1, 60)))
        return bytes(data)


class Leaks:
    """Looks for pieces of secrets in what came back, raw and in hexadecimal."""

    def __init__(self, secrets: list[bytes]) -> None:
        self._pieces = {piece for secret in secrets for piece in _pieces(secret, WINDOW)}
        self._hex = {piece for secret in secrets for piece in _pieces(secret.hex().encode(), 2 * WINDOW)}

    def find(self, heard: bytes) -> bytes | None:
        """Return the first piece of a secret in ``heard``, or None."""
        lower = heard.lower()
        for at in range(len(heard) - WINDOW + 1):
            if heard[at : at + WINDOW] in self._pieces or lower[at : at + 2 * WINDOW] in self._hex:
                return heard[at : at + 2 * WINDOW]
        return None


def _pieces(secret: bytes, length: int) -> list[bytes]:
    return [secret[at : at + length] for at in range(len(secret) - length + 1)]


def secrets_of(sim: Simulation, badge: SimulatedBadge) -> list[bytes]:
    """Return what nobody may learn from this badge, from its flash and from the air; it must be off."""
    flash = Filesystem(load_board("sim"), badge.flash_path.read_bytes())
    found = [sent.payload[7:] for sent in sim.on_air if sent.payload]
    for path in flash.files("/data"):
        folder = path.split("/")[2]
        if folder == "seeds":
            found.append(flash.read(path)[13:69])
        elif folder == "pool":
            found.append(flash.read(path)[1:33])
        elif folder == "report":
            found += [seed.seed for seed in verify_report(flash.read(path)[1:-4]).seeds]
        elif folder in ("known", "matches"):
            found.append(flash.read(path))
    return [secret for secret in found if len(secret) >= WINDOW]


def prepare(sim: Simulation, folder: Path) -> tuple[SimulatedBadge, str, list[bytes]]:
    """Return a badge with something to hide, its publisher's ID, and documents of that publisher."""
    badge, ill = (sim.add_badge(name, position=(2.0 * (name == "ill"), 0.0)) for name in ("victim", "ill"))
    name, url = "Ruritania Health Service", "https://health.example/cx.json"
    with Publisher.create(folder, name, url, clock=lambda: sim.now, fewest_new_seeds=1) as publisher:
        descriptor = publisher.descriptor_file.read_bytes()
        for one in (badge, ill):
            companion = companion_of(one)
            companion.request("set_time", unix=int(sim.now.timestamp()))
            known = sync.provision(companion, descriptor.decode())
        sim.run_for(2400)
        publisher.accept_report(sync.take_report(companion_of(ill), known, publisher.issue_code()))
        document = publisher.publish().path.read_bytes()
        companion_of(badge).put("publication", document, publisher=known["id"])
        sim.run_for(60)
        assert companion_of(badge).request("alerts", timeout_s=60)["alerts"]
        sync.take_report(companion_of(badge), known, publisher.issue_code())
    ill.power_off()
    sim.run_for(1500)
    return badge, known["id"], [descriptor, document]


def companion_of(badge: SimulatedBadge) -> Badge:
    """Return the companion of an owner who presses the button."""
    return Badge(badge.transport(), lambda kind, _seconds: badge.press_button(press_ms(kind)))


def attack(folder: Path, frames: int, seed: int, say) -> list[str]:
    """Send so many frames; return what is wrong."""
    with Simulation(folder / "sim", seed=seed, start=START) as sim:
        badge, known, documents = prepare(sim, folder / "publisher")
        companion, attacker = companion_of(badge), Attacker(seed, known, documents)
        draw = random.Random(seed)
        transport = badge.transport()
        heard, sent, frees = bytearray(), 0, []
        before = companion.request("info", timeout_s=60)
        step = max(frames // 10, _BATCH)
        while sent < frames:
            for _ in range(step // _BATCH):
                for _ in range(_BATCH):
                    transport.write(attacker.whole() if draw.random() < 0.5 else attacker.broken())
                sent += _BATCH
                heard += listen(transport)
            sim.run_for(40)  # a question to the owner may be open
            heard += listen(transport)
            frees.append(companion.request("info", timeout_s=60)["free_bytes"])
            say(f"{sent} frames, {len(heard)} bytes came back, {frees[-1]} bytes free")
        after = companion.request("info", timeout_s=60)
        badge.power_off()
        leak = Leaks(secrets_of(sim, badge)).find(bytes(heard))
    found = []
    if leak:
        found.append(f"a secret came back: {leak.hex()}")
    if after["boot"] != before["boot"] or after["last_crash"] or after["lost_files"]:
        found.append(f"the badge restarted or lost something: {after['last_crash']} {after['lost_files']}")
    if frees[-1] < frees[0] - FLAT_BYTES:
        found.append(f"free memory fell from {frees[0]} to {frees[-1]} bytes")
    answers = sum(1 for _ in frame.Decoder(frame.MAX_FROM_BADGE).frames(heard))
    if answers < frames // 8:
        found.append(f"only {answers} answers to {frames} frames")
    if [one["id"] for one in after["publishers"]] != [one["id"] for one in before["publishers"]]:
        found.append("the publishers changed")
    return found


def listen(transport) -> bytes:
    """Return what comes until the badge has been silent for two seconds."""
    heard = bytearray()
    while True:
        data = transport.read(2)
        if not data:
            return bytes(heard)
        heard += data


def main() -> int:
    """Attack and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000, help="how many (1 000 000)")
    parser.add_argument("--seed", type=int, default=1, help="another number, other frames")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = attack(Path(folder), arguments.frames, arguments.seed, lambda line: print(line, flush=True))
    print(f"{time.monotonic() - began:.0f} s")
    for fault in found:
        print("FAULT:", fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
