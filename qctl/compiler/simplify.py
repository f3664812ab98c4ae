"""Merge one-qubit runs to rz and sx, push z turns through cz, cancel cz pairs, and absorb swaps; exact."""

from __future__ import annotations

import math
from collections.abc import Iterable

from qctl.compiler.rotations import Matrix, is_diagonal, matrix_of, native, product, symbolic, wrapped
from qctl.compiler.steps import Step
from qctl.program.expressions import Expression, Value
from qctl.program.opcodes import GATES, Op

__all__ = ["simplify"]

_FRAME = frozenset((Op.PLAY, Op.CAPTURE, Op.SHIFT_PHASE, Op.SET_PHASE, Op.SHIFT_FREQUENCY, Op.SET_FREQUENCY))


def simplify(steps: Iterable[Step], n_qubits: int, expand_swaps: bool = False) -> list[Step]:
    """Return the same program as rz, sx, cz and swaps, with at most two sx in each one-qubit run.

    Parameters
    ----------
    steps : iterable of Step
        One-qubit gates, cz, swap and what is no gate.
    n_qubits : int
        How many qubits there are.
    expand_swaps : bool
        Write swaps as cz too; a swap beside a cz on the same pair costs two cz, another one three.
    """
    done = list(steps)
    again = True
    while again:
        work = _Simplifier(n_qubits)
        for step in done:
            work.take(step)
        done = work.finish()
        # What stood around a pair that cancelled may merge now.
        again = work.n_cancelled > 0
    if expand_swaps and any(step.op in (Op.SWAP, Op.ISWAP) for step in done):
        return simplify(_expanded(done), n_qubits)
    return done


