"""simulate: the ideal state vector and counts of a program of gates, measurements and branches."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.program.body import Body, Range
from qctl.program.expressions import Expression, Value
from qctl.program.opcodes import GATES, Op
from qctl.program.program import Program
from qctl.program.tables import BlockKind
from qctl.program.unitaries import gate_matrix

__all__ = ["Simulated", "simulate"]

State = NDArray[np.complexfloating]
MOST_ROUNDS = 100_000
"""Rounds after which a loop without a count is refused."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """The outcome of a simulation.

    Attributes
    ----------
    counts : dict of str to int
        Outcomes of the bits, bit 0 rightmost as in Qiskit; empty without shots or bits.
    statevector : (2**n_qubits,) complex
        State at the end, qubit 0 the least significant bit of the index; of the last shot where the
        program measures before its end.
    """

    counts: dict[str, int]
    statevector: State = field(repr=False)


def simulate(
    program: Program, shots: int | None = None, seed: int | None = None, precision: str = "double"
) -> Simulated:
    """Play a program on ideal qubits that start in |0>.

    Parameters
    ----------
    program : Program
        Gates, measurements, resets, loops and branches; all parameters bound.
    shots : int, optional
        How often it is measured; without it only the state is computed.
    seed : int, optional
        Of the sampled outcomes.
    precision : str
        ``double`` or ``single``.

    Raises
    ------
    RequestError
        If a parameter is not bound, the program has pulses, or the state doesn't fit in memory.
    """
    if precision not in ("double", "single"):
        raise RequestError(f"precision = {precision!r} is neither 'double' nor 'single'")
    if shots is not None and not 0 < shots <= 10**9:
        raise RequestError(f"shots = {shots} is outside [1, 1e9]")
    body = program.body
    dtype = np.dtype(np.complex128 if precision == "double" else np.complex64)
    _refuse_too_large(body.n_qubits, dtype)
    if body.parameters:
        raise RequestError(f"parameters are not bound: {', '.join(body.parameters)}")
    rng = np.random.default_rng(seed)
    final = _final_measurements(body)
    if final is not None:
        player = _Player(body, rng, dtype)
        player.play(body.structure(), skip_measurements=True)
        state = player.vector()
        return Simulated(_sample(body, state, final, shots, rng) if shots else {}, state)
    counts: Counter[str] = Counter()
    player = _Player(body, rng, dtype)
    for _ in range(shots or 1):
        player = _Player(body, rng, dtype)
        player.play(body.structure())
        counts["".join(str(int(player.bits[name])) for name in reversed(body.bits))] += 1
    return Simulated(dict(counts) if shots and body.bits else {}, player.vector())


def _refuse_too_large(n_qubits: int, dtype: np.dtype) -> None:
    need = 3 * dtype.itemsize * 2**n_qubits
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if need > have // 2:
        raise RequestError(
            f"a state of {n_qubits} qubits needs {need / 2**30:.3g} GiB with its work space; "
            f"half of this machine's memory is {have / 2**31:.3g} GiB"
        )


def _final_measurements(body: Body) -> dict[int, int] | None:
    """Return bit → qubit if the program measures only at its end and nothing depends on outcomes, else None."""
    branching = {
        BlockKind.IF,
        BlockKind.ELSE,
        BlockKind.WHILE,
        BlockKind.REPEAT,
        BlockKind.LOOP,
        BlockKind.CALL,
        BlockKind.SWEEP,
    }
    if any(block.kind in branching for block in body.blocks):
        return None
    source: dict[int, int] = {}
    measured: set[int] = set()
    for i, row in enumerate(body.instructions):
        op = Op(int(row["op"]))
        if op is Op.MEASURE:
            source[int(row["b"])] = int(row["a"])
            measured.add(int(row["a"]))
        elif op in (Op.RESET, Op.SET_BIT, Op.ASSIGN, Op.HALT) or (
            op in GATES and measured.intersection(body.gate(i)[1])
        ):
            return None
    return source


def _sample(body: Body, state: State, source: dict[int, int], shots: int, rng: np.random.Generator) -> dict[str, int]:
    if not body.bits:
        return {}
    weights = np.abs(state.astype(np.complex128)) ** 2
    hits = rng.multinomial(shots, weights / weights.sum())
    counts: Counter[str] = Counter()
    for index in np.flatnonzero(hits).tolist():
        text = ["1" if bit in source and index >> source[bit] & 1 else "0" for bit in range(len(body.bits))]
        counts["".join(reversed(text))] += int(hits[index])
    return dict(counts)


class _Halt(Exception):
    pass


class _Leave(Exception):
    def __init__(self, again: bool) -> None:
        self.again = again


class _Player:
    """One shot: the state as a tensor with one axis a qubit, and the classical values by name."""

    def __init__(self, body: Body, rng: np.random.Generator, dtype: np.dtype) -> None:
        self.body, self.rng = body, rng
        self.state = np.zeros((2,) * body.n_qubits, dtype)
        self.state[(0,) * body.n_qubits] = 1
        self.bits: dict[str, float] = dict.fromkeys(body.bits, 0.0)
        self.values: dict[str, float] = {register.name: 0.0 for register in body.registers}

    def vector(self) -> State:
        """Return the state with qubit 0 as the least significant bit."""
        return np.ascontiguousarray(self.state.transpose(range(self.body.n_qubits - 1, -1, -1))).ravel()

    def play(self, tree: Range, skip_measurements: bool = False) -> None:
        """Play the whole program; a halt ends it early."""
        self.skip = skip_measurements
        self.subroutines = {child.block: child for child in tree.children}
        try:
            self._range(tree)
        except _Halt:
            return

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

    def _instruction(self, i: int) -> None:
        row = self.body.instructions[i]
        op = Op(int(row["op"]))
        if op in GATES:
            _, qubits, params, n_controls = self.body.gate(i)
            self._apply(gate_matrix(op, [self._number(v) for v in params], len(qubits), n_controls), qubits)
        elif op is Op.MEASURE:
            if not self.skip:
                self.bits[self.body.bits[int(row["b"])]] = float(self._measure(int(row["a"])))
        elif op is Op.RESET:
            if self._measure(int(row["a"])):
                self._apply(gate_matrix(Op.X, (), 1), (int(row["a"]),))
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
        elif op not in (Op.BARRIER, Op.DELAY, Op.NOP):
            raise RequestError(f"{op.name.lower()} at instruction {i} is no gate: simulate plays gates alone")

    def _apply(self, matrix: NDArray[np.complex128], qubits: tuple[int, ...]) -> None:
        k = len(qubits)
        if not k:
            self.state *= matrix[0, 0]
            return
        tensor = matrix.astype(self.state.dtype).reshape((2,) * (2 * k))
        self.state = np.moveaxis(np.tensordot(tensor, self.state, (range(k, 2 * k), qubits)), range(k), qubits)

    def _measure(self, qubit: int) -> int:
        ones = np.moveaxis(self.state, qubit, 0)[1]
        p_one = float(np.vdot(ones, ones).real)
        outcome = int(self.rng.random() < p_one)
        lost = np.moveaxis(self.state, qubit, 0)
        lost[1 - outcome] = 0
        self.state /= np.sqrt(p_one if outcome else 1 - p_one)
        return outcome
