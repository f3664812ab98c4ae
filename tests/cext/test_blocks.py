"""Blocks of two qubits are written with the fewest cz: seen through the public translation."""

import pytest

import qctl
from qctl.program.opcodes import Op


def n_cz(*words):
    circuit = qctl.Circuit(2)
    for name, angles, qubits in words:
        circuit.append(name, qubits, angles)
    made = qctl.translate(circuit, qctl.Target(edges=((0, 1),)), level=0)
    return sum(op == Op.CZ for op in made.body.instructions["op"].tolist())


CX, XC = ("cx", (), (0, 1)), ("cx", (), (1, 0))
TURN = ("u", (0.3, 0.7, -1.1), (0,))


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((CX,), 1),
        ((CX, CX), 0),
        ((CX, XC), 2),
        ((CX, XC, CX), 3),
        ((CX, TURN, CX), 2),
        ((CX, TURN, XC, TURN, CX), 3),
        ((CX, TURN, XC, TURN, CX, TURN, XC, TURN, CX), 3),
        ((("iswap", (), (0, 1)),), 2),
        ((("rzz", (0.3,), (0, 1)), ("rxx", (0.4,), (0, 1))), 2),
        ((("rzz", (0.3,), (0, 1)), ("rxx", (0.4,), (0, 1)), ("ryy", (0.5,), (0, 1))), 3),
    ],
)
def test_blocks_have_the_fewest_cz(words, wanted):
    assert n_cz(*words) == wanted
