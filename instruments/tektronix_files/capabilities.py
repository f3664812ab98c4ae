"""What AWG5200 and AWG70000A can do, which take waveforms as files: lengths, memory, sequence and block size.

Source: QCoDeS ``AWG70000A.py`` and ``AWG5208.py`` (``.wfmx`` route, shortest waveform, block size, jump index,
resolution); what is marked unverified is from general knowledge of the data sheets.
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

_QCODES, _SHEET = "QCoDeS AWG70000A", "data sheet"


def _generator(name: str, n_outputs: int, rates: Range, bits: str, n_bits: int, most: int, vpp: Range) -> Capability:
    return Capability(
        model=f"tektronix-{name.lower()}",
        title=f"Tektronix {name}",
        sources=(_QCODES, _SHEET),
        clocks={"sample": Clock(rates)},
        channels={
            "output": Channel(
                clock="sample",
                number=Range(1, n_outputs, source=_QCODES),
                length=Range(2400, most, "samples", 1, source=_QCODES, unverified="high"),
                pad="zero",
                amplitude=Range(
                    -1.0, 1.0, "of full scale", resolution=2.0 ** (1 - n_bits), source=f"{bits} bits: {_QCODES}"
                ),
                bits=n_bits,
                overlaps=True,
            )
        },
        waveforms=Memory(None, Range(0, most, "samples", source=_SHEET, unverified="high"), "one output"),
        sequence=Range(1, 16_383, "elements", source=f"forced jumps reach 1 … 16383: {_QCODES}"),
        loops=Loops(Range(1, 1_048_576, "times", source=_SHEET, unverified="high")),
        settings={"amplitude_vpp": vpp, "offset_v": Range(-2, 2, "V", source=_QCODES)},
        restrictions={"bits": Restriction(f"{bits} bits, fewer with markers")},
        errors=Reports(sync=("SYSTem:ERRor?",)),
        upload=Upload(
            "MMEMory:DATA, then WLISt",
            "little",
            "float32 after an XML head",
            Range(0, 999_999_999, "bytes", source=f"of one IEEE block, longer files in several: {_QCODES}"),
            ".wfmx or .seqx file",
        ),
        standing=Standing(2, "QCoDeS files, and QCoDeS (AWG70002A) against the emulator"),
    )


TABLES = {
    table.model: table
    for table in (
        _generator(
            "AWG5200",
            8,
            Range(300, 5e9, "Hz", source=_SHEET, unverified="all"),
            "12 to 16",
            16,
            1_000_000_000,
            Range(0.025, 0.75, "V", source=_SHEET, unverified="all"),
        ),
        _generator(
            "AWG70000A",
            2,
            Range(1.49e3, 50e9, "Hz", source=_SHEET, unverified="all"),
            "8 to 10",
            10,
            2_000_000_000,
            Range(0.25, 0.5, "V", source=_SHEET, unverified="all"),
        ),
    )
}
