"""Passes over programs of any size, down to none."""

import pytest

import qctl


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_empty_programs_are_fine(n, level):
    made = qctl.translate(qctl.Circuit(n), qctl.Target(edges=((0, 1),), n_qubits=2), level=level)
    assert len(made) == 0 and made.n_qubits == 2
