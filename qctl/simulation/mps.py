"""The mps method: matrix product states of a line of qubits with bonds cut to a given size, by quimb.

Sources: Vidal, Phys. Rev. Lett. 91, 147902 (2003); Gray, J. Open Source Softw. 3, 819 (2018), quimb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.program.program import Program
from qctl.program.tables import BlockKind
from qctl.simulation.flow import late_measurements
from qctl.simulation.noise import NoiseModel
from qctl.simulation.observables import PauliSum
from qctl.simulation.pace import Pace
from qctl.simulation.pauli import PAULIS
from qctl.simulation.result import Estimate, Simulated, Wish
from qctl.simulation.steps import Gate, straight_steps
from qctl.simulation.work import gates_played

__all__ = ["MpsOutcome", "amplitudes", "estimate", "matrix_product", "play", "refusal"]

MOST_BOND = 64
"""Bond that `simulate` cuts to."""
CUTOFF = 1e-10


@dataclass(frozen=True, slots=True)
class MpsOutcome(Simulated):
    """A state whose bonds were cut.

    Attributes
    ----------
    n_qubits : int
    truncation_error : float
        Estimated loss of fidelity: 1 less the product of the squared norms that the cuts left.
    bond : int
        Largest bond at the end.
    circuit : quimb.tensor.CircuitMPS
    """

    n_qubits: int = 0
    truncation_error: float = 0.0
    bond: int = 1
    circuit: Any = field(default=None, repr=False)

    def amplitude(self, bits: str) -> complex:
        """Return <bits|psi>, qubit 0 rightmost."""
        return complex(self.circuit.amplitude(_string(bits, self.n_qubits)))

    def expectation(self, observable: PauliSum) -> float:
        """Return the expectation value of an observable in the state at the end.

        Raises
        ------
        RequestError
            If the program lacks a qubit of the observable.
        """
        observable.refuse_beyond(self.n_qubits)
        total = 0.0
        psi = self.circuit.psi
        norm = float(abs(psi.H @ psi))
        for text, weight in observable.terms.items():
            flipped = psi.copy()
            for factor in text.split():
                flipped.gate_(PAULIS["IXYZ".index(factor[0])], int(factor[1:]), contract=True)
            total += weight * float((psi.H @ flipped).real) / norm
        return total


def refusal(body: Body, wish: Wish) -> str:
    """Return why this method can't play a program, or nothing."""
    if wish.noise is not None:
        return "matrix product states have no noise"
    if _midway(body):
        return "the program branches or measures midway"
    if find_spec("quimb") is None:
        return "quimb is not installed: pip install 'qctl[tensor]'"
    return ""


