"""Steps: a program's straight line, one tuple for each instruction, as the compiler's passes hand it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from qctl.program.conditions import Condition
from qctl.program.expressions import Expression
from qctl.program.opcodes import Op
from qctl.program.tables import Sweep

__all__ = ["DRIVES", "Step", "StepLine", "Value"]

DRIVES = frozenset((Op.RYDBERG, Op.SHUTTLE, Op.TTL, Op.DDS))
"""What acts on atoms, ions and their light directly; to translation a barrier on all that it reaches."""
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
    when : Condition or None
        Under which outcomes of earlier measurements it is played; None for always.
    event : int
        Number of a measurement or capture in the shot; -1 of all else.
    """

    op: Op
    qubits: tuple[int, ...] = ()
    params: tuple[Value, ...] = ()
    n_controls: int = 0
    ports: tuple[int, ...] = ()
    number: int = -1
    where: int = -1
    when: Condition | None = None
    event: int = -1


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
    bits : tuple of str
        Names of the bits of its measurements and captures, by `Step.event`.
    kept : mapping of int to Condition
        By `Step.event`, under which outcomes a measurement's result is taken; those that are not there always are.
    """

    steps: tuple[Step, ...]
    axes: tuple[Sweep, ...] = ()
    n_repeats: int = 1
    bits: tuple[str, ...] = ()
    kept: Mapping[int, Condition] = field(default_factory=dict)

    @property
    def branches(self) -> bool:
        """Say whether anything is played in some shots only."""
        return any(step.when is not None for step in self.steps)
