"""A simulated badge on a pseudo-terminal, in real time: a serial port with MicroPython's prompt behind it.

Tools that talk to a board over a serial device (``mpremote``, a terminal program, ``cxbadge``) open the
port as they open ``/dev/ttyUSB0``. The interpreter lies behind a second pseudo-terminal, whose line
discipline turns Ctrl-C into SIGINT while a program runs, unless the badge made it data; this module carries
the bytes and starts the interpreter again when it ends. Opening the port does not reset the badge, as on a
development board whose DTR and RTS lines are raised together.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios
import threading
import time
import tty
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from cxhost.boards import load_board
from cxhost.image import update_image
from cxhost.sim import wire
from cxhost.sim.badge import BUTTON_PIN
from cxhost.sim.folder import SimulationError, lock_folder, mac_address
from cxhost.sim.process import command, environment, fakes
from cxhost.sim.uart import UartIn, UartOut

_RESET_STATUS = 64
_RAW, _FRIENDLY = 0x01, 0x02
_PROMPT = b">>> "
_START_S = 30.0
_POLL_S = 0.05
# What network, tls and socket of the simulation take of the heap; on a chip they are not in it.
_WIFI_FAKES_BYTES = 6 * 1024
_NEVER_US = 1 << 62
_RING_BYTES = 259  # ports/esp32: 260, of which one place stays free
_STOP, _RESET, _RESET_PRESSED = b"s", b"r", b"b"


class PtyBadge:
    """The badge in ``directory`` (made when missing, with an empty file system) on a pseudo-terminal.

    ``port`` is the device to open. A context manager; ``run`` serves until ``stop`` is called, ``start``
    does so in a thread. With ``press_button`` the button is held while the badge starts: an application
    that is there opens MicroPython's prompt. With ``is_paced`` bytes take their time, and what the badge's
    input ring has no room for is lost (``lost`` counts it). ``access_points``: names and keys of Wi-Fi
    networks that lead to this computer's loopback; with one the badge also hangs on its charging cable.
    """

    def __init__(
        self,
        directory: Path,
        press_button: bool = False,
        is_paced: bool = False,
        access_points: dict[str, str] | None = None,
    ) -> None:
        self._access_points = access_points
        self._board = load_board("sim")
        if access_points:
            heap_bytes = (self._board.heap_bytes or 0) + _WIFI_FAKES_BYTES
            self._board = replace(self._board, heap_bytes=heap_bytes)
        self._fakes = fakes(self._board)
        self._folder = Path(directory)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = lock_folder(self._folder)
        self._flash, self._nvs = self._folder / "flash.img", self._folder / "nvs.bin"
        if not self._flash.exists():
            update_image(self._board, {}, self._flash)
        self._nvs.touch()
        self._port, slave = pty.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        os.close(slave)
        self._orders, self._order = os.pipe()
        self._done = threading.Event()
        self._is_pressed = press_button
        self._process: subprocess.Popen[bytes] | None = None
        self._badge = -1
        self._terminal = ""
        self._pins = -1
        self._is_paced = is_paced
        self._wire_in, self._wire_out = UartIn(), UartOut()
        self.lost = 0
        self._is_raw = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> PtyBadge:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Serve in a thread."""
        self._thread = threading.Thread(target=self.run, name=f"badge on {self.port}")
        self._thread.start()

    def stop(self) -> None:
        """End ``run``."""
        os.write(self._order, _STOP)

    def reset(self, press_button: bool = False) -> None:
        """Reset the badge that ``start`` serves, with its button held if ``press_button``."""
        self._done.clear()
        os.write(self._order, _RESET_PRESSED if press_button else _RESET)
        if not self._done.wait(_START_S):
            raise SimulationError(f"the badge on {self.port} did not start again")

    @property
    def flash_path(self) -> Path:
        """The littlefs image. While the badge runs it belongs to its process."""
        return self._flash

    def power_off(self) -> None:
        """Stop serving and end the badge's process."""
        if self._thread is not None:
            self.stop()
            self._thread.join()
            self._thread = None
        self._end()

    def close(self) -> None:
        """Power off and give the port and the folder back."""
        self.power_off()
        for descriptor in (self._port, self._orders, self._order):
            os.close(descriptor)
        self._lock.close()

    def run(self) -> None:
        """Carry bytes between the port and the badge until ``stop``."""
        self._boot(wire.POWER_ON)
        while True:
            is_open = self._is_open()
            sources = [self._orders, self._badge, *([self._port] if is_open else [])]
            ready = select.select(sources, [], [], self._patience_s())[0]
            if self._orders in ready:
                order = os.read(self._orders, 1)
                if order == _STOP:
                    return
                self._is_raw, self._is_pressed = False, order == _RESET_PRESSED
                self._boot(wire.POWER_ON)
                self._done.set()
                continue
            if self._port in ready:
                self._to_badge()
            if self._badge in ready and not self._from_badge(is_open):
                self._ended()
            if self._is_paced:
                self._deliver(is_open)

    def _patience_s(self) -> float:
        due_us = min(self._wire_in.due_us(_NEVER_US), self._wire_out.due_us(_NEVER_US))
        return max(0.0, min(_POLL_S, (due_us - _now_us()) / 1e6))

    def _deliver(self, is_open: bool) -> None:
        """Hand over what has come to an end of the wire."""
        for _, data in self._wire_in.take(_now_us()):
            room = _RING_BYTES - self._unread()
            self.lost += max(0, len(data) - room)
            os.write(self._badge, data[: max(0, room)])
        data = self._wire_out.take(_now_us())
        if data and is_open:
            os.write(self._port, data)

    def _unread(self) -> int:
        """Return how many bytes the badge has not taken yet."""
        terminal = os.open(self._terminal, os.O_RDWR | os.O_NOCTTY)
        try:
            (count,) = struct.unpack("i", fcntl.ioctl(terminal, termios.FIONREAD, bytes(4)))
        finally:
            os.close(terminal)
        return count

    def press(self, duration_ms: int = 200) -> None:
        """Press the button of the badge that ``start`` serves, and let it go after ``duration_ms``."""
        os.write(self._pins, bytes((BUTTON_PIN, 0)))
        release = threading.Timer(duration_ms / 1000, os.write, (self._pins, bytes((BUTTON_PIN, 1))))
        release.daemon = True
        release.start()

    def _is_open(self) -> bool:
        """Tell whether somebody has the port open: a pseudo-terminal without that reports a hang-up."""
        poll = select.poll()
        poll.register(self._port, 0)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    def _to_badge(self) -> None:
        try:
            data = os.read(self._port, 4096)
        except OSError:  # closed meanwhile
            return
        for byte in data:
            if byte in (_RAW, _FRIENDLY):
                self._is_raw = byte == _RAW
        if self._is_paced:
            self._wire_in.write(data, _now_us())
        else:
            os.write(self._badge, data)

    def _from_badge(self, is_open: bool) -> bool:
        try:
            data = os.read(self._badge, 4096)
        except OSError:  # the process is gone
            return False
        if self._is_paced:
            self._wire_out.write(data, _now_us())
        elif is_open and data:
            os.write(self._port, data)
        return bool(data)

    def _ended(self) -> None:
        process = self._process
        if process is None:
            return
        status = process.wait()
        if _RESET_STATUS <= status < _RESET_STATUS + 8:
            self._is_raw = False
            self._boot(status - _RESET_STATUS)
            return
        if self._is_open():
            os.write(self._port, b"MPY: soft reboot\r\n")
        self._boot(wire.SOFT_RESET)

    def _boot(self, cause: int) -> None:
        """Start the badge's process, and wait until it can be talked to."""
        self._end()
        self._badge, slave = pty.openpty()
        self._terminal = os.ttyname(slave)
        tty.setraw(slave)  # Ctrl-C is data until the badge's first file runs
        mode = termios.tcgetattr(slave)
        for key in (termios.VQUIT, termios.VSUSP):
            mode[6][key] = b"\0"
        termios.tcsetattr(slave, termios.TCSANOW, mode)
        ready, theirs = os.pipe()
        pins, self._pins = os.pipe()
        arguments = [
            str(theirs),
            str(self._flash),
            str(self._nvs),
            str(cause),
            mac_address(self._folder.name).hex(),
            str(int(self._is_raw)),
            str(1 << BUTTON_PIN if self._is_pressed else 0),
            str(pins),
        ]
        if self._access_points:
            arguments.append(json.dumps(self._access_points))
        self._is_pressed = False

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            [*command(self._board, "-i"), "-m", "simterm", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            pass_fds=[theirs, pins],
            env=environment(self._fakes),
            start_new_session=True,
            preexec_fn=take_terminal,
        )
        os.close(slave)
        os.close(theirs)
        os.close(pins)
        select.select([ready], [], [], _START_S)
        os.close(ready)
        if self._is_raw:
            self._enter_raw()

    def _enter_raw(self) -> None:
        """Take the new interpreter to the raw REPL, as a board stays in it over a soft reset."""
        seen, until = b"", time.monotonic() + _START_S
        while not seen.endswith(_PROMPT) and time.monotonic() < until:
            if select.select([self._badge], [], [], _POLL_S)[0]:
                seen += os.read(self._badge, 4096)
        os.write(self._badge, b"\x01")

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            os.close(self._badge)
            os.close(self._pins)


def _now_us() -> int:
    return time.monotonic_ns() // 1000
