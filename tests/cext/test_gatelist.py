"""What commutes on its wires is merged, what adds up to nothing is gone."""

import pytest

import qctl


def length(*words):
    circuit = qctl.Circuit(3)
    for name, angles, qubits in words:
        circuit.append(name, qubits, angles)
    return len(qctl.translate(circuit, qctl.Target()))


CX = ("cx", (), (0, 1))


@pytest.mark.parametrize(
    "between",
    [
        (),
        (("t", (), (0,)), ("tdg", (), (0,))),
        (("rx", (0.3,), (1,)), ("rx", (-0.3,), (1,))),
        (("cx", (), (0, 2)), ("cx", (), (0, 2))),
        (("cx", (), (2, 1)), ("cx", (), (2, 1))),
    ],
)
def test_pairs_cancel_across_what_commutes(between):
    assert length(CX, *between, CX) == 0


def test_pairs_stay_where_something_stands_between():
    assert length(CX, ("h", (), (0,)), CX) > 4
    assert length(("rzz", (0.4,), (0, 1)), ("rzz", (-0.4,), (1, 0))) == 0
