"""What can go wrong in the protocol core.

Messages name the field at fault and what to do. They never hold a secret: no seed,
preseed, private key, confirmation code or identifier.
"""


class CxError(Exception):
    """Every error that the core raises on purpose is one of these."""


class FormatError(CxError):
    """Bytes that are not what their format says (DER, CMS, JSON, a saved state)."""


class NotSupportedError(CxError):
    """Well-formed, but an algorithm, type or version that this software does not know."""


class SignatureError(CxError):
    """A signature that does not verify, or that is not there."""


class RefusedError(CxError):
    """A genuine document that the rules of the protocol tell us to refuse.

    ``reason`` is a short fixed name of the rule (``"zone"``, ``"stale"``, ...) for programs.
    """

    def __init__(self, message: str, reason: str = "refused") -> None:
        super().__init__(message)
        self.reason = reason


class ExhaustedError(CxError):
    """A generator has given its last identifier."""
