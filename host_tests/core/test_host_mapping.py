"""The vectors and figures of docs/ble-mapping.md, read from it and held against the code."""

import re
import uuid
from pathlib import Path

import pytest

from cx import advert, profiles

DOCUMENT = (Path(__file__).parents[2] / "docs" / "ble-mapping.md").read_text()
VECTORS = DOCUMENT[DOCUMENT.index("## Vectors") :]
SENDING = re.findall(r"^\| `([0-9a-f]{32})` \| `([0-9a-f]+)` \|$", VECTORS, re.MULTILINE)
RECEIVING = re.findall(
    r"^\| (?:`([0-9a-f]+)`)? ?\| (?:`([0-9a-f]{32})`|none) \| (.+) \|$", VECTORS, re.MULTILINE
)


def test_every_row_is_read():
    assert len(SENDING) == 3 and len(RECEIVING) == 21
    assert VECTORS.count("\n| ") == len(SENDING) + len(RECEIVING) + 2


@pytest.mark.parametrize(("identifier", "payload"), SENDING)
def test_sending(identifier, payload):
    assert advert.encode(bytes.fromhex(identifier)).hex() == payload
    made = uuid.UUID(identifier)
    assert made.version == 4 and made.variant == uuid.RFC_4122


@pytest.mark.parametrize(("payload", "identifier", "why"), RECEIVING)
def test_receiving(payload, identifier, why):
    assert len(payload) <= 62, "longer than a legacy advertisement"
    assert advert.decode(bytes.fromhex(payload)) == (bytes.fromhex(identifier) if identifier else None), why


def test_the_interval_is_the_profiles():
    said = re.search(r"advertising interval \|.* from (\d+) to (\d+) ms", DOCUMENT)
    assert said
    assert tuple(int(one) * 1000 for one in said.groups()) == (
        profiles.INTERVAL_MIN_US,
        profiles.INTERVAL_MAX_US,
    )
