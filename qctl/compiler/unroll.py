"""Unroll a program to the straight line of one shot: loops, calls and decisions that are known before it runs.

Sweeps (and, among pulses, loops) around the whole program become points and repetitions. The arms of an if that depends
on measured bits come one after the other, each step with its condition; the rounds of a loop that does are arms inside
each other, as many as it may have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import prod

import numpy as np

from qctl.compiler.branching import MOST_ROUNDS, Branching
from qctl.compiler.extent import Peeled, counted
from qctl.compiler.steps import Step, StepLine
from qctl.errors import CompileError
from qctl.program.body import Body
from qctl.program.conditions import Condition
from qctl.program.expressions import Expression, Value
from qctl.program.layout import CONTROLS_SHIFT, NONE, PORT_BIT, Flag
from qctl.program.opcodes import GATES, OPCODES, Form, Op
from qctl.program.tables import Block, BlockKind, Sweep

__all__ = ["MAX_STEPS", "peeled_of", "unroll"]

MAX_STEPS = 1_000_000
"""Longest straight line that is compiled; a longer one is a mistake or a job for several programs."""
MAX_POINTS = 10_000_000
"""Most sweep points of one program: the tables of more would need over ten gigabytes."""

_HOISTABLE = frozenset(
    (Op.NOP, Op.BARRIER, Op.RESET, Op.SHIFT_PHASE, Op.SET_PHASE, Op.SHIFT_FREQUENCY, Op.SET_FREQUENCY)
)
_PULSES = frozenset((Op.PLAY, Op.CAPTURE))
_JUMPS = frozenset((Op.ASSIGN, Op.SET_BIT, Op.BREAK, Op.CONTINUE, Op.HALT))
_NO_STEP = frozenset((Op.NOP, Op.BEGIN, Op.END, Op.CALL)) | _JUMPS
_STILL = frozenset((Op.BARRIER, Op.DELAY, Op.RESET))
_DEFINITIONS = (BlockKind.CALL, BlockKind.CAL)


def unroll(body: Body, can_branch: Callable[[], str] = lambda: "this target") -> StepLine:
    """Return the straight line of a program.

    Parameters
    ----------
    body : Body
        The program.
    can_branch : function
        Says what of the target can't play by measured bits; an empty text where all can.

    Raises
    ------
    CompileError
        If a parameter has no value, a decision needs a sweep variable or a measured bit that the target does not
        follow, or the line is too long.
    """
    if free := body.parameters:
        raise CompileError(
            f"{'parameters' if len(free) > 1 else 'parameter'} {', '.join(map(repr, free))} "
            f"{'have' if len(free) > 1 else 'has'} no value; use bind({', '.join(f'{name}=...' for name in free)})",
            parameters=list(free),
        )
    return _Unrolling(body, can_branch).line()


def peeled_of(body: Body) -> Peeled:
    """Return what is around the whole program, without unrolling it."""
    return _Unrolling(body, str).peel()


class _Unrolling(Branching):
    """The state of one unrolling."""

    def line(self) -> StepLine:
        """Peel what is around the whole program, and unroll the rest."""
        peeled = self.peel()
        if peeled.n_repeats == 0 or any(not len(axis.values) for axis in peeled.axes):
            raise CompileError("the program's outermost loop has count = 0: it plays nothing")
        n_steps = sum(n for op, n in counted(self.body, peeled).items() if self._is_step(op))
        if n_steps > MAX_STEPS:
            raise CompileError(
                f"the program has {n_steps} steps a shot when its loops are unrolled, which is over {MAX_STEPS}; loop "
                f"less often, or loop around the whole program and ask for its rounds as shots",
                steps=n_steps,
                bound=MAX_STEPS,
            )
        for first, end in peeled.ranges:
            self._run(first, end)
        return StepLine(tuple(self.steps), peeled.axes, peeled.n_repeats, tuple(self.decisions.bits), self.kept)

    def _check_points(self, axes: list[Sweep], more: int) -> None:
        shape = [*(len(axis.values) for axis in axes), *([more] if more != 1 else [])]
        if prod(shape) > MAX_POINTS:
            raise CompileError(
                f"the program has {' x '.join(map(str, shape))} = {prod(shape)} points, which is over {MAX_POINTS}; "
                f"sweep fewer values, or send the outermost sweep as several jobs",
                points=prod(shape),
                bound=MAX_POINTS,
            )

    def _is_step(self, op: int) -> bool:
        """Say whether every instruction with this opcode becomes a step; one with a calibration may become none."""
        spec = OPCODES.get(op)  # type: ignore[call-overload]
        calibrated = self.cals and spec is not None and spec.form in (Form.GATE, Form.MEASURE, Form.QUBIT)
        return op not in _NO_STEP and not calibrated

    def peel(self) -> Peeled:
        """Return the sweeps and loops that are around the whole program, and what is inside and between them."""
        axes: list[Sweep] = []
        ranges: list[tuple[int, int]] = []
        n_repeats = 1
        first, end = 0, len(self.rows)
        ops = {row[0] for row in self.rows}
        while not ops & _JUMPS:
            block = self._around(first, end)
            if block is None:
                break
            if block.kind is BlockKind.SWEEP:
                axes.append(self.body.sweeps[block.sweep])
                self._check_points(axes, 1)
            elif block.kind is BlockKind.LOOP:
                if block.count < 0 or not ops & _PULSES:
                    break
                if block.name:
                    self._check_points(axes, block.count)
                    axes.append(Sweep(block.name, np.arange(block.count, dtype=np.float64)))
                else:
                    n_repeats *= block.count
            ranges.append((first, block.first))
            first, end = block.first + 1, block.end
        return Peeled(tuple(axes), n_repeats, (*ranges, (first, end)))

    def _around(self, first: int, end: int) -> Block | None:
        """Return the block that holds all that takes time between two instructions, or None."""
        found: Block | None = None
        i = first
        while i < end:
            op, a = self.rows[i][0], self.rows[i][2]
            if op == Op.BEGIN:
                block = self.body.blocks[a]
                if block.kind not in _DEFINITIONS:
                    if found is not None or block.kind not in (BlockKind.SWEEP, BlockKind.LOOP, BlockKind.BOX):
                        return None
                    found = block
                i = block.end
            elif op not in _HOISTABLE if found is None else op not in (Op.NOP, Op.BARRIER):
                return None
            i += 1
        return found

    # --- walking ------------------------------------------------------------------------------------

    def _run(self, first: int, end: int) -> Op | None:
        """Unroll instructions; return BREAK, CONTINUE or HALT where one ended it early."""
        taken: bool | None = False
        i = first
        while i < end:
            op = self.rows[i][0]
            if op == Op.BEGIN:
                block = self.body.blocks[self.rows[i][2]]
                if block.kind is BlockKind.ELSE:
                    signal = None if taken is not False else self._run(i + 1, block.end)
                else:
                    signal, taken = self._block(block, i)
                if signal is not None:
                    return signal
                i = block.end
            elif op in (Op.BREAK, Op.CONTINUE, Op.HALT):
                return Op(op)
            elif op == Op.CALL:
                block = self.body.blocks[self.rows[i][2]]
                if self._inline(block) is Op.HALT:
                    return Op.HALT
            else:
                self._one(i, op)
            i += 1
        return None

    def _block(self, block: Block, i: int) -> tuple[Op | None, bool | None]:
        """Unroll one block; return its signal to the block around, and whether an IF was taken.

        None stands for an IF on measured bits, whose ELSE has been unrolled with it.
        """
        kind = block.kind
        if kind in _DEFINITIONS:
            return None, False
        if kind is BlockKind.BOX:
            return self._run(i + 1, block.end), False
        if kind is BlockKind.IF:
            taken = self._decide(block, i)
            if isinstance(taken, Condition):
                self._both(block, i, taken)
                return None, None
            return (self._run(i + 1, block.end) if taken else None), taken
        rounds = 0
        values: list[float] | None = None
        if kind is BlockKind.SWEEP:
            values = self.body.sweeps[block.sweep].values.tolist()
        count = len(values) if values is not None else block.count
        if kind is BlockKind.LOOP and count < 0:
            count = self._whole(block, i)
        name = self.body.sweeps[block.sweep].name if values is not None else ""
        while count < 0 or rounds < count:
            if kind is BlockKind.WHILE:
                goes_on = self._decide(block, i)
                if isinstance(goes_on, Condition):
                    self._rounds(block, i, goes_on, MOST_ROUNDS if count < 0 else count - rounds)
                    break
                if not goes_on:
                    break
            if values is not None:
                self.known["sweep"][name] = values[rounds]
            signal = self._run(i + 1, block.end)
            rounds += 1
            if signal is Op.HALT:
                return signal, False
            if signal is Op.BREAK:
                break
            if kind is BlockKind.REPEAT:
                ends = self._decide(block, i)
                if isinstance(ends, Condition):
                    self._rounds(block, i, ~ends, (MOST_ROUNDS if count < 0 else count) - rounds)
                    break
                if ends:
                    break
            if rounds > MAX_STEPS:
                raise CompileError(
                    f"the {kind.name.lower()} at instruction {i} has over {MAX_STEPS} rounds", instruction=i
                )
        self.known["sweep"].pop(name, None)
        return None, False

    def _inline(self, block: Block) -> Op | None:
        self.depth += 1
        if self.depth > 100:
            raise CompileError(f"subroutine {block.name!r} calls itself")
        signal = self._run(block.first + 1, block.end)
        self.depth -= 1
        return signal

    def _whole(self, block: Block, i: int) -> int:
        assert block.value is not None
        value = self._known(block.value)
        if isinstance(value, Expression) or value != round(value) or value < 0:
            raise CompileError(
                f"loop at instruction {i} has the count {value}, which is no whole number before the run",
                instruction=i,
            )
        return int(value)

    # --- instructions -------------------------------------------------------------------------------

    def _one(self, i: int, op: int) -> None:
        _, flags, a, b, c = self.rows[i]
        self.at, first = i, len(self.steps)
        if first >= MAX_STEPS:
            raise CompileError(f"the program has over {MAX_STEPS} steps a shot when its loops are unrolled")
        spec = OPCODES.get(op)  # type: ignore[call-overload]
        if spec is None:
            raise CompileError(f"instruction {i} has the unknown opcode {op:#x}")
        form = spec.form
        word = Op(op)
        if form is Form.GATE:
            self._gate(i, word, flags, a, b, c)
        elif form is Form.MEASURE:
            self.known["bit"][self.body.bits[b]] = None
            if not self._calibrated(word, (a,), ()):
                self._measure(a, b, i)
        elif form is Form.QUBIT:
            if not self._calibrated(word, (a,), ()):
                self._reset(word, a, i)
        elif form is Form.BARRIER:
            words = self.operands[a : a + b]
            qubits = tuple(w for w in words if not w & PORT_BIT)
            self.steps.append(Step(word, qubits, ports=tuple(w & ~PORT_BIT for w in words if w & PORT_BIT), where=i))
        elif form is Form.DELAY:
            ports, qubits = ((a & ~PORT_BIT,), ()) if a & PORT_BIT else ((), (a,))
            self.steps.append(Step(word, qubits, (self._operand(i),), ports=ports, where=i))
        elif form is Form.PLAY:
            amplitude = 1.0 if c == NONE else self._value(c)
            self.steps.append(Step(word, params=(amplitude,), ports=(a,), number=b, where=i))
        elif form is Form.CAPTURE and word is Op.CAPTURE:
            bit = self.body.captures[b].bit
            event, leaf = self.decisions.measured(self.body.bits[bit] if bit >= 0 else "", i)
            self.steps.append(Step(word, ports=(a,), number=b, where=i, event=event))
            if bit >= 0:
                self.known["bit"][self.body.bits[bit]] = leaf
        elif form is Form.PORT_VALUE:
            self.steps.append(Step(word, params=(self._operand(i),), ports=(a,), where=i))
        elif form is Form.ASSIGN:
            self.known["register"][self.body.registers[a].name] = self._known(self.body.expressions[b])
        elif form is Form.SET_BIT:
            self.known["bit"][self.body.bits[a]] = self._known(self.body.expressions[b])
        elif form is Form.QUBITS_WIDE:
            words, values = self.operands[a : a + b], self.operands[a + b : a + b + c]
            self.steps.append(Step(word, tuple(words), tuple(self._value(w) for w in values), where=i))
        elif form is Form.TTL:
            self.steps.append(Step(word, params=(float(b),), ports=(a,), where=i))
        elif form is Form.PORT_WIDE:
            port, *values = self.operands[a : a + b + c]
            self.steps.append(Step(word, params=tuple(self._value(w) for w in values), ports=(port,), where=i))
        elif word is not Op.NOP:
            raise CompileError(f"{spec.name} (instruction {i}) is not for this target", instruction=i)

        if not self.decisions.when.always:
            when = self.decisions.when
            self.steps[first:] = [
                s if s.when is not None or s.op is Op.MEASURE else s._replace(when=when) for s in self.steps[first:]
            ]
        self._note_played(self.steps[first:])
        self.played.update(q for step in self.steps[first:] for q in step.qubits if step.op not in _STILL)

    def _gate(self, i: int, op: Op, flags: int, a: int, b: int, c: int) -> None:
        n_controls = 0
        params: tuple[Value | Fraction, ...]
        if flags & Flag.WIDE:
            n_controls = flags >> CONTROLS_SHIFT
            qubits = tuple(self.operands[a : a + b])
            params = tuple(self._value(w) for w in self.operands[a + b : a + b + c])
        elif GATES[op].n_qubits == 2:
            qubits, params = (a, b), () if c == NONE else (self._value(c),)
        else:
            qubits = (a,)
            params = (self._operand(i),) if flags & (Flag.IMM | Flag.EXPR) else ()
        if not (n_controls == 0 and self.cals and self._calibrated(op, qubits, params)):
            self.steps.append(Step(op, qubits, params, n_controls, where=i))

    def _calibrated(self, op: Op, qubits: tuple[int, ...], params: tuple[Value | Fraction, ...]) -> bool:
        """Play the program's own calibration of a gate, if it has one; the last that fits holds."""
        name = op.name.lower()
        for (gate, on, _), block in reversed(self.cals.items()):
            if gate != name or on != qubits or len(block.params) != len(params):
                continue
            if any(not isinstance(p, str) and p != v for p, v in zip(block.params, params, strict=True)):
                continue
            kept: Mapping[str, Value | None] = dict(self.known["param"])
            self.known["param"].update(
                {p: v for p, v in zip(block.params, params, strict=True) if isinstance(p, str)}  # type: ignore[misc]
            )
            self._inline(block)
            self.known["param"] = dict(kept)
            return True
        return False
