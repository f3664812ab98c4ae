"""Read OriginIR text, as Origin Quantum's software writes it, into a program."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from qctl.cext.originir import OriginirReader
from qctl.formats.conditions import is_set
from qctl.formats.limits import MAX_BITS, MAX_QUBITS, MAX_STEPS
from qctl.formats.openqasm2 import PlacedReader, TextPlaces
from qctl.formats.originir_gates import DURATIONS, HELPERS, MACROS, NAMES, rules
from qctl.program.expressions import Expression
from qctl.program.opcodes import CONTROLLED_NAMES, GATES, Op
from qctl.program.places import Places
from qctl.program.program import Program

__all__ = ["read_originir"]


def read_originir(text: str) -> Program:
    """Return the program of an OriginIR text.

    DAGGER and CONTROL blocks become inverse and controlled gates, QIF and QWHILE blocks of instructions; QGATE
    definitions are expanded. Names that older dialects gave to the ends of blocks, and conditions such as
    ``c[0]==0``, are read too.

    Raises
    ------
    ParseError
        With line and column, for anything that isn't OriginIR or exceeds `qctl.formats.limits`.
    """
    places = TextPlaces(text)
    program = Program()
    reader = _Reader(text, program, MAX_STEPS, lines=True)
    reader.places = places
    try:
        reader.read()
    finally:
        while reader.blocks:
            reader.end_flow()
    program.metadata |= reader.notes.metadata()
    return program


class _Reader(PlacedReader, OriginirReader):
    """Keep the program's tables while the kernel reads."""

    def __init__(self, text: str, program: Program, n_steps: int, lines: bool) -> None:
        super().__init__(text, program, n_steps)
        self.program = program
        self.notes = Places()
        self.blocks: list[list[AbstractContextManager[Any]]] = []
        for name, op in NAMES.items():
            self.define(name, op, GATES[op].n_qubits, GATES[op].n_params)
        for name, (op, n_qubits, n_params) in HELPERS.items():
            self.define(name, op, n_qubits, n_params)
        for name in DURATIONS:
            self.define(name, Op.ID, 1, 1, keeps_params=False)
        for rule in rules():
            self.set_rule(*rule)
        for (base, n_controls), op in CONTROLLED_NAMES.items():
            self.set_controlled(base, n_controls, op)
        self.read_macros(MACROS)

    def most_of(self, quantum: bool) -> int:
        """Return how many qubits or bits there may be."""
        return MAX_QUBITS if quantum else MAX_BITS

    def begin_flow(self, word: str, bits: list[tuple[int, int]], at: int) -> None:
        """Begin a part of a block of instructions."""
        self.note_reset(at)
        if word in ("QIF", "QWHILE"):
            self.blocks.append([])
        else:
            self.blocks[-1].pop().__exit__(None, None, None)
            self._enter(self.program.else_())
        if word == "QWHILE":
            self._enter(self.program.while_(self._condition(bits)))
        elif word != "QELSE":
            self._enter(self.program.if_(self._condition(bits)))

    def end_flow(self) -> None:
        """End the block that began last, with all its parts."""
        for block in reversed(self.blocks.pop()):
            block.__exit__(None, None, None)

    def _enter(self, block: AbstractContextManager[Any]) -> None:
        self.blocks[-1].append(block)
        block.__enter__()

    def _condition(self, bits: list[tuple[int, int]]) -> Expression:
        code = list(is_set(self.program.bits[bits[0][0]], bool(bits[0][1])).code)
        for place, value in bits[1:]:
            code += [*is_set(self.program.bits[place], bool(value)).code, ("and", None)]
        return Expression(tuple(code))
