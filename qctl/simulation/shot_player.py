"""ShotPlayer: one shot of a program with branches, loops and measurements midway, on a state vector in place."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qctl.cext import amplitudes
from qctl.errors import RequestError
from qctl.program.body import Body, Range
from qctl.program.expressions import Expression, Value
from qctl.program.layout import EXPRESSION_BIT, NONE, Flag
from qctl.program.opcodes import GATES, Op
from qctl.program.tables import BlockKind
from qctl.simulation.evolve import evolve
from qctl.simulation.pace import Pace

__all__ = ["ShotPlayer", "certain_rows"]

MOST_ROUNDS = 100_000
"""Rounds after which a loop without a count is refused."""

_LOUD = np.ones(2**16, bool)
_LOUD[[*GATES, Op.BARRIER, Op.DELAY, Op.NOP]] = False
_CHANCE = (Op.MEASURE, Op.RESET, Op.HALT)
Saved = tuple[dict[str, float], dict[str, float], bool]


class _Halt(Exception):
    pass


class _Leave(Exception):
    def __init__(self, again: bool) -> None:
        self.again = again


def certain_rows(body: Body, tree: Range) -> int:
    """Return how many rows at a program's beginning play in the same way in each shot."""
    random = np.isin(body.instructions["op"], _CHANCE)
    bodies = [child for child in tree.children if body.block(child).kind is BlockKind.CALL]
    for child in bodies:
        if random[child.first : child.end].any():
            random |= (body.instructions["op"] == Op.CALL) & (np.arange(len(body)) >= child.end)
            random[child.first : child.end] = False
    places = np.flatnonzero(random)
    if not len(places):
        return len(body)
    first = int(places[0])
    for k, child in enumerate(tree.children):
        if child.first - 1 <= first <= child.end:
            before = tree.children[k - 1] if k else None
            is_else = body.block(child).kind is BlockKind.ELSE
            return before.first - 1 if is_else and before is not None else child.first - 1
    return first


