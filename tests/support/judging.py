"""Judge counts of a tuned-up lab against a density-matrix simulation from its hidden parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import outside_circuits
from density import counted, distance, from_uniform, gates_of, probabilities, sampling_quantile

import qctl
from qctl.compiler.target import Target

DRAW_SEED = 20_001
PER_CZ, PER_PULSE = 0.01, 0.002


@dataclass(frozen=True)
class Verdict:
    """One circuit on one lab: how far its counts are from the simulation, and how far they may be."""

    name: str
    distance: float
    bound: float
    quantile: float
    n_cz: int
    n_pulses: int
    from_uniform: float

    @property
    def passed(self) -> bool:
        """Say whether the counts are near enough."""
        return self.distance <= self.bound

    def __str__(self) -> str:
        state = "ok  " if self.passed else "MISS"
        return (
            f"{state} {self.name:<16} distance {self.distance:.4f} of {self.bound:.4f} "
            f"(quantile {self.quantile:.4f}, {self.n_cz} cz, {self.n_pulses} sx, from uniform {self.from_uniform:.2f})"
        )


def judge(lab: Any, name: str, folder: Path, shots: int = 2000) -> Verdict:
    """Run a circuit by `qctl run FILE --json`, and compare."""
    text = outside_circuits.write(name)
    file = folder / f"{name}.qasm"
    file.write_text(text)
    found = lab.run_file(file, shots)
    wanted = outside_circuits.ideal(text)
    n_bits = len(next(iter(wanted)))
    target = Target.from_lab(lab.client, "qpu0")
    native = qctl.translate(qctl.Circuit.from_qasm(text), target, level=2, seed=0)
    gates = gates_of(native, lab.truth, lab.qubits)
    perfect = probabilities(gates, lab.truth, lab.qubits, n_bits, noisy=False)
    assert distance(perfect, wanted) < 1e-6, f"{name}: the translated circuit is another one"
    noisy = probabilities(gates, lab.truth, lab.qubits, n_bits)
    n_cz, n_pulses = counted(gates)
    ran = lab.client.job(found["job"]).result(10).content["programs"][0]
    assert (ran["n_two_qubit_gates"], ran["n_pulses"]) == (n_cz, n_pulses), f"{name} was compiled otherwise"
    assert sum(found["counts"].values()) == shots
    quantile = sampling_quantile(noisy, shots, DRAW_SEED)
    bound = quantile + PER_CZ * n_cz + PER_PULSE * n_pulses
    return Verdict(
        name, distance(found["counts"], noisy), bound, quantile, n_cz, n_pulses, from_uniform(wanted, n_bits)
    )
