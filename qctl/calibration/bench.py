"""What every node of a tune-up works on: the lab, today's values, and what each node found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.calibration.fits import Fit
from qctl.client.populations import project
from qctl.errors import RequestError
from qctl.lab import TransmonCoupler, TransmonQubit
from qctl.lab.snapshot import Values
from qctl.program.program import Program

__all__ = ["Bench", "Finding", "Outcome"]

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]

_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """What a node found for one qubit or coupler.

    Attributes
    ----------
    target : str
        Qubit or coupler of lab.toml.
    x, y : (n,) float64
        The measured curve, kept whether or not the fit was accepted.
    fit : Fit or None
        None where the node computes its values directly.
    update : TransmonQubit, TransmonCoupler or None
        The new values; None if nothing changes.
    reason : str
        Why the values were not taken; empty if they were.
    text : str
        The result in one line, for people.
    clouds : (iq0, iq1) or None
        Single shots, where the node took them.
    """

    target: str
    x: Floats = field(repr=False)
    y: Floats = field(repr=False)
    fit: Fit | None = None
    update: TransmonQubit | TransmonCoupler | None = None
    reason: str = ""
    text: str = ""
    clouds: tuple[Complex, Complex] | None = field(default=None, repr=False)

    @property
    def accepted(self) -> bool:
        """Say whether the values were taken."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one node did.

    Attributes
    ----------
    node : str
        Its name in the table of nodes.
    findings : tuple of Finding
        One for each qubit or coupler.
    x_label, y_label : str
        For plots.
    n_points, n_shots : int
        Sweep points measured, and shots in all of them.
    attempts : int
        How often it was tried.
    """

    node: str
    findings: tuple[Finding, ...]
    x_label: str = ""
    y_label: str = ""
    n_points: int = 0
    n_shots: int = 0
    attempts: int = 1

    @property
    def accepted(self) -> bool:
        """Say whether every target was accepted."""
        return all(finding.accepted for finding in self.findings)


class Bench:
    """Hold a tune-up's state: the lab it runs on, the values it has so far, and what it has used.

    Parameters
    ----------
    lab : Lab
        From `qctl.connect`.
    qpu : str
        Processor.
    values : Values
        Where the tune-up starts from.
    n_shots : int
        Shots averaged for each sweep point.

    Attributes
    ----------
    node : str
        Name of the node that works now; jobs and snapshots are named after it.
    """

    def __init__(self, lab: Any, qpu: str, values: Values, n_shots: int = 400) -> None:
        if n_shots < 1:
            raise RequestError(f"n_shots = {n_shots} is below 1")
        self.lab = lab
        self.qpu = qpu
        self.values = values
        self.n_shots = n_shots
        self.node = ""
        self._unwritten: list[str] = []
        self.points_used = 0
        self.shots_used = 0
        self._ahead: dict[tuple[str, int], dict[str, Complex]] = {}

    def qubit(self, name: str) -> TransmonQubit:
        """Return today's values of a qubit."""
        value = self.values.qubits[name]
        if not isinstance(value, TransmonQubit):
            raise RequestError(f"qubit {name} is no transmon; these nodes tune transmons")
        return value

    def coupler(self, name: str) -> TransmonCoupler:
        """Return today's values of a coupler."""
        value = self.values.couplers[name]
        if not isinstance(value, TransmonCoupler):
            raise RequestError(f"coupler {name} is no transmon coupler; these nodes tune transmons")
        return value

    def sample_s(self, port: str) -> float:
        """Return how long a sample of a port's outputs is, in seconds.

        Raises
        ------
        RequestError
            If lab.toml has no such port, or its instrument no clock.
        """
        lab = self.lab.description
        found = lab.port(port)
        clock_hz = lab.instrument(found.outputs[0].instrument).clock_hz if found.outputs else None
        if not clock_hz:
            raise RequestError(f"port {port} has no clock: clock_hz of its outputs' instrument is not in lab.toml")
        return float(1 / clock_hz)

    def averaged(self, programs: Sequence[Program], n_shots: int | None = None) -> list[dict[str, Complex]]:
        """Measure programs with the digitizer's own averaging, all in one job.

        Parameters
        ----------
        programs : sequence of Program
            They share the job's preparation and upload; none may depend on what another finds.
        n_shots : int, optional
            Shots of each point; the tune-up's without it.

        Returns
        -------
        list of dict of str to complex128, V
            For each program IQ by qubit, shaped by the program's sweeps.
        """
        shots = n_shots or self.n_shots
        keys = [(program.hash, shots) for program in programs] if self._ahead else []
        if keys and all(key in self._ahead for key in keys):
            return [self._ahead.pop(key) for key in keys]
        return [
            {name: np.asarray(iq) for name, iq in one.items()} for one in self._measure(programs, shots, averaged=True)
        ]

    def measure_ahead(self, programs: Sequence[Program], n_shots: int) -> None:
        """Measure in one job what several nodes will ask `averaged` for; they get this, if they ask for just the same.

        Parameters
        ----------
        programs : sequence of Program
            None may depend on what a node before it finds.
        n_shots : int
            Shots of each point.
        """
        self._ahead = {}
        found = self.averaged(programs, n_shots)
        self._ahead = {(program.hash, n_shots): iq for program, iq in zip(programs, found, strict=True)}

    def single_shots(self, programs: Sequence[Program], n_shots: int) -> list[dict[str, Complex]]:
        """Measure programs with one record a shot, all in one job; return IQ by qubit, (n_shots,) each."""
        return [
            {name: np.asarray(iq).reshape(n_shots, -1)[:, 0] for name, iq in one.items()}
            for one in self._measure(programs, n_shots, averaged=None)
        ]

    def _measure(self, programs: Sequence[Program], n_shots: int, averaged: bool | None) -> list[dict[str, Any]]:
        if not programs:
            return []
        name = self._job_name(programs)
        job = self.lab.run(list(programs), shots=n_shots, qpu=self.qpu, averaged=averaged, name=name)
        found = [program.iq for program in job.result()]
        for program in programs:
            points = int(np.prod([len(sweep.values) for sweep in program.body.sweeps], initial=1))
            self.points_used += points
            self.shots_used += points * n_shots
        return found

    def _job_name(self, programs: Sequence[Program]) -> str:
        """Return a name for people: the node, and the qubits that are measured, if they are not too many to read."""
        qubits = list(dict.fromkeys(qubit for program in programs for qubit in program.body.qubits))
        shown = " ".join(qubits)
        return f"{self.node} {shown if len(shown) <= _LONGEST_SHOWN else f'{len(qubits)} qubits'}".strip()

    def signal(self, name: str, iq: Complex) -> Floats:
        """Return a real signal that grows with excitation: the population once both centres are known."""
        readout = self.qubit(name).readout
        if readout.center0_v is None:
            raise RequestError(f"qubit {name}: the ground state's IQ point is not known; run node `reference` first")
        one = None if readout.center1_v is None else complex(*readout.center1_v)
        return project(iq, complex(*readout.center0_v), one)

    def take(self, outcome: Outcome) -> None:
        """Make the accepted values today's values; the compiler has them from the next `write` on."""
        qubits, couplers = dict(self.values.qubits), dict(self.values.couplers)
        for finding in outcome.findings:
            if not finding.accepted or finding.update is None:
                continue
            if isinstance(finding.update, TransmonCoupler):
                couplers[finding.target] = finding.update
            else:
                qubits[finding.target] = finding.update
            if finding.target not in self._unwritten:
                self._unwritten.append(finding.target)
        self.values = msgspec.structs.replace(self.values, qubits=qubits, couplers=couplers)

    def write(self) -> None:
        """Write today's values as a new snapshot, if any was taken since the last."""
        if not self._unwritten:
            return
        note = f"tune-up: {self.node} of {', '.join(self._unwritten)}"
        values = {"qubits": self.values.qubits, "couplers": self.values.couplers}
        number = int(self.lab.write_snapshot(self.qpu, values, note=note))
        self.values = msgspec.structs.replace(self.values, number=number)
        self._unwritten = []
