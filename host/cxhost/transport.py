"""How bytes reach a badge: one small interface, whether over a serial port or into a simulated badge."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Protocol

import serial
from serial.tools import list_ports

SIMULATED = "sim:"


class PortError(Exception):
    """A port that is not there, cannot be opened, or is not clear. The message says what to do."""


class Transport(Protocol):
    """A byte pipe to one badge's console. Implemented by serial ports and by simulated badges."""

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        ...

    def read(self, timeout_s: float) -> bytes:
        """Return whatever has come, at once if there is something; ``b""`` after ``timeout_s`` of silence."""
        ...

    def now(self) -> float:
        """Return the time that this badge should be told, in seconds since 1970 UTC."""
        ...

    def close(self) -> None:
        """Give the pipe back; the badge goes on working."""
        ...


class SerialTransport:
    """A badge on a serial port. Opening it does not reset the badge.

    Boards reset their chip when DTR and RTS differ. Linux and macOS raise both when a port is opened, and to
    lower them one after the other is just such a moment: there they stay raised. Windows sets both at once,
    to what is asked for.
    """

    def __init__(self, port: str, baud: int = 115_200) -> None:
        self._serial = serial.Serial()
        self._serial.port = port
        self._serial.baudrate = baud
        self._serial.dtr = self._serial.rts = os.name != "nt"
        try:
            self._serial.open()
        except serial.SerialException as error:
            raise PortError(f"{port}: cannot be opened ({error}); is the badge plugged in?") from None

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        self._serial.write(data)

    def read(self, timeout_s: float) -> bytes:
        """Return what has come; wait up to ``timeout_s`` for the first byte."""
        self._serial.timeout = timeout_s
        first = self._serial.read(1)
        return first + self._serial.read(self._serial.in_waiting) if first else b""

    def now(self) -> float:
        """Return the computer's time, in seconds since 1970 UTC."""
        return time.time()

    def close(self) -> None:
        """Close the port."""
        self._serial.close()


def open_transport(port: str | None, may_create: bool = False) -> Transport:
    """Open a badge's console: a serial device, ``sim:FOLDER`` for a simulated badge, or None to find one.

    PortError when the port is not there, or when none is named and there is not exactly one. A simulated
    badge that is not there is made if ``may_create``.
    """
    if port is None:
        port = only_port()
    if port.startswith(SIMULATED):
        return _open_simulated(Path(port.removeprefix(SIMULATED)), may_create)
    return SerialTransport(port)


def _open_simulated(folder: Path, may_create: bool) -> Transport:
    # Not needed for a real badge, and POSIX only.
    from cxhost.sim import SimulationError, open_simulated

    if not may_create and not (folder / "flash.img").exists():
        raise PortError(f"{folder}: there is no simulated badge; `cxbadge provision` makes one")
    try:
        return open_simulated(folder)
    except SimulationError as error:
        raise PortError(str(error)) from None


def serial_ports() -> list[str]:
    """Return the USB serial devices of this computer, by name."""
    return [found["port"] for found in describe_ports()]


def describe_ports() -> list[dict[str, str]]:
    """Return name and description of the USB serial devices of this computer, by name."""
    found = [one for one in list_ports.comports() if one.vid is not None]
    return [{"port": one.device, "description": one.description or ""} for one in sorted(found)]


def only_port() -> str:
    """Return the one USB serial device there is; PortError when there is none or more than one."""
    ports = serial_ports()
    if len(ports) == 1:
        return ports[0]
    if not ports:
        raise PortError("no badge found: plug one in, or name its port with --port")
    raise PortError(f"several ports found ({', '.join(ports)}): name one with --port")
