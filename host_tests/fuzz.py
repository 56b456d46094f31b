"""Fuzzing of everything that reads a document: bounded time, nothing but ``CxError`` may come out.

    python host_tests/fuzz.py --seconds 60 --seed 1

The mutations are this file's own and follow from the seed, so every failure can be repeated; a failing input
is printed in base64. Whatever the strict JSON reader accepts must mean the same to Python's.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import random
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from cx import der, descriptor, extensions, publication, strictjson, x509
from cx.errors import CxError
from cxhost import inspect
from cxhost.reports import verify_report

sys.path.insert(0, str(Path(__file__).parent / "core"))
import documents

SAMPLES = Path(__file__).parent / "vectors" / "samples"
MOST_BYTES = 4000  # of a starting document: larger ones teach nothing more
PEM = (SAMPLES / "publisher_p256.pem").read_text()
CERTIFICATE = x509.from_pem(PEM)
USAGE = [documents.octets(bytes(8)), documents.octets(b""), documents.octets(b"\x50\x4b\x00\x90")]
GUIDANCE = extensions.Guidance(
    [(55, 5, 15), (63, 10, 30)], {"en": "Stay at home.", "de": "Zu Hause bleiben."}
)
CONTENT = documents.content(
    [
        documents.notification(5, 1, bytes(48)),
        documents.notification(9, 7, b"later"),
        documents.notification(4, 2, bytes(48), documents.octets(b"later")),
    ],
    excludes="20260412110000Z",
    more=der.encode(
        der.CONTEXT_0,
        documents.sequence(
            (
                extensions.encode_extension(extensions.USAGE, documents.sequence(USAGE)),
                extensions.encode_extension(extensions.GUIDANCE, extensions.encode_guidance(GUIDANCE)),
            )
        ),
    ),
)
URL = "https://health.ruritania.example/cx.json"
DESCRIPTOR = {
    "url": URL,
    "cert": PEM,
    "name": "Ruritania Health Service",
    "report": "https://health.ruritania.example/report",
    "pub": "https://health.ruritania.example/pub/full",
    "pubs": [{"zone": URL, "url": "https://health.ruritania.example/pubs/own"}],
    "downstream": ["https://district.ruritania.example/cx.json"],
}


def read_publication(data: bytes) -> None:
    """Read a publication that openssl signed."""
    read(data, CERTIFICATE)


def read(document: bytes, certificate: bytes) -> None:
    """Verify a publication and read its seeds, usage and guidance."""
    stream = io.BytesIO(document)
    header = publication.verify(stream, certificate)
    seeds = list(publication.notifications(stream, header))
    if len(seeds) != header.seeds:
        raise AssertionError("as many seeds were counted as are not there")
    publication.guidance(stream, header)


def read_signed(content: bytes) -> None:
    """Sign a mutated content, so that it is read to its end, by a badge."""
    read(documents.cms(content), documents.certificate())


def read_attributes(attributes: bytes) -> None:
    """Sign mutated attributes, so that their form is all that can be wrong with them."""
    signer = documents.signer(CONTENT, attrs=[attributes])
    read(documents.cms(CONTENT, [signer]), documents.certificate())


def read_json(data: bytes) -> None:
    """Read JSON with both readers."""
    ours = strictjson.loads(data)
    if ours != json.loads(data):
        raise AssertionError("two JSON readers, two meanings")


TARGETS: dict[str, Callable[[bytes], object]] = {
    "publication": read_publication,
    "content": read_signed,
    "attributes": read_attributes,
    "report": verify_report,
    "descriptor": descriptor.check,
    "certificate": x509.Certificate,
    "json": read_json,
    "inspect": inspect.describe,
}


def corpus() -> dict[str, list[bytes]]:
    """Return the starting documents of each target."""
    files = {path.name: path.read_bytes() for path in SAMPLES.glob("*.der")}
    small = {name: data for name, data in files.items() if len(data) <= MOST_BYTES}
    publications = [data for name, data in small.items() if name.startswith("publication")]
    reports = [data for name, data in small.items() if name.startswith("seedreport")]
    text = [json.dumps(DESCRIPTOR).encode(), json.dumps(DESCRIPTOR, indent=1).encode()]
    return {
        "publication": publications,
        "content": [CONTENT],
        "attributes": [b"".join(documents.attributes(CONTENT))],
        "report": reports,
        "descriptor": text,
        "certificate": [CERTIFICATE],
        "json": [*text, b'[1,-2,"\\u00e9\\ud83d\\ude00",{"a":[true,false,null]}]'],
        "inspect": [*publications, *reports, *text],
    }


def mutate(rng: random.Random, data: bytes) -> bytes:
    """Return ``data`` with one to four changes of different kinds."""
    octets = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(octets) + 1)
        length = rng.choice((1, 1, 2, 4, 16, 64))
        kind = rng.randrange(7)
        if kind == 0 and place < len(octets):
            octets[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            octets[place : place + length] = rng.randbytes(length)
        elif kind == 2:
            del octets[place : place + length]
        elif kind == 3:
            octets[place:place] = octets[place : place + length]
        elif kind == 4:
            octets[place:place] = rng.choice(
                (b"\x30\x80", b"\x00\x00", b"\x84\xff\xff\xff\xff", b"\xff" * 9, b"\\ud800")
            )
        elif kind == 5 and place < len(octets):
            octets[place] = rng.choice(
                (0, 1, 0x7F, 0x80, 0x81, 0x84, 0xFF, 0x30, 0x31, 0xA0, 0x22, 0x5C, 0x7B, 0x5B)
            )
        else:
            del octets[place:]
    return bytes(octets)


def fuzz(seed: int, rounds: int | None = None, seconds: float | None = None) -> int:
    """Run ``rounds`` rounds, or for ``seconds``; return how many were run. Raises on the first failure."""
    rng = random.Random(seed)
    documents = corpus()
    deadline = None if seconds is None else time.monotonic() + seconds
    done = 0
    while (rounds is None or done < rounds) and (deadline is None or time.monotonic() < deadline):
        for name, target in TARGETS.items():
            data = mutate(rng, rng.choice(documents[name]))
            try:
                target(data)
            except CxError:
                pass
            except Exception as error:
                input_text = base64.b64encode(data).decode()
                raise AssertionError(f"{name}: {error!r} for {input_text}") from error
        done += 1
    return done * len(TARGETS)


def main() -> int:
    """Fuzz for a bounded time; exit code 1 on a failure, with what repeats it."""
    parser = argparse.ArgumentParser(description="Fuzz everything that reads a CX document.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"fuzzing for {arguments.seconds:g} s, seed {arguments.seed}", flush=True)
    try:
        count = fuzz(arguments.seed, seconds=arguments.seconds)
    except AssertionError:
        traceback.print_exc()
        return 1
    print(f"{count} documents read, no other error than the project's own")
    return 0


if __name__ == "__main__":
    sys.exit(main())
