"""Writes a program as text assembly, which `qctl.program.assembly` reads back to the bit."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator
from importlib import import_module

import numpy as np

from qctl.errors import ParseError, RequestError
from qctl.program.body import Body
from qctl.program.checking import fault
from qctl.program.expressions import OPERATORS, Expression, Value
from qctl.program.layout import CONTROLS_SHIFT, EXPRESSION_BIT, NONE, PORT_BIT, Flag, immediate_s, immediate_ticks
from qctl.program.opcodes import OPCODES, Form, Op
from qctl.program.sections import encoded
from qctl.program.tables import Block, BlockKind, SymbolKind

__all__ = ["INFIX", "RESERVED", "expression_text", "name_text", "number_text", "to_text"]

INFIX = {"add": ("+", 1), "sub": ("-", 1), "mul": ("*", 2), "div": ("/", 2)}
"""Operators written between their operands, and how tightly they bind."""
RESERVED = {"inf", "nan", "pi", "const", "param", "sweep", "register", "bit", "ticks", "port", "ctrl", *OPERATORS}
"""Words that a name is quoted for."""
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*(\[[0-9]+\])*")


def name_text(name: str) -> str:
    """Return a name, quoted as in JSON unless it is a plain one."""
    return name if _BARE.fullmatch(name) and name not in RESERVED else json.dumps(name)


def number_text(value: float) -> str:
    """Return a float that reads back to the bit: its shortest decimal form, or the bits of a NaN."""
    if math.isnan(value):
        return f"nan:{int.from_bytes(struct.pack('>d', value), 'big'):016x}"
    return repr(value)


def expression_text(expression: Expression) -> str:
    """Return an expression in infix form that reads back as the same code."""
    stack: list[tuple[str, int]] = []
    for word, x in expression.code:
        if word == "const":
            assert isinstance(x, float)
            stack.append((number_text(x), 9))
        elif word == "param" and _BARE.fullmatch(str(x)) and x not in RESERVED:
            stack.append((str(x), 9))
        elif word in INFIX:
            sign, tight = INFIX[word]
            right, left = stack.pop(), stack.pop()
            shown = left[0] if left[1] >= tight else f"({left[0]})"
            shown += f" {sign} " + (right[0] if right[1] > tight else f"({right[0]})")
            stack.append((shown, tight))
        elif word in OPERATORS:
            count = OPERATORS[word][0]
            stack[-count:] = [(f"{word}({', '.join(text for text, _ in stack[-count:])})", 9)]
        else:
            stack.append((f"{word}({name_text(str(x))})", 9))
    return stack[0][0]


def to_text(body: Body) -> str:
    """Return the text assembly of a body.

    Values stand where they are used; where that would not number constants and expressions as the body does, they
    are listed first and referred to as ``$3`` and ``@3``.

    Raises
    ------
    RequestError
        If the body is not consistent.
    """
    wrong = fault(body)
    if wrong:
        raise RequestError(wrong)
    wanted = encoded(body)
    shown = _Writer(body, listed=False).text()
    try:
        same = encoded(import_module("qctl.program.assembly").from_text(shown)) == wanted
    except ParseError:
        same = False
    return shown if same else _Writer(body, listed=True).text()


class _Writer:
    """One pass over a body; `listed` puts every table row in front."""

    def __init__(self, body: Body, listed: bool) -> None:
        self.body = body
        self.listed = listed
        self.expressions = {e: i for i, e in enumerate(body.expressions)}
        self.n_waveforms = 0
        self.n_captures = 0

    def text(self) -> str:
        return "\n".join([*self.declarations(), *self.instructions()]) + "\n"

    def value(self, value: Value) -> str:
        if isinstance(value, Expression):
            return f"@{self.expressions[value]}" if self.listed else expression_text(value)
        return number_text(value)

    def word(self, word: int) -> str:
        if self.listed and not word & EXPRESSION_BIT:
            return f"${word}"
        return self.value(self.body.value(word))

    def declarations(self) -> Iterator[str]:
        body = self.body
        yield "qis 1.0"
        yield f"tick {body.tick_s.numerator}/{body.tick_s.denominator}"
        for key, entry in body.metadata.items():
            yield f"metadata {json.dumps(key)} {json.dumps(entry)}"
        for word, names in (("qubits", body.qubits), ("bits", body.bits)):
            if names:
                yield f"{word} {' '.join(map(name_text, names))}"
        for s in body.ports:
            clock = f" clock={s.clock_hz.numerator}/{s.clock_hz.denominator}" if s.clock_hz else ""
            parent = f" on={name_text(s.parent)}" if s.kind is SymbolKind.FRAME else ""
            yield f"{s.kind.name.lower()} {name_text(s.name)}{parent}{clock}"
        if body.parameters:
            yield f"parameters {' '.join(map(name_text, body.parameters))}"
        for r in body.registers:
            yield f"register {r.kind.name.lower()} {name_text(r.name)}"
        for sweep in body.sweeps:
            unit = f" unit={json.dumps(sweep.unit)}" if sweep.unit else ""
            yield f"sweep {name_text(sweep.name)}{unit} [{' '.join(map(number_text, sweep.values.tolist()))}]"
        if self.listed:
            for e in body.expressions:
                yield f"expression {expression_text(e)}"
            if len(body.constants):
                yield f"constants [{' '.join(map(number_text, body.constants.tolist()))}]"
            yield from self.tables(len(body.waveforms), len(body.captures))

    def tables(self, n_waveforms: int, n_captures: int) -> Iterator[str]:
        """Declare waveforms and captures up to these numbers, each before what uses it."""
        while self.n_waveforms < n_waveforms:
            w = self.body.waveforms[self.n_waveforms]
            amp = "" if self.value(w.amp) == "1.0" else f" amp={self.value(w.amp)}"
            samples = ""
            if w.samples is not None and w.rate_hz is not None:
                flat = np.ascontiguousarray(w.samples).view(np.float64).tolist()
                samples = f" rate={w.rate_hz.numerator}/{w.rate_hz.denominator} [{' '.join(map(number_text, flat))}]"
            params = ", ".join(map(self.value, w.params))
            yield f"waveform w{self.n_waveforms} = {w.kind}({params}){amp}{samples}"
            self.n_waveforms += 1
        while self.n_captures < n_captures:
            c = self.body.captures[self.n_captures]
            if c.weights >= self.n_waveforms:
                yield from self.tables(c.weights + 1, 0)
            fields = [f"mode={c.mode.name.lower()}", f"axes=[{' '.join(map(name_text, c.axes))}]"]
            fields += [f"weights=w{c.weights}"] if c.weights >= 0 else []
            fields += [f"bit={name_text(self.body.bits[c.bit])}"] if c.bit >= 0 else []
            fields += [f"duration={self.value(c.duration_s)}"] if c.duration_s is not None else []
            yield f"capture m{self.n_captures} = {name_text(c.slot)} {' '.join(fields)}"
            self.n_captures += 1

    def instructions(self) -> Iterator[str]:
        depth = 0
        for i in range(len(self.body)):
            row = self.body.instructions[i]
            op = Op(int(row["op"]))
            if op is Op.BEGIN:
                yield "  " * depth + self.opening(self.body.blocks[int(row["a"])])
                depth += 1
                continue
            if op is Op.END:
                depth -= 1
                block = self.body.blocks[int(row["a"])]
                until = "" if block.kind is not BlockKind.REPEAT else f" until={self.value(block.value or 0.0)}"
                yield "  " * depth + "}" + until
                continue
            if op is Op.PLAY:
                yield from ("  " * depth + line for line in self.tables(int(row["b"]) + 1, 0))
            elif OPCODES[op].form is Form.CAPTURE:
                yield from ("  " * depth + line for line in self.tables(0, int(row["b"]) + 1))
            yield "  " * depth + self.instruction(i, op, row)
        yield from self.tables(len(self.body.waveforms), len(self.body.captures))

    def opening(self, b: Block) -> str:
        fields = []
        if b.count >= 0:
            fields.append(f"count={b.count}")
        if b.sweep >= 0:
            fields.append(f"over={name_text(self.body.sweeps[b.sweep].name)}")
        if b.value is not None and b.kind is not BlockKind.REPEAT:
            fields.append(f"value={self.value(b.value)}")
        if b.name:
            fields.append(f"name={name_text(b.name)}")
        if b.qubits:
            fields.append(f"qubits=[{' '.join(name_text(self.body.qubits[q]) for q in b.qubits)}]")
        if b.params:
            shown = (json.dumps(p) if isinstance(p, str) else number_text(p) for p in b.params)
            fields.append(f"params=[{' '.join(shown)}]")
        return " ".join([b.kind.name.lower() if b.kind is not BlockKind.CALL else "subroutine", *fields, "{"])

    def instruction(self, i: int, op: Op, row: np.void) -> str:
        spec, flags = OPCODES[op], int(row["flags"])
        a, b, c = int(row["a"]), int(row["b"]), int(row["c"])
        form, word, values = spec.form, spec.name, []
        operands: list[str] = []
        qubits, ports = self.body.qubits, self.body.ports
        if flags & Flag.WIDE:
            words = self.body.operands[a : a + b + c].tolist()
            values = [self.word(w) for w in words[b:]]
            if form is Form.PORT_WIDE:
                operands = [name_text(ports[words[0]].name)]
            else:
                operands = [self.symbol(w) for w in words[:b]]
            if flags >> CONTROLS_SHIFT:
                word = f"ctrl({flags >> CONTROLS_SHIFT}) {word}"
        elif form is Form.GATE:
            operands = [name_text(qubits[q]) for q in (a, b)[: spec.n_qubits]]
            if spec.n_params:
                values = [self.word(c) if spec.n_qubits == 2 else self.own_value(row)]
        elif form is Form.MEASURE:
            operands = [name_text(qubits[a]), name_text(self.body.bits[b])]
        elif form is Form.QUBIT:
            operands = [name_text(qubits[a])]
        elif form is Form.DELAY:
            operands, values = [self.symbol(a)], [self.own_value(row)]
        elif form is Form.ASSIGN:
            operands, values = [name_text(self.body.registers[a].name)], [self.own_value(row)]
        elif form is Form.SET_BIT:
            operands, values = [name_text(self.body.bits[a])], [self.own_value(row)]
        elif form is Form.PORT_VALUE:
            operands, values = [name_text(ports[a].name)], [self.own_value(row)]
        elif form is Form.PLAY:
            operands, values = [name_text(ports[a].name), f"w{b}"], [self.word(c)] if c != NONE else []
        elif form is Form.CAPTURE:
            operands = [name_text(ports[a].name), f"m{b}"]
        elif form is Form.TTL:
            operands = [name_text(ports[a].name), str(b)]
        elif form is Form.TICKS:
            values = [self.own_value(row)]
        elif form is Form.RAW:
            operands = [str(a), str(b), str(c)]
        elif form in (Form.BLOCK, Form.JUMP):
            operands = [str(a)]
        shown = f"({', '.join(values)})" if values else ""
        return f"{word}{shown} {', '.join(operands)}".rstrip()

    def own_value(self, row: np.void) -> str:
        flags = int(row["flags"])
        if flags & Flag.TICKS:
            return f"{immediate_ticks(row)} ticks"
        if flags & Flag.EXPR:
            return self.value(self.body.expressions[int(row["b"])])
        return number_text(immediate_s(row))

    def symbol(self, word: int) -> str:
        if word & PORT_BIT:
            return f"port {name_text(self.body.ports[word & ~PORT_BIT].name)}"
        return name_text(self.body.qubits[word])
