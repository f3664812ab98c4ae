"""What stays as it is keeps its place among the gates of its qubits."""

import pytest

import qctl
from qctl.program.opcodes import Op


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_measure_reset_and_barrier_stay_in_order(level):
    circuit = qctl.Circuit(3)
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.measure(0, 0)
    circuit.reset(0)
    circuit.barrier(0, 1, 2)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure(0, 1)
    made = qctl.translate(circuit, qctl.Target(edges=((0, 1), (1, 2))), level=level)
    ops = [Op(op) for op in made.body.instructions["op"].tolist() if op < Op.ID]
    assert ops == [Op.MEASURE, Op.RESET, Op.BARRIER, Op.MEASURE]
    assert made.body.instructions["op"][-1] == Op.MEASURE