class ShotPlayer:
    """Play a program once; straight runs of gates go to the kernels.

    Parameters
    ----------
    body : Body
    rng : numpy.random.Generator
        Of the outcomes.
    state : (2**n_qubits,) complex
        Changed in place.
    threads : int
    skip_measurements : bool
        Measurements do nothing.
    pace : Pace, optional
        It is told which part of the rows it has come to.
    """

    def __init__(
        self,
        body: Body,
        rng: np.random.Generator,
        state: NDArray[np.complexfloating],
        threads: int = 1,
        skip_measurements: bool = False,
        pace: Pace | None = None,
    ) -> None:
        self.body, self.rng, self.state = body, rng, state
        self.threads, self.skip, self.pace = threads, skip_measurements, pace
        self._furthest = 0
        self.bits: dict[str, float] = dict.fromkeys(body.bits, 0.0)
        self.values: dict[str, float] = {register.name: 0.0 for register in body.registers}
        self.halted = False
        self._loud = np.append(np.flatnonzero(_LOUD[body.instructions["op"]]), len(body))
        self._used: dict[tuple[int, int], tuple[int, ...]] = {}

    def save(self) -> Saved:
        """Return the classical values."""
        return dict(self.bits), dict(self.values), self.halted

    def restore(self, saved: Saved) -> None:
        """Go back to classical values that `save` returned."""
        self.bits, self.values, self.halted = dict(saved[0]), dict(saved[1]), saved[2]

    def play(self, part: Range, whole: Range | None = None) -> None:
        """Play a part of the program's tree (of `whole`, if it is not all); a halt ends it early."""
        self.subroutines = {child.block: child for child in (whole or part).children}
        if self.halted:
            return
        try:
            self._range(part)
        except _Halt:
            self.halted = True

    def _number(self, value: Value) -> float:
        return value.evaluate({**self.values, **self.bits}) if isinstance(value, Expression) else value

    def _range(self, node: Range) -> None:
        children = iter(node.children)
        child = next(children, None)
        i = node.first
        played = True
        while i < node.end:
            if child is not None and i == child.first - 1:
                played = self._block(child, played)
                i = child.end + 1
                child = next(children, None)
                continue
            end = min(int(self._loud[np.searchsorted(self._loud, i)]), node.end)
            if end > i:
                self._gates(i, end)
                i = end
            else:
                self._instruction(i)
                i += 1

    def _block(self, node: Range, last_played: bool) -> bool:
        block = self.body.block(node)
        if block.kind in (BlockKind.CALL, BlockKind.CAL):
            return False
        if block.kind is BlockKind.BOX:
            self._range(node)
        elif block.kind is BlockKind.IF:
            if not self._number(block.value or 0.0):
                return False
            self._range(node)
        elif block.kind is BlockKind.ELSE:
            if last_played:
                return False
            self._range(node)
        elif block.kind is BlockKind.SWEEP:
            raise RequestError("a sweep has no single state: simulate each of its points")
        else:
            self._rounds(node)
        return True

    def _rounds(self, node: Range) -> None:
        block = self.body.block(node)
        most = block.count if block.count >= 0 else MOST_ROUNDS
        if block.kind is BlockKind.LOOP and block.count < 0:
            most = int(self._number(block.value or 0.0))
        done = 0
        while True:
            if block.kind is BlockKind.LOOP and done >= most:
                return
            if block.kind is BlockKind.WHILE and (done >= most or not self._number(block.value or 0.0)):
                break
            try:
                self._range(node)
            except _Leave as leave:
                if not leave.again:
                    return
            done += 1
            if block.kind is BlockKind.REPEAT and (self._number(block.value or 0.0) or done >= most):
                break
        if block.count < 0 and done >= MOST_ROUNDS:
            raise RequestError(f"a loop has not ended after {MOST_ROUNDS} rounds")

    def _gates(self, first: int, end: int) -> None:
        """Play a run of gates, with the present values of the expressions that it uses."""
        values = None
        if self.body.expressions:
            if (first, end) not in self._used:
                self._used[first, end] = _expressions_of(self.body, first, end)
            used = self._used[first, end]
            values = np.zeros(len(self.body.expressions))
            for k in used:
                values[k] = self._number(self.body.expressions[k])
        evolve(self.body, first, end, self.state, values, self.threads)
        self._furthest = max(self._furthest, end)
        if self.pace is not None:
            self.pace.tell(self._furthest / len(self.body))

    def _instruction(self, i: int) -> None:
        row = self.body.instructions[i]
        op = Op(int(row["op"]))
        if op is Op.MEASURE:
            if not self.skip:
                self.bits[self.body.bits[int(row["b"])]] = float(self._measure(int(row["a"]), False))
        elif op is Op.RESET:
            self._measure(int(row["a"]), True)
        elif op is Op.CALL:
            self._range(self.subroutines[int(row["a"])])
        elif op is Op.ASSIGN:
            self.values[self.body.registers[int(row["a"])].name] = self._number(self.body.expressions[int(row["b"])])
        elif op is Op.SET_BIT:
            self.bits[self.body.bits[int(row["a"])]] = float(bool(self._number(self.body.expressions[int(row["b"])])))
        elif op in (Op.BREAK, Op.CONTINUE):
            raise _Leave(op is Op.CONTINUE)
        elif op is Op.HALT:
            raise _Halt
        else:
            raise RequestError(f"{op.name.lower()} at instruction {i} is no gate: simulate plays gates alone")

    def _measure(self, qubit: int, reset: bool) -> int:
        """Return an outcome, and leave the state that goes with it; the qubit is 0 after a reset."""
        p_one = amplitudes.probability_of_one(self.state, qubit)
        outcome = int(self.rng.random() < p_one)
        scale = 1 / math.sqrt(p_one if outcome else 1 - p_one)
        amplitudes.collapse(self.state, qubit, bool(outcome), scale, reset)
        return outcome


def _expressions_of(body: Body, first: int, end: int) -> tuple[int, ...]:
    """Return the expressions that the gates of these rows use."""
    rows = body.instructions[first:end]
    found = set(rows["b"][(rows["flags"] & Flag.EXPR) != 0].tolist())
    wide = (rows["flags"] & Flag.WIDE) != 0
    angles = rows["c"][~wide & ((rows["flags"] & (Flag.IMM | Flag.EXPR)) == 0)]
    for words in (
        angles[angles != NONE],
        *(body.operands[r["a"] + r["b"] : r["a"] + r["b"] + r["c"]] for r in rows[wide].astype(_LONG)),
    ):
        found.update((words[(words & EXPRESSION_BIT) != 0] & ~np.uint32(EXPRESSION_BIT)).tolist())
    return tuple(sorted(found))


_LONG = np.dtype([("op", "i8"), ("flags", "i8"), ("a", "i8"), ("b", "i8"), ("c", "i8")])
