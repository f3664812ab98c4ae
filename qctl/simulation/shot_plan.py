"""A straight stretch of a noisy program as the trajectory kernel takes it: neighbouring steps multiplied."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qctl.cext.trajectories import Plan
from qctl.simulation.channels import Channel
from qctl.simulation.steps import Gate, Measurement, Noise, Step, group

__all__ = ["shot_plan"]

Matrix = NDArray[np.complex128]
MOST_MEMBERS = 24
"""Most steps of a block: what is multiplied together is played one by one where a shot's draw leaves the common way."""

GATE, MIXTURE, KRAUS, MEASURE = range(4)
PROJECTORS = np.array([np.diag([1, 0]), np.diag([0, 1])], np.complex128)


@dataclass(slots=True)
class _Tables:
    """The kernel's tables, growing; equal channels are stored once."""

    matrices: list[NDArray[np.float64]] = field(default_factory=list)
    n_numbers: int = 0
    odds: list[float] = field(default_factory=list)
    seen: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def add(self, matrices: Matrix) -> int:
        """Store matrices as real and imaginary parts and return where they begin."""
        flat = np.ascontiguousarray(matrices, np.complex128).ravel().view(np.float64)
        at = self.n_numbers
        self.matrices.append(flat)
        self.n_numbers += flat.size
        return at

    def channel(self, channel: Channel) -> tuple[int, int, int]:
        """Store a channel; return its kind, where its operators and where its odds begin."""
        if id(channel) not in self.seen:
            at = len(self.odds)
            if channel.probabilities is not None:
                self.odds += np.cumsum(channel.probabilities).tolist()
                scale = np.sqrt(channel.probabilities)[:, None, None]
                self.seen[id(channel)] = (MIXTURE, self.add(channel.operators / scale), at)
            else:
                self.odds += [channel.least_odds, *_numbers(channel.grams)]
                self.seen[id(channel)] = (KRAUS, self.add(channel.operators), at)
        return self.seen[id(channel)]


def shot_plan(n_qubits: int, n_bits: int, steps: Sequence[Step]) -> Plan:
    """Return the kernel's plan of steps without control flow.

    Parameters
    ----------
    n_qubits, n_bits : int
    steps : sequence of Gate, Noise or Measurement
    """
    tables = _Tables()
    rows: list[list[int]] = []
    n_sites = 0
    for step in steps:
        targets = step.targets if isinstance(step, Gate) else step.qubits
        row = [GATE, targets[0], targets[1] if len(targets) == 2 else -1, 0, 0, 1, 0, 0, 0, 0, 0]
        if isinstance(step, Gate):
            row[3], row[4] = sum(1 << q for q in step.controls), tables.add(step.matrix)
        elif isinstance(step, Noise):
            row[0], row[4], row[6] = tables.channel(step.channel)
            row[5], row[7] = len(step.channel.operators), n_sites
            row[8] = int(row[0] == MIXTURE and step.channel.still)
            n_sites += 1
        else:
            row[0], row[4], row[5], row[6] = MEASURE, tables.add(PROJECTORS), 2, len(tables.odds)
            tables.odds += [0.0, *_numbers(PROJECTORS), *step.ones]
            row[7], row[9], row[10] = n_sites, step.bit, len(tables.odds) - 2
            n_sites += 2
        rows.append(row)
    groups = group([step.qubits for step in steps], [_alone(step) for step in steps], MOST_MEMBERS)
    items: list[list[int]] = []
    blocks: list[list[int]] = []
    for found in groups:
        first = len(items)
        items += [rows[i] for i in found.members]
        step = steps[found.members[0]]
        if len(found.members) == 1:
            blocks.append([*rows[found.members[0]][1:5], first, first + 1])
        else:
            matrix = _product(found.qubits, _factors([steps[i] for i in found.members]))
            t0, t1 = (found.qubits[1], found.qubits[0]) if len(found.qubits) == 2 else (found.qubits[0], -1)
            blocks.append([t0, t1, 0, tables.add(matrix), first, len(items)])
    numbers = np.concatenate(tables.matrices) if tables.matrices else np.empty(0)
    return Plan(
        n_qubits,
        np.array(items, np.int64).reshape(-1, 11),
        np.array(blocks, np.int64).reshape(-1, 6),
        numbers,
        numbers.astype(np.float32),
        np.array(tables.odds, np.float64),
        n_sites,
        n_bits,
    )


def _numbers(matrices: Matrix) -> list[float]:
    """Return real and imaginary parts, row after row."""
    return np.ascontiguousarray(matrices).ravel().view(np.float64).tolist()


def _alone(step: Step) -> bool:
    """Say whether a step can't be part of a product: it looks at the state in any case."""
    if isinstance(step, Noise):
        return step.channel.probabilities is None and step.channel.least_odds == 0.0
    return isinstance(step, Measurement)


def _factors(steps: Sequence[Step]) -> list[tuple[tuple[int, ...], Matrix]]:
    """Return qubits and matrices of what all shots share of steps, sizes kept near 1, without what changes nothing."""
    found: list[tuple[tuple[int, ...], Matrix]] = []
    for step in steps:
        if isinstance(step, Gate):
            found.append((step.targets, step.matrix))
        elif isinstance(step, Noise) and step.channel.probabilities is None:
            found.append((step.qubits, step.channel.operators[0] / math.sqrt(step.channel.least_odds)))
        elif isinstance(step, Noise) and not step.channel.still:
            found.append((step.qubits, step.channel.operators[0] / math.sqrt(step.channel.probabilities[0])))  # type: ignore[index]
    return found


def _product(qubits: tuple[int, ...], factors: Sequence[tuple[tuple[int, ...], Matrix]]) -> Matrix:
    """Return the product on ascending qubits (the last one most significant), the first factor rightmost."""
    total = np.eye(2 ** len(qubits), dtype=np.complex128)
    for places, matrix in factors:
        if len(places) == len(qubits):
            swapped = len(places) == 2 and places[0] != qubits[1]
            total = (matrix[np.ix_([0, 2, 1, 3], [0, 2, 1, 3])] if swapped else matrix) @ total
        elif places[0] == qubits[1]:
            total = (matrix @ total.reshape(2, 8)).reshape(4, 4)
        else:
            total = (matrix @ total.reshape(2, 2, 4)).reshape(4, 4)
    return total
