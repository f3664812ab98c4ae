"""Compiling pulse sequences beside LabOne Q, QICK, qblox-scheduler and others: randomized benchmarking to programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qctl.bench import pulses_boards as boards
from qctl.bench import pulses_peers as peers
from qctl.bench.case import Case, Goal
from qctl.bench.pulses_patches import PATCHES

__all__ = ["CASES"]

_WORDS = {
    "awg": "DAC words and steps of AWG5014C, digitizer and trigger settings",
    "qblox": "Q1ASM of QCM and QRM",
    "zurich": "SeqC, tables and waveforms of SHFQC and HDAWG",
}
_PEERS: dict[str, Callable[[peers.Work], Callable[[], peers.Made]]] = {
    "laboneq": peers.laboneq_side,
    "qupulse": peers.qupulse_side,
    "pulser": peers.pulser_side,
    "qick": boards.qick_side,
    "qblox-scheduler": boards.qblox_scheduler_side,
}
_BESIDE = {
    ("awg", 1, 1_000): ("laboneq", "qick", "qupulse", "pulser"),
    ("awg", 1, 10_000): ("laboneq",),
    ("qblox", 1, 1_000): ("laboneq", "qick", "qblox-scheduler"),
    ("zurich", 1, 1_000): ("laboneq",),
    ("zurich", 1, 10_000): ("laboneq",),
}
"""Peers of the cases with programs; they have no entry from arrays, and take too long for more."""
_TIMES = {"laboneq": 20.0, "qick": 100.0, "qblox-scheduler": 300.0}
"""How many times faster than a peer we mean to be."""


def _case(source: str, kind: str, n_qubits: int, n_sequences: int, n_pulses: int = 100) -> Case:
    n = n_sequences * n_pulses
    beside = _BESIDE.get((kind, n_qubits, n), ()) if source == "program" and n_pulses == 100 else ()
    make = {"arrays": peers.qctl_arrays, "program": peers.qctl_programs}[source]

    def ours(n_threads: int) -> Callable[[], Any]:
        return make(peers.work(n_qubits, n_pulses, n_sequences), kind)

    def side(peer: str) -> Callable[[int], Callable[[], Any]]:
        return lambda n_threads: _PEERS[peer](peers.work(n_qubits, n_pulses, n_sequences))

    def agree(values: Mapping[str, Any]) -> None:
        found = {name: peers.made_of(x) if name == "qctl" else x for name, x in values.items()}
        for name, made in found.items():
            assert made.n_pulses == n, f"{name} made {made.n_pulses} pulses, not {n}"
            length_s = found["qctl"].length_s
            assert abs(made.length_s - length_s) < 4e-9, f"{name} plays {made.length_s} s, qctl {length_s} s"

    shape = f"{n_sequences} sequences of {n_pulses} pulses" if n_sequences > 1 else f"one sequence of {n_pulses} pulses"
    name = f"{source}-{kind}-{n_qubits}q-{n}" + ("-single" if n_sequences == 1 else "")
    return Case(
        name=name,
        work=f"randomized benchmarking on {n_qubits} qubits, {shape}, from {source} to {_WORDS[kind]}",
        sides={"qctl": ours, **{peer: side(peer) for peer in beside}},
        agree=agree,
        goals=(
            Goal("qctl", 0.3e-6 if source == "arrays" else 1e-6),
            *(Goal(peer, _TIMES[peer]) for peer in beside if peer in _TIMES),
        ),
        n_units=n,
        unit="pulse",
        rounds=5,
    )


_SETS = (10, 100, 1_000)

CASES: tuple[Case, ...] = (
    *(
        _case(s, k, q, n)
        for s in ("arrays", "program")
        for k in ("awg", "qblox", "zurich")
        for q in (1, 2)
        for n in _SETS
    ),
    *(_case(source, "awg", q, 1, 10_000) for source in ("arrays", "program") for q in (1, 2)),
    *PATCHES,
)
