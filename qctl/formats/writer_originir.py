"""Write a program of gates as OriginIR text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qctl.errors import RequestError
from qctl.formats.line_writer import LineWriter
from qctl.formats.writer import number_text, refusal, tested_bits
from qctl.program.body import Body, Range
from qctl.program.expressions import Expression, Value
from qctl.program.opcodes import CONTROLLED, GATES, Op
from qctl.program.tables import BlockKind

__all__ = ["write_originir"]

_LANGUAGE = "OriginIR"
_SAME = """
H X Y Z S T RX RY RZ P U1 U2 U3 CZ CRX CRY CRZ SWAP ISWAP RXX RYY RZZ RZX
"""
_WORDS = {Op[name]: name for name in _SAME.split()} | {
    Op.ID: "I",
    Op.U: "U3",
    Op.RPHI: "RPhi",
    Op.SX: "X1",
    Op.CX: "CNOT",
    Op.CP: "CR",
    Op.SQRTISWAP: "SQISWAP",
    Op.CCX: "TOFFOLI",
}
_DAGGERS = {Op.SDG: "S", Op.TDG: "T", Op.SXDG: "X1", Op.ISWAPDG: "ISWAP", Op.SQRTISWAPDG: "SQISWAP"}
_ROOT = (math.pi / 4, -math.pi / 2, math.pi / 2, math.pi / 2)
_ROOT_BACK = (-math.pi / 4, -math.pi / 2, -math.pi / 2, math.pi / 2)
_CONTROLS = {Op.CY: ("Y", 1), Op.CH: ("H", 1), Op.CCZ: ("Z", 2), Op.CSWAP: ("SWAP", 1)}


def write_originir(body: Body) -> str:
    """Return OriginIR text; loops are written out, angles are in full.

    Global phases are left out, but for those that controls see.

    Raises
    ------
    RequestError
        For what OriginIR can't say: unbound parameters, pulses, delays, and conditions other than on bits.
    """
    return _Writer(body).text()


def _angles(values: Sequence[float]) -> str:
    return f",({','.join(number_text(value, pi=False) for value in values)})"


class _Writer(LineWriter):
    def __init__(self, body: Body) -> None:
        self.qubits = [f"q[{i}]" for i in range(body.n_qubits)]
        bits = [f"c[{i}]" for i in range(len(body.bits))]
        super().__init__(body, self.qubits, bits, comma=",", angles_last=True, pi=False)
        self.bit_index = {name: i for i, name in enumerate(body.bits)}
        spell = self.lines.spell
        for op, word in _WORDS.items():
            spell(op, GATES[op].n_qubits, word, "\n")
        for op, word in _DAGGERS.items():
            spell(op, GATES[op].n_qubits, f"DAGGER\n{word}", "\nENDDAGGER\n")
        for op, (word, n_controls) in _CONTROLS.items():
            spell(op, GATES[op].n_qubits, "CONTROL", "\nENDCONTROL\n", f"\n{word} ", n_controls)
        spell(Op.CSX, 2, "CONTROL", f"{_angles(_ROOT)}\nENDCONTROL\n", "\nU4 ", 1)
        spell(Op.GPHASE, 0, None, "")
        spell(Op.NOP, 0, None, "")
        spell(Op.RESET, 1, "RESET", "\n")
        spell(Op.BARRIER, -1, "BARRIER", "\n")
        self.lines.spell_measure(Op.MEASURE, "MEASURE ", ",", "\n", False)

    def text(self) -> str:
        if not self.qubits:
            raise RequestError("a program without qubits can't be written as OriginIR")
        self.block(self.body.structure())
        return f"QINIT {len(self.qubits)}\nCREG {max(1, len(self.body.bits))}\n{self.lines.text()}"

    def nested(self, node: Range) -> None:
        block = self.body.block(node)
        if block.kind is BlockKind.BOX:
            self.block(node)
        elif block.kind is BlockKind.LOOP and block.count >= 0:
            self.repeated(node, block.count)
        elif block.kind is BlockKind.IF:
            self.conditional(node, self.otherwise, *self.tested(node, block.value))
        elif block.kind is BlockKind.WHILE and block.count < 0:
            ones, zeros = self.tested(node, block.value)
            if zeros:
                raise RequestError(f"instruction {node.first - 1}: OriginIR has no loop while a bit is 0")
            self.lines.add(f"QWHILE {ones}")
            self.block(node)
            self.lines.add("QENDWHILE")
        elif block.kind is not BlockKind.ELSE:  # which is written with its if
            raise refusal(self.body, node.first - 1, _LANGUAGE)

    def conditional(self, node: Range, otherwise: Range | None, ones: str, zeros: Sequence[str]) -> None:
        """Write a block under bits that are 1, and bits that are 0 as the else of each."""
        if otherwise is not None and (len(zeros) > 1 or (zeros and ones)):
            raise RequestError(f"instruction {node.first - 1}: OriginIR has no else of bits some of which are 0")
        if ones:
            self.lines.add(f"QIF {ones}")
        for k, bit in enumerate(zeros):
            self.lines.add(f"QIF {bit}")
            if k == 0 and otherwise is not None:
                self.block(otherwise)
            self.lines.add("QELSE")
        self.block(node)
        if otherwise is not None and ones:
            self.lines.add("QELSE")
            self.block(otherwise)
        for _ in range(len(zeros) + bool(ones)):
            self.lines.add("QENDIF")

    def tested(self, node: Range, value: Value | None) -> tuple[str, list[str]]:
        """Return the bits that a condition wants to be 1, as a text, and those that it wants to be 0."""
        found = _bit_values(value, self.bit_index)
        if not found:
            raise RequestError(f"instruction {node.first - 1}: OriginIR has no condition {value}")
        ones = [f"c[{bit}]" for bit, is_one in found.items() if is_one]
        return ",".join(ones), [f"c[{bit}]" for bit, is_one in found.items() if not is_one]

    def one(self, i: int) -> None:
        op = Op(int(self.body.instructions[i]["op"]))
        if op is Op.BARRIER and not int(self.body.instructions[i]["b"]):
            return
        if op not in GATES:
            raise refusal(self.body, i, _LANGUAGE)
        op, qubits, params, n_controls = self.body.gate(i)
        if any(isinstance(param, Expression) for param in params):
            raise RequestError(f"instruction {i}: OriginIR has no parameters; bind them first")
        angles = [float(param) for param in params if not isinstance(param, Expression)]
        if not all(map(math.isfinite, angles)):
            raise refusal(self.body, i, _LANGUAGE)
        op, n_own = CONTROLLED.get(op, (op, 0)) if n_controls else (op, 0)
        controls, targets = qubits[: n_controls + n_own], qubits[n_controls + n_own :]
        if op is Op.CU:
            theta, phi, lam, gamma = angles
            controls, targets = (*controls, targets[0]), targets[1:]
            op, angles = Op.NOP, [gamma + (phi + lam) / 2, phi, theta, lam]
        elif op is Op.GPHASE:
            op, controls, targets = Op.P, controls[:-1], controls[-1:]
        if controls:
            self.lines.add(f"CONTROL {self.names(controls)}")
        self.target(op, angles, targets)
        if controls:
            self.lines.add("ENDCONTROL")

    def target(self, op: Op, angles: Sequence[float], qubits: Sequence[int]) -> None:
        """Write a gate without controls; NOP stands for U4."""
        if op is Op.MS:
            for q in qubits:
                self.call("RZ", (-angles[1],), (q,))
            for k, a in enumerate(qubits):
                for b in qubits[k + 1 :]:
                    self.call("RXX", angles[:1], (a, b))
            for q in qubits:
                self.call("RZ", angles[1:], (q,))
        elif op in (Op.SX, Op.SXDG, Op.NOP):
            self.call("U4", {Op.SX: _ROOT, Op.SXDG: _ROOT_BACK}.get(op, angles), qubits)
        elif op in _DAGGERS:
            self.lines.add("DAGGER")
            self.call(_DAGGERS[op], (), qubits)
            self.lines.add("ENDDAGGER")
        else:
            self.call(_WORDS[op], angles, qubits)

    def call(self, word: str, angles: Sequence[float], qubits: Sequence[int]) -> None:
        self.lines.add(f"{word} {self.names(qubits)}{_angles(angles) if angles else ''}")

    def names(self, qubits: Sequence[int]) -> str:
        return ",".join(self.qubits[q] for q in qubits)


def _bit_values(value: Value | None, index: dict[str, int]) -> dict[int, bool] | None:
    """Return what value each bit must have for a condition to hold, if that is all it says."""
    if not isinstance(value, Expression):
        return None
    test = tested_bits(value, index)
    if test is not None:
        return {bit: bool(test.value >> k & 1) for k, bit in enumerate(test.bits)}
    found: dict[int, bool] = {}
    last = -1
    for word, name in value.code:
        if word == "bit" and index[str(name)] not in found:
            last = index[str(name)]
            found[last] = True
        elif word == "not" and last >= 0:
            found[last] = False
        elif word != "and":
            return None
        last = last if word == "bit" else -1
    return found
