"""What Zurich Instruments' sequencers can do: memories, granularity, command tables and latencies.

Source: zhinst-seqc-compiler 26.7.2.5 (memories and what it refuses, tried), zhinst-toolkit (``ct_schema_hdawg.json``,
``ct_schema_shfsg.json``), LabOne Q ``device_type.py`` (rates, granularity, latencies), ``qachannel.py`` and
``device_uhfqa.py`` (weights, results, averages), zhinst-timing-models (feedback).
"""

from __future__ import annotations

from collections.abc import Mapping

from qctl.instruments.capability import (
    Capability,
    Channel,
    Clock,
    Conditions,
    Instructions,
    Loops,
    Memory,
    Range,
    Reports,
    Restriction,
    Standing,
    Table,
    Upload,
)

__all__ = ["TABLES"]

_COMPILER, _SCHEMA = "zhinst-seqc-compiler 26.7.2.5", "zhinst-toolkit's command table schema"
_LABONE, _MODELS = "LabOne Q device_type.py", "zhinst-timing-models"
_CHANNEL = "LabOne Q qachannel.py, device_uhfqa.py"
_EXTENDS = (
    "the compiler extends waveforms off the grid with zeros and a warning at most: qctl refuses or pads on purpose"
)


def _wave(n: int, least: int, multiple: int, most: int | None, bits: int = 14, doubt: str = "") -> Channel:
    return Channel(
        clock="sample",
        number=Range(1, n, source="data sheets", unverified="high"),
        length=Range(least, most, "samples", multiple, source=_LABONE, unverified=doubt),
        start=Range(0, None, "samples", multiple, source=_LABONE),
        pad="zero",
        amplitude=Range(-1.0, 1.0, "of full scale", resolution=2.0 ** (1 - bits), source=_SCHEMA),
        phase=Range(None, None, "degrees", source=_SCHEMA),
        bits=bits,
    )


def _indices(entries: Range) -> dict[str, Range]:
    return {
        "table_index": Range(0, entries.most - 1, source=f"{_SCHEMA}; the compiler takes more"),
        "wave_index": Range(0, 15_999, source=f"{_COMPILER}; the schema allows 65535"),
        "rate_divider": Range(0, 13, source=_SCHEMA),
    }


def _device(
    name: str,
    rate_hz: float,
    channels: Mapping[str, Channel],
    instructions: int,
    table: Table | None = None,
    latency: Mapping[str, Range] | None = None,
    conditions: Conditions | None = None,
    samples: Range | None = None,
    settings: Mapping[str, Range] | None = None,
    restrictions: Mapping[str, Restriction] | None = None,
    rates: tuple[float, ...] = (),
    integrators: int = 0,
) -> Capability:
    return Capability(
        model=f"zurich-{name.lower()}",
        title=f"Zurich Instruments {name}",
        sources=(_COMPILER, _SCHEMA, _LABONE, _MODELS),
        clocks={
            "sample": Clock(Range(min((rate_hz, *rates)), rate_hz, "Hz", choices=(*rates, rate_hz), source=_LABONE))
        },
        channels=channels,
        waveforms=Memory(
            Range(0, 16_000, "waveforms", source=f"indices 0 … 15999: {_COMPILER}"), samples, "one generator"
        ),
        instructions=Instructions(
            Range(1, instructions, "instructions", source=_COMPILER), {"setTrigger": 2}, None, _COMPILER
        ),
        weights=Memory(
            Range(0, integrators, "weights", source=_CHANNEL), Range(0, 4096, "samples of one", source=_CHANNEL)
        )
        if integrators
        else None,
        bins=Range(0, 524_288, "results of one integrator", source=_CHANNEL) if integrators else None,
        table=table,
        loops=Loops(
            Range(1, 2**32 - 1, "times", source="SeqC's registers", unverified="high"), None, ("amplitude", "phase")
        ),
        conditions=conditions,
        settings={
            **(settings or {}),
            **(_indices(table.entries) if table else {}),
            **({"averages": Range(1, 131_072, "shots", source=_CHANNEL)} if integrators else {}),
        },
        switch_latency=latency or {},
        restrictions={"extension": Restriction(_EXTENDS), **(restrictions or {})},
        errors=Reports(sync=("compiler's messages",), async_log=("node warnings",)),
        upload=Upload("ELF and JSON nodes", "little", "int16 or complex double", unit="waveform, table"),
        standing=Standing(
            3,
            "zhinst-seqc-compiler, its schema, LabOne Q's simulator",
            "when oscillators start, and the scale of results, are unverified; emulated: API, not wire",
        ),
    )


