"""Emulated Keysight (Agilent) E8257D: one continuous wave.

Source: E8257D/67D SCPI command reference as it shows in QCoDeS ``agilent/Agilent_E8257D.py`` (FREQ:CW, PHASE in
radians, POW:AMPL, OUTP, DIAG:CPU:INFO:OPT:DET?, ranges of options 520 and 1E1) and in PyMeasure ``agilent8257D.py``
(OUTPUT:MOD, POW, FREQ).
"""

from __future__ import annotations

import math

from qctl.hil.instruments.scpi.box import Box

__all__ = ["KeysightE8257d"]


class KeysightE8257d(Box):
    """The microwave source; its tone goes to the plant."""

    idn = "Agilent Technologies, E8257D, {serial}, C.06.16"
    kind = "source"

    def commands(self) -> None:
        """Add the commands of the manual."""
        self.number("[SOURce]:FREQuency[:CW]", "frequency_hz", 20e9, 100e3, 20e9, "{:+.13E}", dirty=True)
        self.number("[SOURce]:POWer[:LEVel][:IMMediate][:AMPLitude]", "power_dbm", -135.0, -135.0, 10.0, dirty=True)
        self.number("[SOURce]:PHASe[:ADJust]", "phase_rad", 0.0, -math.pi, math.pi, "{:+.8E}")
        self.switch("OUTPut[:STATe]", "on", dirty=True)
        self.switch("OUTPut:MODulation[:STATe]", "modulated", True)
        self.table.add("DIAGnostic[:CPU]:INFOrmation:OPTions:DETail?", lambda s, a: '"520,1E1"')

    async def flush(self) -> None:
        """Tell the plant the tone."""
        self.dirty = False
        await self.plant.tone(self.value("frequency_hz"), self.value("power_dbm"), bool(self.value("on")))
