"""Translate straight lines to a target: the kernels of `cext/translation.pyx` on rows, and on steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext.records import InstructionBuffer
from qctl.cext.translation import translate_rows
from qctl.compiler.parts import largest_part, moved, part_of
from qctl.compiler.steps import Step
from qctl.compiler.target import Target, target_of
from qctl.errors import CompileError, RequestError
from qctl.program.expressions import Expression
from qctl.program.layout import INSTRUCTION, OPERAND, PORT_BIT, Flag
from qctl.program.opcodes import GATES, Op

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["Native", "Routed", "Target", "native_rows", "native_steps", "target_of"]


class _Effort(NamedTuple):
    """How hard a level tries."""

    n_visits: int
    """Budget of the search for a layout without swaps."""
    n_trials: int
    """Start layouts; 0 keeps the program's numbers."""
    n_rounds: int
    """How often each of them goes there and back before it counts."""


_EFFORTS = (_Effort(0, 0, 0), _Effort(4_000, 2, 1), _Effort(20_000, 7, 1), _Effort(200_000, 40, 1))


class Native(NamedTuple):
    """A straight line in native gates.

    Attributes
    ----------
    rows : (n,) INSTRUCTION
        Expression fields of gates are indices of `symbols`; all other rows are the source's, on their new qubits.
    words : (n_words,) uint32
        Operand list; value words of gates are indices of `numbers`, or of `symbols` with bit 31.
    numbers : (n_numbers,) float64
    sources : (n,) int32
        Row of the program that a row comes from, or -1.
    symbols : list of (float, int)
        Factor and index of an expression of the program.
    layout, final_layout : tuple of int
        Physical qubit of each of the program's qubits at the start and at the end.
    n_swaps : int
        Swaps that routing put in.
    infidelity : float
        Sum of the average gate infidelities of what was approximated.
    """

    rows: NDArray
    words: NDArray[np.uint32]
    numbers: NDArray[np.float64]
    sources: NDArray[np.int32]
    symbols: list[tuple[float, int]]
    layout: tuple[int, ...]
    final_layout: tuple[int, ...]
    n_swaps: int
    infidelity: float


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


def native_rows(
    rows: NDArray,
    words: NDArray[np.uint32],
    numbers: NDArray[np.float64],
    n_qubits: int,
    target: Target,
    *,
    level: int,
    seed: int,
    fixed: bool = False,
    home: bool = False,
    approximation: float = 0.0,
    time_limit_s: float | None = None,
    threads: int = 1,
) -> Native:
    """Return instructions without blocks in a target's gates; exact up to a global phase.

    Parameters
    ----------
    rows : (n,) INSTRUCTION
    words : (n_words,) uint32
    numbers : (n_numbers,) float64
    n_qubits : int
        Qubits of the program.
    target : Target
        Where it goes.
    level : int
        0 keeps the program's numbers as start layout, 1 to 3 search one, harder and harder.
    seed : int
        Of layout and routing.
    fixed : bool
        Refuse to move qubits: for programs that name physical lines.
    home : bool
        Bring each qubit back to where it began.
    approximation : float
        Average gate infidelity that each two-qubit block may lose.
    time_limit_s : float, optional
        Time after which no new layout is tried.
    threads : int
        Threads that try layouts; the result is the same for any number, unless time runs out.

    Raises
    ------
    CompileError
        If it doesn't fit, or would have to move qubits although it is fixed.
    RequestError
        If an option is out of its range.
    """
    if not 0 <= approximation < 1:
        raise RequestError(f"approximation = {approximation} is outside [0, 1)")
    if time_limit_s is not None and not time_limit_s > 0:
        raise RequestError(f"time_limit_s = {time_limit_s} is not above 0")
    if not 1 <= threads <= MOST_THREADS:
        raise RequestError(f"threads = {threads} is outside [1, {MOST_THREADS}]")
    n_physical = target.size(n_qubits)
    if n_qubits > n_physical:
        raise CompileError(f"the program has {n_qubits} qubits, the target {n_physical}")
    if level not in range(len(_EFFORTS)):
        raise RequestError(f"level = {level!r} is none of {list(range(len(_EFFORTS)))}")
    effort = _EFFORTS[0 if fixed else level]
    made = translate_rows(
        np.ascontiguousarray(rows).view(np.uint8),
        np.ascontiguousarray(words),
        np.ascontiguousarray(numbers),
        n_qubits,
        n_physical,
        target.pairs(),
        target.edges is None,
        *target.gates(),
        *effort,
        seed & 0xFFFFFFFFFFFFFFFF,
        fixed,
        home,
        approximation,
        time_limit_s or 0.0,
        threads,
        target.one_way(n_physical),
    )
    state, where, other, found, operands, constants, sources, symbols, layout, last, n_swaps, lost = made
    if state == _BAD_ROW:
        raise CompileError(f"instruction {where} names what the program does not have", instruction=where)
    if state == _NO_COUPLER:
        raise CompileError(
            f"qubits {where} and {other} have no coupler, and a program that names ports can't be moved to other qubits"
        )
    if state == _NO_WAY:
        kept = largest_part(target.edges or (), n_physical)
        if level == 0 or fixed or home or not n_qubits <= len(kept) < n_physical:
            raise CompileError(
                f"no chain of couplers joins all {n_qubits} qubits of the program: the largest part of the target that "
                f"hangs together has {len(kept)} of its {n_physical} qubits"
            )
        inner = native_rows(
            rows, words, numbers, n_qubits, part_of(target, kept),
            level=level, seed=seed, approximation=approximation, time_limit_s=time_limit_s, threads=threads,
        )  # fmt: skip
        return moved(inner, np.array(kept, np.int32))
    return Native(
        np.frombuffer(found, INSTRUCTION),
        np.frombuffer(operands, OPERAND),
        np.frombuffer(constants, np.float64),
        np.frombuffer(sources, np.int32),
        symbols,
        tuple(layout),
        tuple(last),
        n_swaps,
        lost,
    )


MOST_THREADS = 1024
_BAD_ROW, _NO_COUPLER, _NO_WAY = 2, 3, 4


def native_steps(
    steps: Sequence[Step], n_qubits: int, target: Target, *, level: int = 1, seed: int = 0, fixed: bool = False
) -> Routed:
    """Return a straight line of steps on the target's qubits, in its gates; see `native_rows`.

    Measured qubits are not moved: what ends with a measurement is measured where routing has brought it.
    """
    source = _StepRows(steps, n_qubits)
    made = native_rows(
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
    for i, ((op, flags, a, b, _), origin) in enumerate(zip(made.rows.tolist(), made.sources.tolist(), strict=True)):
        where = steps[origin].where if origin >= 0 else -1
        if op not in GATES:
            step = steps[origin]
            if flags & Flag.WIDE:
                step = step._replace(qubits=tuple(word for word in words[a : a + b] if not word & PORT_BIT))
            elif step.qubits:
                step = step._replace(qubits=(a,))
            out.append(step)
        elif flags & Flag.IMM:
            out.append(Step(Op(op), (a,), (angles[i],), where=where))
        elif flags & Flag.EXPR:
            out.append(Step(Op(op), (a,), (symbols[b],), where=where))
        elif flags & Flag.WIDE:
            values = [symbols[w & ~(1 << 31)] if w >> 31 else float(made.numbers[w]) for w in words[a + 1 : a + 4]]
            out.append(Step(Op(op), (words[a],), tuple(values), where=where))
        else:
            out.append(Step(Op(op), (a,) if GATES[Op(op)].n_qubits == 1 else (a, b), where=where))
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
            elif op in (Op.RYDBERG, Op.SHUTTLE):
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
