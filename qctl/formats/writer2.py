"""Write a program of gates as OpenQASM 2 text."""

from __future__ import annotations

from collections.abc import Sequence

from qctl.errors import RequestError
from qctl.formats.gates import QELIB1
from qctl.formats.line_writer import LineWriter
from qctl.formats.openqasm2_controlled import write_controlled
from qctl.formats.openqasm2_gates import DEFINED, PAPER_GATES, ms_definition, phase_definition
from qctl.formats.writer import BitTest, named_registers, number_text, refusal, tested_bits
from qctl.program.body import Body, Range
from qctl.program.expressions import Expression
from qctl.program.opcodes import GATES, OP_BY_NAME, Op
from qctl.program.tables import BlockKind

__all__ = ["write_openqasm2"]

_LANGUAGE = "OpenQASM 2"


def write_openqasm2(body: Body) -> str:
    """Return OpenQASM 2 text; loops are written out, gates that qelib1.inc lacks are defined.

    Raises
    ------
    RequestError
        For what OpenQASM 2 can't say: unbound parameters, pulses, while, conditions on parts of a register, and
        more than eight controls.
    """
    return _Writer(body).text()


class _Writer(LineWriter):
    def __init__(self, body: Body) -> None:
        taken = {*QELIB1, *(op.name.lower() for op in GATES)}
        self.qubits = named_registers(body.qubits, "q", taken, may_be_single=False)
        taken |= {name for name, _ in self.qubits.registers}
        self.bits = named_registers(body.bits, "c", taken, may_be_single=False)
        super().__init__(body, self.qubits.members, self.bits.members, comma=",")
        self.bit_index = {name: i for i, name in enumerate(body.bits)}
        self.definitions: dict[str, None] = {}
        self.condition = ""
        for op, spec in GATES.items():
            if spec.name in PAPER_GATES or op in DEFINED:
                self.lines.spell(op, spec.n_qubits, spec.name, ";\n")
        self.lines.spell(Op.U, 1, "U", ";\n")
        self.lines.spell(Op.RESET, 1, "reset", ";\n")
        self.lines.spell_measure(Op.MEASURE, "measure ", " -> ", ";\n", False)
        self.lines.spell(Op.GPHASE, 0, None, "")
        self.lines.spell(Op.NOP, 0, None, "")
        self.spell_barrier()

    def spell_barrier(self) -> None:
        self.lines.spell(Op.BARRIER, -1, "barrier", ";\n")

    def text(self) -> str:
        self.block(self.body.structure())
        head = ["OPENQASM 2.0;", 'include "qelib1.inc";']
        self.definitions |= dict.fromkeys(DEFINED[op] for op in map(Op, self.lines.used()) if op in DEFINED)
        head += [f"gate {text}" for text in self.definitions]
        head += [f"qreg {name}[{size}];" for name, size in self.qubits.registers if size]
        head += [f"creg {name}[{size}];" for name, size in self.bits.registers if size]
        return "\n".join(head) + "\n" + self.lines.text()

    def nested(self, node: Range) -> None:
        block = self.body.block(node)
        if block.kind is BlockKind.BOX:
            self.block(node)
        elif block.kind is BlockKind.LOOP and block.count >= 0:
            self.repeated(node, block.count)
        elif block.kind is BlockKind.IF and not self.condition and isinstance(block.value, Expression):
            self.conditional(node, block.value)
        else:
            raise refusal(self.body, node.first - 1, _LANGUAGE)

    def conditional(self, node: Range, value: Expression) -> None:
        """Write a block with its condition before every statement, but for barriers, which can't have one."""
        test = tested_bits(value, self.bit_index)
        if test is None:
            raise RequestError(f"instruction {node.first - 1}: OpenQASM 2 has no condition {value}")
        self.check_unchanged(node, test)
        self.condition = self.condition_text(test)
        self.lines.set_prefix(self.condition)
        self.lines.unspell(Op.BARRIER)
        self.block(node)
        self.condition = ""
        self.lines.set_prefix("")
        self.spell_barrier()

    def condition_text(self, test: BitTest) -> str:
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

    def one(self, i: int) -> None:
        op = Op(int(self.body.instructions[i]["op"]))
        if op in GATES:
            self.gate(i)
        elif op is Op.BARRIER and all(word < len(self.qubits.members) for word in self.body.wide(i)[0]):
            self.barrier(self.body.wide(i)[0])
        else:
            raise refusal(self.body, i, _LANGUAGE)

    def barrier(self, words: Sequence[int]) -> None:
        """Write a barrier, which has no condition; one on no qubit leaves no line."""
        if words:
            self.lines.set_prefix("")
            self.lines.add(f"barrier {','.join(self.qubits.members[word] for word in words)};")
            self.lines.set_prefix(self.condition)

    def gate(self, i: int) -> None:
        """Write a gate that has no name of its own."""
        op, qubits, params, n_controls = self.body.gate(i)
        if any(isinstance(param, Expression) for param in params):
            raise RequestError(f"instruction {i}: OpenQASM 2 has no parameters; bind them first")
        angles = [float(param) for param in params if not isinstance(param, Expression)]
        if op is Op.MS and not n_controls:
            self.call(f"ms{len(qubits)}", angles, qubits)
        elif not n_controls:
            number_text(next(x for x in angles if x - x != 0))  # raises: the kernel writes all other gates
        elif not write_controlled(op, angles, qubits[:n_controls], qubits[n_controls:], self.call):
            raise RequestError(f"instruction {i}: OpenQASM 2 has no {op.name.lower()} with {n_controls} controls")

    def call(self, name: str, angles: Sequence[float], qubits: Sequence[int]) -> None:
        op = OP_BY_NAME.get(name)
        if op in DEFINED:
            self.definitions[DEFINED[op]] = None
        elif name.startswith("ms"):
            self.definitions[ms_definition(len(qubits))] = None
        elif name[1:2].isdigit() and name.endswith("p"):
            self.definitions[phase_definition(len(qubits) - 1)] = None
        texts = f"({','.join(map(number_text, angles))})" if angles else ""
        self.lines.add(f"{name}{texts} {','.join(self.qubits.members[q] for q in qubits)};")
