"""Confirmation codes that people can read out, type and mistype.

Three groups of four, as in ``7K3M-9QXT-2HVD``: eleven random characters (55 bits) and a check character, in
Crockford's alphabet, which has no I, L, O and U. What is stored is a keyed hash, so that a stolen database
gives no code away.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12
_GROUP = 4
_MAX_TYPED = 200
_LOOK_ALIKES = str.maketrans("ILO", "110")
_FIELD = 0b100101  # x^5 + x^2 + 1, primitive over GF(2): its root's powers give each position another weight


def _weighted_sum(values: list[int]) -> int:
    """Return the sum of value * a^position in GF(32); the last value has position 0 (Horner's rule)."""
    total = 0
    for value in values:
        total <<= 1
        if total & 32:
            total ^= _FIELD
        total ^= value
    return total


def new_code(draw: Callable[[int], int] = secrets.randbelow) -> str:
    """Return a fresh code in groups. The check makes the weighted sum zero.

    ``draw`` returns a random number below its argument; only simulations give another.

    In a field with weights that all differ, one wrong character and two exchanged ones are always found.
    """
    values = [draw(len(ALPHABET)) for _ in range(LENGTH - 1)]
    values.append(_weighted_sum([*values, 0]))
    return grouped("".join(ALPHABET[value] for value in values))


def grouped(code: str) -> str:
    """Return a normal code in groups of four, as it is read out."""
    return "-".join(code[i : i + _GROUP] for i in range(0, len(code), _GROUP))


def normal(typed: str) -> str:
    """Return what was typed in its one stored form: capitals, no spaces and dashes, look-alikes replaced."""
    text = unicodedata.normalize("NFKC", typed[:_MAX_TYPED]).upper()
    kept = (c for c in text if unicodedata.category(c) != "Pd" and not c.isspace())
    return "".join(kept).translate(_LOOK_ALIKES)


def is_well_formed(typed: str) -> bool:
    """Return whether this can be a code of ours: its length, letters and check character are right."""
    code = normal(typed)
    if len(typed) > _MAX_TYPED or len(code) != LENGTH or any(c not in ALPHABET for c in code):
        return False
    return _weighted_sum([ALPHABET.index(c) for c in code]) == 0


def mistake(typed: str) -> str:
    """Return how something that is not well formed differs from a code, for people, showing nothing of it."""
    code = normal(typed)
    if not code:
        return "There is no code."
    if len(typed) > _MAX_TYPED or len(code) != LENGTH:
        found = f"more than {_MAX_TYPED}" if len(typed) > _MAX_TYPED else str(len(code))
        return f"The code was mistyped: a code has {LENGTH} letters and digits, this one has {found}."
    wrong = sum(c not in ALPHABET for c in code)
    if wrong:
        return f"The code was mistyped: {wrong} of its characters cannot be in a code."
    return "The code was mistyped: its check character does not fit. Please compare each character."


def lookup(key: bytes, typed: str) -> bytes:
    """Return the 32 bytes under which a code is stored: HMAC-SHA-256 of its normal form (RFC 2104)."""
    return hmac.digest(key, normal(typed).encode("utf-8", "surrogatepass"), hashlib.sha256)
