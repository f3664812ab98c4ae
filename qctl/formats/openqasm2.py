"""Read OpenQASM 2 text (Cross et al., arXiv:1707.03429, 2017) into a program."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from qctl.cext.openqasm2 import Openqasm2Reader
from qctl.errors import ParseError
from qctl.formats.conditions import bits_equal
from qctl.formats.gates import BUILT_IN_2, QELIB1, QELIB1_EXTENSIONS, QELIB1_MACROS, Gate
from qctl.formats.limits import MAX_BITS, MAX_QUBITS, MAX_REGISTER_BITS, MAX_STEPS, MAX_TEXT_CHARACTERS
from qctl.formats.openqasm2_gates import written_gate
from qctl.program.opcodes import GATES, OP_BY_NAME
from qctl.program.places import Places
from qctl.program.program import Program

__all__ = ["PlacedReader", "TextPlaces", "read_openqasm2", "undefined"]

_FUNCTIONS: dict[str, Callable[..., float]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": math.pow,
    "ln": math.log,
}


def read_openqasm2(text: str) -> Program:
    """Return the program of an OpenQASM 2 text.

    Registers are laid out in the order of their declaration, so that counts read as Qiskit's do. ``qelib1.inc`` is
    built in, with what Qiskit added to it; a register condition becomes an IF block on its bits. An opaque gate that
    has the name and shape of an opcode is that opcode; a call of any other is refused.

    Raises
    ------
    ParseError
        With line and column, for anything that isn't OpenQASM 2 or exceeds `qctl.formats.limits`.
    """
    places = TextPlaces(text)
    program = Program()
    reader = _Reader(text, program, MAX_STEPS)
    reader.places = places
    reader.read()
    program.metadata |= reader.notes.metadata()
    return program


class TextPlaces:
    """Turn places in the UTF-8 form of a text into lines and columns.

    Raises
    ------
    ParseError
        If the text is too long, or can't be UTF-8.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEXT_CHARACTERS:
            raise ParseError(f"the text has {len(text)} characters, more than {MAX_TEXT_CHARACTERS}")
        self._text = text
        self._raw = b""
        self._line_starts: list[int] = []
        try:
            text.isascii() or text.encode()
        except UnicodeEncodeError as error:
            line = text.count("\n", 0, error.start) + 1
            column = error.start - text.rfind("\n", 0, error.start)
            raise ParseError(f"unexpected character {text[error.start]!r}", line, column) from None

    def place(self, at: int) -> tuple[int, int]:
        """Return line and column, both from 1, of a byte."""
        if not self._line_starts:
            self._raw = self._text.encode()
            self._line_starts = [0, *(match.end() for match in re.finditer(rb"\n", self._raw))]
        line = bisect_right(self._line_starts, at)
        return line, len(self._raw[self._line_starts[line - 1] : at].decode(errors="replace")) + 1


def undefined(word: str, operands: tuple[float, ...]) -> str:
    """Return what is wrong with an operation that has no finite value."""
    try:
        (_FUNCTIONS.get(word) or getattr(math, word))(*operands)
    except (ArithmeticError, ValueError) as error:
        return f"the expression is undefined for {operands}: {error}"
    return f"the expression is not finite for {operands}"


class PlacedReader:
    """What readers of program texts share: errors with their places, and places that later errors may need."""

    places: TextPlaces
    notes: Places
    program: Program

    def refusal(self, message: str, at: int) -> ParseError:
        """Return the error with its line and column."""
        return ParseError(message, *self.places.place(at))

    def undefined(self, word: str, operands: tuple[float, ...]) -> str:
        """Return what is wrong with an operation that has no finite value."""
        return undefined(word, operands)

    def note_reset(self, at: int) -> None:
        """Note where a reset stands."""
        self.notes.note(len(self.program), *self.places.place(at))

    def add_register(self, name: str, size: int, quantum: bool) -> None:
        """Add a register to the program."""
        names = [f"{name}[{i}]" for i in range(size)]
        if quantum:
            self.program.add_qubits(names)
        else:
            self.program.add_bits(names)


class _Reader(PlacedReader, Openqasm2Reader):
    """Keep the program's tables while the kernel reads."""

    def __init__(self, text: str, program: Program, n_steps: int) -> None:
        super().__init__(text, program, n_steps)
        self.program = program
        self.notes = Places()
        self.included = False
        self.blocks: list[AbstractContextManager[Any]] = []
        for name, gate in BUILT_IN_2.items():
            self._define(name, gate)

    def _define(self, name: str, gate: Gate) -> None:
        self.define(name, gate.op, gate.n_qubits, gate.n_params, gate.n_controls, gate.keeps_params)

    def hint(self, name: str) -> str:
        """Return where an unknown gate is defined."""
        return '; include "qelib1.inc" defines it' if name in QELIB1 else ""

    def include_file(self, quoted: str, at: int) -> None:
        """Define the gates of qelib1.inc."""
        if quoted[1:-1] != "qelib1.inc" or quoted[0] not in "\"'":
            raise self.refusal(f'include {quoted[:60]}: only "qelib1.inc" is built in, other files aren\'t read', at)
        self.finish_include()
        self.included = True
        taken = [name for name in self.defined() if name in QELIB1]
        if taken:
            raise self.refusal(f"gate {taken[0]!r} is defined before qelib1.inc, which defines it too", at)
        for name, gate in QELIB1.items():
            self._define(name, gate)
        self.read_gates(QELIB1_MACROS)
        self.let_replace(QELIB1_EXTENSIONS)

    def most_of(self, quantum: bool) -> int:
        """Return how many more qubits or bits there may be."""
        return MAX_QUBITS - self.program.n_qubits if quantum else MAX_BITS - self.program.n_bits

    def opcode_of(self, name: str, n_qubits: int, n_params: int) -> int:
        """Return the opcode that an opaque gate is, or -1."""
        spec = GATES.get(OP_BY_NAME[name]) if name in OP_BY_NAME else None
        same = spec is not None and (spec.n_qubits, spec.n_params) == (n_qubits, n_params)
        return int(OP_BY_NAME[name]) if same else -1

    def written_gate(self, definition: str) -> tuple[int, int] | None:
        """Return opcode and controls of a gate whose definition is qctl's own, by gates that can't be others."""
        gate = written_gate(definition) if self.included else None
        return (int(gate.op), gate.n_controls) if gate else None

    def check_condition(self, n_bits: int, at: int) -> None:
        """Refuse a condition on too many bits."""
        if n_bits > MAX_REGISTER_BITS:
            raise self.refusal(f"a condition on {n_bits} bits, more than {MAX_REGISTER_BITS}", at)

    def begin_if(self, first: int, size: int, value: int, at: int) -> None:
        """Begin a block under a condition on bits."""
        self.note_reset(at)
        self.blocks.append(self.program.if_(bits_equal(self.program.bits[first : first + size], value)))
        self.blocks[-1].__enter__()

    def end_if(self) -> None:
        """End the block that began last."""
        self.blocks.pop().__exit__(None, None, None)