_HDAWG_TABLE = Table(
    Range(0, 1024, "entries", source=_SCHEMA),
    ("phase0", "phase1", "amplitude0", "amplitude1", "increment", "waveform"),
    "0.2",
)
_SHF_TABLE = Table(
    Range(0, 4096, "entries", source=_SCHEMA),
    ("phase", "amplitude00", "amplitude01", "amplitude10", "amplitude11", "oscillatorSelect", "waveform"),
    "1.1.0",
)
_LO = {"lo_hz": Range(1e9, 8.5e9, "Hz", 100e6, source=_LABONE)}
_SHF_LATENCY = {
    "oscillator": Range(88, None, "ns", source=_LABONE),
    "phase-reset": Range(56, None, "ns", source=_LABONE),
}
_FEEDBACK = Conditions(
    ("SHFQA through PQSC", "zsync register"),
    None,
    {
        f"integration-{n}": Range(cycles, None, "cycles of 4 ns", source=_MODELS)
        for n, cycles in ((20, 97), (1000, 222), (2000, 347))
    },
)
_OWN_FEEDBACK = Conditions(
    ("its own readout channel", "SHFQA through PQSC"),
    Range(0, 15, "integrators", source=_MODELS),
    {"integration-to-word": Range(25, None, "cycles of 4 ns", source=f"by the way inside: {_MODELS}")},
)
_SHF_SAMPLES = Range(0, 98_304, "I/Q samples", source=f"196608 single ones: {_COMPILER}")
_SG = _wave(8, 32, 16, 98_304)
_QA_OUT = _wave(4, 32, 16, None, doubt="low step")
_QA_IN = Channel(
    clock="sample",
    number=Range(1, 4, source="data sheets", unverified="high"),
    length=Range(4, 4096, "samples", 4, source="data sheets", unverified="all"),
    bits=14,
)
_OSCILLATOR = {"oscillator_select": Range(0, 7, source=_SCHEMA)}
_GRAIN = {
    "granularity": Restriction("LabOne Q plays 32 / 16 samples; a comment in it says that the hardware may do 4 / 4")
}

TABLES = {
    table.model: table
    for table in (
        _device(
            "HDAWG",
            2.4e9,
            {"output": _wave(8, 32, 16, None, 16)},
            16_384,
            _HDAWG_TABLE,
            {
                "oscillator": Range(304, None, "ns", source=_LABONE),
                "phase-reset": Range(80, None, "ns", source=_LABONE),
            },
            _FEEDBACK,
            Range(0, 262_144, "I/Q samples at hand", source=f"of a long waveform 2048 count: {_COMPILER}"),
            None,
            {"cache": Restriction("long waveforms stream through a small cache of the FPGA")},
            (2.0e9,),
        ),
        _device(
            "SHFSG",
            2.0e9,
            {"output": _SG},
            32_768,
            _SHF_TABLE,
            _SHF_LATENCY,
            _FEEDBACK,
            _SHF_SAMPLES,
            {**_LO, **_OSCILLATOR},
        ),
        _device(
            "SHFQA", 2.0e9, {"output": _QA_OUT, "input": _QA_IN}, 16_384, None, {}, None, None, _LO, _GRAIN, (), 16
        ),
        _device(
            "SHFQC",
            2.0e9,
            {
                "output": _wave(6, 32, 16, 98_304),
                "qa-output": _wave(1, 32, 16, None, doubt="low step"),
                "input": _QA_IN,
            },
            16_384,
            _SHF_TABLE,
            _SHF_LATENCY,
            _OWN_FEEDBACK,
            _SHF_SAMPLES,
            {**_LO, **_OSCILLATOR},
            {
                **_GRAIN,
                "instructions": Restriction("its signal generators have 32768 instructions each, its analyser 16384"),
            },
            (),
            16,
        ),
        _device(
            "UHFQA",
            1.8e9,
            {"output": _wave(2, 16, 8, None)},
            1024,
            samples=Range(0, 32_760, "I/Q samples of the cache", source=_COMPILER),
            integrators=10,
            restrictions={"cache": Restriction("waveforms beyond a cache stream")},
        ),
    )
}
