"""Calibrations of an OpenQASM 3 text: ``cal`` and ``defcal`` blocks in OpenPulse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import openpulse.ast as ast

from qctl.errors import ParseError
from qctl.formats.openqasm3_classical import Classical
from qctl.formats.openqasm3_expressions import Evaluator
from qctl.formats.openqasm3_parse import place_of
from qctl.formats.openqasm3_scope import Entry, type_name
from qctl.formats.openqasm3_values import Bits, Duration, Frame, Pulse, Qubits
from qctl.formats.openqasm3_waveforms import WAVEFORMS, seconds, waveform_of
from qctl.program.expressions import Expression
from qctl.program.opcodes import GATES, OP_BY_NAME
from qctl.program.program import Program
from qctl.program.tables import CaptureMode

__all__ = ["Calibrations"]

_CAPTURES = {
    "capture": None,
    "capture_v0": None,
    "capture_v1": CaptureMode.IQ,
    "capture_v2": CaptureMode.BIT,
    "capture_v3": CaptureMode.RAW,
}
"""OpenPulse's captures and what they return; without a version the target decides."""
_OTHER_NAMES = {"U": "u", "CX": "cx", "phase": "p", "cphase": "cp"}
_LINES = ("drive", "flux", "readout", "coupler", "ttl", "dds")
_Handlers = dict[type, Callable[[Any], None]]


@dataclass(frozen=True, slots=True)
class NewFrame:
    """What ``newframe(port, frequency, phase)`` returns."""

    port: Frame
    frequency_hz: Any
    phase_rad: Any


