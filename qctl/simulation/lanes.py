"""Lanes: states of many shots that are kept while a program branches, each with its own bits and registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from qctl.cext import trajectories
from qctl.program.body import Body
from qctl.program.expressions import Expression, Value
from qctl.program.opcodes import GATES, Op
from qctl.simulation.noise import NoiseModel
from qctl.simulation.pace import Pace
from qctl.simulation.shot_plan import shot_plan
from qctl.simulation.steps import Step, straight_steps
from qctl.simulation.vectors import widest_vectors

__all__ = ["Lanes", "steps_of"]

SECONDS_PER_AMPLITUDE = 1.5e-10
"""Of a gate with its noise in a shot; measured on an AVX-512 machine of 2023."""


class Lanes:
    """Play straight parts on kept states; a party says for each shot whether it takes part."""

    def __init__(
        self,
        body: Body,
        noise: NoiseModel,
        keys: NDArray[np.uint64],
        dtype: np.dtype,
        threads: int,
        pace: Pace,
        span: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self.pace, self.span, self.widest = pace, span, widest_vectors()
        self.body, self.noise, self.dtype, self.threads = body, noise, dtype, threads
        n_lanes = 64 // dtype.itemsize
        self.n_groups = -(-len(keys) // n_lanes)
        self.keys = np.concatenate([keys, np.repeat(keys[-1:], -len(keys) % n_lanes)])
        self.clocks = np.zeros(len(self.keys), np.uint64)
        self.states = np.zeros((self.n_groups, 2**body.n_qubits, 2, n_lanes), dtype)
        self.states[:, 0, 0] = 1
        self.bits = np.zeros((len(self.keys), len(body.bits)), np.uint8)
        self.values = {register.name: np.zeros(len(self.keys)) for register in body.registers}
        self.plans: dict[tuple[int, ...], trajectories.Plan] = {}

    def everybody(self) -> NDArray[np.uint8]:
        """Return the party of all shots."""
        return np.ones(len(self.keys), np.uint8)

    def numbers(self, party: NDArray[np.uint8], value: Value) -> NDArray[np.float64]:
        """Return an expression's value in each shot; it is evaluated once for shots that agree in all it asks for."""
        if not isinstance(value, Expression):
            return np.full(len(party), float(value))
        names = [str(x) for word, x in value.code if word in ("bit", "register")]
        columns = [
            self.values[name] if name in self.values else self.bits[:, self.body.bits.index(name)] for name in names
        ]
        found = np.zeros(len(party))
        members = np.flatnonzero(party)
        if not columns:
            found[members] = value.evaluate({})
            return found
        table, place = np.unique(np.column_stack(columns)[members].astype(float), axis=0, return_inverse=True)
        results = np.array([value.evaluate(dict(zip(names, row.tolist(), strict=True))) for row in table])
        if len(members):
            found[members] = results[place.ravel()]
        return found

    def straight(self, party: NDArray[np.uint8], rows: Sequence[int]) -> NDArray[np.uint8]:
        """Play instructions without control flow on a party."""
        asked = [value for i in rows for value in _asked(self.body, i)]
        names = sorted({str(x) for value in asked for word, x in value.code if word in ("bit", "register")})
        if not names:
            self.advance(party, self._plan(tuple(rows), {}), rows[-1] + 1)
            return party
        columns = np.column_stack(
            [self.values[n] if n in self.values else self.bits[:, self.body.bits.index(n)].astype(float) for n in names]
        )
        for row in np.unique(columns[np.flatnonzero(party)], axis=0):
            same = party & (columns == row).all(axis=1)
            plan = self._plan(tuple(rows), dict(zip(names, row.tolist(), strict=True)))
            self.advance(same.astype(np.uint8), plan, rows[-1] + 1)
        return party

    def _plan(self, rows: tuple[int, ...], values: dict[str, float]) -> trajectories.Plan:
        if values:
            return shot_plan(self.body.n_qubits, len(self.body.bits), steps_of(self.body, rows, self.noise, values))
        if rows not in self.plans:
            steps = steps_of(self.body, rows, self.noise)
            self.plans[rows] = shot_plan(self.body.n_qubits, len(self.body.bits), steps)
        return self.plans[rows]

    def advance(self, party: NDArray[np.uint8], plan: trajectories.Plan, row: int = 0) -> None:
        """Play a plan on a party, in threads; `row` says how far the program has come."""
        bounds = np.linspace(0, self.n_groups, min(self.threads, self.n_groups) + 1).astype(int).tolist()
        widest = self.widest

        def share(k: int, watch: NDArray[np.int64]) -> None:
            part = bounds[k], bounds[k + 1]
            trajectories.advance(plan, self.states, self.keys, self.clocks, party, self.bits, *part, widest, watch)

        expected_s = SECONDS_PER_AMPLITUDE * plan.n_blocks * self.states.size / 2
        place = self.span[0] + (self.span[1] - self.span[0]) * row / max(1, len(self.body))
        self.pace.together(share, len(bounds) - 1, plan.n_blocks * self.n_groups, expected_s, place, place)
        self.clocks += party.astype(np.uint64) * np.uint64(plan.n_sites)

    def part(
        self, party: NDArray[np.uint8], value: Value, test: Callable[[float], bool]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return those whose value passes the test, and the others."""
        numbers = self.numbers(party, value)
        kinds, place = np.unique(numbers, return_inverse=True)
        passed = np.array([bool(test(kind)) for kind in kinds.tolist()])[place.ravel()]
        return (party & passed).astype(np.uint8), (party & ~passed).astype(np.uint8)

    def join(self, parties: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Return several parties as one."""
        found = np.zeros(len(self.keys), np.uint8)
        for party in parties:
            found |= party
        return found

    def empty(self, party: NDArray[np.uint8]) -> bool:
        """Say whether nobody is left."""
        return not party.any()

    def assign(self, party: NDArray[np.uint8], row: int) -> NDArray[np.uint8]:
        """Play an assignment to a register or a bit."""
        instruction = self.body.instructions[row]
        numbers = self.numbers(party, self.body.expressions[int(instruction["b"])])
        members = party.astype(bool)
        if int(instruction["op"]) == Op.SET_BIT:
            self.bits[members, int(instruction["a"])] = numbers[members] != 0
        else:
            self.values[self.body.registers[int(instruction["a"])].name][members] = numbers[members]
        return party


def steps_of(body: Body, rows: Sequence[int], noise: NoiseModel, values: dict[str, float] | None = None) -> list[Step]:
    """Return the steps of instructions, with values for the names that their angles ask for."""

    def number(value: Value) -> float:
        return value.evaluate(values or {}) if isinstance(value, Expression) else float(value)

    return list(straight_steps(body, rows, number, noise))


def _asked(body: Body, i: int) -> list[Expression]:
    """Return the expressions that an instruction's angles or duration are."""
    op = Op(int(body.instructions[i]["op"]))
    if op in GATES:
        values: Sequence[Value | None] = body.gate(i)[2]
    else:
        values = [body.operand_value(i)] if op is Op.DELAY else []
    return [value for value in values if isinstance(value, Expression)]
