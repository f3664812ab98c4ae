"""Every gate keeps its meaning: its inverse behind it leaves nothing."""

import pytest

import qctl
from qctl.program.opcodes import GATES, Op


@pytest.mark.parametrize("op", [op for op in GATES if op not in (Op.MS, Op.GPHASE)], ids=lambda op: op.name.lower())
@pytest.mark.parametrize("angle", [0.0, 0.7, -3.0])
def test_angles_are_read_from_every_form(op, angle):
    spec = GATES[op]
    circuit = qctl.Circuit(spec.n_qubits)
    circuit.append(op, range(spec.n_qubits), [angle] * spec.n_params)
    made = qctl.translate(circuit, qctl.Target())
    assert {Op(x) for x in made.body.instructions["op"].tolist()} <= {Op.RZ, Op.SX, Op.CZ}
    if spec.n_params and angle == 0.0 and op is not Op.U2:
        assert len(made) == 0
