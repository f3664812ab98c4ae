"""The density method: exact noisy evolution of a density matrix, sampled counts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.simulation.branches import SECONDS_PER_COEFFICIENT, evolve, sample_branches
from qctl.simulation.flow import late_measurements
from qctl.simulation.memory import have_bytes
from qctl.simulation.noise import NoiseModel
from qctl.simulation.observables import PauliSum
from qctl.simulation.pace import Pace
from qctl.simulation.pauli import density_matrix, populations
from qctl.simulation.result import Estimate, Simulated, Wish
from qctl.simulation.work import gates_played

__all__ = ["DensityOutcome", "estimate", "play", "refusal"]

MOST_QUBITS = 15
SECONDS_PER_GATE = 1e-4
MOST_BRANCHES = 1 << 20


@dataclass(frozen=True, slots=True)
class DensityOutcome(Simulated):
    """What the density method found.

    Attributes
    ----------
    n_qubits : int
    coefficients : (4**n_qubits,) float
        tr(P rho) of every Pauli string at the program's end: digit q of the index in base 4 is I, X, Y, Z on qubit q.
    """

    n_qubits: int = 0
    coefficients: NDArray[np.floating] = field(default_factory=lambda: np.ones(1), repr=False)

    @property
    def density_matrix(self) -> NDArray[np.complexfloating]:
        """Return the state at the end, (2**n_qubits, 2**n_qubits) complex, qubit 0 least significant."""
        return density_matrix(self.coefficients, self.n_qubits)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Return the populations of the computational basis, (2**n_qubits,), before readout errors."""
        return populations(self.coefficients, self.n_qubits)

    def expectation(self, observable: PauliSum) -> float:
        """Return the expectation value of an observable in the state at the end.

        Raises
        ------
        RequestError
            If the observable names a qubit that the program lacks.
        """
        observable.refuse_beyond(self.n_qubits)
        total = 0.0
        for (flip, sign), weight in zip(observable.masks, observable.terms.values(), strict=True):
            place = 0
            for q in range(self.n_qubits):
                x, z = flip >> q & 1, sign >> q & 1
                place |= (1 + z if x else 3 * z) << 2 * q
            total += weight * float(self.coefficients[place])
        return total

    def fidelity(self, statevector: NDArray[np.complexfloating]) -> float:
        """Return <psi|rho|psi> for a normalised state vector (2**n_qubits,)."""
        psi = np.asarray(statevector)
        if psi.shape != (2**self.n_qubits,):
            raise RequestError(f"statevector has the shape {psi.shape}, expected ({2**self.n_qubits},)")
        return float(np.vdot(psi, self.density_matrix @ psi).real)


def refusal(body: Body, wish: Wish) -> str:
    """Return why this method can't play a program, or nothing."""
    return f"{body.n_qubits} qubits are more than {MOST_QUBITS}" if body.n_qubits > MOST_QUBITS else ""


def estimate(body: Body, wish: Wish) -> Estimate:
    """Return what the method takes: 4**n real numbers for each branch, of which a measurement midway makes two."""
    size, itemsize = 4.0**body.n_qubits, _dtype(wish).itemsize
    ops = body.instructions["op"]
    n_midway = int((ops == Op.MEASURE).sum()) - len(late_measurements(body))
    n_branches = 2 ** min(n_midway, len(body.bits), 12)
    n_gates = gates_played(body)
    time_s = n_gates * n_branches * (SECONDS_PER_GATE + SECONDS_PER_COEFFICIENT * size / wish.threads)
    return Estimate("density", int(size * itemsize * (1 if n_branches == 1 else 2 * n_branches)), time_s)


def play(body: Body, wish: Wish) -> Simulated:
    """Play a program on a density matrix; what branches ask is decided exactly, in a branch for each answer.

    Raises
    ------
    RequestError
        If the program has pulses, a loop that doesn't end, or more classical histories than fit in memory.
    """
    dtype = _dtype(wish)
    most = int(min(MOST_BRANCHES, have_bytes() // 2 // (2 * 4**body.n_qubits * dtype.itemsize) + 1))
    pace = Pace(wish.progress)
    branches, measured = evolve(body, wish.noise or NoiseModel(), dtype, wish.threads, most, pace)
    coefficients: NDArray[np.floating] = branches[0].state
    for branch in branches[1:]:
        coefficients = coefficients + branch.state
    counts: dict[str, int] = {}
    if wish.shots:
        counts = sample_branches(branches, measured, body.n_qubits, len(body.bits), wish.shots, wish.seed)
    pace.tell(1.0)
    return DensityOutcome(counts, estimate=estimate(body, wish), n_qubits=body.n_qubits, coefficients=coefficients)


def _dtype(wish: Wish) -> np.dtype:
    return np.dtype(np.float64 if wish.precision == "double" else np.float32)
