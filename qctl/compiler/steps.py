"""Steps: a program's straight line, one tuple for each instruction, as the compiler's passes hand it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from qctl.program.expressions import Expression
from qctl.program.opcodes import Op
from qctl.program.tables import Sweep

__all__ = ["Step", "StepLine", "Value", "split_measurements"]

Value = float | Fraction | Expression


class Step(NamedTuple):
    """One instruction with its operands spelt out.

    Attributes
    ----------
    op : Op
    qubits : tuple of int
        Controls first.
    params : tuple of float, Fraction (seconds) or Expression
        Angles; seconds of a delay; amplitude of a play; value of a frame instruction.
    n_controls : int
        Generic controls among the qubits.
    ports : tuple of int
        Ports or frames of pulse instructions, barriers and delays.
    number : int
        Bit of a measurement, waveform of a play, capture of a capture.
    where : int
        Instruction of the body that it came from, for messages.
    """

    op: Op
    qubits: tuple[int, ...] = ()
    params: tuple[Value, ...] = ()
    n_controls: int = 0
    ports: tuple[int, ...] = ()
    number: int = -1
    where: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class StepLine:
    """What one shot of one point does, in order; angles may depend on the sweeps.

    Attributes
    ----------
    steps : tuple of Step
    axes : tuple of Sweep
        Sweeps around all of it, outermost first: their values are the points.
    n_repeats : int
        Count of the unnamed loops around all of it.
    """

    steps: tuple[Step, ...]
    axes: tuple[Sweep, ...] = ()
    n_repeats: int = 1


def split_measurements(steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """Return a straight line without the measurements that end a qubit's part of it, and these.

    They may be moved behind all the rest: nothing follows on their qubits, nor a barrier that holds back anything else.
    """
    touched: set[int] = set()
    last: list[Step] = []
    rest: list[Step] = []
    busy = False
    for step in reversed(steps):
        if step.op is Op.MEASURE and step.qubits[0] not in touched:
            last.append(step)
            touched.add(step.qubits[0])
            continue
        rest.append(step)
        if step.op is Op.BARRIER:
            if busy:
                touched.update(step.qubits)
            continue
        busy = True
        touched.update(step.qubits)
    return rest[::-1], last[::-1]
