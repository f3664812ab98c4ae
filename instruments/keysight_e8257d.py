"""Drive a Keysight (Agilent) E8257D microwave source: frequency, power, phase and output; every setting is confirmed.

It takes whatever reference is plugged in by itself. The ranges are those of the widest options; an instrument without
them refuses in its own words.

Source: E8257D/67D SCPI command reference as it shows in QCoDeS `Agilent_E8257D` (FREQ:CW, POW:AMPL, PHASE in radians,
OUTP, ranges by option) and in PyMeasure `Agilent8257D` (FREQ, POW, OUTPUT:MOD).
"""

from __future__ import annotations

import math

from qctl.instruments.commands import Command
from qctl.instruments.declared import Declaration
from qctl.instruments.microwave_source import MicrowaveSource
from qctl.units import Limits

__all__ = ["COMMANDS", "E8257D", "open_driver"]

_PI = Limits(-math.pi, math.pi)
E8257D = Declaration(
    (
        Command("*IDN", "identity", "Identity", kind=str, settable=False),
        Command("[SOURce:]FREQuency[:CW]", "frequency_hz", "Frequency", "Hz", limits=Limits(1e5, 70e9),
                resolution=0.01),
        Command("[SOURce:]POWer[:LEVel][:IMMediate][:AMPLitude]", "power_dbm", "Power", "dBm", limits=Limits(-135, 30),
                resolution=0.01),
        Command("[SOURce:]PHASe[:ADJust]", "phase_rad", "Phase", "rad", limits=_PI, resolution=0.01),
        Command("OUTPut[:STATe]", "output_on", "RF output", kind=bool),
        Command("OUTPut:MODulation[:STATe]", "modulation_on", "Modulation", kind=bool),
    ),
    needs=("frequency_hz", "power_dbm"),
    device=MicrowaveSource,
)  # fmt: skip
COMMANDS, open_driver = E8257D.commands, E8257D.open
