"""The CX Seed Calculator: from a preseed and its public key to the seed that is published."""

from cx.compat import TYPE_CHECKING
from cx.generator import instantiate, seed_len

if TYPE_CHECKING:
    from cx.compat import Buffer


def seed_value(generator_type: int, preseed: "Buffer", spki: bytes) -> bytearray:
    """Return the Seed Value, 24 (type 1) or 48 (type 2) bytes; a secret until it is published.

    ``spki`` is the DER SubjectPublicKeyInfo of the preseed key, byte for byte as in the Seed Report.
    Raises NotSupportedError for an unknown type, FormatError for a preseed of the wrong length.
    """
    drbg = instantiate(generator_type, preseed, spki, "preseed")
    seed = drbg.generate(seed_len(generator_type))
    drbg.wipe()
    return seed
