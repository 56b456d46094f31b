"""Pinned keys of HTTPS servers. Loaded only where a host has a pin."""

import binascii
import hashlib

from cx.compat import TYPE_CHECKING
from cx.errors import CxError
from cx.x509 import Certificate

if TYPE_CHECKING:
    from cx.compat import Buffer


def matches(certificate: "Buffer", pin: str) -> bool:
    """Tell whether the key of a DER certificate has the SHA-256 ``pin`` (hexadecimal).

    As RFC 7469 pins keys: over the SubjectPublicKeyInfo. Raises nothing: it is called from inside TLS.
    """
    try:
        spki = Certificate(bytes(certificate)).spki
    except (CxError, MemoryError):
        return False
    return binascii.hexlify(hashlib.sha256(spki).digest()).decode() == pin