def estimate(body: Body, wish: Wish) -> Estimate:
    """Return what the method takes if every bond grows to its limit."""
    n, bond = body.n_qubits, min(MOST_BOND, 2 ** (body.n_qubits // 2))
    n_gates = gates_played(body)
    time_s = 1.0 + n_gates * (5e-4 + 2e-8 * bond**3) + (wish.shots or 0) * n * (1e-4 + 1e-8 * bond**2)
    return Estimate("mps", n * 4 * bond * bond * wish.dtype.itemsize, time_s)


def play(body: Body, wish: Wish) -> Simulated:
    """Play a program without noise on matrix product states with bonds of at most 64.

    Raises
    ------
    RequestError
        If the program has noise, branches or measures midway, or quimb is missing.
    """
    return _played(body, wish, MOST_BOND, CUTOFF)


def matrix_product(
    program: Program, bond: int, shots: int | None = None, seed: int | None = None, cutoff: float = CUTOFF
) -> MpsOutcome:
    """Play a program on matrix product states.

    Parameters
    ----------
    program : Program
        Straight, measured at its end alone.
    bond : int
        Largest bond that is kept.
    shots, seed : int, optional
        As of `simulate`.
    cutoff : float
        Singular values below this share of the largest one are cut.

    Raises
    ------
    RequestError
        As `play`, or if `bond` is below 1.
    """
    if bond < 1:
        raise RequestError(f"bond = {bond} is below 1")
    return _played(program.body, Wish(shots, seed), bond, cutoff)


def amplitudes(program: Program, bits: Sequence[str]) -> np.ndarray:
    """Return single amplitudes of a program's last state by contracting a tensor network for each, exactly.

    It fits many qubits where the circuit is shallow: the contraction's cost is that of the best order found, not 2**n.

    Parameters
    ----------
    program : Program
        Straight, without measurements midway.
    bits : sequence of str
        One letter 0 or 1 for each qubit, qubit 0 rightmost.

    Returns
    -------
    (n,) complex128

    Raises
    ------
    RequestError
        If the program branches, a string doesn't fit, or quimb is missing.
    """
    body = program.body
    problem = refusal(body, Wish())
    if problem:
        raise RequestError(f"amplitudes: {problem}")
    circuit = _tensors().Circuit(body.n_qubits)
    for step in _gates(body):
        circuit.apply_gate_raw(_whole(step), step.qubits)
    return np.array([circuit.amplitude(_string(text, body.n_qubits)) for text in bits], np.complex128)


def _played(body: Body, wish: Wish, bond: int, cutoff: float) -> MpsOutcome:
    problem = refusal(body, wish)
    if problem:
        raise RequestError(f"method 'mps' can't play this program: {problem}")
    circuit = _tensors().CircuitMPS(body.n_qubits, max_bond=bond, cutoff=cutoff, dtype=wish.dtype.name)
    pace = Pace(wish.progress)
    gates, shots = _gates(body), (wish.shots or 0) if body.bits else 0
    whole = len(gates) + shots
    for done, step in enumerate(gates):
        circuit.apply_gate_raw(_whole(step).astype(wish.dtype), step.qubits)
        pace.tell((done + 1) / whole)
    counts: dict[str, int] = {}
    if shots:
        source = {bit: int(body.instructions["a"][row]) for bit, row in late_measurements(body).items()}
        for shot, text in enumerate(circuit.sample(shots, seed=wish.seed)):
            pace.tell((len(gates) + shot + 1) / whole)
            read = "".join(text[source[bit]] if bit in source else "0" for bit in reversed(range(len(body.bits))))
            counts[read] = counts.get(read, 0) + 1
    pace.tell(1.0)
    error = max(0.0, 1.0 - float(circuit.fidelity_estimate()))
    largest = int(circuit.psi.max_bond() or 1) if body.n_qubits > 1 else 1
    return MpsOutcome(
        counts,
        estimate=estimate(body, wish),
        n_qubits=body.n_qubits,
        truncation_error=error,
        bond=largest,
        circuit=circuit,
    )


def _tensors() -> Any:
    return import_module("quimb.tensor")


def _midway(body: Body) -> bool:
    ops = body.instructions["op"]
    n_measured = int((ops == Op.MEASURE).sum())
    branches = any(block.kind is not BlockKind.BOX for block in body.blocks)
    changes = np.isin(ops, [int(op) for op in (Op.RESET, Op.SET_BIT, Op.ASSIGN, Op.HALT)]).any()
    return bool(branches or changes or len(late_measurements(body)) != n_measured)


def _gates(body: Body) -> list[Gate]:
    rows = [i for i, op in enumerate(body.instructions["op"].tolist()) if op not in (Op.BEGIN, Op.END, Op.MEASURE)]
    steps = straight_steps(body, rows, lambda value: float(value), NoiseModel())  # type: ignore[arg-type]
    return [step for step in steps if isinstance(step, Gate)]


def _whole(gate: Gate) -> np.ndarray:
    matrix = np.eye(2 ** len(gate.qubits), dtype=np.complex128)
    matrix[-len(gate.matrix) :, -len(gate.matrix) :] = gate.matrix
    return matrix


def _string(bits: str, n_qubits: int) -> str:
    if len(bits) != n_qubits or not set(bits) <= {"0", "1"}:
        raise RequestError(f"{bits!r} are no {n_qubits} letters 0 or 1")
    return bits[::-1]
