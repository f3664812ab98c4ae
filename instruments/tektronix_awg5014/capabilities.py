"""What an AWG5014C can do: limits of its clock, memory, sequence and outputs, each with its source.

Source: Tektronix AWG5000 and AWG7000 Series Arbitrary Waveform Generators Programmer Manual (SEQuence, WLISt, SOURce,
AWGControl groups; the same text is in tektronix/tm_devices), AWG5000C Series data sheet (waveform length, sequence
length, output), QCoDeS `TektronixAWG5014` (codes, ranges of the settings), qupulse (shortest waveform).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.units import Limits

__all__ = [
    "AMPLITUDE_VPP",
    "CLOCK_HZ",
    "CODE_LIMITS",
    "CODE_ZERO",
    "LENGTH_SAMPLES",
    "LOOPS",
    "MARKER_BITS",
    "MAX_BLOCK_BYTES",
    "MAX_ELEMENTS",
    "MAX_WAVEFORMS",
    "MEMORY_SAMPLES",
    "MULTIPLE_SAMPLES",
    "N_OUTPUTS",
    "OFFSET_V",
    "TRIGGER_LEVEL_V",
    "code_voltages",
]

N_OUTPUTS = 4
CLOCK_HZ = Limits(10e6, 1.2e9)
"""Sample rate of all outputs; data sheet."""
LENGTH_SAMPLES = Limits(250, 16_200_000)
"""One waveform: shortest that the hardware sequencer plays (qupulse), longest without option 01 (data sheet)."""
MULTIPLE_SAMPLES = 1
"""Waveform lengths are whole multiples of this."""
MEMORY_SAMPLES = 16_200_000
"""Distinct waveforms of one output's sequence elements together, without option 01; data sheet."""
MAX_ELEMENTS = 8000
"""Elements of the sequence; SEQuence:LENGth."""
LOOPS = Limits(1, 65_536)
"""Times that an element is played; SEQuence:ELEMent[n]:LOOP:COUNt."""
MAX_WAVEFORMS = 32_000
"""Names in the waveform list, predefined ones included; data sheet."""
MAX_BLOCK_BYTES = 650_000_000
"""Bytes of one WLISt:WAVeform:DATA."""
AMPLITUDE_VPP = Limits(0.02, 4.5)
"""SOURce[n]:VOLTage[:AMPLitude], into 50 ohm."""
OFFSET_V = Limits(-2.25, 2.25)
"""SOURce[n]:VOLTage:OFFSet, into 50 ohm."""
TRIGGER_LEVEL_V = Limits(-5, 5)
"""TRIGger:LEVel and EVENt:LEVel."""

CODE_ZERO = 8191
"""The 14-bit code of the offset voltage: QCoDeS and the vendor's examples send round(x * 8191) + 8191."""
CODE_LIMITS = (0, 16382)
"""Codes of x = −1 and x = +1; 16383 is a code above +1 that lowering does not use."""
MARKER_BITS = (14, 15)
"""Bits of markers 1 and 2 in a waveform word (unsigned 16 bit, little-endian)."""


def code_voltages(amplitude_vpp: float, offset_v: float, codes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the voltages into 50 ohm that codes are played as: offset + amplitude / 2 · (code − 8191) / 8191."""
    return offset_v + amplitude_vpp / 2 * (codes.astype(np.float64) - CODE_ZERO) / CODE_ZERO
