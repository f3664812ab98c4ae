"""Branches: density matrices of a noisy program, one for each classical history that matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.cext import density
from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.expressions import Expression, Value
from qctl.program.opcodes import GATES, Op
from qctl.simulation.channels import Channel
from qctl.simulation.flow import late_measurements, play
from qctl.simulation.noise import NoiseModel
from qctl.simulation.pace import Pace
from qctl.simulation.pauli import density_matrix, ground, populations, vector
from qctl.simulation.steps import Gate, Measurement, Noise, straight_steps
from qctl.simulation.superoperators import Superoperators, superoperators_of
from qctl.simulation.vectors import widest_vectors

__all__ = ["SECONDS_PER_COEFFICIENT", "Branch", "evolve", "sample_branches"]

SECONDS_PER_COEFFICIENT = 4e-10
"""Of a gate with its noise, multiplied with its neighbours; measured on an AVX-512 machine of 2023."""

LEAST_ODDS = 1e-15
"""A branch less probable than this is dropped."""

PROJECTORS = np.array([np.diag([1, 0]), np.diag([0, 1])], np.complex128)


@dataclass(slots=True, eq=False)
class Branch:
    """A classical history: values of bits and registers, and the state times its probability.

    Attributes
    ----------
    values : tuple of float
        Bits, then registers.
    state : (4**n_qubits,) float
        Pauli coefficients; the first one is the branch's probability.
    """

    values: tuple[float, ...]
    state: NDArray[np.floating]


class _Density:
    """Play straight parts on branches; branches with the same classical values are one."""

    def __init__(
        self, body: Body, noise: NoiseModel, dtype: np.dtype, threads: int, most_branches: int, pace: Pace
    ) -> None:
        self.body, self.noise, self.dtype, self.threads, self.pace = body, noise, dtype, threads, pace
        self.widest, self.furthest = widest_vectors(), 0.0
        self.names = [*body.bits, *(register.name for register in body.registers)]
        self.most = most_branches
        self.plans: dict[tuple[int, ...], list[Superoperators | Gate | Measurement]] = {}

    def start(self) -> list[Branch]:
        return [Branch((0.0,) * len(self.names), ground(self.body.n_qubits, self.dtype))]

    def number(self, branch: Branch | None, value: Value) -> float:
        if not isinstance(value, Expression):
            return float(value)
        return value.evaluate(dict(zip(self.names, branch.values, strict=True)) if branch is not None else {})

    def straight(self, party: list[Branch], rows: Sequence[int]) -> list[Branch]:
        variable = any(_depends(self.body, i) for i in rows)
        found: list[Branch] = []
        groups = [[branch] for branch in party] if variable else [party]
        for k, group in enumerate(groups):
            parts = self._plan(tuple(rows), group[0] if variable else None)
            for i, part in enumerate(parts):
                until = self._place(rows, (k + (i + 1) / len(parts)) / len(groups))
                group = self._play(part, group, until)
            found += group
        return self.join([found])

    def _place(self, rows: Sequence[int], part: float) -> float:
        """Return which part of the program is behind, once such a part of a stretch of rows is."""
        return (rows[0] + part * (rows[-1] + 1 - rows[0])) / len(self.body)

    def _plan(self, rows: tuple[int, ...], branch: Branch | None) -> list[Superoperators | Gate | Measurement]:
        if branch is None and rows in self.plans:
            return self.plans[rows]
        steps = straight_steps(self.body, rows, lambda value: self.number(branch, value), self.noise)
        parts: list[Superoperators | Gate | Measurement] = []
        stretch: list[Gate | Noise] = []
        for step in steps:
            if isinstance(step, Measurement) or (isinstance(step, Gate) and len(step.qubits) > 3):
                parts += [superoperators_of(stretch, self.dtype)] if stretch else []
                parts.append(step)
                stretch = []
            else:
                stretch.append(step)
        parts += [superoperators_of(stretch, self.dtype)] if stretch else []
        if branch is None:
            self.plans[rows] = parts
        return parts

    def _play(self, part: Superoperators | Gate | Measurement, party: list[Branch], until: float) -> list[Branch]:
        if isinstance(part, Measurement):
            return self._measure(part, party)
        first = self.furthest
        for k, branch in enumerate(party):
            if isinstance(part, Gate):
                branch.state = _wide(branch.state, part, self.body.n_qubits)
            else:
                share = (until - first) / len(party)
                self.apply(branch.state, part, first + k * share, first + (k + 1) * share)
        self.furthest = max(first, until)
        return party

    def apply(self, state: NDArray[np.floating], part: Superoperators, first: float = 0.0, last: float = 0.0) -> None:
        """Play superoperators on a state in place, from one part of the program to another."""

        def share(_: int, watch: NDArray[np.int64]) -> None:
            density.play(
                state, self.body.n_qubits, part.qubits, part.offsets, part.matrices, self.threads, self.widest, watch
            )

        expected_s = SECONDS_PER_COEFFICIENT * state.size * len(part.qubits)
        self.pace.together(share, 1, len(part.qubits), expected_s, first, last)

    def _measure(self, part: Measurement, party: list[Branch]) -> list[Branch]:
        found: list[Branch] = []
        for branch in party:
            for read in (0, 1):
                odds = [ones if read else 1 - ones for ones in part.ones]
                outcome = Channel("outcome", PROJECTORS * np.sqrt(odds)[:, None, None])
                step = superoperators_of([Noise(outcome, part.qubits)], self.dtype)
                state = branch.state.copy()
                self.apply(state, step, self.furthest, self.furthest)
                values = (*branch.values[: part.bit], float(read), *branch.values[part.bit + 1 :])
                found.append(Branch(values, state))
        return self.join([found])

    def part(
        self, party: list[Branch], value: Value, test: Callable[[float], bool]
    ) -> tuple[list[Branch], list[Branch]]:
        passes = [bool(test(self.number(branch, value))) for branch in party]
        sides = [[b for b, passed in zip(party, passes, strict=True) if passed is side] for side in (True, False)]
        return sides[0], sides[1]

    def join(self, parties: Sequence[list[Branch]]) -> list[Branch]:
        together: dict[tuple[float, ...], Branch] = {}
        for branch in (branch for party in parties for branch in party if branch.state[0] > LEAST_ODDS):
            same = together.setdefault(branch.values, branch)
            if same is not branch:
                same.state = same.state + branch.state
        if len(together) > self.most:
            need = len(together) * 4**self.body.n_qubits * self.dtype.itemsize
            raise RequestError(
                f"{len(together)} classical histories of {self.body.n_qubits} qubits need {need / 2**30:.3g} GiB as "
                "density matrices; method='trajectories' plays them shot by shot"
            )
        return list(together.values())

    def empty(self, party: list[Branch]) -> bool:
        return not party

    def assign(self, party: list[Branch], row: int) -> list[Branch]:
        instruction = self.body.instructions[row]
        bit = int(instruction["op"]) == Op.SET_BIT
        place = int(instruction["a"]) + (0 if bit else len(self.body.bits))
        for branch in party:
            value = self.number(branch, self.body.expressions[int(instruction["b"])])
            value = float(bool(value)) if bit else value
            branch.values = (*branch.values[:place], value, *branch.values[place + 1 :])
        return self.join([party])


def evolve(
    body: Body, noise: NoiseModel, dtype: np.dtype, threads: int, most_branches: int, pace: Pace | None = None
) -> tuple[list[Branch], dict[int, Measurement]]:
    """Play a program and return its branches at the end, and the measurements of bits that were left for the end.

    The pace is told which part of the program's rows is behind.

    Raises
    ------
    RequestError
        If it has pulses, a loop that doesn't end, or more than `most_branches` classical histories at once.
    """
    late = late_measurements(body)
    engine = _Density(body, noise, dtype, threads, most_branches, pace or Pace())
    branches = play(body, engine, engine.start(), frozenset(late.values()))
    measured: dict[int, Measurement] = {}
    for bit, row in late.items():
        for step in straight_steps(body, [row], lambda _: 0.0, noise):
            if isinstance(step, Measurement):
                measured[bit] = step
            elif isinstance(step, Noise):
                for branch in branches:
                    engine.apply(branch.state, superoperators_of([step], dtype), 1.0, 1.0)
    return branches, measured


def _depends(body: Body, i: int) -> bool:
    """Say whether an instruction has an angle or duration that only the classical values decide."""
    op = Op(int(body.instructions[i]["op"]))
    if op in GATES:
        return any(isinstance(value, Expression) for value in body.gate(i)[2])
    return op is Op.DELAY and isinstance(body.operand_value(i), Expression)


def _wide(state: NDArray[np.floating], gate: Gate, n_qubits: int) -> NDArray[np.floating]:
    """Return the state after a gate on more than three qubits, by way of its density matrix."""
    matrix = density_matrix(state, n_qubits).reshape((2,) * (2 * n_qubits))
    k = len(gate.targets)
    unitary = gate.matrix.astype(matrix.dtype).reshape((2,) * (2 * k))
    for offset, factor in ((0, unitary), (n_qubits, unitary.conj())):
        place: list[int | slice] = [slice(None)] * (2 * n_qubits)
        for control in gate.controls:
            place[offset + n_qubits - 1 - control] = slice(1, 2)
        axes = [offset + n_qubits - 1 - target for target in gate.targets]
        part = np.tensordot(factor, matrix[tuple(place)], (range(k, 2 * k), axes))
        matrix[tuple(place)] = np.moveaxis(part, range(k), axes)
    return vector(matrix, n_qubits, state.dtype)


def sample_branches(
    branches: list[Branch], measured: dict[int, Measurement], n_qubits: int, n_bits: int, shots: int, seed: int | None
) -> dict[str, int]:
    """Return counts of the bits: a branch by its probability, then the bits measured at the end, as they are read."""
    if not n_bits:
        return {}
    rng = np.random.default_rng(seed)
    weights = np.array([max(float(branch.state[0]), 0.0) for branch in branches])
    counts: Counter[str] = Counter()
    order = sorted(measured)
    for branch, hits in zip(branches, rng.multinomial(shots, weights / weights.sum()).tolist(), strict=True):
        if not hits:
            continue
        known = ["1" if branch.values[bit] else "0" for bit in range(n_bits)]
        odds = _readings(populations(branch.state, n_qubits), n_qubits, [measured[bit] for bit in order])
        drawn = rng.multinomial(hits, odds / odds.sum())
        for index in np.flatnonzero(drawn).tolist():
            for k, bit in enumerate(order):
                known[bit] = str(index >> k & 1)
            counts["".join(reversed(known))] += int(drawn[index])
    return dict(counts)


def _readings(odds: NDArray[np.float64], n_qubits: int, measured: list[Measurement]) -> NDArray[np.float64]:
    """Return the probability of each outcome of measurements (first one least significant), readout errors included."""
    table = np.maximum(odds, 0.0).reshape((2,) * n_qubits)
    kept = [step.qubits[0] for step in measured]
    table = table.sum(axis=tuple(n_qubits - 1 - q for q in range(n_qubits) if q not in kept))
    places = sorted(kept, reverse=True)
    table = table.transpose([places.index(q) for q in reversed(kept)])
    for k, step in enumerate(measured):
        axis = len(kept) - 1 - k
        confusion = np.array([[1 - ones, ones] for ones in step.ones])
        table = np.moveaxis(np.tensordot(confusion, table, (0, axis)), 0, axis)
    return table.ravel()
