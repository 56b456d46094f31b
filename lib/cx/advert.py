"""What goes on air: one contact identifier in a legacy advertising payload, and back.

The payload is a single manufacturer-specific AD structure of 23 bytes, documented in
``docs/ble-mapping.md``::

    16         length of what follows (22)
    FF         AD type: manufacturer specific data
    FF FF      company identifier, little-endian (0xFFFF: reserved for tests)
    43 58 01   "CX", mapping version 1
    16 bytes   the contact identifier

Source of the AD structure: Bluetooth Core Specification 5.4, Vol 3, Part C, section 11.
"""

from cx.compat import const
from cx.errors import FormatError

PAYLOAD_LEN = const(23)
ID_LEN = const(16)
_HEADER = b"\x16\xff\xff\xff\x43\x58\x01"
_HEADER_LEN = const(7)


def encode(contact_id: "bytes | bytearray | memoryview") -> bytes:
    """Return the 23-byte payload for a 16-byte identifier; FormatError for any other length."""
    if len(contact_id) != ID_LEN:
        raise FormatError("contact identifier: 16 bytes expected")
    return _HEADER + bytes(contact_id)


def find(payload: "bytes | bytearray | memoryview") -> int:
    """Return where the identifier begins in an advertising payload, or -1 if it holds none.

    Other AD structures may stand before or after ours. The identifier's form is checked
    (version 4, variant 10), so that random company-0xFFFF data is not taken for one.
    Allocates nothing: it is called in the radio's interrupt.
    """
    end = len(payload)
    at = 0
    while at + 1 < end:
        size = payload[at]
        if size == 0 or at + 1 + size > end:
            return -1
        if size == PAYLOAD_LEN - 1 and _is_ours(payload, at):
            return at + _HEADER_LEN
        at += 1 + size
    return -1


def _is_ours(payload: "bytes | bytearray | memoryview", at: int) -> bool:
    for i in range(_HEADER_LEN):
        if payload[at + i] != _HEADER[i]:
            return False
    contact = at + _HEADER_LEN
    return payload[contact + 6] & 0xF0 == 0x40 and payload[contact + 8] & 0xC0 == 0x80


def decode(payload: "bytes | bytearray | memoryview") -> "bytes | None":
    """Return the 16-byte identifier that an advertising payload carries, or None."""
    at = find(payload)
    return None if at < 0 else bytes(payload[at : at + ID_LEN])