class Calibrations:
    """Read calibration blocks; their names live on from block to block.

    Parameters
    ----------
    program, evaluator, classical
        What it emits to, and what it reads values with.
    with_handlers : callable
        Context manager that lets other statements be read than those of the program.
    """

    def __init__(self, program: Program, evaluator: Evaluator, classical: Classical, with_handlers: Any) -> None:
        self.program = program
        self.evaluator = evaluator
        self.classical = classical
        self.with_handlers = with_handlers
        self.port_names: dict[str, str] = {}
        self.active = False
        self.calibrated: Callable[[str, str], None] = lambda word, name: None
        """Called with a calibrated gate's name in the text and as an opcode."""
        self._names: dict[str, Entry] = {}
        self._result: str | None = None
        self._n_captures = 0
        self._handlers: _Handlers = {
            ast.ClassicalDeclaration: self._declare,
            ast.ClassicalAssignment: self._assign,
            ast.ExpressionStatement: self._expression,
            ast.ReturnStatement: self._return,
            ast.ExternDeclaration: self._extern,
        }
        self._functions: dict[str, Callable[[Any, list[Any]], Any]] = {
            "newframe": self._new_frame,
            "play": self._play,
            "shift_phase": self._on_frame(program.shift_phase),
            "set_phase": self._on_frame(program.set_phase),
            "shift_frequency": self._on_frame(program.shift_frequency),
            "set_frequency": self._on_frame(program.set_frequency),
            **dict.fromkeys(WAVEFORMS, self._waveform),
            **dict.fromkeys(_CAPTURES, self._refuse_capture),
        }

    def grammar(self, node: ast.CalibrationGrammarDeclaration) -> None:
        """Refuse any grammar but OpenPulse."""
        if node.name != "openpulse":
            raise ParseError(f"calibration grammar {node.name[:60]!r} is not supported; openpulse is")

    def block(self, node: ast.CalibrationStatement) -> None:
        """Play a ``cal`` block where it stands."""
        with self._reading({}) as statements:
            statements(node.body)

    def define(self, node: ast.CalibrationDefinition) -> None:
        """Read a ``defcal`` as the calibration block of a gate, measure or reset."""
        name = _OTHER_NAMES.get(node.name.name, node.name.name)
        if node.return_type is not None and (name != "measure" or type_name(node.return_type) != "bit"):
            raise ParseError(f"defcal {name!r} that returns a value is not supported; measure -> bit is")
        params: list[str | float] = []
        for argument in node.arguments:
            if isinstance(argument, ast.ClassicalArgument):
                params.append(argument.name.name)
            else:
                value = self.evaluator.angle(argument)
                if isinstance(value, Expression):
                    raise ParseError("the angle of a defcal is not known before the run", *place_of(argument))
                params.append(value)
        if len({p for p in params if isinstance(p, str)}) < sum(isinstance(p, str) for p in params):
            raise ParseError("a defcal names a parameter twice")
        with self._reading({}):
            qubits = [self._qubit(qubit) for qubit in node.qubits]
        self._check_shape(name, len(qubits), len(params))
        self._result = "" if name == "measure" else None
        with self.program.cal(name, qubits, params) as angles:
            named = [p for p in params if isinstance(p, str)]
            entries = {p: Entry(angle) for p, angle in zip(named, angles, strict=True)}
            with self._reading(entries) as statements:
                statements(node.body)
        self._result = None
        self.calibrated(node.name.name, name)

    def _check_shape(self, name: str, n_qubits: int, n_params: int) -> None:
        """Raise ParseError if a defcal has other numbers of qubits or angles than what it calibrates."""
        op = OP_BY_NAME.get(name)
        wanted = (GATES[op].n_qubits, GATES[op].n_params) if op in GATES else (1, 0)
        if op is not None and wanted[0] >= 0 and (n_qubits, n_params) != wanted:
            raise ParseError(f"{name!r} has {wanted[0]} qubits and {wanted[1]} angles, not {n_qubits} and {n_params}")

    def _qubit(self, node: ast.Identifier) -> int:
        if not node.name.startswith("$"):
            raise ParseError(f"defcal for any qubit {node.name!r} is not supported; name physical qubits ($0)")
        found: Qubits = self.evaluator.value(node)
        return found.indices[0]

    @contextmanager
    def _reading(self, own: dict[str, Entry]) -> Iterator[Callable[[list[Any]], None]]:
        """Let calibration statements be read, with the calibrations' names and a block's own."""
        scope = self.evaluator.scope
        before = self.evaluator.functions
        self.evaluator.functions, self.active = self._functions, True
        try:
            with scope.inner(self._names), self.with_handlers(self._handlers) as statements:
                if self._result is None and not own:
                    yield statements
                else:
                    with scope.inner(own):
                        yield statements
        finally:
            self.evaluator.functions, self.active = before, False

    # --- statements ---------------------------------------------------------------------------------

    def _declare(self, node: ast.ClassicalDeclaration) -> None:
        name, kind, init = node.identifier.name, type_name(node.type), node.init_expression
        scope = self.evaluator.scope
        if kind == "port":
            port = self._port_name(name)
            if port not in self.program.ports:
                self.program.add_port(port)
            scope.declare(name, Entry(Frame(port, True)))
        elif kind == "frame":
            scope.declare(name, Entry(self._declare_frame(name, None if init is None else self.evaluator.value(init))))
        elif isinstance(init, ast.FunctionCall) and init.name.name in _CAPTURES:
            self._declare_capture(node, name, kind, init)
        elif kind == "waveform":
            value = None if init is None else self.evaluator.value(init)
            if isinstance(value, list):
                self.evaluator.uses_dt = True
            scope.declare(name, Entry(waveform_of(value, self.evaluator.dt_s)))
        else:
            self.classical.declare(node)

    def _port_name(self, name: str) -> str:
        """Return the lab's port: what a pragma says, else ``q0.drive`` of ``q0_drive``."""
        stem, _, line = name.rpartition("_")
        return self.port_names.get(name) or (f"{stem}.{line}" if stem and line in _LINES else name)

    def _declare_frame(self, name: str, value: Any) -> Frame:
        if not isinstance(value, NewFrame):
            raise ParseError(f"frame {name!r} is not made by newframe(port, frequency, phase)")
        self.program.add_frame(name, value.port.name)
        self.program.set_frequency(name, value.frequency_hz)
        if value.phase_rad != 0.0:
            self.program.set_phase(name, value.phase_rad)
        return Frame(name)

    def _declare_capture(self, node: Any, name: str, kind: str, init: ast.FunctionCall) -> None:
        scope = self.evaluator.scope
        if kind == "bit" and self._result == "":
            self._result = name
            self._capture(init, name, CaptureMode.BIT, None)
            scope.declare(name, Entry(None))
        elif kind == "bit":
            bits = self.classical.new_bits(node, name, node.type)
            scope.declare(name, Entry(bits, node.type, True))
            self._capture(init, name, CaptureMode.BIT, bits)
        elif kind in ("complex", "waveform"):
            self._capture(init, name, CaptureMode.IQ if kind == "complex" else CaptureMode.RAW, None)
            scope.declare(name, Entry(None))
        else:
            raise ParseError(f"a capture into a {kind} is not supported")

    def _assign(self, node: ast.ClassicalAssignment) -> None:
        call = node.rvalue
        if isinstance(call, ast.FunctionCall) and call.name.name in _CAPTURES:
            target = self.evaluator.value(node.lvalue)
            if not isinstance(target, Bits) or node.op.name != "=":
                raise ParseError("a capture is assigned to bits alone")
            self._capture(call, target.names[0], CaptureMode.BIT, target)
        else:
            self.classical.assign(node)

    def _expression(self, node: ast.ExpressionStatement) -> None:
        call = node.expression
        if not isinstance(call, ast.FunctionCall):
            raise ParseError("an expression alone does nothing")
        if call.name.name in _CAPTURES:
            self._capture(call, "", CaptureMode.IQ, None)
        elif call.name.name in self._functions and call.name.name not in ("newframe", *WAVEFORMS):
            self.evaluator.value(call)
        else:
            raise ParseError(f"function {call.name.name!r} is not supported as a statement")

    def _return(self, node: ast.ReturnStatement) -> None:
        found = node.expression
        if self._result is None:
            raise ParseError("return is supported in a defcal of measure alone")
        if isinstance(found, ast.FunctionCall) and found.name.name in _CAPTURES:
            self._capture(found, "", CaptureMode.BIT, None)
        elif not isinstance(found, ast.Identifier) or not self._result or found.name != self._result:
            raise ParseError("only the bit of a capture is returned")

    def _extern(self, node: ast.ExternDeclaration) -> None:
        if node.name.name not in self._functions:
            raise ParseError(f"extern function {node.name.name!r} is not supported")

    # --- functions ----------------------------------------------------------------------------------

    def _new_frame(self, node: Any, arguments: list[Any]) -> NewFrame:
        if len(arguments) != 3 or not isinstance(arguments[0], Frame) or not arguments[0].is_port:
            raise ParseError("expected newframe(port, frequency, phase)")
        return NewFrame(arguments[0], _real(arguments[1], "the frequency"), _real(arguments[2], "the phase"))

    def _on_frame(self, emit: Callable[[str, Any], None]) -> Callable[[Any, list[Any]], None]:
        def call(node: Any, arguments: list[Any]) -> None:
            if len(arguments) != 2 or not isinstance(arguments[0], Frame):
                raise ParseError(f"expected {node.name.name}(frame, value)")
            emit(arguments[0].name, _real(arguments[1], "the value"))

        return call

    def _waveform(self, node: Any, arguments: list[Any]) -> Pulse:
        return WAVEFORMS[node.name.name](arguments, self.evaluator.dt_s)

    def _play(self, node: Any, arguments: list[Any]) -> None:
        if len(arguments) == 2 and isinstance(arguments[0], Pulse):
            arguments = arguments[::-1]
        if len(arguments) != 2 or not isinstance(arguments[0], Frame) or not isinstance(arguments[1], Pulse):
            raise ParseError("expected play(frame, waveform)")
        frame, pulse = arguments[0].name, arguments[1]
        turned = isinstance(pulse.phase_rad, Expression) or pulse.phase_rad != 0.0
        if turned:
            self.program.shift_phase(frame, pulse.phase_rad)
        self.program.play(frame, pulse.waveform)
        if turned:
            self.program.shift_phase(frame, -pulse.phase_rad)

    def _refuse_capture(self, node: Any, arguments: list[Any]) -> None:
        raise ParseError("a capture inside an expression is not supported")

    def _capture(self, call: ast.FunctionCall, slot: str, default: CaptureMode, bits: Bits | None) -> None:
        """Emit a capture into a slot, named after its target or counted."""
        arguments = [self.evaluator.value(argument) for argument in call.arguments]
        mode = _CAPTURES[call.name.name] or default
        if bits is not None and (len(bits.indices) != 1 or mode is not CaptureMode.BIT):
            raise ParseError("a capture gives one bit, if it is capture_v2 or capture")
        if bits is None and default is not CaptureMode.IQ and mode is not default:
            raise ParseError(f"{call.name.name} does not give what its target takes")
        if not 1 <= len(arguments) <= 2 or not isinstance(arguments[0], Frame):
            raise ParseError(f"expected {call.name.name}(frame, duration or weights)", *place_of(call))
        given = arguments[1] if len(arguments) == 2 else None
        if given is not None and not isinstance(given, (Pulse, Duration)):
            raise ParseError(f"expected {call.name.name}(frame, duration or weights)", *place_of(call))
        if not slot:
            slot, self._n_captures = f"m{self._n_captures or ''}", self._n_captures + 1
        self.program.capture(
            arguments[0].name,
            given.waveform if isinstance(given, Pulse) else None,
            into=slot,
            mode=mode,
            duration_s=seconds(given) if isinstance(given, Duration) else None,
            bit=bits.indices[0] if bits is not None else None,
        )


def _real(value: Any, what: str) -> Any:
    if isinstance(value, Expression):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise ParseError(f"{what} is not a real number")
