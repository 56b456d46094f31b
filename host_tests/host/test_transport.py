"""A serial port, as the companion opens it."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import tty

import pytest
from serial import serialposix

from cxhost.transport import PortError, SerialTransport, open_transport

_LINES = {termios.TIOCM_DTR: "dtr", termios.TIOCM_RTS: "rts"}


class Lines:
    """The modem lines of a USB serial chip, which a pseudo-terminal lacks: the system raises both at once."""

    def __init__(self) -> None:
        self.state = {"dtr": True, "rts": True}
        self.seen = [dict(self.state)]

    def ioctl(self, descriptor, request, argument=0, *rest):
        if request not in (termios.TIOCMBIS, termios.TIOCMBIC):
            return fcntl.ioctl(descriptor, request, argument, *rest)
        (mask,) = struct.unpack("I", argument)
        for bit, name in _LINES.items():
            if mask & bit:
                self.state[name] = request == termios.TIOCMBIS
        self.seen.append(dict(self.state))
        return argument


@pytest.fixture
def terminal():
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def test_opening_never_resets_a_board(terminal, monkeypatch):
    """A board's two transistors pull the reset line when RTS is on and DTR is off."""
    ours, name = terminal
    lines = Lines()

    class Calls:
        ioctl = staticmethod(lines.ioctl)

        def __getattr__(self, name):
            return getattr(fcntl, name)

    monkeypatch.setattr(serialposix, "fcntl", Calls())
    transport = SerialTransport(name)
    os.write(ours, b"from the badge")
    assert transport.read(1.0) == b"from the badge"
    transport.write(b"to it")
    assert os.read(ours, 100) == b"to it"
    assert transport.read(0.05) == b""
    transport.close()
    assert len(lines.seen) > 1  # it was asked for
    assert all(seen["dtr"] == seen["rts"] for seen in lines.seen)


def test_a_port_that_is_not_there(tmp_path):
    with pytest.raises(PortError, match="is the badge plugged in"):
        open_transport(str(tmp_path / "nothing"))
    with pytest.raises(PortError, match="no simulated badge"):
        open_transport(f"sim:{tmp_path / 'nothing'}")
    assert not (tmp_path / "nothing").exists()
