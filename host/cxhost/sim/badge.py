"""One simulated badge as the conductor sees it: its process, its clock, its pins, its console."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cxhost.sim import wire
from cxhost.sim.chip import Crystal, PinChange, State, Use
from cxhost.sim.folder import SimulationError, load_starts, lock_folder, mac_address, save_starts
from cxhost.sim.process import BadgeProcess
from cxhost.sim.radio import Heard, Move, Position, Scan
from cxhost.sim.transport import SimTransport
from cxhost.sim.uart import UartIn, UartOut

if TYPE_CHECKING:
    from cxhost.sim.simulation import Simulation

NEVER_US = 1 << 62
_UNDER_WAY = -1
# From power to boot.py: the chip's loader and MicroPython's start, about half a second.
BOOT_US = 500_000
BUTTON_PIN = 0
_QUANTUM_US = 1_000_000
_TRACEBACK = b"Traceback (most recent call last)"


class SimulatedBadge:
    """A badge in a simulation. Made by ``Simulation.add_badge``.

    ``pin_log``: what its outputs did. ``use``: what was done to its flash, radio and battery. ``on_heard``,
    if set, is called with each batch of packets that reach it. ``drift_ppm``: how much faster than the
    world's its clock runs.
    """

    def __init__(
        self, sim: Simulation, name: str, index: int, folder: Path, ticks_start_ms: int, drift_ppm: int
    ) -> None:
        self.name = name
        self.index = index
        self.folder = folder
        self.pin_log: list[PinChange] = []
        self.crashed: str | None = None
        self._sim = sim
        self.on_heard: Callable[[list[Heard]], None] | None = None
        self.use = Use()
        self._ticks_us = ticks_start_ms * 1000
        self._crystal = Crystal(drift_ppm)
        self._lock = lock_folder(folder)
        self._state = State(starts=load_starts(folder))
        self._process: BadgeProcess | None = None
        self._powered = False
        self._now_us = 0
        self._wake_us = NEVER_US
        self._scan: Scan | None = None
        self._serve_us = NEVER_US
        self._levels: deque[tuple[int, int, int]] = deque()
        self._pending: list[tuple[int, int, bytes]] = []
        self._is_cut = False  # of what is pending, a part is on its way
        self._input = UartIn()
        self._output = UartOut()
        self._text = b""
        self.next_us = NEVER_US

    # What the demo and tests do with a badge

    @property
    def powered(self) -> bool:
        """Whether the badge has power."""
        return self._powered

    @property
    def flash_path(self) -> Path:
        """The littlefs image. While the badge runs it belongs to its process."""
        return self.folder / "flash.img"

    @property
    def starts(self) -> int:
        """How often it was started."""
        return self._state.starts

    def move(self, position: Position, facing: float | None = None) -> None:
        """Put the badge at (x, y) metres; None takes it out of everybody's reach."""
        self._sim.move({self: Move(position, facing)})

    def power_on(self) -> None:
        """Put the battery in; the badge starts half a second later."""
        if not self._powered:
            self._powered = True
            self._state.cause = wire.POWER_ON
            self._state.rtc_memory = bytearray()
            self._start_at(self._sim.now_us + BOOT_US)
            self._state.rtc_base_us = -self._crystal.boot_us
            self._sim.plan(self)

    def power_off(self) -> None:
        """Pull the battery: the process is killed wherever it is, what was not committed is lost."""
        if self._powered:
            self.use.power_losses.append(self._sim.now_us)
        self._stop(self._sim.now_us)
        self._powered = False
        self.next_us = NEVER_US

    def cut_power_after(self, flash_writes: int) -> None:
        """Pull the battery at a write to flash: the one after ``flash_writes`` more that still succeed.

        Counted from the badge's next start: call it while the badge is off.
        """
        if self._powered:
            raise SimulationError(f"{self.name} is on; a power cut is set before power_on()")
        self._state.writes_left = flash_writes

    def press_button(self, duration_ms: int = 200) -> None:
        """Press the button now and let it go after ``duration_ms`` of virtual time. Returns at once."""
        now = self._sim.now_us
        self._levels.append((now, BUTTON_PIN, 0))
        self._levels.append((now + duration_ms * 1000, BUTTON_PIN, 1))
        self._plan()

    def transport(self) -> SimTransport:
        """Return the badge's console as a transport; reading from it runs the simulation."""
        return SimTransport(self._sim, self)

    def close(self) -> None:
        """Power off and give the folder back."""
        self.power_off()
        self._lock.close()

    # The console, for SimTransport

    def console_write(self, data: bytes) -> None:
        """Put bytes on the wire to the badge."""
        self._input.write(data, self._sim.now_us)
        self._plan()

    def console_take(self) -> bytes:
        """Return what has come over the wire until now."""
        return self._output.take(self._sim.now_us)

    def console_due_us(self) -> int:
        """Return when the next bytes from the badge will have come; NEVER_US if it sent none."""
        return self._output.due_us(NEVER_US)

    # What the conductor does

    def _start_at(self, when_us: int) -> None:
        self._crystal.boot_us = self._now_us = self._wake_us = when_us
        self.next_us = when_us

    def _start(self) -> None:
        state = self._state
        state.starts += 1
        save_starts(self.folder, state.starts)
        while self._levels and self._levels[0][0] <= self._crystal.boot_us:
            self._hold(*self._levels.popleft()[1:])
        self._input.lose_until(self._crystal.boot_us)
        self._pending.clear()
        self._process = BadgeProcess(
            self._sim.board,
            self._sim.fakes,
            self.flash_path,
            self.folder / "nvs.bin",
            wire.Hello(
                rtc_us=state.rtc_base_us + self._crystal.boot_us,
                ticks_us=self._ticks_us,
                cause=state.cause,
                writes_left=state.writes_left,
                low_pins=state.low_pins,
                mac=mac_address(self.name),
                seed=self._sim.badge_seed(self.name, state.starts),
                rtc_memory=bytes(state.rtc_memory),
            ),
        )
        state.writes_left = -1

    def _stop(self, when_us: int) -> None:
        self._sim.falls_silent(self, when_us)
        self._end_scan(when_us)
        self._pending.clear()
        self._input.clear()
        if self._process is not None:
            self._print(self._process.text(), when_us)
            self._process.kill()
            self._process = None

    def step(self, now_us: int) -> None:
        """Run the badge's next slice at ``now_us``."""
        self.grant(now_us)
        self.take()

    def is_listening(self, now_us: int) -> bool:
        """Tell whether the slice at ``now_us`` depends on what the others have sent until then."""
        return self._scan is not None and (self._sim.is_thinned or now_us >= self._serve_us)

    def grant(self, now_us: int) -> None:
        """Give the badge its slice at ``now_us``, with what happened until then; ``take`` must follow."""
        self.next_us = _UNDER_WAY
        if self._process is None:
            self._start()
            return
        self._collect(now_us)
        frame = self._frame()
        try:
            self._process.line.grant(self._crystal.local_us(now_us), frame)
        except wire.Closed:
            self._died()

    def take(self) -> None:
        """Wait for the end of the slice and carry out what the badge did in it."""
        self._take()
        self._plan()

    def _collect(self, now_us: int) -> None:
        pending = self._pending
        for when, data in self._input.take(now_us):
            pending.append((when, wire.INPUT, data))
        while self._levels and self._levels[0][0] <= now_us:
            when, pin, level = self._levels.popleft()
            self._hold(pin, level)
            pending.append((when, wire.LEVEL, bytes((pin, level))))
        scan = self._scan
        if scan is not None and self.is_listening(now_us):
            self.listen(min(now_us, scan.end_us))
            if now_us >= scan.end_us:
                pending.append((scan.end_us, wire.SCAN_DONE, b""))
                self._end_scan(scan.end_us)
        pending.sort(key=lambda item: item[0])

    def _hold(self, pin: int, level: int) -> None:
        mask = 1 << pin
        self._state.low_pins = self._state.low_pins & ~mask if level else self._state.low_pins | mask

    def listen(self, until_us: int) -> None:
        """Draw what the badge hears up to ``until_us``; it is delivered with the next slice."""
        if self._scan is not None and until_us > self._scan.served_us:
            heard = self._sim.air.receive(self.index, self._scan, until_us)
            if self.on_heard is not None and heard:
                self.on_heard(heard)
            self._pending += [(packet.when_us, wire.HEARD, _heard(packet)) for packet in heard]

    def tune(self, now_us: int) -> None:
        """Decide when the scan is served next: at its end, or soon if somebody is in reach."""
        scan = self._scan
        if scan is None:
            self._serve_us = NEVER_US
            return
        self._serve_us = scan.end_us
        audible = 0 if self._sim.is_thinned else self._sim.air.audible(self.index)
        if audible:
            quantum = _QUANTUM_US if audible <= 4 else max(50_000, 4 * _QUANTUM_US // audible)
            self._serve_us = min(scan.end_us, now_us + quantum)

    def tune_for(self, index: int, now_us: int) -> None:
        """Listen more closely from ``now_us`` on if the badge ``index``, now sending, is in reach."""
        scan = self._scan
        if (
            scan is not None
            and self._serve_us > now_us + _QUANTUM_US
            and self._sim.air.in_reach(index, self.index)
        ):
            self._serve_us = min(scan.end_us, now_us + _QUANTUM_US)
            self.replan()

    def replan(self) -> None:
        """Tell the conductor when this badge wants to run, if that changed from outside."""
        if self._process is not None:
            self._plan()

    def _frame(self) -> bytes:
        frame = b""
        self._is_cut = False
        for at, (when, kind, payload) in enumerate(self._pending):
            if len(frame) + len(payload) + 10 > wire.MAX_EVENT_BYTES:
                del self._pending[:at]
                self._is_cut = True
                return frame
            frame += wire.event(kind, self._crystal.local_us(when), payload)
        self._pending.clear()
        return frame

    def _take(self) -> None:
        idle = False
        while not idle and self._process is not None:
            try:
                records = self._process.line.records()
            except wire.Closed:
                self._died()
            except TimeoutError:
                self._fail("has not come back for a long time: an endless loop without an idle point?")
            for kind, when, payload in records:
                idle = kind == wire.IDLE
                self._record(kind, self._crystal.world_us(when), payload)
        if self._process is not None:
            self._print(self._process.text(), self._now_us)

    def _record(self, kind: int, when: int, payload: bytes) -> None:
        if kind == wire.IDLE:
            self._now_us = when
            self._wake_us = min(NEVER_US, self._crystal.world_us(struct.unpack("<q", payload)[0]))
            if self._scan is not None and self._serve_us <= when:
                self.tune(when)
        elif kind == wire.CONSOLE:
            self._output.write(payload, when)
        elif kind == wire.PIN:
            self.pin_log.append(PinChange(self._sim.at(when), *payload))
        elif kind == wire.WEAR:
            self.use.wear(struct.unpack("<h", payload)[0])
        elif kind == wire.EXIT:
            self._exit(when, *struct.unpack("<Bq", payload))
        elif kind in (wire.RTC, wire.RTC_MEMORY):
            self._rtc(kind, payload)
        else:
            self._radio(kind, when, payload)

    def _radio(self, kind: int, when: int, payload: bytes) -> None:
        if kind == wire.ADVERTISE:
            interval_us, adv_type, addr_type = struct.unpack_from("<IBB", payload)
            packet = (adv_type, addr_type, payload[6:12], payload[12:])
            self._sim.advertises(self, when, interval_us, packet)
        elif kind == wire.ADVERTISE_STOP:
            self._sim.falls_silent(self, when)
        elif kind == wire.SCAN:
            duration_us, interval_us, window_us = struct.unpack("<QII", payload)
            end_us = when + duration_us if duration_us else NEVER_US
            self._scan = Scan(when, end_us, interval_us, window_us, served_us=when)
            self.tune(when)
        elif kind == wire.SCAN_STOP:
            self._end_scan(when)

    def _end_scan(self, when: int) -> None:
        if self._scan is not None:
            self.use.listened_us += when - self._scan.start_us
        self._scan = None
        self._serve_us = NEVER_US

    def _rtc(self, kind: int, payload: bytes) -> None:
        if kind == wire.RTC:
            self._state.rtc_base_us = struct.unpack("<q", payload)[0] - self._crystal.boot_us
            return
        at = struct.unpack_from("<H", payload)[0]
        self._state.rtc_memory[at:] = payload[2:]

    def _exit(self, when: int, cause: int, sleep_us: int) -> None:
        self._stop(when)
        if cause == wire.POWER_CUT:
            self.use.power_losses.append(when)
            self._powered = False
            self.next_us = NEVER_US
            return
        self._state.cause = cause
        self._start_at(when + sleep_us + BOOT_US)

    def _plan(self) -> None:
        if not self._powered:
            return
        if self._process is None:
            self.next_us = self._crystal.boot_us
        else:
            due = min(self._wake_us, self._serve_us, self._input.due_us(NEVER_US))
            if self._levels:
                due = min(due, self._levels[0][0])
            if self._is_cut:
                due = self._now_us
            self.next_us = max(due, self._now_us)
        self._sim.plan(self)

    def _print(self, text: bytes, when: int) -> None:
        """Printed text comes over the same wire as everything else on a badge."""
        if not text:
            return
        self._output.write(text.replace(b"\n", b"\r\n"), when)
        self._text = (self._text + text)[-16384:]
        if _TRACEBACK in self._text:
            self._fail("printed a traceback")

    def _died(self) -> NoReturn:
        process = self._process
        assert process is not None  # noqa: S101  only a running process can die
        process.wait()
        self._text += process.text()
        self._fail("stopped: main.py came to its end" if _TRACEBACK not in self._text else "died")

    def _fail(self, what: str) -> NoReturn:
        process, self._process = self._process, None
        if process is not None:
            self._text += process.text()
            process.kill()
        self.crashed = self._text.decode(errors="replace")
        self._powered = False
        self.next_us = NEVER_US
        raise SimulationError(f"badge {self.name} {what} at {self._sim.now.isoformat()}\n{self.crashed}")


def _heard(packet: Heard) -> bytes:
    head = struct.pack("<B6sBb", packet.addr_type, packet.address, packet.adv_type, packet.rssi)
    return head + packet.payload
