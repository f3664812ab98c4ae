"""Bell and GHZ-5: the measured fidelity is what the hidden parameters allow, by QuTiP."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from density import gates_of, probabilities

import qctl
from qctl.cli.showcase import state_fidelity
from qctl.compiler.target import Target

SHOTS = 2000


class Simulated:
    """Answers `run` as a lab does, from the density-matrix simulation: probabilities instead of counts."""

    def __init__(self, lab: Any) -> None:
        self.lab, self.counts = lab, []

    def run(self, programs: list[Any], shots: int, seed: int) -> Simulated:
        """Simulate every program."""
        target = Target.from_lab(self.lab.client, "qpu0")
        for program in programs:
            gates = gates_of(qctl.translate(program, target, level=2, seed=seed), self.lab.truth, self.lab.qubits)
            found = probabilities(gates, self.lab.truth, self.lab.qubits, len(program.body.bits))
            self.counts.append({key: chance * shots for key, chance in found.items()})
        return self

    def result(self, timeout_s: float) -> Simulated:
        """Return the tables."""
        return self


@pytest.mark.parametrize("n", [2, 5])
def test_fidelity_is_what_the_hidden_parameters_allow(tuned: Any, n: int) -> None:
    measured = state_fidelity(tuned.client, n, SHOTS, seed=5)
    allowed = state_fidelity(Simulated(tuned), n, SHOTS, seed=5)
    print(f"{n} qubits: measured {measured['fidelity']:.4f} ± {measured['standard_error']:.4f},", allowed["fidelity"])
    assert np.isfinite(measured["fidelity"])
    assert abs(measured["fidelity"] - allowed["fidelity"]) <= 3 * measured["standard_error"] + 0.01
