"""The laboratory's description: frozen values read from lab.toml, and calibration snapshots over them."""

from qctl.lab.atom import AtomCoupler, AtomProcessor, AtomQubit
from qctl.lab.ion import IonCoupler, IonProcessor, IonQubit
from qctl.lab.lab import Coupler, Lab, Processor, Qubit, processor_meant
from qctl.lab.load import load_lab, parse_lab, read_lab, whole_lab
from qctl.lab.rack import CurrentOutput, Input, InputRef, Instrument, Interlock, Mixer, Output, OutputRef, Port
from qctl.lab.transmon import (
    CzPulse,
    DrivePulse,
    FluxLine,
    TransmonCoupler,
    TransmonProcessor,
    TransmonQubit,
    TransmonReadout,
)

__all__ = [
    "AtomCoupler",
    "AtomProcessor",
    "AtomQubit",
    "Coupler",
    "CurrentOutput",
    "CzPulse",
    "DrivePulse",
    "FluxLine",
    "Input",
    "InputRef",
    "Instrument",
    "Interlock",
    "IonCoupler",
    "IonProcessor",
    "IonQubit",
    "Lab",
    "Mixer",
    "Output",
    "OutputRef",
    "Port",
    "Processor",
    "Qubit",
    "TransmonCoupler",
    "TransmonProcessor",
    "TransmonQubit",
    "TransmonReadout",
    "load_lab",
    "parse_lab",
    "processor_meant",
    "read_lab",
    "whole_lab",
]
