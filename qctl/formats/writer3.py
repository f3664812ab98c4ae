"""Write a program of gates as OpenQASM 3 text."""

from __future__ import annotations

from decimal import Decimal

from qctl.errors import RequestError
from qctl.formats.gates import STDGATES
from qctl.formats.line_writer import LineWriter
from qctl.formats.openqasm2_gates import ms_definition
from qctl.formats.writer import RESERVED, BitTest, named_registers, number_text, refusal, tested_bits
from qctl.formats.writer3_expressions import expression_text
from qctl.program.body import Body, Range
from qctl.program.expressions import Expression, Value
from qctl.program.layout import PORT_BIT, Flag
from qctl.program.opcodes import GATES, Op
from qctl.program.tables import BlockKind, RegisterKind

__all__ = ["write_openqasm3"]

_LANGUAGE = "OpenQASM 3"

_MODIFIED = {Op.SXDG: "inv @ sx", Op.CSX: "ctrl @ sx", Op.CCZ: "ctrl(2) @ z", Op.U: "U"}
"""Opcodes that a modifier says with a gate of stdgates.inc."""

_DEFINITIONS = {
    Op.RXX: "gate rxx(t) a, b { h a; h b; cx a, b; rz(t) b; cx a, b; h a; h b; }",
    Op.RYY: "gate ryy(t) a, b { rx(pi/2) a; rx(pi/2) b; cx a, b; rz(t) b; cx a, b; rx(-pi/2) a; rx(-pi/2) b; }",
    Op.RZZ: "gate rzz(t) a, b { cx a, b; rz(t) b; cx a, b; }",
    Op.RZX: "gate rzx(t) a, b { h b; cx a, b; rz(t) b; cx a, b; h b; }",
    Op.ISWAP: "gate iswap a, b { s a; s b; h a; cx a, b; cx b, a; h b; }",
    Op.ISWAPDG: "gate iswapdg a, b { h b; cx b, a; cx a, b; h a; sdg b; sdg a; }",
    Op.SQRTISWAP: "gate sqrtiswap a, b { rxx(-pi/4) a, b; ryy(-pi/4) a, b; }",
    Op.SQRTISWAPDG: "gate sqrtiswapdg a, b { rxx(pi/4) a, b; ryy(pi/4) a, b; }",
    Op.RPHI: "gate rphi(theta, tilt) a { rz(-tilt) a; rx(theta) a; rz(tilt) a; }",
}
_NEEDS = {Op.SQRTISWAP: (Op.RXX, Op.RYY), Op.SQRTISWAPDG: (Op.RXX, Op.RYY)}
_WORDS = {Op.BREAK: "break;", Op.CONTINUE: "continue;", Op.HALT: "end;", Op.NOP: ""}
_TAKEN = RESERVED | {spec.name for spec in GATES.values()} | set(STDGATES) | {"U"}


def _is_name(text: str) -> bool:
    """Say whether a name may be declared: ASCII, no keyword, no gate."""
    return text.isascii() and text.isidentifier() and text not in _TAKEN


def write_openqasm3(body: Body) -> str:
    """Return OpenQASM 3 text; blocks become for, while and if, unbound parameters become inputs.

    Raises
    ------
    RequestError
        For pulses, sweeps, subroutines and calibrations, which it doesn't write.
    """
    return _Writer(body).text()


