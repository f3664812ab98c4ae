"""Layouts without swaps are found where there is one."""

import random

import pytest

import qctl
from qctl.program.opcodes import Op


@pytest.mark.parametrize("seed", range(10))
def test_a_hidden_layout_is_found(seed):
    rng = random.Random(seed)
    edges = [(r * 5 + c, r * 5 + c + 1) for r in range(5) for c in range(4)] + [(k, k + 5) for k in range(20)]
    name = rng.sample(range(25), 25)
    circuit = qctl.Circuit(25)
    for a, b in rng.sample(edges, 22):
        circuit.cz(name[a], name[b])
    made = qctl.translate(circuit, qctl.Target(edges=tuple(edges)), level=3)
    assert sum(op == Op.CZ for op in made.body.instructions["op"].tolist()) == 22


def test_an_odd_ring_has_none_on_a_grid():
    circuit = qctl.Circuit(3)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        circuit.cx(a, b)
        circuit.h(a)
    made = qctl.translate(circuit, qctl.Target(edges=((0, 1), (1, 2), (2, 3), (3, 0))), level=3)
    assert sum(op == Op.CZ for op in made.body.instructions["op"].tolist()) > 3
