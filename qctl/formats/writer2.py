"""Write a program of gates as OpenQASM 2 text."""

from __future__ import annotations

from qctl.errors import RequestError
from qctl.formats.gates import QELIB1
from qctl.formats.limits import MAX_STEPS
from qctl.formats.writer import BitTest, named_registers, number_text, refusal, tested_bits
from qctl.program.body import Body, Range
from qctl.program.expressions import Expression
from qctl.program.opcodes import GATES, Op
from qctl.program.tables import BlockKind

__all__ = ["write_openqasm2"]

_CONTROLLED = {(Op.X, 3): "c3x", (Op.X, 4): "c4x", (Op.SX, 3): "c3sqrtx", (Op.SX, 1): "csx", (Op.U, 1): "cu"}
_CONTROLLED |= {(Op.U3, 1): "cu", (Op.X, 1): "cx", (Op.X, 2): "ccx", (Op.Z, 1): "cz", (Op.Y, 1): "cy", (Op.H, 1): "ch"}
_CONTROLLED |= {(Op.P, 1): "cp", (Op.U1, 1): "cp", (Op.RX, 1): "crx", (Op.RY, 1): "cry", (Op.RZ, 1): "crz"}
_CONTROLLED |= {(Op.SWAP, 1): "cswap"}

_DEFINITIONS = {
    Op.RYY: "gate ryy(t) a,b { rx(pi/2) a; rx(pi/2) b; cx a,b; rz(t) b; cx a,b; rx(-pi/2) a; rx(-pi/2) b; }",
    Op.RZX: "gate rzx(t) a,b { h b; cx a,b; rz(t) b; cx a,b; h b; }",
    Op.ISWAP: "gate iswap a,b { s a; s b; h a; cx a,b; cx b,a; h b; }",
    Op.ISWAPDG: "gate iswapdg a,b { h b; cx b,a; cx a,b; h a; sdg b; sdg a; }",
    Op.SQRTISWAP: "gate sqrtiswap a,b { rxx(-pi/4) a,b; ryy(-pi/4) a,b; }",
    Op.SQRTISWAPDG: "gate sqrtiswapdg a,b { rxx(pi/4) a,b; ryy(pi/4) a,b; }",
    Op.RPHI: "gate rphi(t,f) a { rz(-f) a; rx(t) a; rz(f) a; }",
    Op.CCZ: "gate ccz a,b,c { h c; ccx a,b,c; h c; }",
}
_NEEDS = {Op.SQRTISWAP: Op.RYY, Op.SQRTISWAPDG: Op.RYY}


def write_openqasm2(body: Body) -> str:
    """Return OpenQASM 2 text; loops are written out, gates that qelib1.inc lacks are defined.

    Raises
    ------
    RequestError
        For what OpenQASM 2 can't say: unbound parameters, pulses, while, conditions on parts of a register, and
        many controls.
    """
    return _Writer(body).text()


