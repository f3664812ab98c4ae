"""The demo's foreign circuits are still what MQT Bench makes, and the demo's own are what they say."""

import importlib.util
from pathlib import Path

import pytest

from qctl.cli.showcase import circuits, classical_fidelity, ideal

SPEC = importlib.util.spec_from_file_location(
    "demo_circuits", Path(__file__).parents[1] / "support" / "demo_circuits.py"
)
assert SPEC is not None
assert SPEC.loader is not None
made = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(made)


@pytest.mark.parametrize(("family", "size", "version"), made.TABLE)
def test_shipped_circuit_is_what_mqt_bench_makes(family, size, version):
    def bare(text):
        return [line for line in text.splitlines() if not line.startswith("//")]

    shipped = (made.FOLDER / made.name(family, size)).read_text()
    assert bare(shipped) == bare(made.make(family, size, version))


def test_ideal_outcomes_are_those_on_paper():
    found = circuits(seed=9)
    assert ideal(found["Bell"]) == pytest.approx({"00": 0.5, "11": 0.5})
    assert ideal(found["GHZ-5"]) == pytest.approx({"00000": 0.5, "11111": 0.5})
    assert ideal(found["Bernstein-Vazirani 1010"]) == pytest.approx({"1010": 1.0})
    assert ideal(found["MQT wstate_3"]) == pytest.approx({"001": 1 / 3, "010": 1 / 3, "100": 1 / 3})
    for circuit in found.values():
        assert sum(ideal(circuit).values()) == pytest.approx(1)


def test_classical_fidelity_is_one_for_the_ideal_counts_alone():
    assert classical_fidelity({"0": 500, "1": 500}, {"0": 0.5, "1": 0.5}) == pytest.approx(1)
    assert classical_fidelity({"0": 1000}, {"0": 0.5, "1": 0.5}) == pytest.approx(0.5)
    assert classical_fidelity({"1": 10}, {"0": 1.0}) == 0
