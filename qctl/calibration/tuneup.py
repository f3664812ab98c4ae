"""The tune-up: a table of nodes in their order, tried again wider when they fail, written as a snapshot."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qctl.calibration import coincidence, pairs, single
from qctl.calibration.bench import Bench, Finding, Outcome
from qctl.errors import RequestError
from qctl.lab import TransmonCoupler, TransmonQubit, processor_meant
from qctl.lab.snapshot import Values

__all__ = ["NODES", "Calibration", "calibrate", "figure_of"]

Node = Callable[[Bench, Sequence[str], int], Outcome]

NODES: dict[str, tuple[str, Node]] = {
    "reference": ("qubits", single.reference),
    "spectroscopy": ("qubits", single.spectroscopy),
    "delays": ("skewed", coincidence.delays),
    "rabi": ("qubits", single.rabi),
    "ramsey": ("qubits", single.ramsey),
    "amplitude": ("qubits", single.amplitude),
    "beta": ("qubits", single.beta),
    "amplitude_again": ("qubits", single.amplitude),
    "t1": ("qubits", single.t1),
    "t2": ("qubits", single.t2),
    "discrimination": ("qubits", single.discrimination),
    "cz_amplitude": ("couplers", pairs.cz_amplitude),
    "cz_length": ("couplers", pairs.cz_length),
    "cz_phase": ("couplers", pairs.cz_phase),
}
"""Node → what it tunes, and its function; in the order of a full tune-up."""

AHEAD: dict[tuple[str, ...], Callable[[Bench, Sequence[str]], None]] = {
    ("reference", "spectroscopy"): single.lines_and_rest,
    ("beta", "t1", "t2"): single.beta_and_lifetimes,
    ("t1", "t2"): single.lifetimes,
}
"""A node and later ones that don't depend on what it or any between them finds → what measures for all in one job."""

