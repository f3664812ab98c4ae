"""From a seed to the true parameters of a lab of transmons, and the cables behind its rack."""

from __future__ import annotations

import math

import numpy as np

from qctl.hil.physics.parameters import Processor, Resonator, Transmon
from qctl.hil.plant.__main__ import PlantFile
from qctl.hil.plant.cables import Cables, DriveLine, Feedline, FluxLine

__all__ = ["one_transmon"]


def one_transmon(seed: int) -> PlantFile:
    """Return the thinnest lab: one transmon, one AWG (1, 2 drive; 3, 4 readout), one digitizer, two LOs, one trigger."""
    random = np.random.default_rng(seed)
    resonance = 7.02e9 + random.uniform(-2e6, 2e6)
    transmon = Transmon(
        name="q0",
        frequency_hz=4.9e9 + random.uniform(-2e7, 2e7),
        anharmonicity_hz=-2.2e8,
        t1_s=random.uniform(2.5e-5, 4.5e-5),
        t2_s=random.uniform(1.5e-5, 3e-5),
        thermal=0.004,
        drive_hz_per_v=183e6,
        flux_per_v=0.65,
        dc_flux_per_v=0.65,
        flux_offset=0.0,
        asymmetry=0.2,
        resonator=Resonator((resonance, resonance - 3e6, resonance - 5.5e6), 4e6, 0.4, random.uniform(0, 2 * math.pi)),
    )
    triggers = {name: "trig0:1" for name in ("awg0", "dig0")}
    cables = Cables(
        drive=(DriveLine("awg0:1", "awg0:2", "lo_drive"),),
        flux=(FluxLine("awg1:1"),),
        readout=Feedline("awg0:3", "awg0:4", "lo_readout", "dig0:1", "dig0:2"),
        triggers=triggers,
    )
    return PlantFile(Processor((transmon,), (), (((1.0, 0.0),),), 0.06), cables, seed)
