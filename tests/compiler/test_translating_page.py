"""The page on translating: its examples run as they are printed."""

import re
from pathlib import Path

import qctl

PAGE = Path(__file__).parents[2] / "docs" / "translating.md"


def test_the_pages_examples_run(lab):
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert len(examples) >= 3
    circuit = qctl.Circuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure_all()
    names = {"qctl": qctl, "circuit": circuit, "lab": lab}
    for example in examples:
        exec(example, names)
    assert names["native"].metadata["expected_success"]
    assert names["target"].n_qubits == 5
