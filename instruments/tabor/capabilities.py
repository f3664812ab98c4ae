"""What Tabor's Proteus P2584M and WX2184 can do: segments, granularity, tasks and the digitizer's lengths.

Source: SQDToolz (Proteus: segment and task limits, digitizer lengths), qupulse ``tabor.py`` (WX2184: lengths,
interleaving).
"""

from __future__ import annotations

from qctl.instruments.capability import (
    Capability,
    Channel,
    Clock,
    Loops,
    Memory,
    Range,
    Reports,
    Restriction,
    Standing,
    Upload,
)

__all__ = ["TABLES"]

_SQD, _QUPULSE, _SHEET = "SQDToolz", "qupulse", "data sheet"


def _output(n: int, least: int, multiple: int, source: str, bits: int) -> Channel:
    return Channel(
        clock="sample",
        number=Range(1, n, source=source),
        length=Range(least, 500_000_000, "samples", multiple, source=source, unverified="high"),
        pad="zero",
        amplitude=Range(-1.0, 1.0, "of full scale", resolution=2.0 ** (1 - bits), source=_SHEET),
        bits=bits,
        overlaps=True,
    )


def _digitizer(mode: str, n: int, multiple: int) -> Channel:
    return Channel(
        clock="adc",
        number=Range(1, n, source=_SQD),
        length=Range(multiple, None, "samples", multiple, source=f"{mode}: {_SQD}"),
        bits=12,
    )


TABLES = {
    "tabor-p2584m": Capability(
        model="tabor-p2584m",
        title="Tabor Proteus P2584M",
        sources=(_SQD, _SHEET),
        clocks={
            "sample": Clock(Range(1e9, 2e9, "Hz", source=_SQD, unverified="low")),
            "adc": Clock(Range(800e6, 2.7e9, "Hz", source=_SHEET, unverified="all")),
        },
        channels={
            "output": _output(4, 1024, 32, _SQD, 16),
            "input": _digitizer("two inputs", 2, 48),
            "input-single": _digitizer("one input", 1, 96),
        },
        waveforms=Memory(
            Range(0, 64_000, "segments", source=_SHEET, unverified="high"),
            Range(0, 500_000_000, "samples", source=f"half of a pair's memory: {_SHEET}", unverified="high"),
            "one output",
        ),
        settings={
            "amplitude_vpp": Range(0.001, 1.2, "V", source=_SHEET, unverified="all"),
            "offset_v": Range(-0.5, 0.5, "V", source=_SHEET, unverified="all"),
        },
        sequence=Range(1, 64_000, "elements", source=f"tasks: {_SQD}"),
        loops=Loops(Range(1, 1_048_576, "times", source=_SHEET, unverified="high")),
        restrictions={
            "averaging": Restriction(
                "lengths averaged in the FPGA", Range(None, None, "samples", 20, source=f"else 360: {_SQD}")
            )
        },
        errors=Reports(sync=("SYSTem:ERRor?",)),
        upload=Upload("IEEE 488.2 definite, TRACe:DATA", "little", "uint16", None, "segment"),
        standing=Standing(3),
    ),
    "tabor-wx2184": Capability(
        model="tabor-wx2184",
        title="Tabor WX2184",
        sources=(_QUPULSE,),
        clocks={"sample": Clock(Range(1e9, 2.3e9, "Hz", source=_QUPULSE, unverified="low"))},
        channels={"output": _output(4, 192, 16, _QUPULSE, 14)},
        waveforms=Memory(Range(0, 32_000, "segments", source=_SHEET, unverified="high"), None, "a pair of outputs"),
        sequence=Range(1, 32_768, "elements", source=_SHEET, unverified="high"),
        loops=Loops(Range(1, 1_048_575, "times", source=_SHEET, unverified="high")),
        restrictions={"interleaving": Restriction("samples of A and B are interleaved in quanta of 16")},
        errors=Reports(sync=("SYSTem:ERRor?",)),
        upload=Upload("IEEE 488.2 definite, TRACe:DATA", "little", "uint16", None, "segment"),
        standing=Standing(),
    ),
}
