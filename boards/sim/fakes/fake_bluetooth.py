"""``bluetooth`` of the ESP32 port (NimBLE), observer and broadcaster roles, as strict as the hardware.

Source: extmod/modbluetooth.c and extmod/nimble/modbluetooth_nimble.c of MicroPython 1.29. What a contact
tracing badge has no use for (GATT, connections, pairing) is not here and raises AttributeError.
"""

import struct
import sys

import simlink
from fake_os import urandom
from micropython import const
from simlink import ADVERTISE, ADVERTISE_STOP, HEARD, SCAN, SCAN_DONE, SCAN_STOP, link

TYPE_CHECKING = False  # MicroPython has no typing; checkers take this name for true
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ENOMEM = const(12)
_ENODEV = const(19)
_EINVAL = const(22)
_EALREADY = const(114)

_IRQ_SCAN_RESULT = const(5)
_IRQ_SCAN_DONE = const(6)

_ADV_IND = const(0)
_ADV_SCAN_IND = const(2)
_PUBLIC = const(0)
_RANDOM = const(1)
_STEP_US = const(625)
_MAX_DATA = const(31)
# Vol 6 part B 4.4.2.2: 20 ms to 10.24 s; scannable undirected events not below 100 ms on a 4.2 controller.
_MIN_INTERVAL = const(0x20)
_MIN_SCANNABLE = const(0xA0)
_MAX_INTERVAL = const(0x4000)
_MIN_SCAN = const(4)

_SCAN_DEFAULTS = (0, 1_280_000, 11_250, False)
_JUNK = b"\xa5" * 31
_IGNORED = ("gap_name", "mtu", "bond", "mitm", "io", "le_secure")


