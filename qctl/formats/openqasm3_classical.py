"""Bits, variables, constants and inputs of an OpenQASM 3 text: declaration, assignment, measurement."""

from __future__ import annotations

from typing import Any

import openpulse.ast as ast

from qctl.errors import ParseError
from qctl.formats.conditions import is_set
from qctl.formats.limits import MAX_BITS
from qctl.formats.openqasm3_expressions import Evaluator
from qctl.formats.openqasm3_parse import place_of
from qctl.formats.openqasm3_scope import CONSTANTS, Entry, type_name
from qctl.formats.openqasm3_values import Bits, BitString, Duration, Qubits, as_number, binary
from qctl.program.expressions import Expression, Parameter
from qctl.program.opcodes import Op
from qctl.program.program import Program
from qctl.program.tables import RegisterKind

__all__ = ["Classical", "known_at_run"]

_REGISTERS = {
    "int": RegisterKind.I64,
    "uint": RegisterKind.I64,
    "bool": RegisterKind.I64,
    "float": RegisterKind.F64,
    "angle": RegisterKind.F64,
}
_LOGICAL = frozenset(("bit", "and", "or", "not", "xor", "eq", "ne", "lt", "le", "gt", "ge"))
"""Leaves and operators whose value is 0 or 1."""
_AT_RUN = ("bit", "register")


def known_at_run(value: Any) -> bool:
    """Say whether a value depends on bits or variables of the run."""
    return isinstance(value, Bits) or (isinstance(value, Expression) and any(w in _AT_RUN for w, _ in value.code))


