"""What an AWG5014C can do: limits of its clock, memory, sequence and outputs, each with its source.

Source: Tektronix AWG5000 and AWG7000 Series Arbitrary Waveform Generators Programmer Manual (SEQuence, WLISt, SOURce,
AWGControl groups; the same text is in tektronix/tm_devices), AWG5000C Series data sheet (waveform length, sequence
length, output), QCoDeS `TektronixAWG5014` (codes, ranges of the settings), qupulse (shortest waveform).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.capability import (
    Capability,
    Channel,
    Clock,
    Loops,
    Memory,
    Range,
    Reports,
    Standing,
    Upload,
)

__all__ = ["CODE_LIMITS", "CODE_ZERO", "MARKER_BITS", "MODEL", "TABLES", "code_voltages"]

MODEL = "tektronix-awg5014c"
CODE_ZERO = 8191
"""The 14-bit code of the offset voltage: QCoDeS and the vendor's examples send round(x * 8191) + 8191."""
CODE_LIMITS = (0, 16382)
"""Codes of x = −1 and x = +1; 16383 is a code above +1 that lowering does not use."""
MARKER_BITS = (14, 15)
"""Bits of markers 1 and 2 in a waveform word (unsigned 16 bit, little-endian)."""

_SHEET = "AWG5000C data sheet"
_MANUAL = "AWG5000/7000 Programmer Manual"

TABLES = {
    MODEL: Capability(
        model=MODEL,
        title="Tektronix AWG5014C",
        sources=(_MANUAL, _SHEET, "QCoDeS TektronixAWG5014", "qupulse"),
        clocks={"sample": Clock(Range(10e6, 1.2e9, "Hz", source=_SHEET))},
        channels={
            "output": Channel(
                clock="sample",
                number=Range(1, 4, source=_SHEET),
                length=Range(
                    250, 16_200_000, "samples", 1, source=f"shortest: qupulse; longest without option 01: {_SHEET}"
                ),
                pad="zero",
                amplitude=Range(-1.0, 1.0, "of full scale", resolution=Fraction(1, CODE_ZERO), source="QCoDeS"),
                bits=14,
                overlaps=True,
            )
        },
        waveforms=Memory(
            count=Range(0, 32_000, "waveforms", source=f"names in the list, predefined ones included: {_SHEET}"),
            samples=Range(0, 16_200_000, "samples", source=f"of one output's elements, without option 01: {_SHEET}"),
            shared_by="the elements of one output",
        ),
        sequence=Range(1, 8000, "elements", source="SEQuence:LENGth"),
        loops=Loops(Range(1, 65_536, "times", source="SEQuence:ELEMent[n]:LOOP:COUNt"), Range(0, 1, "loops")),
        settings={
            "amplitude_vpp": Range(0.02, 4.5, "V", source="SOURce[n]:VOLTage[:AMPLitude], into 50 ohm"),
            "offset_v": Range(-2.25, 2.25, "V", source="SOURce[n]:VOLTage:OFFSet, into 50 ohm"),
            "trigger_level_v": Range(-5, 5, "V", source="TRIGger:LEVel and EVENt:LEVel"),
        },
        markers=Range(0, 3, source="two of each output, in bits 14 and 15 of a word: QCoDeS"),
        errors=Reports(sync=("SYSTem:ERRor?",)),
        upload=Upload(
            "IEEE 488.2 definite",
            "little",
            "uint16",
            Range(0, 650_000_000, "bytes", source="WLISt:WAVeform:DATA"),
            "waveform",
        ),
        standing=Standing(3, "QCoDeS and pyvisa-py against the emulator"),
    )
}


def code_voltages(amplitude_vpp: float, offset_v: float, codes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the voltages into 50 ohm that codes are played as: offset + amplitude / 2 · (code − 8191) / 8191."""
    return offset_v + amplitude_vpp / 2 * (codes.astype(np.float64) - CODE_ZERO) / CODE_ZERO
