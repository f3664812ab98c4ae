"""Programs in which everything commutes are not pulled to one heap: swaps go with the gates."""

import math

import pytest

import qctl
from qctl.bench.translate_circuits import COUPLINGS, FAMILIES
from qctl.program.opcodes import Op


@pytest.mark.parametrize("n", [2, 3, 8, 20])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_fourier_transform_on_a_line_costs_one_cz_a_swap(n, level):
    # A. Fowler, S. Devitt, L. Hollenberg, Quantum Inf. Comput. 4, 237 (2004): every pair meets next to its swap.
    circuit = qctl.Circuit(n)
    for name, angles, qubits in FAMILIES["qft"](n):
        circuit.append(name, qubits, angles)
    edges = tuple(COUPLINGS["line"](n))
    made = qctl.translate(circuit, qctl.Target(edges=edges), level=level)
    assert int((made.body.instructions["op"] == Op.CZ).sum()) <= 3 * math.comb(n, 2)


def test_order_on_a_wire_is_kept_where_a_row_is_held():
    circuit = qctl.Circuit(4)
    for k in range(3):
        circuit.cp(0.3, k, 3)
        circuit.barrier(k, 3)
        circuit.measure(k, k)
    circuit.reset(3)
    made = qctl.translate(circuit, qctl.Target(edges=((0, 1), (1, 2), (2, 3))), level=3)
    ops = [Op(op) for op in made.body.instructions["op"].tolist() if op < Op.ID]
    assert ops.count(Op.MEASURE) == 3 and ops.count(Op.RESET) == 1 and ops.count(Op.BARRIER) == 3
