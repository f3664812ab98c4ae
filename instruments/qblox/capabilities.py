"""What a sequencer of a Qblox module can do: limits of program, memories and NCO, each with its source.

Source: q1asm 1.1.1, the vendor's assembler in qblox-instruments (ranges of operands, tried one by one);
qblox-scheduler, ``backends/qblox/constants.py`` (instructions, memories, grid, gaps between acquisitions, NCO);
qblox-instruments 1.1.1, ``constants.py`` (sequencers of a module) and ``qcodes_drivers/module.py`` (LO, attenuation);
q1simulator 1.3.4 (output ranges, timing of the classical core); qibolab, ``validate.py`` (number of weights); Qblox
documentation, Sequencer (NCO, gain, wait, synchronisation) and Feedback Trigger Handling.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from qctl.instruments.capability import (
    Capability,
    Channel,
    Clock,
    Conditions,
    Firmware,
    Gap,
    Instructions,
    Loops,
    Memory,
    Range,
    Reports,
    Restriction,
    Standing,
    Upload,
)

__all__ = [
    "CLOCK_HZ",
    "FEEDBACK_NS",
    "FREQUENCY_STEPS_PER_HZ",
    "FULL_SCALE",
    "MODULATED_SCALE",
    "QRC",
    "REACH",
    "RF",
    "TABLES",
    "TRIGGER_GRID_NS",
    "TRIGGER_NS",
    "TRIGGER_WAY_NS",
]

CLOCK_HZ = 1e9
"""Samples per second of every output and input, and the grid of every time."""
FULL_SCALE = 32_768
"""Steps of a waveform's, a gain's and an offset's full scale: 16 bits with sign."""
FREQUENCY_STEPS_PER_HZ = 4
"""set_freq counts quarters of a hertz; q1asm."""
MODULATED_SCALE = 0.5**0.5
"""What the NCO leaves of an amplitude, so that both quadratures together stay within the range; q1simulator."""
QRC = "qblox-qrc"
RF = frozenset(("qblox-qcm-rf", "qblox-qrm-rf", QRC))
"""Modules with mixers and LOs inside: a connector of theirs carries I and Q of one sequencer."""


class Reach(NamedTuple):
    """The connectors that a sequencer can be joined to."""

    outputs: frozenset[int]
    inputs: frozenset[int]


REACH = {
    QRC: tuple(Reach(frozenset((1, 2, 3 + k % 4)), frozenset((1, 2))) for k in range(8))
    + (Reach(frozenset((3, 4, 5, 6)), frozenset()),) * 4
}
"""What sequencers of a module reach where that is not everything: qblox-instruments 1.4.1, `get_allowed_channels`."""

TRIGGER_WAY_NS, TRIGGER_NS, TRIGGER_GRID_NS = 212, 252, 28
"""Of the trigger network: how long a trigger is on its way, the time until the next one, and the grid of both; Qblox
documentation, Feedback Trigger Handling."""
FEEDBACK_NS = 364 + TRIGGER_GRID_NS
"""From the end of an acquisition to the first play under a condition on it: the latency, and the most that its trigger
waits for the network's grid."""

_ASSEMBLER, _SCHEDULER, _DRIVER = "q1asm 1.1.1", "qblox-scheduler", "qblox-instruments 1.1.1"
_SIMULATOR, _MANUAL = "q1simulator 1.3.4", "Qblox documentation, Feedback Trigger Handling"
_NCO = Range(
    -500e6,
    500e6,
    "Hz",
    resolution=Fraction(1, FREQUENCY_STEPS_PER_HZ),
    source=f"{_DRIVER}; {_ASSEMBLER} takes any int32",
)
_PHASE = Range(
    None, None, "turns", resolution=Fraction(1, 10**9), source=f"set_ph 0 … 1e9, taken modulo a turn: {_ASSEMBLER}"
)
_COST = {
    "play": 1,
    "acquire": 1,
    "set_awg_gain": 1,
    "set_freq": 1,
    "set_ph": 1,
    "upd_param": 1,
    "wait": 1,
    "loop": 4,
    "move": 1,
}


