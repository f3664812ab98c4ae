"""Harder levels and the way home: seeded, and the same for the same seed."""

import pytest

import qctl
from qctl.program.opcodes import Op

LINE = qctl.Target(edges=tuple((k, k + 1) for k in range(7)))


def crossing():
    circuit = qctl.Circuit(8)
    for a in range(8):
        for b in range(a):
            circuit.cx(a, b)
            circuit.u(0.1 * a, 0.2, 0.3, b)
    return circuit


def test_more_trials_are_no_worse_and_seeds_decide():
    few, many = (
        sum(op == Op.CZ for op in qctl.translate(crossing(), LINE, level=level).body.instructions["op"].tolist())
        for level in (1, 3)
    )
    assert many <= few
    assert qctl.translate(crossing(), LINE, seed=4) == qctl.translate(crossing(), LINE, seed=4)


@pytest.mark.parametrize("seed", range(5))
def test_blocks_bring_every_qubit_home(seed):
    circuit = qctl.Circuit(8)
    with circuit.loop(2):
        circuit.cx(0, 7)
        circuit.cx(3, 6)
    made = qctl.translate(circuit, LINE, seed=seed)
    assert made.metadata["layout"] == made.metadata["final_layout"]
