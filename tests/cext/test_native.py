"""One-qubit runs take the fewest pulses of each basis."""

import pytest

import qctl


@pytest.mark.parametrize(
    ("basis", "wanted"),
    [
        (("rz", "sx"), ["rz", "sx", "rz", "sx", "rz"]),
        (("rz", "rx"), ["rz", "rx", "rz"]),
        (("rz", "ry"), ["rz", "ry", "rz"]),
        (("u3",), ["u3"]),
    ],
)
def test_a_turn_in_each_basis(basis, wanted):
    circuit = qctl.Circuit(1)
    circuit.u(0.3, 0.7, -1.1, 0)
    made = qctl.translate(circuit, qctl.Target((*basis, "cz")))
    assert [made.body.gate(i)[0].name.lower() for i in range(len(made))] == wanted


def test_x_is_one_pulse_where_there_is_one():
    circuit = qctl.Circuit(1)
    circuit.x(0)
    assert len(qctl.translate(circuit, qctl.Target(("rz", "sx", "x", "cz")))) == 1
    assert len(qctl.translate(circuit, qctl.Target(("rz", "sx", "cz")))) == 2
