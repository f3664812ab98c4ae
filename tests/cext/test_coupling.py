"""Coupling graphs: edges once or twice, parts that hang not together."""

import pytest

import qctl


def test_edges_may_be_given_both_ways():
    circuit = qctl.Circuit(3)
    for a, b in ((0, 1), (1, 2), (0, 2)):
        circuit.cx(a, b)
        circuit.h(a)
    once = qctl.translate(circuit, qctl.Target(edges=((0, 1), (1, 2))))
    assert once == qctl.translate(circuit, qctl.Target(edges=((1, 0), (0, 1), (2, 1))))


@pytest.mark.parametrize("level", [0, 1, 2])
def test_each_part_of_a_graph_is_used(level):
    circuit = qctl.Circuit(4)
    circuit.cx(0, 1)
    circuit.cx(2, 3)
    made = qctl.translate(circuit, qctl.Target(edges=((0, 1), (2, 3))), level=level)
    assert made.metadata["layout"] == "0,1,2,3"
