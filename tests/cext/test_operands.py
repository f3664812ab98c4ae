"""Rows with many qubits are read whole, and rows that the format doesn't allow are refused by what reads them."""

import numpy as np
import pytest

import qctl
from qctl.cext.translation import translate_rows
from qctl.program.layout import INSTRUCTION, NONE
from qctl.program.opcodes import Op

BAD_ROW = 2
EDGES = np.array([[0, 1], [1, 2]], np.int32)
GATES = qctl.Target(("rz", "sx", "cz")).gates()


def test_a_barrier_over_many_qubits():
    circuit = qctl.Circuit(600)
    circuit.barrier(*range(600))
    circuit.barrier(0, 1)
    made = qctl.translate(circuit, qctl.Target())
    assert [made.body.wide(i)[0] for i in range(2)] == [tuple(range(600)), (0, 1)]


@pytest.mark.parametrize(
    ("row", "words"),
    {
        "qubit outside": ((Op.X, 0, 5, NONE, NONE), ()),
        "barrier without a list": ((Op.BARRIER, 0, 0, 1, 0), (0,)),
        "barrier with other flags": ((Op.BARRIER, 5, 0, 1, 0), (0,)),
        "barrier with controls": ((Op.BARRIER, 0x104, 0, 1, 0), (0,)),
        "barrier with values": ((Op.BARRIER, 4, 0, 1, 1), (0, 0)),
        "barrier twice on a qubit": ((Op.BARRIER, 4, 0, 2, 0), (1, 1)),
        "port in a gate": ((Op.CCX, 4, 0, 3, 0), (0, 1, 0x40000000)),
        "qubit twice in a gate": ((Op.CCX, 4, 0, 3, 0), (0, 1, 0)),
        "list past the end": ((Op.CCX, 4, 1, 3, 0), (0, 1, 2)),
        "list that wraps": ((Op.CCX, 4, 0xFFFFFFFE, 3, 0), (0, 1, 2)),
        "x wide without controls": ((Op.X, 4, 0, 1, 0), (0,)),
        "x with an angle": ((Op.X, 1, 0, 0, 0), ()),
        "x with a second qubit": ((Op.X, 0, 0, 1, NONE), ()),
        "rx with two flags": ((Op.RX, 3, 0, 0, 0), ()),
        "rx in ticks": ((Op.RX, 8, 0, 0, 0), ()),
        "cx with an angle": ((Op.CX, 0, 0, 1, 0), ()),
        "cx with a flag": ((Op.CX, 1, 0, 1, NONE), ()),
        "rzz of no constant": ((Op.RZZ, 0, 0, 1, 0), ()),
        "reset with a bit": ((Op.RESET, 0, 0, 0, NONE), ()),
        "measure into nothing": ((Op.MEASURE, 0, 0, NONE, NONE), ()),
        "delay without a length": ((Op.DELAY, 0, 0, NONE, NONE), ()),
        "unknown opcode": ((0x0FF, 0, 0, NONE, NONE), ()),
        "gate on too many qubits": ((Op.MS, 4, 0, 300, 2), (*range(300), 0, 0)),
    }.values(),
)
def test_a_row_that_the_format_forbids_is_refused(row, words):
    rows = np.array([row], INSTRUCTION).view(np.uint8)
    operands, numbers = np.array(words, np.uint32), np.zeros(0)
    found = translate_rows(rows, operands, numbers, 3, 3, EDGES, False, *GATES, 100, 2, 1, 1, False, False)
    assert found[:2] == (BAD_ROW, 0)
