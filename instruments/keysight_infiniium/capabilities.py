"""What an Infiniium S-series oscilloscope can do as a digitizer: limits of rate, memory, records and averages.

Source: Keysight Infiniium Oscilloscopes Programmer's Guide (:ACQuire, :CHANnel, :TIMebase, :WAVeform subsystems),
Infiniium S-Series data sheet (memory, segments), QCoDeS `KeysightInfiniium` (ranges of the settings).
"""

from __future__ import annotations

from qctl.instruments.capability import Capability, Channel, Clock, Range, Reports, Scope, Standing, Upload

__all__ = ["CODE_LIMITS", "MODEL", "TABLES"]

MODEL = "keysight-infiniium-s"
CODE_LIMITS = (-32_767, 32_767)
"""Codes of WORD data; a full scale is 62,464 codes or fewer, the preamble says which."""

_RATES_HZ = (
    *(m * 10.0**e for e in range(3, 9) for m in (1.0, 2.0, 2.5, 4.0, 5.0)),
    *(1e9, 1.25e9, 2e9, 2.5e9, 4e9, 5e9, 10e9),
)
_MOST_SEGMENTS, _MOST_AVERAGES = 65_536, 65_534
_SHEET = "Infiniium S-Series data sheet"

TABLES = {
    MODEL: Capability(
        model=MODEL,
        title="Keysight Infiniium S-series",
        sources=("Infiniium Programmer's Guide", _SHEET, "QCoDeS KeysightInfiniium"),
        clocks={
            "sample": Clock(Range(1e3, 10e9, "Hz", choices=_RATES_HZ, source=":ACQuire:SRATe, on all four inputs"))
        },
        channels={
            "input": Channel(
                clock="sample",
                number=Range(1, 4, source=_SHEET),
                length=Range(16, 100_000_000, "samples", 1, source=":ACQuire:POINts"),
                pad="zero",
                bits=10,
                overlaps=True,
            )
        },
        scope=Scope(
            samples=Range(0, 100_000_000, "samples", source=f"all segments of one input, standard memory: {_SHEET}"),
            records=Range(
                1, _MOST_SEGMENTS, "records", source=":ACQuire:SEGMented:COUNt; one record is taken without segments"
            ),
            averages=Range(1, _MOST_AVERAGES, "shots", source=":ACQuire:AVERage:COUNt; one shot is not averaged"),
        ),
        settings={
            "range_v": Range(0.008, 8.0, "V", source=":CHANnel<n>:RANGe, peak to peak into 50 ohm"),
            "delay_s": Range(0.0, 10.0, "s", source=":TIMebase:POSition with reference LEFT"),
            "trigger_level_v": Range(-5, 5, "V", source=":TRIGger:LEVel AUX"),
            "n_averages": Range(2, _MOST_AVERAGES, "shots", 1, source=":ACQuire:AVERage:COUNt"),
            "n_segments": Range(2, _MOST_SEGMENTS, "records", 1, source=":ACQuire:SEGMented:COUNt"),
            # No bound of the box; but it answers nothing while it sends, and a link that hears nothing for its time-out
            # is taken for dead.
            "read_samples": Range(0, 1 << 23, "samples", source="read at once from each input: 16 MB"),
        },
        errors=Reports(sync=(":SYSTem:ERRor?",)),
        upload=Upload("IEEE 488.2 definite", "little", "int16", unit="record"),
        standing=Standing(3, "QCoDeS and pyvisa-py against the emulator"),
    )
}
