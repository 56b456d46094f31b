"""Simulated badges: real MicroPython processes in virtual time, on real flash images, under a modelled sky."""

from cxhost.sim.badge import Badge, PinChange, SimulationError
from cxhost.sim.radio import RadioModel
from cxhost.sim.simulation import Simulation, Transmission, open_simulated

__all__ = [
    "Badge",
    "PinChange",
    "RadioModel",
    "Simulation",
    "SimulationError",
    "Transmission",
    "open_simulated",
]
