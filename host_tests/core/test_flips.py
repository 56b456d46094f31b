"""Every single-bit flip of a small publication: refused, or what was signed is untouched."""

import hashlib

import documents as d
from cx import publication
from cx.errors import CxError

CONTENT = d.content([d.notification(5, 1, bytes(range(48)))], urls=())


def outcome(document: bytes, certificate: bytes) -> "bytes | None":
    """Return the digest of what was accepted, with its seeds read; None when it was refused."""
    try:
        stream = d.stream(document)
        header = publication.verify(stream, certificate)
        seeds = list(publication.notifications(stream, header))
        assert len(seeds) == header.seeds
        return header.digest
    except CxError:
        return None


def test_every_single_bit_flip():
    document = d.cms(CONTENT)
    certificate = d.certificate()
    digest = hashlib.sha256(CONTENT).digest()
    assert outcome(document, certificate) == digest
    accepted = 0
    flipped = bytearray(document)
    for bit in range(8 * len(document)):
        flipped[bit >> 3] ^= 1 << (bit & 7)
        found = outcome(flipped, certificate)
        assert found is None or found == digest, bit
        accepted += found is not None
        flipped[bit >> 3] ^= 1 << (bit & 7)
    # What may change is outside everything signed: versions, and the list of digest algorithms.
    assert accepted < 200, accepted
