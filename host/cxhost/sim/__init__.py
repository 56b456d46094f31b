"""Simulated badges.

Real MicroPython processes in virtual time, on real flash images, under a modelled sky.
"""

from cxhost.sim.badge import SimulatedBadge
from cxhost.sim.chip import PinChange
from cxhost.sim.folder import SimulationError
from cxhost.sim.radio import RadioModel
from cxhost.sim.simulation import OnAir, Simulation, open_simulated

__all__ = [
    "OnAir",
    "PinChange",
    "RadioModel",
    "SimulatedBadge",
    "Simulation",
    "SimulationError",
    "open_simulated",
]
