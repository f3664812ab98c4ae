"""What one gate makes is written as one gate; all other classes are in tests/compiler/test_bases.py."""

import pytest

import qctl
from qctl.program.opcodes import Op


@pytest.mark.parametrize("kind", ["cz", "rzz", "rxx", "iswap", "sqrtiswap"])
def test_a_native_gate_stays_one(kind):
    circuit = qctl.Circuit(2)
    circuit.append(kind, (0, 1), (0.3,) if kind in ("rzz", "rxx") else ())
    made = qctl.translate(circuit, qctl.Target(("u3", kind), ((0, 1),)), level=0)
    ops = [Op(row[0]).name.lower() for row in made.body.instructions.tolist()]
    assert ops.count(kind) == 1
    assert set(ops) <= {kind, "u3"}
