"""The trajectories method: noisy shots as state vectors that jump, many side by side, each decided by its key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.cext import trajectories
from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.expressions import Expression, Value
from qctl.program.opcodes import GATES, Op
from qctl.simulation.flow import late_measurements, play
from qctl.simulation.noise import NoiseModel
from qctl.simulation.shot_plan import shot_plan
from qctl.simulation.steps import Measurement, Step, straight_steps

__all__ = ["Shots", "play_shots"]

KEPT_BYTES = 1 << 28
"""States of shots that are kept at a time where a program branches."""


@dataclass(frozen=True, slots=True, eq=False)
class Shots:
    """What was read in each shot.

    Attributes
    ----------
    bits : (n_shots, n_bits) uint8
    means : (n_shots, n_strings) float64
        Of each Pauli string in each shot's last state.
    """

    bits: NDArray[np.uint8]
    means: NDArray[np.float64]


def play_shots(
    body: Body,
    noise: NoiseModel,
    n_shots: int,
    seed: int | None,
    dtype: np.dtype,
    threads: int,
    strings: NDArray[np.int64] | None = None,
) -> Shots:
    """Play shots of a noisy program; the same seed gives the same shots with any number of threads.

    Parameters
    ----------
    body : Body
    noise : NoiseModel
    n_shots : int
    seed : int or None
    dtype : dtype
        float32 or float64, of real and imaginary parts.
    threads : int
    strings : (n_strings, 2) int64, optional
        Pauli strings whose mean is wanted: masks of X or Y, and of Z or Y.

    Raises
    ------
    RequestError
        If the program has pulses or a loop that doesn't end.
    """
    wanted = np.empty((0, 2), np.int64) if strings is None else strings
    keys = np.random.default_rng(seed).integers(0, 2**64, n_shots + 1, np.uint64)
    late = late_measurements(body)
    chance = np.random.default_rng(int(keys[-1]))
    straight = all(int(row["op"]) >= Op.ID or int(row["op"]) in _STRAIGHT for row in body.instructions)
    waiting = _steps(body, sorted(late.values()), noise)
    if straight:
        skipped = set(late.values())
        rows = [i for i in range(len(body.instructions)) if i not in skipped]
        steps = [*_steps(body, rows, noise), *(step for step in waiting if not isinstance(step, Measurement))]
        plan = shot_plan(body.n_qubits, len(body.bits), steps)
        outcomes, bits, means = _run(plan, keys[:-1], dtype, threads, wanted)
    else:
        if len(wanted):
            raise RequestError("means of a program that branches are not known shot by shot: use method='density'")
        outcomes, bits, means = _branching(body, noise, keys[:-1], dtype, threads, frozenset(late.values()), waiting)
    for step in waiting:
        if isinstance(step, Measurement):
            states = outcomes >> step.qubits[0] & 1
            bits[:, step.bit] = chance.random(n_shots) < np.array(step.ones)[states]
    return Shots(bits, means)


_STRAIGHT = {Op.BARRIER, Op.DELAY, Op.NOP, Op.MEASURE, Op.RESET}


def _steps(body: Body, rows: Sequence[int], noise: NoiseModel, values: dict[str, float] | None = None) -> list[Step]:
    def number(value: Value) -> float:
        return value.evaluate(values or {}) if isinstance(value, Expression) else float(value)

    return list(straight_steps(body, rows, number, noise))


def _run(
    plan: trajectories.Plan, keys: NDArray[np.uint64], dtype: np.dtype, threads: int, strings: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.float64]]:
    """Play a straight plan: shots that stay together longest come last, threads take every so-manyth group."""
    n_shots, n_lanes = len(keys), 64 // dtype.itemsize
    starts = np.empty(n_shots, np.int64)
    trajectories.find_starts(plan, keys, starts)
    order = np.argsort(starts, kind="stable").astype(np.int64)
    order = np.concatenate([order, np.repeat(order[-1:], -n_shots % n_lanes)])
    outcomes = np.empty(n_shots, np.int64)
    bits = np.zeros((n_shots, plan.n_bits), np.uint8)
    means = np.empty((n_shots, len(strings)))

    n_shares = max(1, min(threads, len(order) // n_lanes))

    def share(k: int) -> None:
        work = np.empty(4 * n_lanes << plan.n_qubits, dtype)
        trajectories.run(plan, keys, order, starts, k, n_shares, strings, outcomes, bits, means, work)

    _together(share, n_shares)
    return outcomes, bits, means


def _together(share: Callable[[int], None], threads: int) -> None:
    if threads <= 1:
        share(0)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))


class _Lanes:
    """Play straight parts on kept states; a party says for each shot whether it takes part."""

    def __init__(self, body: Body, noise: NoiseModel, keys: NDArray[np.uint64], dtype: np.dtype, threads: int) -> None:
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
        asked = [value for i in rows for value in _asked(self.body, i)]
        names = sorted({str(x) for value in asked for word, x in value.code if word in ("bit", "register")})
        if not names:
            self._advance(party, self._plan(tuple(rows), {}))
            return party
        columns = np.column_stack(
            [self.values[n] if n in self.values else self.bits[:, self.body.bits.index(n)].astype(float) for n in names]
        )
        for row in np.unique(columns[np.flatnonzero(party)], axis=0):
            same = party & (columns == row).all(axis=1)
            self._advance(same.astype(np.uint8), self._plan(tuple(rows), dict(zip(names, row.tolist(), strict=True))))
        return party

    def _plan(self, rows: tuple[int, ...], values: dict[str, float]) -> trajectories.Plan:
        if values:
            return shot_plan(self.body.n_qubits, len(self.body.bits), _steps(self.body, rows, self.noise, values))
        if rows not in self.plans:
            steps = _steps(self.body, rows, self.noise)
            self.plans[rows] = shot_plan(self.body.n_qubits, len(self.body.bits), steps)
        return self.plans[rows]

    def _advance(self, party: NDArray[np.uint8], plan: trajectories.Plan) -> None:
        bounds = np.linspace(0, self.n_groups, min(self.threads, self.n_groups) + 1).astype(int).tolist()

        def share(k: int) -> None:
            trajectories.advance(plan, self.states, self.keys, self.clocks, party, self.bits, bounds[k], bounds[k + 1])

        _together(share, len(bounds) - 1)
        self.clocks += party.astype(np.uint64) * np.uint64(plan.n_sites)

    def part(
        self, party: NDArray[np.uint8], value: Value, test: Callable[[float], bool]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        numbers = self.numbers(party, value)
        kinds, place = np.unique(numbers, return_inverse=True)
        passed = np.array([bool(test(kind)) for kind in kinds.tolist()])[place.ravel()]
        return (party & passed).astype(np.uint8), (party & ~passed).astype(np.uint8)

    def join(self, parties: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        found = np.zeros(len(self.keys), np.uint8)
        for party in parties:
            found |= party
        return found

    def empty(self, party: NDArray[np.uint8]) -> bool:
        return not party.any()

    def assign(self, party: NDArray[np.uint8], row: int) -> NDArray[np.uint8]:
        instruction = self.body.instructions[row]
        numbers = self.numbers(party, self.body.expressions[int(instruction["b"])])
        members = party.astype(bool)
        if int(instruction["op"]) == Op.SET_BIT:
            self.bits[members, int(instruction["a"])] = numbers[members] != 0
        else:
            self.values[self.body.registers[int(instruction["a"])].name][members] = numbers[members]
        return party


def _branching(
    body: Body,
    noise: NoiseModel,
    keys: NDArray[np.uint64],
    dtype: np.dtype,
    threads: int,
    late: frozenset[int],
    waiting: Sequence[Step],
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.float64]]:
    """Play a program with control flow, as many shots at a time as states are kept."""
    n_lanes = 64 // dtype.itemsize
    most = max(1, KEPT_BYTES // (128 << body.n_qubits)) * n_lanes
    outcomes = np.empty(len(keys), np.int64)
    bits = np.empty((len(keys), len(body.bits)), np.uint8)
    for first in range(0, len(keys), most):
        here = slice(first, min(first + most, len(keys)))
        lanes = _Lanes(body, noise, keys[here], dtype, threads)
        play(body, lanes, lanes.everybody(), late)
        before = [step for step in waiting if not isinstance(step, Measurement)]
        if before:
            lanes._advance(lanes.everybody(), shot_plan(body.n_qubits, len(body.bits), before))
        found = np.empty(len(lanes.keys), np.int64)
        trajectories.draw(body.n_qubits, lanes.states, lanes.keys, lanes.clocks, found, 0, lanes.n_groups)
        outcomes[here] = found[: here.stop - here.start]
        bits[here] = lanes.bits[: here.stop - here.start]
    return outcomes, bits, np.empty((len(keys), 0))


def _asked(body: Body, i: int) -> list[Expression]:
    """Return the expressions that an instruction's angles or duration are."""
    op = Op(int(body.instructions[i]["op"]))
    if op in GATES:
        values: Sequence[Value | None] = body.gate(i)[2]
    else:
        values = [body.operand_value(i)] if op is Op.DELAY else []
    return [value for value in values if isinstance(value, Expression)]
