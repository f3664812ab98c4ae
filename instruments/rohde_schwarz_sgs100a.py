"""Drive a Rohde & Schwarz SGS100A microwave source: frequency, power, phase and output; every setting is confirmed.

Source: R&S SGS100A SGMA RF Source User Manual (1173.9105), SOURce:FREQuency[:CW], SOURce:POWer[:LEVel][:IMMediate]
[:AMPLitude], SOURce:PHASe, SOURce:ROSCillator:SOURce, OUTPut[:STATe], STATus:QUEStionable:CONDition (SCPI-1999: bit 5,
FREQuency); the same short forms and ranges are in QCoDeS `RohdeSchwarzSGS100A`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qctl.device import Parameter
from qctl.errors import RequestError
from qctl.instruments.commands import Command
from qctl.instruments.confirm import parsed_int
from qctl.instruments.links.link import Link
from qctl.instruments.links.visa import open_visa_link
from qctl.instruments.microwave_sources.capabilities import TABLES
from qctl.instruments.settings import Settings
from qctl.lab import Instrument, Lab
from qctl.units import Limits

__all__ = ["COMMANDS", "RohdeSchwarzSgs100a", "open_driver"]

_UNLOCKED = 1 << 5
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


@dataclass(frozen=True, slots=True)
class RohdeSchwarzSgs100a:
    """A continuous-wave microwave source.

    Attributes
    ----------
    link : Link
        To the instrument.
    instrument : Instrument
        Its entry in lab.toml, with the limits of power and frequency.
    """

    link: Link
    instrument: Instrument
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        found = self.instrument.limits
        limits = {}
        if found is not None and found.power_dbm is not None:
            limits["power_dbm"] = Limits(*found.power_dbm)
        if found is not None and found.frequency_hz is not None:
            limits["frequency_hz"] = Limits(*found.frequency_hz)
        for name in ("power_dbm", "frequency_hz"):
            if name not in limits:
                raise RequestError(f"instruments.{self.instrument.name}.limits.{name} is missing in lab.toml")
        object.__setattr__(self, "settings", Settings(self.link, COMMANDS, (), limits))

    def identify(self) -> str:
        """Return the identity string."""
        return self.link.query("*IDN?")

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` and `set` know."""
        return self.settings.parameters()

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        return self.settings.get(name)

    def set(self, name: str, value: Any) -> None:
        """Check a value against the limits, send it, confirm it."""
        self.settings.set(name, value)

    def locked(self) -> bool:
        """Return True when the device is locked to the reference that lab.toml names."""
        source = "EXT" if self.instrument.reference == "external" else "INT"
        if self.settings.get("reference_source") != source:
            return False
        condition = parsed_int(self.link, self.link.query("STAT:QUES:COND?"), "the questionable condition")
        return not condition & _UNLOCKED

    def prepare(self) -> None:
        """Bring the source to what lab.toml says: reference, frequency, power, and the output on if it has both."""
        self.link.write("*CLS")
        if self.instrument.reference is not None:
            self.set("reference_source", "EXT" if self.instrument.reference == "external" else "INT")
        for name in ("frequency_hz", "power_dbm"):
            value = getattr(self.instrument, name)
            if value is not None:
                self.set(name, value)
        if self.instrument.frequency_hz is not None and self.instrument.power_dbm is not None:
            self.set("output_on", True)

    def safe(self) -> None:
        """Bring the output and power to the safe state of lab.toml; without one, switch the output off."""
        safe = self.instrument.safe
        if safe is None or not safe.output:
            self.set("output_on", False)
        if safe is not None and safe.power_dbm is not None:
            self.set("power_dbm", safe.power_dbm)
        if safe is not None and safe.output:
            self.set("output_on", True)

    def close(self) -> None:
        """Close the link; the device stays as it is."""
        self.link.close()


def open_driver(instrument: Instrument, lab: Lab) -> RohdeSchwarzSgs100a:
    """Open the link, check the identity, and bring the source to what lab.toml says."""
    link = open_visa_link(instrument.name, instrument.address, instrument.timeout_s, ("Rohde&Schwarz", "SGS100A"))
    device = RohdeSchwarzSgs100a(link, instrument)
    device.prepare()
    return device