class _Writer(LineWriter):
    def __init__(self, body: Body) -> None:
        taken = {*_TAKEN, *body.parameters, *(r.name for r in body.registers)}
        self.physical = bool(body.qubits) and all(name == f"${i}" for i, name in enumerate(body.qubits))
        self.qubits = named_registers(body.qubits, "q", taken, may_be_single=True)
        self.qubit_names = body.qubits if self.physical else self.qubits.members
        taken |= {name for name, _ in self.qubits.registers}
        self.bits = named_registers(body.bits, "c", taken, may_be_single=True)
        self.bit_index = {name: i for i, name in enumerate(body.bits)}
        self.bit_texts = dict(zip(body.bits, self.bits.members, strict=True))
        super().__init__(body, self.qubit_names, self.bits.members, comma=", ")
        self.used: dict[Op, None] = {}
        self.ms_definitions: dict[str, None] = {}
        self.uses_ticks = False
        self.depth = 0
        for op, spec in GATES.items():
            if op is Op.GPHASE or op in _DEFINITIONS or spec.name in STDGATES or op in _MODIFIED:
                self.lines.spell(op, spec.n_qubits, _MODIFIED.get(op, spec.name), ";\n")
        self.lines.spell(Op.RESET, 1, "reset", ";\n")
        self.lines.spell(Op.BARRIER, -1, "barrier", ";\n")
        self.lines.spell(Op.NOP, 0, None, "")
        self.lines.spell_measure(Op.MEASURE, "", " = measure ", ";\n", True)

    def text(self) -> str:
        self.block(self.body.structure())
        head = ["OPENQASM 3.0;", 'include "stdgates.inc";']
        if self.uses_ticks:
            head.append(f"pragma qctl dt_s {self.body.tick_s}")
        self.used |= dict.fromkeys(map(Op, self.lines.used()))
        needed = {need for op in self.used for need in (*_NEEDS.get(op, ()), op)}
        head += [text for op, text in _DEFINITIONS.items() if op in needed]
        head += self.ms_definitions
        for name in self.body.parameters:
            if not _is_name(name):
                raise RequestError(f"parameter {name!r} is no name in OpenQASM 3, or is taken there")
        head += [f"input float[64] {name};" for name in self.body.parameters]
        for register in self.body.registers:
            if not _is_name(register.name):
                raise RequestError(f"register {register.name!r} is no name in OpenQASM 3, or is taken there")
            head.append(f"{'float[64]' if register.kind is RegisterKind.F64 else 'int[64]'} {register.name};")
        if not self.physical:
            head += [f"qubit[{size}] {name};" if size else f"qubit {name};" for name, size in self.qubits.registers]
        head += [f"bit[{size}] {name};" if size else f"bit {name};" for name, size in self.bits.registers]
        return "\n".join(head) + "\n" + self.lines.text()

    def nested(self, node: Range) -> None:
        block = self.body.block(node)
        if block.kind is BlockKind.LOOP:
            count = str(block.count) if block.count >= 0 else self.value(block.value)
            head = f"for uint round_{self.depth} in [1:{count}] {{"
        elif block.kind in (BlockKind.IF, BlockKind.WHILE) and block.count < 0:
            head = f"{block.kind.name.lower()} ({self.condition(block.value)}) {{"
        elif block.kind is BlockKind.ELSE:
            head = "else {"
        elif block.kind is BlockKind.BOX:
            head = "box {"
        else:
            raise RequestError(f"instruction {node.first - 1} ({block.kind.name.lower()}) is not written as OpenQASM 3")
        self.lines.add(head)
        self.indent(1)
        self.block(node)
        self.indent(-1)
        self.lines.add("}")

    def indent(self, more: int) -> None:
        self.depth += more
        self.lines.set_prefix("  " * self.depth)

    def condition(self, value: Value | None) -> str:
        if not isinstance(value, Expression):
            return "true" if value else "false"
        if len(value.code) == 1 and value.code[0][0] == "const":
            return "true" if value.code[0][1] else "false"
        test = tested_bits(value, self.bit_index)
        return self.test_text(test) if test else expression_text(value, self.bit_texts)

    def test_text(self, test: BitTest) -> str:
        """Return a test of bits: of one, of a whole register, or of each."""
        members = self.bits.members
        if len(test.bits) > 1:
            first = 0
            for name, size in self.bits.registers:
                if test.bits == tuple(range(first, first + size)):
                    return f"{name} == {test.value}"
                first += size or 1
        terms = [members[bit] if test.value >> k & 1 else f"!{members[bit]}" for k, bit in enumerate(test.bits)]
        return " && ".join(terms)

    def value(self, value: Value | None) -> str:
        if isinstance(value, Expression):
            return expression_text(value, self.bit_texts)
        return number_text(float(value or 0.0))

    def one(self, i: int) -> None:
        row = self.body.instructions[i]
        op = Op(int(row["op"]))
        a = int(row["a"])
        if op in GATES:
            self.lines.add(self.gate(i))
        elif op is Op.BARRIER and not int(row["b"]):
            pass
        elif op is Op.DELAY:
            self.lines.add(f"delay[{self.duration(i)}] {self.qubit(a, i)};")
        elif op is Op.SET_BIT:
            value = self.body.operand_value(i)
            constant = isinstance(value, Expression) and len(value.code) == 1 and value.code[0][0] == "const"
            text = str(int(float(value.code[0][1] or 0) != 0)) if constant else self.condition(value)  # type: ignore[union-attr]
            self.lines.add(f"{self.bits.members[a]} = {text};")
        elif op is Op.ASSIGN:
            self.lines.add(f"{self.body.registers[a].name} = {self.value(self.body.operand_value(i))};")
        elif op in _WORDS:
            self.lines.add(_WORDS[op])
        else:
            raise refusal(self.body, i, _LANGUAGE)

    def qubit(self, word: int, i: int) -> str:
        if word & PORT_BIT:
            raise refusal(self.body, i, _LANGUAGE)
        return self.qubit_names[word]

    def duration(self, i: int) -> str:
        row = self.body.instructions[i]
        if int(row["flags"]) & Flag.TICKS:
            self.uses_ticks = True
            value = self.body.operand_value(i)
            return f"{round(value / self.body.tick_s)}dt"  # type: ignore[operator,arg-type]
        value = self.body.operand_value(i)
        if isinstance(value, Expression):
            return f"({self.value(value)}) * 1s"
        return f"{Decimal(repr(value)).scaleb(9):f}ns"

    def gate(self, i: int) -> str:
        op, qubits, params, n_controls = self.body.gate(i)
        name = _MODIFIED.get(op, op.name.lower())
        if op is Op.MS:
            definition = ms_definition(len(qubits) - n_controls)
            self.ms_definitions[f"gate {definition}"] = None
            name = definition.partition("(")[0]
        elif op in _DEFINITIONS:
            self.used[op] = None
        elif op is not Op.GPHASE and op not in _MODIFIED and name not in STDGATES:
            raise refusal(self.body, i, _LANGUAGE)
        controls = {0: "", 1: "ctrl @ "}.get(n_controls, f"ctrl({n_controls}) @ ")
        angles = f"({', '.join(self.value(param) for param in params)})" if params else ""
        operands = ", ".join(self.qubit_names[q] for q in qubits)
        return f"{controls}{name}{angles} {operands}".rstrip() + ";"