class _Simplifier:
    """What is known of each qubit while the program goes by."""

    def __init__(self, n_qubits: int) -> None:
        self.out: list[Step | None] = []
        self.turn: list[Value] = [0.0] * n_qubits
        """z turn that is still to be emitted, behind the last sx."""
        self.run: list[Matrix | None] = [None] * n_qubits
        """Matrix of the one-qubit run that is still to be emitted, behind `turn`."""
        self.touched: list[list[int]] = [[] for _ in range(n_qubits)]
        """Positions in `out` of what acts on the qubit and is no z turn."""
        self.n_cancelled = 0

    def take(self, step: Step) -> None:
        """Take the next step."""
        op = step.op
        if op in GATES and len(step.qubits) == 1:
            self._one(step)
        elif op is Op.CZ:
            self._cz(step)
        elif op is Op.SWAP:
            self._swap(step)
        elif op in _FRAME or step.ports:
            for q in range(len(self.run)):
                self._flush(q)
                self._emit_turn(q)
            self.out.append(step)
        elif op is Op.BARRIER:
            # A z turn is a change of the frame, and takes no time: it may cross.
            self._pass(step)
        elif op in (Op.MEASURE, Op.RESET):
            (q,) = step.qubits
            self._flush(q)
            self.turn[q] = 0.0
            self._pass(step)
        else:
            self._pass(step)

    def finish(self) -> list[Step]:
        """Return what was emitted, with everything that was held back."""
        for q in range(len(self.run)):
            self._flush(q)
            self._emit_turn(q)
        return [step for step in self.out if step is not None]

    def _pass(self, step: Step) -> None:
        for q in step.qubits:
            self._flush(q)
        for q in step.qubits:
            self.touched[q].append(len(self.out))
        self.out.append(step)

    def _one(self, step: Step) -> None:
        (q,) = step.qubits
        numbers = tuple(p for p in step.params if isinstance(p, (int, float)))
        if len(numbers) == len(step.params):
            before = self.run[q]
            made = matrix_of(step.op, numbers)
            self.run[q] = made if before is None else product(made, before)
            return
        self._flush(q)
        for op, angle in symbolic(step.op, step.params):  # type: ignore[arg-type]
            self._rotate(q, op, angle)

    def _flush(self, q: int) -> None:
        """Emit the run of a qubit; its last z turn stays behind as `turn`."""
        m = self.run[q]
        if m is None:
            return
        self.run[q] = None
        if isinstance(self.turn[q], float) and self.turn[q] != 0.0:
            m = product(m, matrix_of(Op.RZ, (self.turn[q],)))  # type: ignore[arg-type]
            self.turn[q] = 0.0
        for op, angle in native(m):
            self._rotate(q, op, angle)

    def _rotate(self, q: int, op: Op, angle: float | Expression) -> None:
        if op is Op.RZ:
            self.turn[q] = _sum(self.turn[q], angle)
            return
        self._emit_turn(q)
        self.touched[q].append(len(self.out))
        self.out.append(Step(Op.SX, (q,)))

    def _emit_turn(self, q: int) -> None:
        angle = self.turn[q]
        if isinstance(angle, (int, float)):
            angle = wrapped(angle)
        self.turn[q] = 0.0
        if not (isinstance(angle, float) and angle == 0.0):
            self.out.append(Step(Op.RZ, (q,), (angle,)))

    def _last_pair(self, a: int, b: int) -> int:
        """Return the position of the two-qubit step that both qubits met last, or -1."""
        last = self.touched[a][-1] if self.touched[a] else -1
        return last if last >= 0 and self.touched[b] and self.touched[b][-1] == last else -1

    def _cz(self, step: Step) -> None:
        a, b = step.qubits
        for q in (a, b):
            m = self.run[q]
            if m is not None and is_diagonal(m):
                self._flush(q)
        if self.run[a] is None and self.run[b] is None:
            last = self._last_pair(a, b)
            old = self.out[last] if last >= 0 else None
            if old is not None and old.op in (Op.CZ, Op.SWAP, Op.ISWAP):
                self._replace(last, {Op.CZ: None, Op.SWAP: Op.ISWAP, Op.ISWAP: Op.SWAP}[old.op], a, b)
                return
        self._pass(step)

    def _swap(self, step: Step) -> None:
        a, b = step.qubits
        # Whatever is held back acts on the other qubit after the swap.
        last = self._last_pair(a, b)
        held = (self.run[a], self.turn[a])
        self.run[a], self.turn[a] = self.run[b], self.turn[b]
        self.run[b], self.turn[b] = held
        old = self.out[last] if last >= 0 else None
        if old is not None and old.op in (Op.CZ, Op.SWAP, Op.ISWAP):
            self._replace(last, {Op.CZ: Op.ISWAP, Op.SWAP: None, Op.ISWAP: Op.CZ}[old.op], a, b)
            return
        for q in (a, b):
            self.touched[q].append(len(self.out))
        self.out.append(step)

    def _replace(self, position: int, op: Op | None, a: int, b: int) -> None:
        """Put another two-qubit step in place of one, or none; ISWAP stands for cz and swap together."""
        old = self.out[position]
        assert old is not None
        self.out[position] = None if op is None else old._replace(op=op)
        if op is None:
            self.n_cancelled += 1
            self.touched[a].pop()
            self.touched[b].pop()


def _sum(a: Value, b: Value) -> Value:
    if isinstance(a, (int, float)) and a == 0:
        return b
    return a if isinstance(b, (int, float)) and b == 0 else a + b


def _expanded(steps: list[Step]) -> Iterable[Step]:
    half = math.pi / 2
    for step in steps:
        if step.op is Op.SWAP:
            a, b = step.qubits
            for control, target in ((a, b), (b, a), (a, b)):
                yield Step(Op.H, (target,), where=step.where)
                yield Step(Op.CZ, (control, target), where=step.where)
                yield Step(Op.H, (target,), where=step.where)
        elif step.op is Op.ISWAP:
            # cz and swap = sdg sdg iswap; iswap = exp(i pi/4 (XX + YY)) in two cx.
            a, b = step.qubits
            for q in (a, b):
                yield Step(Op.SDG, (q,), where=step.where)
                yield Step(Op.RX, (q,), (half,))
            yield Step(Op.H, (b,))
            yield Step(Op.CZ, (a, b), where=step.where)
            yield Step(Op.H, (b,))
            yield Step(Op.RX, (a,), (-half,))
            yield Step(Op.RZ, (b,), (-half,))
            yield Step(Op.H, (b,))
            yield Step(Op.CZ, (a, b), where=step.where)
            yield Step(Op.H, (b,))
            for q in (a, b):
                yield Step(Op.RX, (q,), (-half,))
        else:
            yield step
