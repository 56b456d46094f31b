"""``tls``: the interpreter's own, on a chip that has not the memory for Bluetooth and TLS at once."""

import simlink
from fake_bluetooth import BLE
from tls import (  # type: ignore
    CERT_NONE,
    CERT_OPTIONAL,
    CERT_REQUIRED,
    MBEDTLS_VERSION,
    PROTOCOL_TLS_CLIENT,
    PROTOCOL_TLS_SERVER,
)
from tls import SSLContext as _Context  # type: ignore

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = [
    "CERT_NONE",
    "CERT_OPTIONAL",
    "CERT_REQUIRED",
    "MBEDTLS_VERSION",
    "PROTOCOL_TLS_CLIENT",
    "PROTOCOL_TLS_SERVER",
    "SSLContext",
]

_ALLOC_FAILED = -0x7F00  # MBEDTLS_ERR_SSL_ALLOC_FAILED


class SSLContext:
    """The interpreter's context, which hands out sessions only while Bluetooth is off."""

    def __init__(self, protocol: int) -> None:
        self._context: "Any" = _Context(protocol)

    @property
    def verify_mode(self) -> int:
        """CERT_NONE unless set."""
        return self._context.verify_mode

    @verify_mode.setter
    def verify_mode(self, mode: int) -> None:
        self._context.verify_mode = mode

    @property
    def verify_callback(self) -> "Callable":
        """What is asked about each certificate, (DER, depth)."""
        return self._context.verify_callback

    @verify_callback.setter
    def verify_callback(self, callback: "Callable") -> None:
        self._context.verify_callback = callback

    def load_verify_locations(self, cadata: bytes) -> None:
        """Trust one certificate, DER."""
        self._context.load_verify_locations(cadata)

    def wrap_socket(self, sock: "Any", **options: "Any") -> "Any":
        """Return a session over ``sock``; OSError while Bluetooth is on."""
        if BLE().active():
            raise OSError(_ALLOC_FAILED, "MBEDTLS_ERR_SSL_ALLOC_FAILED")
        simlink.has_tls = True
        return self._context.wrap_socket(sock, **options)