class _Writer:
    def __init__(self, body: Body) -> None:
        self.body = body
        taken = {*QELIB1, *(op.name.lower() for op in GATES)}
        self.qubits = named_registers(body.qubits, "q", taken, may_be_single=False)
        taken |= {name for name, _ in self.qubits.registers}
        self.bits = named_registers(body.bits, "c", taken, may_be_single=False)
        self.bit_index = {name: i for i, name in enumerate(body.bits)}
        self.used: dict[Op, None] = {}
        self.lines: list[str] = []

    def text(self) -> str:
        self.block(self.body.structure(), "")
        head = ["OPENQASM 2.0;", 'include "qelib1.inc";']
        head += [_DEFINITIONS[op] for op in self.used]
        head += [f"qreg {name}[{size}];" for name, size in self.qubits.registers if size]
        head += [f"creg {name}[{size}];" for name, size in self.bits.registers if size]
        return "\n".join([*head, *self.lines]) + "\n"

    def block(self, node: Range, condition: str) -> None:
        i, children = node.first, list(node.children)
        while i < node.end:
            if children and children[0].first - 1 == i:
                child = children.pop(0)
                self.nested(child, condition)
                i = child.end + 1
            else:
                self.one(i, condition)
                i += 1

    def nested(self, node: Range, condition: str) -> None:
        block = self.body.block(node)
        if block.kind is BlockKind.BOX:
            self.block(node, condition)
        elif block.kind is BlockKind.LOOP and block.count >= 0:
            first = len(self.lines)
            self.block(node, condition)
            self.repeat(first, block.count)
        elif block.kind is BlockKind.IF and not condition and isinstance(block.value, Expression):
            test = tested_bits(block.value, self.bit_index)
            if test is None:
                raise RequestError(f"instruction {node.first - 1}: OpenQASM 2 has no condition {block.value}")
            self.check_unchanged(node, test)
            self.block(node, self.condition(test))
        else:
            raise refusal(self.body, node.first - 1, 2)

    def condition(self, test: BitTest) -> str:
        """Return ``if(c==3)`` for a test of a whole register."""
        first = 0
        for name, size in self.bits.registers:
            if test.bits == tuple(range(first, first + size)):
                return f"if({name}=={test.value}) "
            first += size
        raise RequestError("OpenQASM 2 has no condition on a part of a register")

    def check_unchanged(self, node: Range, test: BitTest) -> None:
        """Refuse a block that measures into its own condition before its end: each statement would test it again."""
        rows = self.body.instructions[node.first : node.end - 1]
        changed = rows["b"][rows["op"] == Op.MEASURE]
        if node.children or set(changed.tolist()) & set(test.bits):
            raise RequestError(f"instruction {node.first - 1}: OpenQASM 2 can't keep a condition over the whole block")

    def one(self, i: int, condition: str) -> None:
        row = self.body.instructions[i]
        op = Op(int(row["op"]))
        qubits = self.qubits.members
        if op in GATES:
            line = self.gate(i)
        elif op is Op.MEASURE:
            line = f"measure {qubits[int(row['a'])]} -> {self.bits.members[int(row['b'])]};"
        elif op is Op.RESET:
            line = f"reset {qubits[int(row['a'])]};"
        elif op is Op.BARRIER:
            words, _ = self.body.wide(i)
            if any(word >= len(qubits) for word in words):
                raise refusal(self.body, i, 2)
            line, condition = f"barrier {','.join(qubits[word] for word in words)};" if words else "", ""
        elif op is Op.NOP:
            line = ""
        else:
            raise refusal(self.body, i, 2)
        if line:
            self.lines.append(condition + line)

    def repeat(self, first: int, count: int) -> None:
        """Write the lines from `first` on as often as their loop plays."""
        lines = self.lines[first:]
        if first + len(lines) * count > MAX_STEPS:
            raise RequestError(f"the loop of {count} rounds makes more than {MAX_STEPS} lines")
        self.lines[first:] = lines * count if lines else []

    def gate(self, i: int) -> str:
        """Return a gate's line; a global phase has none."""
        op, qubits, params, n_controls = self.body.gate(i)
        if any(isinstance(param, Expression) for param in params):
            raise RequestError(f"instruction {i}: OpenQASM 2 has no parameters; bind them first")
        name = op.name.lower()
        if n_controls:
            if op is Op.GPHASE or (op, n_controls) not in _CONTROLLED:
                raise RequestError(f"instruction {i}: OpenQASM 2 has no {name} with {n_controls} controls")
            name = _CONTROLLED[op, n_controls]
            params = (*params, 0.0) if name == "cu" else params
        elif op is Op.GPHASE:
            return ""
        elif name not in QELIB1:
            if op not in _DEFINITIONS:
                raise refusal(self.body, i, 2)
            if op in _NEEDS:
                self.used[_NEEDS[op]] = None
            self.used[op] = None
        angles = f"({','.join(number_text(float(p)) for p in params)})" if params else ""  # type: ignore[arg-type]
        return f"{name}{angles} {','.join(self.qubits.members[q] for q in qubits)};"
