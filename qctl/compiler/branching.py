"""The part of unrolling that is about values: what is known before the run, and branches on what is measured in it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from qctl.compiler.decisions import Decisions, mixed
from qctl.compiler.steps import Step
from qctl.errors import CompileError
from qctl.program.body import Body
from qctl.program.conditions import MOST_BITS, Condition, always
from qctl.program.expressions import LEAVES, Expression, Value
from qctl.program.layout import Flag
from qctl.program.opcodes import Op
from qctl.program.tables import Block, BlockKind

__all__ = ["MOST_ROUNDS", "Branching"]

MOST_ROUNDS = 4
"""Rounds of a loop on measured bits that has no count of its own."""


Known = dict[str, Value | None]
_STILL = frozenset((Op.BARRIER, Op.DELAY, Op.RESET, Op.MEASURE))


class Branching:
    """The state of one unrolling, without the walk over instructions.

    Parameters
    ----------
    body : Body
        The program.
    can_branch : function
        Says what of the target can't play by measured bits; an empty text where all can.
    """

    def __init__(self, body: Body, can_branch: Callable[[], str]) -> None:
        self.body = body
        self.can_branch = can_branch
        self.decisions = Decisions()
        self.played: set[int] = set()
        self.kept: dict[int, Condition] = {}
        self._since: dict[int, Condition] = {}
        rows = body.instructions
        self.rows: list[tuple[int, int, int, int, int]] = rows.tolist()
        words = rows["b"].astype(np.uint64) | (rows["c"].astype(np.uint64) << np.uint64(32))
        self.floats: list[float] = words.view(np.float64).tolist()
        self.ticks: list[int] = words.view(np.int64).tolist()
        self.operands: list[int] = body.operands.tolist()
        self.known: dict[str, dict[str, Value | None]] = {
            "register": {r.name: 0.0 for r in body.registers},
            "bit": dict.fromkeys(body.bits, 0.0),
            "param": {},
            "sweep": {},
        }
        self.cals = {
            (block.name, block.qubits, k): block for k, block in enumerate(body.blocks) if block.kind is BlockKind.CAL
        }
        self.steps: list[Step] = []
        self.depth = 0
        self.at = -1

    @abstractmethod
    def _run(self, first: int, end: int) -> Op | None:
        """Unroll instructions; return BREAK, CONTINUE or HALT where one ended it early."""

    def _decide(self, block: Block, i: int) -> bool | Condition:
        """Return what a block's test says, now or by the outcomes of measurements."""
        assert block.value is not None
        value = self._known(block.value)
        word = block.kind.name.lower()
        if not isinstance(value, Expression):
            return value != 0.0
        condition = self.decisions.of(value, i, word)
        if condition.always or condition.never:
            return condition.always
        if lacking := self.can_branch():
            bit = self.decisions.bits[condition.captures[0]]
            raise CompileError(
                f"{word} at instruction {i} depends on the measured bit {bit!r}: that needs feedback within a shot, "
                f"which {lacking} does not have",
                instruction=i,
            )
        return condition

    def _both(self, block: Block, i: int, condition: Condition) -> None:
        """Unroll both arms of an IF, each under its condition, and mix what they leave in bits and registers."""
        assert block.value is not None
        test, word = self._known(block.value), "if"
        assert isinstance(test, Expression)
        around, before = self.decisions.when, {kind: dict(self.known[kind]) for kind in ("bit", "register")}
        last = block.end + 1
        follows = last < len(self.rows) and self.rows[last][0] == Op.BEGIN
        other = self.body.blocks[self.rows[last][2]] if follows else None
        arms = [(i + 1, block.end, condition)]
        if other is not None and other.kind is BlockKind.ELSE:
            arms.append((last + 1, other.end, ~condition))
        after = []
        for first, end, arm in arms:
            self.decisions.when = self.decisions.joined(arm, i, word)
            if not self.decisions.when.never:
                self._arm(block, first, end, i)
            after.append({kind: self.known[kind] for kind in before})
            self.known.update({kind: dict(values) for kind, values in before.items()})
            self.decisions.when = around
        after.append(before)
        self._mix(test, after[0], after[1])

    def _arm(self, block: Block, first: int, end: int, i: int) -> None:
        """Unroll what is played by measured bits, which may not end anything around it."""
        if self._run(first, end) is not None:
            raise CompileError(
                f"the {block.kind.name.lower()} at instruction {i} would end a loop, or the shot, by what was "
                f"measured: no box here can",
                instruction=i,
            )

    def _mix(self, test: Expression, taken: Mapping[str, Known], other: Mapping[str, Known]) -> None:
        """Know of bits and registers what two arms leave in them."""
        for kind, values in self.known.items():
            if kind in taken:
                values.update({name: mixed(test, taken[kind][name], other[kind][name]) for name in values})

    def _rounds(self, block: Block, i: int, goes_on: Condition, n_left: int) -> None:
        """Unroll so many rounds of a loop at most, each inside the one before it."""
        assert block.value is not None
        if n_left < 1:
            return
        test = self._known(block.value)
        assert isinstance(test, Expression)
        if block.kind is BlockKind.REPEAT:
            test = Expression((*test.code, ("not", None)))
        around, before = self.decisions.when, {kind: dict(self.known[kind]) for kind in ("bit", "register")}
        self.decisions.when = self.decisions.joined(goes_on, i, block.kind.name.lower())
        if not self.decisions.when.never:
            self._arm(block, i + 1, block.end, i)
            again = self._decide(block, i)
            if block.kind is BlockKind.REPEAT:
                again = ~again if isinstance(again, Condition) else not again
            if isinstance(again, Condition):
                self._rounds(block, i, again, n_left - 1)
            elif again:
                self._rounds(block, i, always(), n_left - 1)
        after = {kind: dict(self.known[kind]) for kind in before}
        self.known.update({kind: dict(values) for kind, values in before.items()})
        self._mix(test, after, before)
        self.decisions.when = around

    def _measure(self, qubit: int, bit: int, i: int) -> None:
        """Measure a qubit; its bit is known as this measurement's outcome from now on."""
        event, leaf = self._outcome(self.body.bits[bit], qubit, i)
        self.known["bit"][self.body.bits[bit]] = leaf
        self.steps.append(Step(Op.MEASURE, (qubit,), number=bit, where=i, event=event))

    def _reset(self, op: Op, qubit: int, i: int) -> None:
        """Reset a qubit: by waiting where nothing was played before, else by what a measurement finds."""
        if qubit not in self.played or self.can_branch():
            self.steps.append(Step(op, (qubit,), where=i))
            return
        event, leaf = self._outcome("", qubit, i)
        self.steps.append(Step(Op.MEASURE, (qubit,), where=i, event=event))
        found = self.decisions.joined(self.decisions.of(leaf, i, "reset"), i, "reset")
        self.steps.append(Step(Op.X, (qubit,), where=i, when=found))

    def _outcome(self, bit: str, qubit: int, i: int) -> tuple[int, Expression]:
        """Return the number of a qubit's measurement, and the leaf that its outcome is.

        One in an arm is made in every shot: those that don't play the arm have not touched the qubit since it was
        measured, so that it is found as it was, and nobody takes the result.
        """
        when = self.decisions.when
        played = self._since.pop(qubit, None)
        if not when.always:
            if played is not None and not (played & ~when).never:
                raise CompileError(
                    f"the measurement at instruction {i} is made only if {self.decisions.text(when)}: it is made in "
                    f"all shots, and would disturb the qubit in others; play on it in the arm alone, or measure before",
                    instruction=i,
                )
            self.kept[len(self.decisions.bits)] = when
        return self.decisions.measured(bit, i, True)

    def _note_played(self, steps: Sequence[Step]) -> None:
        """Note under which outcomes qubits have been played since their last measurement."""
        for step in steps:
            if step.op in _STILL:
                continue
            when = step.when or always()
            for q in step.qubits or self._driven(step):
                before = self._since.get(q)
                if before is None or when.always:
                    self._since[q] = when
                elif not before.always:
                    wide = len({*before.captures, *when.captures}) > MOST_BITS
                    self._since[q] = always() if wide else ~(~before & ~when)

    def _driven(self, step: Step) -> list[int]:
        """Return the qubits that a pulse drives: those that its ports are named after."""
        if step.op is not Op.PLAY:
            return []
        symbols = [self.body.ports[k] for k in step.ports]
        names = [(one.parent or one.name).partition(".") for one in symbols]
        return [self.body.qubits.index(q) for q, _, role in names if role == "drive" and q in self.body.qubits]

    # --- values -------------------------------------------------------------------------------------

    def _known(self, value: Value) -> Value:
        """Return a value with everything put in that is known; a float if nothing is left."""
        if not isinstance(value, Expression):
            return value
        code: list[tuple[str, str | float | None]] = []
        open_leaf = False
        for word, x in value.code:
            table = self.known.get(word)
            found = None if table is None else table.get(str(x))
            if found is None:
                open_leaf |= word in LEAVES and word != "const"
                code.append((word, x))
            elif isinstance(found, Expression):
                open_leaf = True
                code.extend(found.code)
            else:
                code.append(("const", float(found)))
        made = Expression(tuple(code))
        return made if open_leaf else made.evaluate({})

    def _settled(self, value: Value) -> Value:
        """Return a value of a gate or pulse with everything put in, which may not depend on what is measured."""
        found = self._known(value)
        if isinstance(found, Expression) and (bits := found.names("bit")):
            raise CompileError(
                f"instruction {self.at} has the value {found}, which depends on the measured bit {bits[0]!r}: write "
                f"the gate once for each value, in an if",
                instruction=self.at,
            )
        return found

    def _value(self, word: int) -> Value:
        return self._settled(self.body.value(word))

    def _operand(self, i: int) -> Value | Fraction:
        """Return an immediate, an expression's value, or ticks as exact seconds."""
        flags, b = self.rows[i][1], self.rows[i][3]
        if flags & Flag.IMM:
            return self.floats[i]
        if flags & Flag.TICKS:
            return self.ticks[i] * self.body.tick_s
        return self._settled(self.body.expressions[b])
