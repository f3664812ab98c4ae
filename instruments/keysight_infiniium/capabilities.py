"""What an Infiniium S-series oscilloscope can do as a digitizer: limits of rate, memory, records and averages.

Source: Keysight Infiniium Oscilloscopes Programmer's Guide (:ACQuire, :CHANnel, :TIMebase, :WAVeform subsystems),
Infiniium S-Series data sheet (memory, segments), QCoDeS `KeysightInfiniium` (ranges of the settings).
"""

from __future__ import annotations

from qctl.units import Limits

__all__ = [
    "CODE_LIMITS",
    "DELAY_S",
    "MAX_AVERAGES",
    "MAX_SEGMENTS",
    "MEMORY_SAMPLES",
    "MIN_AVERAGES",
    "MIN_SEGMENTS",
    "N_INPUTS",
    "RANGE_V",
    "RATES_HZ",
    "READ_SAMPLES",
    "RECORD_SAMPLES",
]

N_INPUTS = 4
RATES_HZ = (
    *(m * 10.0**e for e in range(3, 9) for m in (1.0, 2.0, 2.5, 4.0, 5.0)),
    *(1e9, 1.25e9, 2e9, 2.5e9, 4e9, 5e9, 10e9),
)
"""Rates that :ACQuire:SRATe takes, on all four inputs."""
RECORD_SAMPLES = Limits(16, 100_000_000)
"""Samples of one record; :ACQuire:POINts."""
MEMORY_SAMPLES = 100_000_000
"""Samples of all segments together, on each input; standard memory of an S-series."""
READ_SAMPLES = 1 << 23
"""Samples of all segments that are read at once from each input: 16 MB. No bound of the box, which has twelve times as
much memory; but it answers nothing while it sends, and a link that hears nothing for its time-out is taken for dead."""
MIN_SEGMENTS, MAX_SEGMENTS = 2, 65_536
"""Records of one segmented acquisition; :ACQuire:SEGMented:COUNt. One record is taken without segments."""
MIN_AVERAGES, MAX_AVERAGES = 2, 65_534
"""Shots of one average; :ACQuire:AVERage:COUNt."""
RANGE_V = Limits(0.008, 8.0)
"""Full scale of one input into 50 ohm, peak to peak; :CHANnel<n>:RANGe."""
DELAY_S = Limits(0.0, 10.0)
"""From the trigger to the first sample; :TIMebase:POSition with reference LEFT."""
CODE_LIMITS = (-32_767, 32_767)
"""Codes of WORD data; a full scale is 62,464 codes or fewer, the preamble says which."""
