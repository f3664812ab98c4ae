"""What a Quantum Machines OPX can do, as far as other projects' code says; no judge of it runs without one.

Source: qibolab ``qm/config/pulses.py`` and qua-libs (pulse lengths, waits), py-qua-tools issue 11 (old OPX's
instructions), qibolab (its own heuristics of batches); what is marked unverified is from general knowledge.
"""

from __future__ import annotations

from qctl.instruments.capability import (
    Capability,
    Channel,
    Clock,
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
    "CYCLE_NS",
    "FREQUENCY_HZ",
    "FULL_SCALE_V",
    "HEAD_NS",
    "SHORTEST_NS",
    "TABLES",
    "TIME_OF_FLIGHT_NS",
]

CLOCK_HZ = 1e9
CYCLE_NS = 4
SHORTEST_NS = 16
"""Shortest pulse and shortest wait."""
FULL_SCALE_V = 0.5
FREQUENCY_HZ = 400e6
TIME_OF_FLIGHT_NS = 24
"""From a pulse's start to that of its weights: the least that a configuration may have."""
HEAD_NS = 32
"""Ahead of time zero of each point, so that a window may begin there."""

_QIBO, _KNOWN = "qibolab qm/config/pulses.py", "general knowledge"

TABLES = {
    "qm-opx": Capability(
        model="qm-opx",
        title="Quantum Machines OPX (unverified)",
        sources=(_QIBO, "qua-libs", "py-qua-tools issue 11"),
        clocks={"sample": Clock(Range(1e9, 1e9, "Hz", source=_QIBO))},
        channels={
            "output": Channel(
                clock="sample",
                number=Range(1, 10, source=_KNOWN, unverified="all"),
                length=Range(16, None, "ns", 4, source=f"{_QIBO}; others need baking"),
                pad="zero",
                amplitude=Range(-FULL_SCALE_V, FULL_SCALE_V, "V", resolution=2.0**-16, source=_KNOWN, unverified="all"),
                frequency=Range(-FREQUENCY_HZ, FREQUENCY_HZ, "Hz", resolution=1, source=_KNOWN, unverified="all"),
                bits=16,
            )
        },
        waveforms=Memory(Range(0, 40_000, "units", source="qibolab's heuristic", unverified="all")),
        instructions=Instructions(Range(1, 1_000_000, "instructions", source="qibolab's heuristic", unverified="all")),
        acquisitions=Range(0, 30, "acquisitions", source="qibolab's heuristic", unverified="all"),
        loops=Loops(Range(1, 2**31 - 1, "times", source=_KNOWN, unverified="all")),
        wait=Range(4, 2**31 - 1, "cycles of 4 ns", 1, source=f"{_QIBO}; integers have 32 bits: qm-qua"),
        settings={"amplitude_factor": Range(-2, 2 - 2**-16, source=_KNOWN, unverified="all")},
        restrictions={
            "old-opx": Restriction("1000 instructions a pulser on an old OPX: py-qua-tools issue 11"),
            "frames": Restriction("phases of frames are kept in 65536 steps of a turn: qm-qua"),
        },
        errors=Reports(sync=("QOP's answer",)),
        upload=Upload("configuration and QUA program, gRPC", "", "", None, "program"),
        standing=Standing(None, "qm-qua builds it", "unverified: no software plays it offline"),
    )
}