MOST_ATTEMPTS = 2
_LOAD_FITS_S = 0.05
"""Time in which the first measurement is compiled."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A finished tune-up.

    Attributes
    ----------
    qpu : str
        Processor.
    outcomes : tuple of Outcome
        What each node found, in order, refused findings included.
    values : Values
        Today's values.
    snapshot : int
        Number of the newest snapshot, which has them; 0 if none was ever written.
    n_points, n_shots : int
        Sweep points measured and shots taken.
    seconds : float
        Wall time.
    assignment : dict of str to (2, 2) float64
        ``assignment[measured, prepared]`` of each qubit that was discriminated.
    """

    qpu: str
    outcomes: tuple[Outcome, ...]
    values: Values
    snapshot: int
    n_points: int
    n_shots: int
    seconds: float
    assignment: dict[str, np.ndarray]

    @property
    def accepted(self) -> bool:
        """Say whether every node accepted every target."""
        return all(outcome.accepted for outcome in self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """Return the values in the shape of truth.json, with the numbers of the tune-up beside them."""
        qubits: dict[str, Any] = {}
        gates: dict[str, Any] = {}
        for name, qubit in self.values.qubits.items():
            if not isinstance(qubit, TransmonQubit):
                continue
            qubits[name] = {
                "frequency_hz": qubit.frequency_hz,
                "anharmonicity_hz": qubit.anharmonicity_hz,
                "t1_s": qubit.t1_s,
                "t2_s": qubit.t2_s,
                "amplitude_v": qubit.drive.amplitude_v,
            }
            if name in self.assignment:
                qubits[name]["readout_matrix"] = self.assignment[name].T.tolist()
            gates[f"sx {name}"] = {"length_s": qubit.drive.length_s}
        couplers: dict[str, Any] = {}
        for name, coupler in self.values.couplers.items():
            if isinstance(coupler, TransmonCoupler):
                couplers[name] = {
                    "coupling_hz": coupler.coupling_hz,
                    "zz_hz": coupler.zz_hz,
                    "cz_length_s": coupler.cz.length_s,
                }
                gates[f"cz {name}"] = {"length_s": coupler.cz.length_s}
        return {
            "qubits": qubits,
            "couplers": couplers,
            "gates": gates,
            "qpu": self.qpu,
            "snapshot": self.snapshot,
            "n_points": self.n_points,
            "n_shots": self.n_shots,
            "seconds": self.seconds,
            "accepted": self.accepted,
            "nodes": [
                {"node": o.node, "target": f.target, "accepted": f.accepted, "result": f.text, "reason": f.reason}
                for o in self.outcomes
                for f in o.findings
            ],
        }


def calibrate(
    lab: Any,
    qpu: str | None = None,
    *,
    only: str | Sequence[str] | None = None,
    plots: str | Path | None = None,
    n_shots: int = 400,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Calibration:
    """Tune up a processor by measurements, and write what was accepted as a new snapshot.

    A finding whose fit is poor or whose value is outside its bounds is not taken; its data and plot are kept,
    and the node is tried once more with a wider span.

    Parameters
    ----------
    lab : Lab
        From `qctl.connect`.
    qpu : str, optional
        Processor; may be left out if there is only one.
    only : str or sequence of str, optional
        Nodes to run; all without it.
    plots : path, optional
        Folder for one picture a node.
    n_shots : int
        Shots averaged for each sweep point.
    on_progress : callable, optional
        Called with node, number of nodes done, number of nodes.

    Raises
    ------
    RequestError
        If a node or processor is not there, or the processor's qubits are no transmons.
    """
    wanted = [only] if isinstance(only, str) else list(only or NODES)
    for name in wanted:
        if name not in NODES:
            raise RequestError(f"node = {name!r} is none of {', '.join(NODES)}")
    qpu = processor_meant(lab.processors, f"lab {lab.name}", qpu)
    present = lab.calibration(qpu)
    if not all(isinstance(qubit, TransmonQubit) for qubit in present.qubits.values()):
        raise RequestError(f"{qpu} is no processor of transmons; there is no tune-up for other platforms yet")
    begun = time.perf_counter()
    # The fits' library takes a third of a second to load, and so does the first measurement; but what compiles that, at
    # the lowest priority, would wait for the library.
    loading = threading.Timer(_LOAD_FITS_S, importlib.import_module, ("scipy.optimize",))
    loading.daemon = True
    loading.start()
    bench = Bench(lab, qpu, present, n_shots)
    outcomes: list[Outcome] = []
    measured: set[str] = set()
    wanted = [name for name in wanted if _targets(bench, NODES[name][0])]
    for done, name in enumerate(wanted):
        if on_progress:
            on_progress(name, done, len(wanted))
        left = set(wanted[done:]) - measured
        together = next((nodes for nodes in AHEAD if nodes[0] == name and left.issuperset(nodes)), ())
        if together:
            bench.node = " ".join(together)
            AHEAD[together](bench, _targets(bench, NODES[name][0]))
            measured.update(together)
        outcome = _run(bench, name)
        outcomes.append(outcome)
        if plots is not None:
            _plot(outcome, Path(plots))
    if on_progress:
        on_progress("", len(wanted), len(wanted))
    assignment = {f.target: f.x.reshape(2, 2) for o in outcomes for f in o.findings if f.clouds is not None}
    return Calibration(
        qpu,
        tuple(outcomes),
        bench.values,
        bench.values.number,
        bench.points_used,
        bench.shots_used,
        time.perf_counter() - begun,
        assignment,
    )


def _run(bench: Bench, name: str) -> Outcome:
    """Run one node on all its targets, and write what it found; targets that fail are tried again, wider."""
    kind, node = NODES[name]
    bench.node = name
    todo = _targets(bench, kind)
    found: dict[str, Finding] = {}
    parts: list[Outcome] = []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        outcome = node(bench, todo, attempt)
        bench.take(outcome)
        parts.append(outcome)
        found.update({finding.target: finding for finding in outcome.findings})
        todo = [target for target in todo if not found[target].accepted]
        if not todo:
            break
    bench.write()
    return _joined(parts, name, tuple(found.values()))


def _targets(bench: Bench, kind: str) -> list[str]:
    """Return the names that a node tunes."""
    if kind == "skewed":
        return coincidence.skewed(bench.lab.description, bench.values)
    return list(bench.values.qubits if kind == "qubits" else bench.values.couplers)


def _joined(parts: Sequence[Outcome], name: str, findings: tuple[Finding, ...]) -> Outcome:
    """Join the attempts of one node into one outcome."""
    return Outcome(
        name,
        findings,
        parts[-1].x_label,
        parts[-1].y_label,
        sum(part.n_points for part in parts),
        sum(part.n_shots for part in parts),
        len(parts),
    )


def figure_of(outcome: Outcome) -> Any:
    """Draw what a node measured, with its fits."""
    from qctl.report import plots

    if any(finding.clouds is not None for finding in outcome.findings):
        clouds = {f.target: f.clouds for f in outcome.findings if f.clouds is not None}
        lines = {}
        for f in outcome.findings:
            if isinstance(f.update, TransmonQubit):
                lines[f.target] = (f.update.readout.angle_rad, f.update.readout.threshold_v)
        return plots.iq_clouds(clouds, lines)
    series = [
        (f.target + ("" if f.accepted else " (refused)"), f.x, f.y, f.fit.curve if f.fit is not None else None)
        for f in outcome.findings
    ]
    return plots.curves(series, outcome.x_label, outcome.y_label)


def _plot(outcome: Outcome, folder: Path) -> None:
    if not any(finding.clouds is not None or len(finding.x) > 1 for finding in outcome.findings):
        return
    folder.mkdir(parents=True, exist_ok=True)
    figure_of(outcome).savefig(folder / f"{outcome.node}.png", dpi=110)
