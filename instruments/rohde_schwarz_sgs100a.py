"""Drive a Rohde & Schwarz SGS100A microwave source: frequency, power, phase and output; every setting is confirmed.

Source: R&S SGS100A SGMA RF Source User Manual (1173.9105), SOURce:FREQuency[:CW], SOURce:POWer[:LEVel][:IMMediate]
[:AMPLitude], SOURce:PHASe, SOURce:ROSCillator:SOURce, OUTPut[:STATe], STATus:QUEStionable:CONDition (SCPI-1999: bit 5,
FREQuency); the same short forms and ranges are in QCoDeS `RohdeSchwarzSGS100A`.
"""

from __future__ import annotations

from qctl.instruments.commands import Command
from qctl.instruments.declared import Declaration
from qctl.instruments.microwave_source import LockedSource
from qctl.instruments.microwave_sources.capabilities import TABLES

__all__ = ["COMMANDS", "SGS100A", "open_driver"]

_LIMITS = {name: one.limits for name, one in TABLES["rohde-schwarz-sgs100a"].settings.items()}

COMMANDS = (
    Command("*IDN", "identity", "Identity", kind=str, settable=False),
    Command(
        "SOURce:FREQuency[:CW]", "frequency_hz", "Frequency", "Hz", limits=_LIMITS["frequency_hz"], resolution=0.01
    ),
    Command("FREQuency[:CW]", "frequency_hz", "Frequency", "Hz", limits=_LIMITS["frequency_hz"], resolution=0.01),
    Command(
        "SOURce:POWer[:LEVel][:IMMediate][:AMPLitude]",
        "power_dbm",
        "Power",
        "dBm",
        limits=_LIMITS["power_dbm"],
        resolution=0.01,
    ),
    Command(
        "POWer[:LEVel][:IMMediate][:AMPLitude]",
        "power_dbm",
        "Power",
        "dBm",
        limits=_LIMITS["power_dbm"],
        resolution=0.01,
    ),
    Command("SOURce:PHASe[:ADJust]", "phase_deg", "Phase", "°", limits=_LIMITS["phase_deg"], resolution=0.1),
    Command("OUTPut[:STATe]", "output_on", "RF output", kind=bool),
    Command("SOURce:ROSCillator:SOURce", "reference_source", "Reference", kind=str, words=("INT", "EXT")),
)
SGS100A = Declaration(COMMANDS, needs=("frequency_hz", "power_dbm"), device=LockedSource)
open_driver = SGS100A.open