def _output(n_outputs: int, volts: float | None, overlaps: bool = False) -> Channel:
    """Return the outputs of a module: in volts, or in full scales where an attenuator stands behind them."""
    top, unit = (1.0, "of full scale") if volts is None else (volts, "V")
    step = Fraction(top).limit_denominator(1000) / FULL_SCALE
    return Channel(
        clock="sample",
        number=Range(1, n_outputs, source=f"{_DRIVER}, constants.py"),
        length=Range(1, 16_384, "samples", 1, source=f"the waveform memory: {_SCHEDULER}"),
        pad="zero",
        amplitude=Range(-top, top, unit, resolution=step, source="16 bits with sign" if volts is None else _SIMULATOR),
        frequency=_NCO,
        phase=_PHASE,
        bits=16,
        overlaps=overlaps,
    )


def _input(n_inputs: int) -> Channel:
    return Channel(
        clock="sample",
        number=Range(1, n_inputs, source=f"{_DRIVER}, constants.py"),
        length=Range(4, 16_777_212, "ns", 4, source=f"square integration: {_DRIVER}"),
        frequency=_NCO,
        overlaps=True,
    )


def _module(
    name: str,
    n_instructions: int,
    n_sequencers: int,
    channels: Mapping[str, Channel],
    n_bins: int = 0,
    settings: Mapping[str, Range] | None = None,
    restrictions: Mapping[str, Restriction] | None = None,
    judge: str = "",
    emulated: bool = True,
    n_markers: int = 4,
) -> Capability:
    acquires = n_bins > 0
    gaps = {"real-time": Gap("any", "any", Range(4, None, "ns", source=_SCHEDULER))}
    if acquires:
        gaps["acquisitions"] = Gap("acquire", "acquire", Range(300, None, "ns", source=_SCHEDULER))
    return Capability(
        model=f"qblox-{name.lower()}",
        title=f"Qblox {name}",
        sources=(_ASSEMBLER, _SCHEDULER, _DRIVER, _SIMULATOR, "qibolab"),
        clocks={"sample": Clock(Range(CLOCK_HZ, CLOCK_HZ, "Hz", source=_SCHEDULER))},
        channels=channels,
        gaps=gaps,
        waveforms=Memory(
            Range(0, 1024, "waveforms", source=f"play takes the indices 0 … 1023: {_ASSEMBLER}"),
            Range(0, 16_384, "samples", source=_SCHEDULER),
            "one sequencer",
        ),
        weights=Memory(
            Range(0, 32, "weights", source="qibolab; the assembler takes more"),
            Range(0, 16_384, "samples", source=_SCHEDULER),
            "one sequencer",
        )
        if acquires
        else None,
        instructions=Instructions(
            Range(1, n_instructions, "instructions", source=f"{_SCHEDULER}; {_ASSEMBLER} takes 16384 for all modules"),
            _COST,
            Range(10, None, "ticks of 4 ns", source=_SIMULATOR, unverified="low"),
            f"ticks of 4 ns, estimates of {_SIMULATOR}, not vendor's figures",
        ),
        bins=Range(0, n_bins, "bins", source=f"of a module: {_SCHEDULER}; 131072 before firmware 0.13")
        if acquires
        else None,
        acquisitions=Range(0, 32, "acquisitions", source=f"indices 0 … 31: {_ASSEMBLER}") if acquires else None,
        loops=Loops(
            Range(1, 2**32 - 1, "times", source=f"registers have 32 bits: {_ASSEMBLER}"),
            None,
            ("gain", "phase", "frequency", "delay"),
        ),
        conditions=Conditions(
            ("thresholded acquisition", "trigger network"),
            Range(1, 15, source=f"set_cond's mask: {_ASSEMBLER}"),
            {
                "acquisition-to-condition": Range(364, None, "ns", source=f"TRIGGER_DELAY: {_SCHEDULER}"),
                "trigger-grid": Range(TRIGGER_GRID_NS, TRIGGER_GRID_NS, "ns", source=f"0.10.0: {_MANUAL}"),
                "trigger-to-trigger": Range(TRIGGER_NS, None, "ns", source=_MANUAL),
            },
        ),
        wait=Range(
            4, 65_535, "ns", 1, source=f"wait, play, acquire, upd_param, wait_sync: {_ASSEMBLER}; longer ones loop"
        ),
        markers=Range(
            0,
            (1 << n_markers) - 1,
            source=f"{_DRIVER}, constants.py; the mask of set_mrk goes up to 15: {_ASSEMBLER}",
        ),
        sequencers=Range(1, n_sequencers, "sequencers", source=f"{_DRIVER}, constants.py"),
        settings=settings or {},
        restrictions={
            "register-hazard": Restriction(
                "a register read right after it was written needs a nop; no assembler says so"
            ),
            **(restrictions or {}),
        },
        errors=Reports(sync=("assembler's log", "SYSTem:ERRor?"), async_log=("sequencer status flags",)),
        upload=Upload("IEEE 488.2 definite", "", "JSON", unit="sequence"),
        firmware=Firmware("0.13.0", "", f"bins: {_SCHEDULER}"),
        standing=Standing(3 if emulated else None, judge),
    )


