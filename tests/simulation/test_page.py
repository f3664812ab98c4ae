"""What docs/simulation.md shows runs, and gives the numbers that the page promises."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"


@pytest.fixture(scope="module")
def space():
    found = {"__name__": "__main__"}
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), found)
    return found


def test_the_counts_and_energies_of_the_page(space):
    assert set(space["ghz"].counts) == {"000", "111"}
    assert space["ghz"].expectation(space["energy"]) == pytest.approx(-1.75)


def test_trotter_steps_are_of_second_order(space):
    errors = space["errors"]
    assert errors[2] < 0.01
    assert [errors[0] / errors[1], errors[1] / errors[2]] == pytest.approx([4, 4], rel=0.1)


def test_turns_about_any_product_are_exponentials(space):
    import qctl

    for product in ("Y1", "X0 Y2", "Y0 X1 Z2"):
        circuit = qctl.Circuit(3)
        for q in range(3):
            circuit.u(0.3 + q, 0.2, 0.1 * q, q)
        before = qctl.simulate(circuit).statevector
        space["turn"](circuit, product, 0.77)
        turned = qctl.PauliSum({product: 1.0}).apply(before)
        expected = np.cos(0.385) * before - 1j * np.sin(0.385) * turned
        assert np.abs(qctl.simulate(circuit).statevector - expected).max() < 1e-12


def test_the_molecules_energy(space):
    assert space["best"].fun - space["lowest"] == pytest.approx(0, abs=1e-8)
    assert space["best"].fun + space["repulsion"] == pytest.approx(-1.137306, abs=1e-5)
