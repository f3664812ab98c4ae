"""Body: a program as plain arrays and small tables, frozen; what every stage reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.program.expressions import Expression, Value
from qctl.program.layout import CONSTANT, CONTROLS_SHIFT, EXPRESSION_BIT, INSTRUCTION, NONE, OPERAND, Flag, immediate_s
from qctl.program.opcodes import GATES, Op
from qctl.program.tables import Block, BlockKind, Capture, Register, Sweep, Symbol, SymbolKind, Waveform

__all__ = ["Body", "Range"]

TICK_S = Fraction(1, 10**12)
"""Tick of a program that states none: one picosecond."""


@dataclass(frozen=True, slots=True)
class Range:
    """A block as a node of the program's tree.

    Attributes
    ----------
    block : int
        Index in the block table; -1 is the whole program.
    first, end : int
        Its instructions are first … end - 1, without its own `begin` and `end`.
    children : tuple of Range
        Blocks directly inside, in order.
    """

    block: int
    first: int
    end: int
    children: tuple[Range, ...] = ()


def _empty(dtype: np.dtype) -> NDArray:
    array = np.empty(0, dtype)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class Body:
    """Hold a program as data.

    Attributes
    ----------
    symbols : tuple of Symbol
        Qubits, bits, ports and frames; instructions name them by their index within their kind
        (ports and frames share one).
    instructions : (n,) INSTRUCTION
    operands : (n,) uint32
    constants : (n,) float64
    expressions : tuple of Expression
    parameters : tuple of str
        Inputs that are not bound yet; angles that a calibration names for itself are not among them.
    registers, sweeps, blocks, waveforms, captures : tuples
    metadata : mapping of str to str
        Not part of the hash.
    tick_s : Fraction
        Length of a tick of TICKS instructions, in seconds.
    """

    symbols: tuple[Symbol, ...] = ()
    instructions: NDArray = field(default_factory=lambda: _empty(INSTRUCTION))
    operands: NDArray[np.uint32] = field(default_factory=lambda: _empty(OPERAND))
    constants: NDArray[np.float64] = field(default_factory=lambda: _empty(CONSTANT))
    expressions: tuple[Expression, ...] = ()
    parameters: tuple[str, ...] = ()
    registers: tuple[Register, ...] = ()
    sweeps: tuple[Sweep, ...] = ()
    blocks: tuple[Block, ...] = ()
    waveforms: tuple[Waveform, ...] = ()
    captures: tuple[Capture, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    tick_s: Fraction = TICK_S

    def __len__(self) -> int:
        return len(self.instructions)

    @property
    def is_sound(self) -> bool:
        """Return whether its instructions have been checked and can't have changed since."""
        arrays = (self.instructions, self.operands, self.constants)
        return "_sound" in self.__dict__ and not any(x.flags.writeable for x in arrays)

    def vouch(self) -> None:
        """Note that the instructions have been checked, and that their memory is nobody else's to change."""
        self.__dict__["_sound"] = True

    @cached_property
    def qubits(self) -> tuple[str, ...]:
        """Return the qubits' names, in index order."""
        return tuple(s.name for s in self.symbols if s.kind == SymbolKind.QUBIT)

    @cached_property
    def bits(self) -> tuple[str, ...]:
        """Return the bits' names, in index order."""
        return tuple(s.name for s in self.symbols if s.kind == SymbolKind.BIT)

    @cached_property
    def ports(self) -> tuple[Symbol, ...]:
        """Return ports and frames, in index order."""
        return tuple(s for s in self.symbols if s.kind in (SymbolKind.PORT, SymbolKind.FRAME))

    @property
    def n_qubits(self) -> int:
        """Return the number of qubits."""
        return len(self.qubits)

    def value(self, word: int) -> Value:
        """Return what a value word stands for: a constant, or an expression."""
        if word & EXPRESSION_BIT:
            return self.expressions[word & ~EXPRESSION_BIT]
        return float(self.constants[word])

    def wide(self, i: int) -> tuple[tuple[int, ...], tuple[Value, ...]]:
        """Return the symbol words and values of a WIDE instruction."""
        row = self.instructions[i]
        start, n_symbols, n_values = int(row["a"]), int(row["b"]), int(row["c"])
        words = self.operands[start : start + n_symbols + n_values].tolist()
        return tuple(words[:n_symbols]), tuple(self.value(word) for word in words[n_symbols:])

    def operand_value(self, i: int) -> Value | None:
        """Return the one value of an instruction: immediate, expression, or field c of play; None if it has none.

        TICKS are returned in seconds.
        """
        row = self.instructions[i]
        flags = int(row["flags"])
        if flags & Flag.IMM:
            return immediate_s(row)
        if flags & Flag.EXPR:
            return self.expressions[int(row["b"])]
        if flags & Flag.TICKS:
            return float(int(np.array([row["b"], row["c"]], "<u4").view("<i8")[0]) * self.tick_s)
        return None if int(row["c"]) == NONE else self.value(int(row["c"]))

    def gate(self, i: int) -> tuple[Op, tuple[int, ...], tuple[Value, ...], int]:
        """Return a gate's opcode, qubits (controls first), parameters and number of generic controls.

        Raises
        ------
        RequestError
            If the instruction is no gate.
        """
        row = self.instructions[i]
        op = Op(int(row["op"]))
        spec = GATES.get(op)
        if spec is None:
            raise RequestError(f"instruction {i} is {op.name.lower()}, not a gate")
        flags = int(row["flags"])
        if flags & Flag.WIDE:
            qubits, params = self.wide(i)
            return op, qubits, params, flags >> CONTROLS_SHIFT
        if spec.n_qubits == 2:
            angles = () if int(row["c"]) == NONE else (self.value(int(row["c"])),)
            return op, (int(row["a"]), int(row["b"])), angles, 0
        if flags & (Flag.IMM | Flag.EXPR):
            value = self.operand_value(i)
            assert value is not None
            return op, (int(row["a"]),), (value,), 0
        return op, (int(row["a"]),), (), 0

    def structure(self) -> Range:
        """Return the blocks as a tree of instruction ranges."""
        stack: list[tuple[int, int, list[Range]]] = [(-1, 0, [])]
        marks = np.flatnonzero((self.instructions["op"] == Op.BEGIN) | (self.instructions["op"] == Op.END))
        for i in marks.tolist():
            row = self.instructions[i]
            if int(row["op"]) == Op.BEGIN:
                stack.append((int(row["a"]), i + 1, []))
            else:
                block, first, children = stack.pop()
                stack[-1][2].append(Range(block, first, i, tuple(children)))
        return Range(-1, 0, len(self.instructions), tuple(stack[0][2]))

    def block(self, node: Range) -> Block:
        """Return the table row of a node; the whole program is a BOX."""
        if node.block < 0:
            return Block(BlockKind.BOX, -1, len(self.instructions))
        return self.blocks[node.block]
