"""Shots of a noisy program, many side by side, each decided by its own key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.cext import trajectories
from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.simulation.flow import late_measurements, play
from qctl.simulation.lanes import SECONDS_PER_AMPLITUDE, Lanes, steps_of
from qctl.simulation.noise import NoiseModel
from qctl.simulation.pace import Pace
from qctl.simulation.shot_plan import shot_plan
from qctl.simulation.steps import Measurement, Step
from qctl.simulation.vectors import widest_vectors

__all__ = ["KEPT_BYTES", "Shots", "is_straight", "play_shots"]

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
    pace: Pace | None = None,
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
    pace : Pace, optional
        It is told which part is done.

    Raises
    ------
    RequestError
        If the program has pulses or a loop that doesn't end.
    """
    wanted = np.empty((0, 2), np.int64) if strings is None else strings
    pace = pace or Pace()
    keys = np.random.default_rng(seed).integers(0, 2**64, n_shots + 1, np.uint64)
    late = late_measurements(body)
    chance = np.random.default_rng(int(keys[-1]))
    waiting = steps_of(body, sorted(late.values()), noise)
    if is_straight(body):
        skipped = set(late.values())
        rows = [i for i in range(len(body.instructions)) if i not in skipped]
        steps = [*steps_of(body, rows, noise), *(step for step in waiting if not isinstance(step, Measurement))]
        plan = shot_plan(body.n_qubits, len(body.bits), steps)
        outcomes, bits, means = _run(plan, keys[:-1], dtype, threads, wanted, pace)
    else:
        if len(wanted):
            raise RequestError("means of a program that branches are not known shot by shot: ask for method='density'")
        known = frozenset(late.values())
        outcomes, bits, means = _branching(body, noise, keys[:-1], dtype, threads, known, waiting, pace)
    for step in waiting:
        if isinstance(step, Measurement):
            states = outcomes >> step.qubits[0] & 1
            bits[:, step.bit] = chance.random(n_shots) < np.array(step.ones)[states]
    return Shots(bits, means)


def is_straight(body: Body) -> bool:
    """Say whether a program has no control flow."""
    ops = body.instructions["op"]
    straight = [int(op) for op in (Op.BARRIER, Op.DELAY, Op.NOP, Op.MEASURE, Op.RESET)]
    return bool(((ops >= int(Op.ID)) | np.isin(ops, straight)).all())


def _run(
    plan: trajectories.Plan,
    keys: NDArray[np.uint64],
    dtype: np.dtype,
    threads: int,
    strings: NDArray[np.int64],
    pace: Pace,
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

    widest = widest_vectors()

    def share(k: int, watch: NDArray[np.int64]) -> None:
        work = np.empty(4 * n_lanes << plan.n_qubits, dtype)
        trajectories.run(plan, keys, order, starts, k, n_shares, strings, outcomes, bits, means, work, widest, watch)

    firsts = starts[order[::n_lanes]]
    n_blocks = int((plan.n_blocks - firsts).sum()) + n_shares * int(firsts.max(initial=0))
    expected_s = SECONDS_PER_AMPLITUDE * n_blocks * n_lanes * 2.0**plan.n_qubits
    pace.together(share, n_shares, n_blocks, expected_s)
    return outcomes, bits, means


def _branching(
    body: Body,
    noise: NoiseModel,
    keys: NDArray[np.uint64],
    dtype: np.dtype,
    threads: int,
    late: frozenset[int],
    waiting: Sequence[Step],
    pace: Pace,
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.float64]]:
    """Play a program with control flow, as many shots at a time as states are kept."""
    n_lanes = 64 // dtype.itemsize
    most = max(1, KEPT_BYTES // (128 << body.n_qubits)) * n_lanes
    outcomes = np.empty(len(keys), np.int64)
    bits = np.empty((len(keys), len(body.bits)), np.uint8)
    for first in range(0, len(keys), most):
        here = slice(first, min(first + most, len(keys)))
        lanes = Lanes(body, noise, keys[here], dtype, threads, pace, (here.start / len(keys), here.stop / len(keys)))
        play(body, lanes, lanes.everybody(), late)
        before = [step for step in waiting if not isinstance(step, Measurement)]
        if before:
            lanes.advance(lanes.everybody(), shot_plan(body.n_qubits, len(body.bits), before), len(body))
        found = np.empty(len(lanes.keys), np.int64)
        trajectories.draw(body.n_qubits, lanes.states, lanes.keys, lanes.clocks, found, 0, lanes.n_groups, lanes.widest)
        outcomes[here] = found[: here.stop - here.start]
        bits[here] = lanes.bits[: here.stop - here.start]
    return outcomes, bits, np.empty((len(keys), 0))
