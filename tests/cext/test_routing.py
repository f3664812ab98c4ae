"""Swaps bring together what has to meet, and only on couplers."""

import random

import pytest

import qctl
from qctl.program.opcodes import Op


@pytest.mark.parametrize("n", [2, 3, 9, 30])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_every_pair_meets_on_a_ring(n, level):
    rng = random.Random(n)
    circuit = qctl.Circuit(n)
    for _ in range(4 * n):
        a, b = rng.sample(range(n), 2)
        circuit.cx(a, b)
        circuit.u(0.1, 0.2, 0.3, a)
    edges = tuple((k, (k + 1) % n) for k in range(n if n > 2 else 1))
    made = qctl.translate(circuit, qctl.Target(edges=edges), level=level)
    coupled = set(map(frozenset, edges))
    rows = made.body.instructions
    assert all(frozenset((int(r["a"]), int(r["b"]))) in coupled for r in rows[rows["op"] == Op.CZ])
    assert sorted(map(int, made.metadata["final_layout"].split(","))) == [*range(n)]
