"""Emulated Rohde & Schwarz SGS100A: one continuous wave, with its reference and its output state.

Source: R&S SGS100A SGMA RF Source User Manual (1173.9105.02), remote control commands OUTPut, SOURce:FREQuency,
:PHASe, :POWer, :ROSCillator, :LOSCillator, :PULM, :IQ, CONNector; option R&S SGS-B112 (1 MHz to 12.75 GHz); value
ranges also as in the QCoDeS driver ``rohde_schwarz/SGS100A.py``. STATus:QUEStionable bit 5 (FREQuency), SCPI-99 20.4.
"""

from __future__ import annotations

from typing import Any

from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.box import Box

__all__ = ["RohdeSchwarzSgs100a"]

_FREQUENCIES_HZ = arg.spellings("10MHZ|100MHZ|1000MHZ|13MHZ")


class RohdeSchwarzSgs100a(Box):
    """The microwave source; its tone goes to the plant."""

    idn = "Rohde&Schwarz,SGS100A,1416.0505k02/{serial},3.1.19.26-3.50.124.73"
    kind = "source"
    own_faults = Box.own_faults | {"unlocked"}
    reference_suffixes = (1,)
    options = "SGS-B112V,SGS-B26,SGS-K22"

    def commands(self) -> None:
        """Add the commands of the manual."""
        source = "[SOURce<1>]"
        self.number(source + ":FREQuency[:CW]", "frequency_hz", 1e9, 1e6, 12.75e9, "{:.15G}", dirty=True)
        self.number(source + ":FREQuency:OFFSet", "offset_hz", 0.0, -67e9, 67e9, "{:.15G}", dirty=True)
        self.number(source + ":PHASe[:ADJust]", "phase_deg", 0.0, -36000.0, 36000.0, "{:.15G}")
        self.number(
            source + ":POWer[:LEVel][:IMMediate][:AMPLitude]", "power_dbm", -30.0, -120.0, 25.0, "{:.15G}", dirty=True
        )
        self.number(source + ":POWer[:LEVel][:IMMediate]:OFFSet", "power_offset_db", 0.0, -100.0, 100.0, "{:.15G}")
        self.number(source + ":POWer:LIMit[:AMPLitude]", "power_limit_dbm", 25.0, -300.0, 30.0, "{:.15G}")
        self.choice(source + ":OPMode", "operation_mode", "NORM", "NORMal|BBBYpass")
        self.switch("OUTPut<1>[:STATe]", "on", dirty=True)
        self.choice(
            source + ":ROSCillator:SOURce", "reference", "INT", "INTernal|EXTernal", changed=self.reference_changed
        )
        self._reference_clock(source + ":ROSCillator:EXTernal:FREQuency", "reference_hz")
        self._reference_clock(source + ":ROSCillator:OUTPut:FREQuency", "reference_output_hz")
        self.choice(source + ":LOSCillator:SOURce", "lo_source", "INT", "INTernal|EXTernal")
        self.choice("CONNector:REFLo:OUTPut", "reference_connector", "REF", "REF|LO|OFF")
        self.choice("CONNector:TRIGger:OMODe", "trigger_connector", "SVAL", "SVALid|SNValid|PVOut|PETrigger|PEMSource")
        self.switch("[SOURce<1>]:IQ:STATe", "iq_on")
        self.switch(source + ":IQ:IMPairment[:STATe]", "impairments_on")
        for place, name in (("LEAKage:I", "i_offset_pct"), ("LEAKage:Q", "q_offset_pct")):
            self.number(f"{source}:IQ:IMPairment:{place}", name, 0.0, -10.0, 10.0, "{:.15G}")
        self.number(source + ":IQ:IMPairment:IQRatio[:MAGNitude]", "iq_ratio_db", 0.0, -1.0, 1.0, "{:.15G}")
        self.number(source + ":IQ:IMPairment:QUADrature[:ANGLe]", "iq_angle_deg", 0.0, -8.0, 8.0, "{:.15G}")
        self.switch(source + ":PULM:STATe", "pulses_on")
        self.choice(source + ":PULM:SOURce", "pulse_source", "INT", "INTernal|EXTernal")
        self.table.add("CALibration:ALL[:MEASure]?", lambda s, a: "0")

    def _reference_clock(self, pattern: str, name: str) -> None:
        def read(argument: Any) -> str:
            return arg.choice(str(argument).replace(" ", ""), _FREQUENCIES_HZ)

        self.setting(pattern, name, "10MHZ", read)

    async def flush(self) -> None:
        """Tell the plant the tone."""
        self.dirty = False
        frequency_hz = self.value("frequency_hz", 1) - self.value("offset_hz", 1)
        power_dbm = min(self.value("power_dbm", 1), self.value("power_limit_dbm", 1))
        await self.plant.tone(frequency_hz, power_dbm, bool(self.value("on", 1)))
