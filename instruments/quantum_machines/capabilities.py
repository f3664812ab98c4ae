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

__all__ = ["TABLES"]

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
                amplitude=Range(-0.5, 0.5, "V", resolution=2.0**-16, source=_KNOWN, unverified="all"),
                bits=16,
            )
        },
        waveforms=Memory(Range(0, 40_000, "units", source="qibolab's heuristic", unverified="all")),
        instructions=Instructions(Range(1, 1_000_000, "instructions", source="qibolab's heuristic", unverified="all")),
        acquisitions=Range(0, 30, "acquisitions", source="qibolab's heuristic", unverified="all"),
        loops=Loops(Range(1, 2**31 - 1, "times", source=_KNOWN, unverified="all")),
        wait=Range(4, None, "cycles of 4 ns", 1, source=_QIBO),
        settings={"amplitude_factor": Range(-2, 2 - 2**-16, source=_KNOWN, unverified="all")},
        restrictions={"old-opx": Restriction("1000 instructions a pulser on an old OPX: py-qua-tools issue 11")},
        errors=Reports(sync=("QOP's answer",)),
        upload=Upload("configuration and QUA program, gRPC", "", "", None, "program"),
        standing=Standing(None, "", "unverified: no software plays it offline"),
    )
}