class BLE:
    """The one radio of the chip: every ``BLE()`` is the same object."""

    _radio = None

    def __new__(cls) -> "BLE":
        """Return the one object."""
        if cls._radio is None:
            cls._radio = object.__new__(cls)
            cls._radio._reset()
        return cls._radio

    def _reset(self) -> None:
        self._on = False
        self._irq = None
        self._stop_all()
        self._addr_mode = _PUBLIC
        self._random_addr = None
        self._addr_view = bytearray(6)
        self._data_view = bytearray(_MAX_DATA)
        link.on(HEARD, self._heard)
        link.on(SCAN_DONE, self._scan_done)

    def _stop_all(self) -> None:
        self._advertising = False
        self._scanning = False
        self._payload = b""
        self._response = b""

    def _need_active(self) -> None:
        if not self._on:
            raise OSError(_ENODEV)

    def active(self, on: "bool | None" = None) -> bool:
        """Switch the radio; return whether it is on. Switching on starts the stack afresh.

        OSError while Wi-Fi is on and has had a TLS session: there is not the memory for both.
        """
        if on is not None:
            if on and simlink.has_tls:
                raise OSError(_ENOMEM)
            if self._on:
                self.gap_advertise(None)
                self.gap_scan(None)
            self._stop_all()
            self._addr_mode = _PUBLIC
            self._random_addr = None
            self._on = bool(on)
        return self._on

    def irq(self, handler: "Callable") -> None:
        """Have ``handler(event, data)`` called for every event; its views die with the call."""
        if handler is not None and not callable(handler):
            raise ValueError("invalid handler")
        self._irq = handler

    def config(self, *names: str, **values: int) -> "Any":
        """Ask for ``mac``, or set ``addr_mode`` (0 public, 1 static random, 3 non-resolvable private)."""
        if not values:
            if len(names) != 1:
                raise TypeError("must query one param")
            return self._query(names[0])
        if names:
            raise TypeError("can't specify pos and kw args")
        for name, value in values.items():
            if name == "addr_mode":
                self._set_addr_mode(value)
            elif name not in _IGNORED:
                raise ValueError("unknown config param")
        return None

    def _query(self, name: str) -> "Any":
        if name == "mac":
            self._need_active()
            if self._addr_mode == _RANDOM and self._random_addr is None:
                raise OSError(_EINVAL)
            return (self._addr_mode, link.mac if self._addr_mode == _PUBLIC else self._random_addr)
        if name == "gap_name":
            return b"MPY ESP32"
        if name == "mtu":
            return 256
        raise ValueError("unknown config param")

    def _set_addr_mode(self, mode: "int | None") -> None:
        self._need_active()
        if mode == 0:
            self._addr_mode = _PUBLIC
        elif mode in (1, 3):
            # The controller refuses a new address while it advertises or scans, and the port does not look:
            # no error, the old address stays.
            if not (self._advertising or self._scanning):
                drawn = bytearray(urandom(6))
                drawn[0] = drawn[0] & 0x3F | (0xC0 if mode == 1 else 0)
                self._random_addr = bytes(drawn)
            self._addr_mode = _RANDOM
        elif mode == 2:
            raise NotImplementedError("resolvable private addresses are not simulated")

    def gap_advertise(
        self,
        interval_us: "int | None" = 500_000,
        adv_data: "bytes | None" = None,
        *,
        resp_data: "bytes | None" = None,
        connectable: bool = True,
    ) -> None:
        """Advertise, or stop with None. ``adv_data=None`` sends the payload of before again."""
        if interval_us is None:
            if self._advertising:
                self._advertising = False
                link.emit(ADVERTISE_STOP)
            return
        self._need_active()
        self.gap_advertise(None)
        if adv_data is not None:
            self._payload = _checked(adv_data)
        if resp_data is not None:
            self._response = _checked(resp_data)
        steps = int(interval_us) // _STEP_US
        if not (_MIN_INTERVAL if connectable else _MIN_SCANNABLE) <= steps <= _MAX_INTERVAL:
            raise OSError(_EINVAL)
        addr_type, addr = self._query("mac")
        self._advertising = True
        kind = _ADV_IND if connectable else _ADV_SCAN_IND
        link.emit(ADVERTISE, struct.pack("<IBB", steps * _STEP_US, kind, addr_type) + addr + self._payload)

    def gap_scan(self, *arguments: "Any") -> None:
        """Scan: (duration_ms, interval_us, window_us, active), by position; 0 is for ever, None stops."""
        duration_ms, interval_us, window_us, active = arguments + _SCAN_DEFAULTS[len(arguments) :]
        self._need_active()
        if duration_ms is None:
            if self._scanning:
                self._scanning = False
                link.emit(SCAN_STOP)
                self._call(_IRQ_SCAN_DONE, ())
            return
        if self._scanning:
            raise OSError(_EALREADY)
        if active:
            raise NotImplementedError("active scanning is not simulated: a badge never asks")
        interval = max(_MIN_SCAN, min(_MAX_INTERVAL, int(interval_us) // _STEP_US))
        window = max(_MIN_SCAN, min(_MAX_INTERVAL, int(window_us) // _STEP_US))
        if window > interval or duration_ms < 0:
            raise OSError(_EINVAL)
        self._scanning = True
        link.emit(SCAN, struct.pack("<QII", duration_ms * 1000, interval * _STEP_US, window * _STEP_US))

    def _scan_done(self, _payload: "bytes | memoryview") -> None:
        if self._scanning:
            self._scanning = False
            self._call(_IRQ_SCAN_DONE, ())

    def _heard(self, payload: "bytes | memoryview") -> None:
        if not self._scanning:
            return
        length = len(payload) - 9
        self._addr_view[:] = payload[1:7]
        self._data_view[:length] = payload[9:]
        rssi = payload[8] - 256 if payload[8] > 127 else payload[8]
        data = memoryview(self._data_view)[:length]
        self._call(_IRQ_SCAN_RESULT, (payload[0], memoryview(self._addr_view), payload[7], rssi, data))
        # What the handler kept a view of is overwritten by the next event on a badge. Here at once.
        self._addr_view[:] = _JUNK[:6]
        self._data_view[:] = _JUNK

    def _call(self, event: int, data: tuple) -> None:
        handler = self._irq
        if handler is None:
            return
        try:
            handler(event, data)
        except Exception as error:  # noqa: BLE001  the stack survives any handler, and never calls it again
            print("Unhandled exception in IRQ callback handler")
            sys.print_exception(error)  # type: ignore[attr-defined]
            self._irq = None


def _checked(data: bytes) -> bytes:
    payload = bytes(data)
    if len(payload) > _MAX_DATA:
        raise OSError(_EINVAL)
    return payload
