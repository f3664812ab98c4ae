"""Straight stretches of a program as steps: gates as matrices on at most two targets, channels, measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.expressions import Value
from qctl.program.layout import PORT_BIT
from qctl.program.opcodes import GATES, Op
from qctl.program.unitaries import gate_matrix
from qctl.simulation.channels import Channel, kraus
from qctl.simulation.noise import NoiseModel

__all__ = ["RESETTING", "Gate", "Measurement", "Noise", "Step", "group", "straight_steps"]

Matrix = NDArray[np.complex128]

RESETTING = kraus(np.array([[[1, 0], [0, 0]], [[0, 1], [0, 0]]]), "reset")
"""The channel that leaves a qubit in |0>."""

_CORE: dict[Op, tuple[Op, int]] = {Op.CCX: (Op.X, 2), Op.CCZ: (Op.Z, 2), Op.CSWAP: (Op.SWAP, 1)}
"""Gates on three qubits as a gate and how many controls it has."""


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """A unitary on one or two targets (first one most significant) where all controls are 1."""

    matrix: Matrix
    targets: tuple[int, ...]
    controls: tuple[int, ...] = ()

    @property
    def qubits(self) -> tuple[int, ...]:
        """Return all that it touches."""
        return (*self.controls, *self.targets)


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """A channel on one or two qubits, first one most significant."""

    channel: Channel
    qubits: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """A qubit that is read into a bit; `ones` are the odds to read 1 of state 0 and of state 1."""

    qubits: tuple[int, ...]
    bit: int
    ones: tuple[float, float]


Step = Gate | Noise | Measurement


def straight_steps(
    body: Body, rows: Sequence[int], number: Callable[[Value], float], noise: NoiseModel
) -> Iterator[Step]:
    """Yield the steps of instructions without any control flow among them.

    Parameters
    ----------
    body : Body
    rows : sequence of int
        Instructions, in order.
    number : callable
        The value of an angle or a duration.
    noise : NoiseModel

    Raises
    ------
    RequestError
        If an instruction is no gate, measurement, reset, delay or barrier.
    """
    for i in rows:
        row = body.instructions[i]
        op = Op(int(row["op"]))
        if op in GATES:
            _, qubits, params, n_controls = body.gate(i)
            if qubits:
                yield from _gate(op, qubits, [number(value) for value in params], n_controls)
            for channel, places in noise.after(op, qubits):
                yield Noise(channel, places)
        elif op is Op.MEASURE:
            qubit = int(row["a"])
            for channel, places in noise.after(op, (qubit,)):
                yield Noise(channel, places)
            matrix = noise.readout_of(qubit)
            ones = (0.0, 1.0) if matrix is None else (float(matrix[0, 1]), float(matrix[1, 1]))
            yield Measurement((qubit,), int(row["b"]), ones)
        elif op is Op.RESET:
            yield Noise(RESETTING, (int(row["a"]),))
            for channel, places in noise.after(op, (int(row["a"]),)):
                yield Noise(channel, places)
        elif op is Op.DELAY:
            if not int(row["a"]) & PORT_BIT and noise.lifetimes:
                qubit, value = int(row["a"]), body.operand_value(i)
                waited = noise.waiting(qubit, number(value) if value is not None else 0.0)
                if waited is not None:
                    yield Noise(waited, (qubit,))
        elif op not in (Op.BARRIER, Op.NOP):
            raise RequestError(f"{op.name.lower()} at instruction {i} is no gate: simulate plays gates alone")


def _gate(op: Op, qubits: tuple[int, ...], values: list[float], n_controls: int) -> Iterator[Gate]:
    """Yield a gate as steps on at most two targets."""
    core, own = _CORE.get(op, (op, 0))
    n_all = n_controls + own
    if op is Op.MS and len(qubits) > 2:
        if n_controls:
            raise RequestError(f"ms with controls on {qubits} can't be played on more than two qubits")
        pair = gate_matrix(op, values, 2)
        for k, first in enumerate(qubits):
            for second in qubits[k + 1 :]:
                yield Gate(pair, (first, second))
    elif len(qubits) <= 2:
        yield Gate(gate_matrix(op, values, len(qubits), n_controls), qubits)
    else:
        targets = qubits[n_all:]
        yield Gate(gate_matrix(core, values, len(targets)), targets, qubits[:n_all])


@dataclass(slots=True)
class Group:
    """Steps on at most two qubits that become one matrix, or one step that stands alone."""

    qubits: tuple[int, ...]
    members: list[int]
    closed: bool = False


def group(places: Sequence[tuple[int, ...]], alone: Sequence[bool], most: int) -> list[Group]:
    """Put neighbouring steps together into groups on at most two qubits, in an order that plays the same.

    Parameters
    ----------
    places : sequence of tuple of int
        Qubits of each step.
    alone : sequence of bool
        Steps that take no others in.
    most : int
        Most steps of a group.

    Returns
    -------
    list of Group
        Its qubits ascend; its members are numbers of steps.
    """
    groups: list[Group | None] = []
    last: dict[int, int] = {}
    for step, qubits in enumerate(places):
        before = sorted({last[q] for q in qubits if q in last})
        target = before[-1] if before else -1
        whole = tuple(sorted({*qubits, *(groups[target].qubits if before else ())}))  # type: ignore[union-attr]
        here = groups[target] if before else None
        fits = here is not None and not here.closed and not alone[step] and len(whole) <= 2
        if fits and here is not None and len(here.members) < most:
            here.qubits = whole
            here.members.append(step)
        else:
            here = Group(tuple(sorted(qubits)), [step], alone[step] or len(qubits) > 2)
            groups.append(here)
            target = len(groups) - 1
        for k in before:
            other = groups[k]
            absorbed = (
                k != target
                and other is not None
                and not other.closed
                and not here.closed
                and len(other.qubits) == 1
                and len(here.members) + len(other.members) <= most
            )
            if absorbed and other is not None:
                here.members = sorted([*other.members, *here.members])
                groups[k] = None
        for q in qubits:
            last[q] = target
    return [found for found in groups if found is not None]
