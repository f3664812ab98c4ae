"""Read OpenQASM 3 text (Cross et al., arXiv:2104.14722, 2022) into a program."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import openpulse.ast as ast

from qctl.errors import ParseError, RequestError
from qctl.formats.limits import MAX_QUBITS
from qctl.formats.openqasm3_classical import Classical
from qctl.formats.openqasm3_expressions import Evaluator
from qctl.formats.openqasm3_flow import Flow, names_assigned_at_run
from qctl.formats.openqasm3_gates import GateTable
from qctl.formats.openqasm3_parse import parse_openqasm3, place_of
from qctl.formats.openqasm3_pulse import Calibrations
from qctl.formats.openqasm3_scope import Entry, Scope
from qctl.formats.openqasm3_values import Bits, Duration, Frame, Qubits
from qctl.program.expressions import Expression
from qctl.program.places import Places
from qctl.program.program import Program

__all__ = ["DT_S", "read_openqasm3"]

DT_S = Fraction(1, 10**9)
"""Length of ``dt`` where nothing says another: one nanosecond."""

_ALSO_IN_CALIBRATIONS = (
    ast.QuantumBarrier,
    ast.DelayInstruction,
    ast.ConstantDeclaration,
    ast.BranchingStatement,
    ast.WhileLoop,
    ast.ForInLoop,
    ast.BreakStatement,
    ast.ContinueStatement,
    ast.CompoundStatement,
)


def read_openqasm3(text: str, *, dt_s: Fraction = DT_S) -> Program:
    """Return the program of an OpenQASM 3 text, calibrations in OpenPulse included.

    Gate definitions are expanded, ``for`` loops become LOOP blocks or are unrolled, ``if`` and ``while`` on bits and
    on variables become blocks, ``input`` becomes a parameter. `U` is Qiskit's, without the specification's
    global phase.

    Parameters
    ----------
    text : str
    dt_s : Fraction
        Length of ``dt`` in seconds; ``pragma qctl dt_s 1/1200000000`` in the text goes before it.

    Raises
    ------
    ParseError
        With line and column, for anything that isn't OpenQASM 3, isn't supported, or exceeds `qctl.formats.limits`.
    """
    return Reader(parse_openqasm3(text), dt_s).read()


_PLACED = frozenset((ast.BranchingStatement, ast.WhileLoop, ast.ForInLoop, ast.QuantumReset))
"""What an instrument may refuse, so that its place is kept."""


class Reader:
    """Walk through one syntax tree, emitting as it goes."""

    def __init__(self, tree: ast.Program, dt_s: Fraction) -> None:
        self.tree = tree
        self.program = Program()
        self.places = Places()
        self.scope = Scope()
        self.evaluator = Evaluator(self.scope, dt_s)
        self.evaluator.physical = self._physical
        self.gates = GateTable(self.program, self.evaluator)
        self.classical = Classical(self.program, self.evaluator, names_assigned_at_run(tree.statements))
        self.flow = Flow(self.program, self.evaluator, self.classical, self.statements)
        self.calibrations = Calibrations(self.program, self.evaluator, self.classical, self._in_calibration)
        self.calibrations.calibrated = self.gates.allow
        self._has_physical = False
        self._n_virtual = 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            ast.Include: lambda node: self.gates.include(node.filename),
            ast.QubitDeclaration: self._qubits,
            ast.QuantumGateDefinition: self.gates.define,
            ast.QuantumGate: self.gates.call,
            ast.QuantumPhase: self.gates.call,
            ast.QuantumBarrier: self._barrier,
            ast.QuantumReset: self._reset,
            ast.DelayInstruction: self._delay,
            ast.QuantumMeasurementStatement: self._measure,
            ast.ClassicalDeclaration: self.classical.declare,
            ast.ConstantDeclaration: self.classical.declare_constant,
            ast.IODeclaration: self.classical.declare_io,
            ast.ClassicalAssignment: self.classical.assign,
            ast.AliasStatement: self._alias,
            ast.BranchingStatement: self.flow.branch,
            ast.WhileLoop: self.flow.while_loop,
            ast.ForInLoop: self.flow.for_loop,
            ast.BreakStatement: self.flow.break_,
            ast.ContinueStatement: self.flow.continue_,
            ast.EndStatement: lambda node: self.program.halt(),
            ast.CompoundStatement: self._block,
            ast.Box: self._box,
            ast.Pragma: self._pragma,
            ast.CalibrationGrammarDeclaration: self.calibrations.grammar,
            ast.CalibrationStatement: self.calibrations.block,
            ast.CalibrationDefinition: self.calibrations.define,
        }
        self._active = self._handlers
        self.classical.gate_names = self.gates.gates

    def read(self) -> Program:
        """Return the program."""
        version = self.tree.version
        if version is not None and version.split(".")[0] != "3":
            raise ParseError(f"OpenQASM {version} is not 3", 1, 1)
        try:
            self.statements(self.tree.statements)
        except RecursionError:
            raise ParseError("the text is nested too deep") from None
        if self.evaluator.uses_dt:
            self.program.tick_s = self.evaluator.dt_s
        self.program.metadata |= self.places.metadata()
        return self.program

    def statements(self, nodes: list[Any]) -> None:
        """Read statements in the current scope."""
        for node in nodes:
            self._statement(node)

    @contextmanager
    def _in_calibration(self, own: dict[type, Callable[[Any], None]]) -> Iterator[Callable[[list[Any]], None]]:
        """Let the statements of a calibration be read instead, which are its own and a few of the program's."""
        before = self._active
        self._active = {kind: self._handlers[kind] for kind in _ALSO_IN_CALIBRATIONS} | own
        try:
            yield self.statements
        finally:
            self._active = before

    def _statement(self, node: Any) -> None:
        place = place_of(node)
        handler = self._active.get(type(node))
        if handler is None:
            raise ParseError(f"{_spoken(node)} is not supported here", *place)
        self.evaluator.budget.spend(1, *place)
        if type(node) in _PLACED:
            self.places.note(len(self.program), *place)
        try:
            handler(node)
        except ParseError as error:
            if error.line:
                raise
            raise ParseError(error.message, *place) from None
        except RequestError as error:
            raise ParseError(error.message, *place) from None

    def _qubits(self, node: ast.QubitDeclaration) -> None:
        self.classical.new_name(node.qubit.name)
        if self._has_physical:
            raise ParseError("declared and physical qubits can't be mixed")
        first = self.program.n_qubits
        if node.size is None:
            self.program.add_qubits([node.qubit.name])
            self.scope.declare(node.qubit.name, Entry(Qubits((first,), True)))
        else:
            size = self.evaluator.size(node.size, "the size", MAX_QUBITS - first)
            self.program.add_qubits(f"{node.qubit.name}[{i}]" for i in range(size))
            self.scope.declare(node.qubit.name, Entry(Qubits(tuple(range(first, first + size)))))
        self._n_virtual = self.program.n_qubits

    def _physical(self, index: int) -> Qubits:
        """Return qubit ``$index``; the processor's qubits up to it become the program's."""
        if index >= MAX_QUBITS:
            raise ParseError(f"${index} is outside [$0, ${MAX_QUBITS - 1}]")
        if self._n_virtual:
            if self.calibrations.active and index < self._n_virtual:
                return Qubits((index,), True)
            raise ParseError("declared and physical qubits can't be mixed")
        while self.program.n_qubits <= index:
            self._has_physical = True
            self.program.add_qubits([f"${self.program.n_qubits}"])
        return Qubits((index,), True)

    def operands(self, nodes: list[Any]) -> dict[int | str, None]:
        """Return qubits by index and frames by name, each once."""
        found: dict[int | str, None] = {}
        for node in nodes:
            value = self.evaluator.value(node)
            if isinstance(value, Qubits):
                found.update(dict.fromkeys(value.indices))
            elif isinstance(value, Frame):
                found[value.name] = None
            else:
                raise ParseError("the operand is neither a qubit nor a frame", *place_of(node))
        self.evaluator.budget.spend(len(found), 0, 0)
        return found

    def _barrier(self, node: ast.QuantumBarrier) -> None:
        self.program.barrier(*self.operands(node.qubits))

    def _reset(self, node: ast.QuantumReset) -> None:
        for qubit in self.operands([node.qubits]):
            self.program.reset(qubit)

    def _delay(self, node: ast.DelayInstruction) -> None:
        duration = self.evaluator.value(node.duration)
        if not isinstance(duration, Duration):
            raise ParseError("the delay is not a duration", *place_of(node.duration))
        for symbol in self.operands(node.qubits) or range(self.program.n_qubits):
            seconds = duration.seconds
            if duration.ticks is not None and duration.ticks.denominator == 1:
                self.program.delay_ticks(symbol, int(duration.ticks))
            else:
                self.program.delay(symbol, seconds if isinstance(seconds, Expression) else float(seconds))

    def _measure(self, node: ast.QuantumMeasurementStatement) -> None:
        if node.target is None:
            raise ParseError("a measurement into no bit is not supported")
        target = self.evaluator.value(node.target)
        if not isinstance(target, Bits):
            raise ParseError("a measurement goes into bits", *place_of(node.target))
        self.classical.measure(node.measure, target)

    def _alias(self, node: ast.AliasStatement) -> None:
        value = self.evaluator.value(node.value)
        if not isinstance(value, (Qubits, Bits)):
            raise ParseError("an alias stands for qubits or bits")
        self.classical.new_name(node.target.name)
        self.scope.declare(node.target.name, Entry(value))

    def _block(self, node: ast.CompoundStatement) -> None:
        with self.scope.inner():
            self.statements(node.statements)

    def _box(self, node: ast.Box) -> None:
        if node.duration is not None:
            raise ParseError("a box with a duration is not supported")
        with self.program.box(), self.scope.inner():
            self.statements(node.body)

    def _pragma(self, node: ast.Pragma) -> None:
        words = (node.command or "").split()
        if words[:1] != ["qctl"]:
            return
        if words[1:2] == ["dt_s"] and len(words) == 3:
            self.evaluator.dt_s = _positive(words[2])
        elif words[1:2] == ["port"] and len(words) == 4:
            self.calibrations.port_names[words[2]] = words[3]
        else:
            raise ParseError("expected `pragma qctl dt_s SECONDS` or `pragma qctl port NAME PORT`")


def _positive(text: str) -> Fraction:
    if not re.fullmatch(r"[0-9]{1,20}(/[1-9][0-9]{0,19}|(\.[0-9]{1,20})?(e-?[0-9]{1,2})?)", text):
        raise ParseError(f"{text[:40]!r} is not a number of seconds")
    found = Fraction(text)
    if not Fraction(1, 10**18) < found < 1:
        raise ParseError(f"dt_s = {text} is outside (1e-18, 1)")
    return found


def _spoken(node: Any) -> str:
    """Return a statement's kind in words."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in type(node).__name__).strip()
