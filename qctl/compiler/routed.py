"""Translate straight lines of steps to a target: what the server's pipeline has where loops were unrolled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qctl.cext.records import InstructionBuffer
from qctl.compiler.arms import Arms, fenced
from qctl.compiler.measured import translated_rows
from qctl.compiler.steps import DRIVES, Step
from qctl.compiler.target import Target
from qctl.program.expressions import Expression
from qctl.program.layout import INSTRUCTION, OPERAND, PORT_BIT, Flag
from qctl.program.opcodes import GATES, Op

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["Routed", "native_steps"]


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """A program on physical qubits.

    Attributes
    ----------
    steps : tuple of Step
        Two-qubit steps on coupled pairs only.
    layout, final_layout : tuple of int
        Physical qubit of each program qubit at the start and at the end.
    n_swaps : int
        Swaps that were inserted.
    """

    steps: tuple[Step, ...]
    layout: tuple[int, ...]
    final_layout: tuple[int, ...]
    n_swaps: int


def native_steps(
    steps: Sequence[Step], n_qubits: int, target: Target, *, level: int = 1, seed: int = 0, fixed: bool = False
) -> Routed:
    """Return a straight line of steps on the target's qubits, in its gates; see `translated_rows`.

    Measured qubits are not moved: what ends with a measurement is measured where routing has brought it. Gates under a
    condition become gates under it.
    """
    arms = Arms()
    if any(step.when is not None for step in steps):
        steps = fenced(steps)
    source = _StepRows(steps, n_qubits)
    made, _ = translated_rows(
        np.frombuffer(source.instruction_bytes(), INSTRUCTION),
        np.frombuffer(source.operand_bytes(), OPERAND),
        np.frombuffer(source.constant_bytes(), np.float64),
        n_qubits,
        target,
        level=level,
        seed=seed,
        fixed=fixed,
    )
    symbols = [times * source.expressions[k] if times != 1 else source.expressions[k] for times, k in made.symbols]
    angles = np.stack([made.rows["b"], made.rows["c"]], axis=-1).reshape(-1).view(np.float64).tolist()
    words = made.words.tolist()
    out: list[Step] = []
    for i, ((op, flags, a, b, c), origin) in enumerate(zip(made.rows.tolist(), made.sources.tolist(), strict=True)):
        where = steps[origin].where if origin >= 0 else -1
        if op not in GATES:
            step = steps[origin]
            if step.op in DRIVES:
                pass  # qubits under a drive are not moved, and one of all of them names none
            elif flags & Flag.WIDE:
                step = step._replace(qubits=tuple(word for word in words[a : a + b] if not word & PORT_BIT))
            elif step.qubits:
                step = step._replace(qubits=(a,))
            if step.op is Op.BARRIER:
                step = arms.barrier(step)
            if step.op is not Op.HALT:
                out.append(step)
        elif flags & Flag.IMM:
            out.append(Step(Op(op), (a,), (angles[i],), where=where, when=arms.of((a,), where)))
        elif flags & Flag.EXPR:
            out.append(Step(Op(op), (a,), (symbols[b],), where=where, when=arms.of((a,), where)))
        elif flags & Flag.WIDE:
            numbers = words[a + b : a + b + c]
            values = [symbols[w & ~(1 << 31)] if w >> 31 else float(made.numbers[w]) for w in numbers]
            on = tuple(words[a : a + b])
            out.append(Step(Op(op), on, tuple(values), where=where, when=arms.of(on, where)))
        else:
            on = (a,) if GATES[Op(op)].n_qubits == 1 else (a, b)
            out.append(Step(Op(op), on, where=where, when=arms.of(on, where)))
    return Routed(tuple(out), made.layout, made.final_layout, made.n_swaps)


class _StepRows(InstructionBuffer):
    """Steps as rows: gates whole, of all others only what they act on."""

    def __init__(self, steps: Sequence[Step], n_qubits: int) -> None:
        self.expressions: list[Expression] = []
        self._numbers: dict[Expression, int] = {}
        self.set_n_qubits(n_qubits)
        for step in steps:
            op = step.op
            if op in GATES:
                self.emit_gate(op, step.qubits, step.params, step.n_controls)
            elif op is Op.BARRIER:
                self.emit_wide(op, [*step.qubits, *(PORT_BIT | p for p in step.ports)])
            elif op in DRIVES:
                self.emit_wide(Op.BARRIER, step.qubits or range(n_qubits))
            elif step.ports or not step.qubits:
                self.emit(Op.HALT)  # nothing may cross it
            elif op is Op.MEASURE:
                self.emit(op, 0, step.qubits[0], 0)
            elif op is Op.DELAY:
                self.emit_ticks(op, step.qubits[0], 0)
            else:
                self.emit(op, 0, step.qubits[0])

    def resolve(self, op: int, value: float | Fraction | Expression) -> float | int:
        """Return a float, or the index of an expression."""
        if not isinstance(value, Expression):
            return float(value)
        index = self._numbers.setdefault(value, len(self.expressions))
        if index == len(self.expressions):
            self.expressions.append(value)
        return index