class Classical:
    """Declare and assign; a variable is the program's register only if the run can change it.

    Parameters
    ----------
    program : Program
    evaluator : Evaluator
    at_run : frozenset of str
        Names that some block of the run (if, while) assigns to.
    """

    def __init__(self, program: Program, evaluator: Evaluator, at_run: frozenset[str]) -> None:
        self.program = program
        self.evaluator = evaluator
        self.scope = evaluator.scope
        self.at_run = at_run
        self.gate_names: Any = ()
        self._made: dict[int, Any] = {}
        self._taken: set[str] = set()

    def new_name(self, name: str) -> None:
        """Raise ParseError if a name can't be declared in the current scope."""
        if name in self.gate_names:
            raise ParseError(f"{name!r} is already defined, as a gate")
        if self.scope.is_global and name in CONSTANTS:
            raise ParseError(f"{name!r} is a constant of OpenQASM 3")

    def declare(self, node: ast.ClassicalDeclaration) -> None:
        """Declare a bit, a register of bits or a variable."""
        name = node.identifier.name
        self.new_name(name)
        kind = type_name(node.type)
        if kind == "bit":
            bits = self.new_bits(node, name, node.type)
            self.scope.declare(name, Entry(bits, node.type, True))
            if isinstance(node.init_expression, ast.QuantumMeasurement):
                self.measure(node.init_expression, bits)
            elif node.init_expression is not None:
                self._set_bits(bits, self.evaluator.value(node.init_expression))
            return
        if kind not in _REGISTERS and kind not in ("duration", "complex"):
            raise ParseError(f"a variable of type {kind} is not supported")
        if isinstance(node.init_expression, ast.QuantumMeasurement):
            raise ParseError("a measurement goes into bits")
        value = None if node.init_expression is None else self._read(node.init_expression, node.type)
        entry = Entry(value, node.type, True)
        if kind in _REGISTERS and (name in self.at_run or known_at_run(value)):
            entry.register = self._new_register(node, name, kind)
            entry.value = Expression((("register", entry.register),))
            if value is not None:
                self.program.assign(entry.register, _plain(value))
        self.scope.declare(name, entry)

    def declare_constant(self, node: ast.ConstantDeclaration) -> None:
        """Declare a constant."""
        self.new_name(node.identifier.name)
        value = self._read(node.init_expression, node.type)
        if known_at_run(value):
            raise ParseError("the value of a constant is not known before the run")
        self.scope.declare(node.identifier.name, Entry(value, node.type))

    def declare_io(self, node: ast.IODeclaration) -> None:
        """Declare an input as a parameter, or an output bit."""
        name, kind = node.identifier.name, type_name(node.type)
        self.new_name(name)
        if node.io_identifier.name == "output":
            if kind != "bit":
                raise ParseError(f"an output of type {kind} is not supported; bits are")
            self.scope.declare(name, Entry(self.new_bits(node, name, node.type), node.type, True))
        elif kind == "duration":
            self.scope.declare(name, Entry(Duration(Parameter(name)), node.type))
        elif kind in _REGISTERS:
            if _REGISTERS[kind] is RegisterKind.I64:
                self.evaluator.integers.add(name)
            self.scope.declare(name, Entry(Parameter(name), node.type))
        else:
            raise ParseError(f"an input of type {kind} is not supported")

    def assign(self, node: ast.ClassicalAssignment) -> None:
        """Assign to bits or to a variable."""
        name = node.lvalue.name.name if isinstance(node.lvalue, ast.IndexedIdentifier) else node.lvalue.name
        entry = self.scope.lookup(name)
        value = self.evaluator.value(node.rvalue)
        sign = node.op.name.removesuffix("=")
        if isinstance(entry.value, Bits):
            target = self.evaluator.value(node.lvalue)
            self._set_bits(target, binary(sign, target, value) if sign else value)
            return
        if not entry.mutable or (isinstance(node.lvalue, ast.IndexedIdentifier) and node.lvalue.indices):
            raise ParseError(f"{name!r} can't be assigned to")
        if sign:
            value = binary(sign, self._current(name, entry), value)
        value = self.evaluator.convert(value, entry.type)
        if not entry.register and known_at_run(value):
            entry.register = self._new_register(node, name, type_name(entry.type))
            entry.value = Expression((("register", entry.register),))
        if entry.register:
            self.program.assign(entry.register, _plain(value))
        else:
            entry.value = value

    def measure(self, node: ast.QuantumMeasurement, target: Bits) -> None:
        """Measure qubits into as many bits."""
        source = self.evaluator.value(node.qubit)
        if not isinstance(source, Qubits):
            raise ParseError("only qubits are measured", *place_of(node))
        if len(source.indices) != len(target.indices):
            raise ParseError(f"{len(source.indices)} qubits are measured into {len(target.indices)} bits")
        self.evaluator.budget.spend(len(source.indices), *place_of(node))
        for qubit, bit in zip(source.indices, target.indices, strict=True):
            self.program.emit(Op.MEASURE, 0, qubit, bit)

    def new_bits(self, node: Any, name: str, kind: Any) -> Bits:
        """Return the bits of a declaration; one that is unrolled several times has the same ones."""
        made: Bits | None = self._made.get(id(node))
        if made is None:
            first = self.program.n_bits
            own = self._unused(name)
            names: tuple[str, ...] = (own,)
            if kind.size is not None:
                size = self.evaluator.size(kind.size, "the size", MAX_BITS - first)
                names = tuple(f"{own}[{i}]" for i in range(size))
            self.program.add_bits(names)
            made = Bits(tuple(range(first, first + len(names))), names, kind.size is None)
            self._made[id(node)] = made
        return made

    def _new_register(self, node: Any, name: str, kind: str) -> str:
        made: str | None = self._made.get(id(node))
        if made is None:
            if kind not in _REGISTERS:
                raise ParseError(f"a {kind} that is not known before the run is not supported")
            made = self._unused(name)
            self.program.add_register(made, _REGISTERS[kind])
            if _REGISTERS[kind] is RegisterKind.I64:
                self.evaluator.integers.add(made)
            self._made[id(node)] = made
        return made

    def _unused(self, name: str) -> str:
        found, k = name, 1
        while found in self._taken:
            found, k = f"{name}_{k}", k + 1
        self._taken.add(found)
        return found

    def _read(self, node: Any, kind: Any) -> Any:
        return self.evaluator.convert(self.evaluator.value(node), kind)

    def _current(self, name: str, entry: Entry) -> Any:
        if entry.value is None:
            raise ParseError(f"{name!r} has no value yet")
        return entry.value

    def _set_bits(self, target: Bits, value: Any) -> None:
        """Emit the assignment of a value to bits."""
        self.evaluator.budget.spend(len(target.indices), 0, 0)
        if isinstance(value, Bits):
            if len(value.names) != len(target.names):
                raise ParseError(f"{len(value.names)} bits are assigned to {len(target.names)}")
            if set(value.indices) & set(target.indices) and value.indices != target.indices:
                raise ParseError("bits are assigned to each other; not supported")
            for index, name in zip(target.indices, value.names, strict=True):
                self.program.set_bit(index, is_set(name))
            return
        if isinstance(value, BitString) and value.width != len(target.indices):
            raise ParseError(f"{value.width} bits are assigned to {len(target.indices)}")
        number = as_number(value)
        if isinstance(number, Expression):
            if len(target.indices) != 1:
                raise ParseError("a number that is not known before the run is assigned to several bits; not supported")
            is_bit = number.code[-1][0] in _LOGICAL
            self.program.set_bit(target.indices[0], number if is_bit else number.apply("ne", 0.0))
            return
        if not isinstance(number, int) or not 0 <= number < 1 << len(target.indices):
            raise ParseError(f"{number} does not fit in {len(target.indices)} bits")
        for k, index in enumerate(target.indices):
            self.program.set_bit(index, float(number >> k & 1))


def _plain(value: Any) -> Any:
    return value if isinstance(value, Expression) else float(value)
