"""A simulated badge's console as a Transport: reading is what makes virtual time pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxhost.sim.badge import SimulatedBadge
    from cxhost.sim.simulation import Simulation


class SimTransport:
    """The computer's end of the USB cable of one simulated badge.

    Implements ``cxhost.transport.Transport``.
    """

    def __init__(self, sim: Simulation, badge: SimulatedBadge, owns_simulation: bool = False) -> None:
        self._sim = sim
        self._badge = badge
        self._owns = owns_simulation

    def write(self, data: bytes) -> None:
        """Put ``data`` on the wire; it arrives at 115 200 baud of virtual time, while somebody reads."""
        self._badge.console_write(bytes(data))

    def read(self, timeout_s: float) -> bytes:
        """Run the simulation until the badge's bytes came.

        Return them, ``b""`` after ``timeout_s`` virtual.
        """
        return self._sim.read_console(self._badge, timeout_s)

    def now(self) -> float:
        """Return the virtual time in seconds since 1970 UTC."""
        return self._sim.now.timestamp()

    def press_button(self, duration_ms: int = 200) -> None:
        """Press the badge's button."""
        self._badge.press_button(duration_ms)

    def close(self) -> None:
        """Give the console back; a simulation that was opened for this transport alone ends."""
        if self._owns:
            self._sim.close()