def _rf(
    low_hz: float, high_hz: float, step_hz: float, step_db: float, most_in_db: float = 0.0, most_db: float = 60.0
) -> dict[str, Range]:
    source = f"{_DRIVER}, module.py"
    own = f"{source}; the most is the module's own"
    settings = {
        "lo_hz": Range(low_hz, high_hz, "Hz", step_hz, source=source),
        "attenuation_db": Range(0, most_db, "dB", step_db, source=own, unverified="high"),
    }
    if most_in_db:
        doubt = "high" if most_in_db == most_db else ""
        where = own if doubt else source
        settings["input_attenuation_db"] = Range(0, most_in_db, "dB", step_db, source=where, unverified=doubt)
    return settings


_BOTH = "q1asm 1.1.1, q1simulator"
_SHARED_LO = {"lo": Restriction("the input is mixed with the LO of output 1")}
TABLES = {
    table.model: table
    for table in (
        _module("QCM", 16_384, 6, {"output": _output(4, 2.5)}, judge=_BOTH),
        _module("QRM", 12_288, 6, {"output": _output(2, 0.5), "input": _input(2)}, 3_000_000, judge=_BOTH),
        _module("QCM-RF", 16_384, 6, {"output": _output(2, None)}, settings=_rf(2e9, 18e9, 1, 2), judge=_BOTH),
        _module(
            "QRM-RF",
            12_288,
            6,
            {"output": _output(1, None), "input": _input(1)},
            3_000_000,
            _rf(2e9, 18e9, 1, 2, 30),
            _SHARED_LO,
            _BOTH,
        ),
        _module(
            "QRC",
            12_288,
            12,
            {"output": _output(6, None), "input": _input(2)},
            7_000_000,
            _rf(0.5e9, 10.1e9, 100e6, 0.5, 31.5, 31.5),
            {
                "lo": Restriction("input n is mixed with the LO of output n, for n = 1 and 2; no command turns it off"),
                "reach": Restriction(
                    "sequencers 0 … 7 play on outputs 1, 2 and 3 + number mod 4 and acquire; 8 … 11 play on 3 … 6"
                ),
            },
            "q1asm 1.1.1, q1simulator as a QRM-RF",
            n_markers=1,
        ),
        _module(
            "QTM",
            16_384,
            8,
            {
                "line": Channel(
                    clock="sample",
                    number=Range(1, 8, source=f"{_DRIVER}, constants.py"),
                    length=Range(4, None, "ns", 1, source=_SCHEDULER),
                )
            },
            restrictions={
                "fine-delay": Restriction(
                    "edges lie on a grid of 1/128 ns", Range(0, 2047, "1/128 ns", 1, source=_SCHEDULER)
                ),
                "fine-delay-change": Restriction(
                    "operations with different fine delay keep a distance", Range(7, None, "ns", source=_SCHEDULER)
                ),
            },
            emulated=False,
        ),
    )
}
