"""What Keysight's generators 33500B, 33600A, M8190A and M3202A can do: points, granularity and rates.

Source: pymeasure ``Agilent33500`` (points, SCPI words, rates), memory manager of an M3202A driver
(``memory_manager.py``); what is marked unverified is from general knowledge of the data sheets.
"""

from __future__ import annotations

from qctl.instruments.capability import Capability, Channel, Clock, Loops, Memory, Range, Reports, Standing, Upload

__all__ = ["TABLES", "TRUEFORM"]

TRUEFORM = ("keysight-33500b", "keysight-33600a")
"""Models that take arbitrary waveforms by name, with a sequence for each output."""

_PYMEASURE, _SHEET = "pymeasure Agilent33500", "data sheet"


def _generator(
    name: str,
    title: str,
    rates: Range,
    n_outputs: int,
    length: Range,
    bits: int,
    memory: Range,
    vpp: Range,
    upload: Upload,
    sequence: Range,
    source: str,
    loops: Range,
    offset: Range,
    judges: str = "",
    level: int | None = None,
) -> Capability:
    return Capability(
        model=f"keysight-{name}",
        title=f"Keysight {title}",
        sources=(source, _SHEET),
        clocks={"sample": Clock(rates)},
        channels={
            "output": Channel(
                clock="sample",
                number=Range(1, n_outputs, source=_SHEET),
                length=length,
                pad="zero",
                amplitude=Range(-1.0, 1.0, "of full scale", resolution=1 / (2 ** (bits - 1) - 1), source=source),
                bits=bits,
                overlaps=True,
            )
        },
        waveforms=Memory(None, memory, "one output"),
        sequence=sequence,
        loops=Loops(loops),
        settings={"amplitude_vpp": vpp, "offset_v": offset},
        errors=Reports(sync=("SYSTem:ERRor?",)),
        upload=upload,
        standing=Standing(level, judges),
    )


def _doubtful(low: float, high: float, unit: str) -> Range:
    return Range(low, high, unit, source=_SHEET, unverified="all")


def _m8190a(name: str, rate_hz: float, least: int, multiple: int, bits: int) -> Capability:
    return _generator(
        name,
        f"M8190A ({bits} bit)",
        _doubtful(125e6, rate_hz, "Hz"),
        2,
        Range(least, 134_217_728, "samples", multiple, source=_SHEET, unverified="all"),
        bits,
        _doubtful(0, 134_217_728, "samples"),
        _doubtful(0.1, 0.7, "V"),
        Upload("IEEE 488.2 definite, TRACe:DATA", "FORMat:BORDer", "int16", None, "segment"),
        _doubtful(1, 524_287, "elements"),
        _SHEET,
        _doubtful(1, 4_294_967_295, "times"),
        _doubtful(-0.02, 0.02, "V"),
        level=2,
    )


_DAC = Upload("IEEE 488.2 definite, SOURce1:DATA:ARB:DAC", "FORMat:BORDer", "int16", None, "waveform")
_LOOPS, _STEPS = _doubtful(1, 1_000_000, "times"), _doubtful(1, 512, "elements")
_OFFSET = _doubtful(-5, 5, "V")
TABLES = {
    table.model: table
    for table in (
        _generator(
            "33500b",
            "33500B",
            Range(1e-6, 250e6, "Hz", source=_PYMEASURE),
            2,
            Range(
                8,
                1_000_000,
                "samples",
                1,
                source=f"{_PYMEASURE}; its documentation says 65536 points at most",
                unverified="high",
            ),
            16,
            _doubtful(0, 1_000_000, "samples"),
            _doubtful(0.001, 10, "V"),
            _DAC,
            _STEPS,
            _PYMEASURE,
            _LOOPS,
            _OFFSET,
            "pymeasure and QCoDeS commands, and against the emulator",
            2,
        ),
        _generator(
            "33600a",
            "33600A",
            _doubtful(1e-6, 1e9, "Hz"),
            2,
            Range(32, 4_000_000, "samples", 1, source=_SHEET, unverified="all"),
            16,
            _doubtful(0, 4_000_000, "samples"),
            _doubtful(0.001, 10, "V"),
            _DAC,
            _STEPS,
            _PYMEASURE,
            _LOOPS,
            _OFFSET,
            "pymeasure and QCoDeS commands, and against the emulator",
            2,
        ),
        _m8190a("m8190a", 8e9, 240, 48, 14),
        _m8190a("m8190a-12bit", 12e9, 320, 64, 12),
        _generator(
            "m3202a",
            "M3202A",
            Range(1e9, 1e9, "Hz", source="M3202A memory_manager.py"),
            4,
            Range(2000, 400_000_000, "samples", 10, source="M3202A memory_manager.py; delays count 10 ns"),
            14,
            Range(0, 400_000_000, "samples", source="uploaded in 7.3 s: M3202A memory_manager.py"),
            _doubtful(0.02, 3, "V"),
            Upload("PXI, SD1 library, not SCPI", "little", "int16", None, "waveform"),
            _doubtful(1, 1024, "elements"),
            "M3202A memory_manager.py",
            _doubtful(0, 65_535, "times"),
            _doubtful(-1.5, 1.5, "V"),
        ),
    )
}
