"""Reads the table statements of text assembly: symbols, sweeps, waveforms, captures."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np

from qctl.program.envelopes import ENVELOPES
from qctl.program.expressions import Expression, Value
from qctl.program.infix import arguments, code, value
from qctl.program.tables import Capture, CaptureMode, RegisterKind, Sweep, Waveform
from qctl.program.tokens import Line

__all__ = ["TableReader"]


class TableReader:
    """Put table rows into a program; `read_<word>` reads what follows the word."""

    def __init__(self, program: Any) -> None:
        self.program = program

    def read_tick(self, line: Line) -> None:
        """Read the header's tick."""
        self.program.tick_s = line.rational()

    def read_metadata(self, line: Line) -> None:
        """Read one pair of metadata."""
        key = line.string()
        self.program.metadata[key] = line.string()

    def read_qubits(self, line: Line) -> None:
        """Read names of qubits."""
        while line.kind() in ("name", "string"):
            self.program.add_qubits([line.name()])

    def read_bits(self, line: Line) -> None:
        """Read names of bits."""
        while line.kind() in ("name", "string"):
            self.program.add_bits([line.name()])

    def read_port(self, line: Line) -> None:
        """Read a port."""
        self.program.add_port(line.name(), self.rational(line, "clock"))

    def read_frame(self, line: Line) -> None:
        """Read a frame."""
        name = line.name()
        line.expect("on")
        line.expect("=")
        self.program.add_frame(name, line.name(), self.rational(line, "clock"))

    def rational(self, line: Line, key: str) -> Fraction | None:
        """Read ``key=1/2`` if it is there."""
        if not line.accept(key):
            return None
        line.expect("=")
        return line.rational()

    def read_parameters(self, line: Line) -> None:
        """Read names of parameters."""
        while line.kind() in ("name", "string"):
            self.program._parameters.setdefault(line.name())

    def read_register(self, line: Line) -> None:
        """Read a register."""
        kind = line.take("name", "i64 or f64")
        if kind not in ("i64", "f64"):
            raise line.fail(f"kind of register = {kind!r} is neither i64 nor f64")
        self.program.add_register(line.name(), RegisterKind[kind.upper()])

    def read_sweep(self, line: Line) -> None:
        """Read a sweep."""
        name, unit = line.name(), ""
        if line.accept("unit"):
            line.expect("=")
            unit = line.string()
        values = line.numbers()
        if any(s.name == name for s in self.program._sweeps) or not len(values):
            raise line.fail(f"sweep {name!r} is there already, or has no value")
        self.program._sweeps.append(Sweep(name, values, unit))

    def read_expression(self, line: Line) -> None:
        """Read the next expression of the table."""
        found = Expression(code(line, self.program))
        if self.program.expression_index(found) != len(self.program._expressions) - 1:
            raise line.fail("the expression is there already")

    def read_constants(self, line: Line) -> None:
        """Read the constants."""
        for number in line.numbers().tolist():
            self.program.value_word(0, number)

    def read_waveform(self, line: Line) -> None:
        """Read the next waveform."""
        self.label(line, "w", len(self.program._waveforms))
        kind = line.take("name", "a kind of waveform")
        params = arguments(line, self.program)
        if len(params) != len(ENVELOPES.get(kind, ())) or kind not in ENVELOPES:
            raise line.fail(f"{kind}({len(params)} values) is none of {ENVELOPES}")
        amp: Value = 1.0
        if line.accept("amp"):
            line.expect("=")
            amp = value(line, self.program)
        rate, samples = self.rational(line, "rate"), None
        if line.peek("["):
            flat = line.numbers()
            if len(flat) % 2 or not len(flat):
                raise line.fail(f"{len(flat)} numbers are not pairs of real and imaginary part")
            samples = flat.view(np.complex128)
        if (kind == "samples") != (samples is not None) or (samples is None) != (rate is None):
            raise line.fail("samples, and nothing else, have a rate and a list of numbers")
        row = Waveform(kind, tuple(params), amp, samples, rate)
        for part in (*row.params, row.amp):
            if isinstance(part, Expression):
                self.program.expression_index(part)
        self.program._waveform_numbers.setdefault(row, len(self.program._waveforms))
        self.program._waveforms.append(row)

    def label(self, line: Line, letter: str, number: int) -> None:
        """Read the label that must be next."""
        found = line.take("name", f"the label {letter}{number}")
        if found != f"{letter}{number}":
            raise line.fail(f"label {found!r} stands where {letter}{number} is next")
        line.expect("=")

    def read_capture(self, line: Line) -> None:
        """Read the next capture."""
        p = self.program
        self.label(line, "m", len(p._captures))
        slot, fields = line.name(), self.fields(line, "mode axes weights bit duration")
        mode = fields.get("mode", "iq")
        if mode.upper() not in CaptureMode.__members__:
            raise line.fail(f"mode = {mode!r} is none of {[m.name.lower() for m in CaptureMode]}")
        weights = int(fields["weights"][1:]) if "weights" in fields else -1
        if weights >= len(p._waveforms):
            raise line.fail(f"weights = w{weights} are not declared")
        bit = p.bit_index(fields["bit"]) if "bit" in fields else -1
        duration = fields.get("duration")
        if isinstance(duration, Expression):
            p.expression_index(duration)
        p._captures.append(
            Capture(slot, CaptureMode[mode.upper()], duration, weights, bit, tuple(fields.get("axes", ())))
        )

    def fields(self, line: Line, known: str) -> dict[str, Any]:
        """Take ``key=value`` pairs up to the end or a brace."""
        found: dict[str, Any] = {}
        while line.kind() != "end" and not line.peek("{"):
            key = line.take("name", f"one of {known}")
            if key not in known.split() or key in found:
                raise line.fail(f"{key!r} is none of {known}, or stands twice")
            line.expect("=")
            if key in ("axes", "qubits"):
                found[key] = line.names()
            elif key == "params":
                found[key] = self.params(line)
            elif key in ("duration", "value", "until"):
                found[key] = value(line, self.program)
            elif key == "count":
                found[key] = line.whole()
            else:
                found[key] = line.name()
                if key == "weights" and not re.fullmatch(r"w[0-9]{1,9}", found[key]):
                    raise line.fail(f"weights = {found[key]!r} is no label of a waveform")
        return found

    def params(self, line: Line) -> tuple[str | float, ...]:
        """Read a calibration's quoted names and numbers in brackets."""
        line.expect("[")
        found: list[str | float] = []
        while not line.accept("]"):
            found.append(line.string() if line.kind() == "string" else line.number())
        return tuple(found)
