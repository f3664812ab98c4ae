"""Each gate method appends the opcode of its name, in the form that its operands ask for."""

import re
from pathlib import Path

import pytest

from qctl.cext.gates import GateBuffer
from qctl.circuit import Circuit
from qctl.errors import RequestError
from qctl.program.opcodes import GATES, Op

STUB = (Path(__file__).parents[2] / "cext" / "gates.pyi").read_text()


@pytest.mark.parametrize("op", GATES, ids=lambda op: op.name.lower())
def test_method_appends_its_opcode(op):
    spec = GATES[op]
    n_qubits = 4 if spec.n_qubits < 0 else spec.n_qubits
    qubits, angles = tuple(range(n_qubits))[::-1], tuple(0.1 * (k + 1) for k in range(spec.n_params))
    c, d = Circuit(4), Circuit(4)
    getattr(c, spec.name)(*angles, *qubits)
    d.append(spec.name, qubits, angles)
    assert c.body.gate(0) == (op, qubits, angles, 0)
    assert c == d
    assert Circuit.from_bytes(c.to_bytes()) == c


@pytest.mark.parametrize("op", GATES, ids=lambda op: op.name.lower())
def test_method_refuses_bad_operands(op):
    spec = GATES[op]
    n_qubits = 4 if spec.n_qubits < 0 else spec.n_qubits
    angles = (0.1,) * spec.n_params
    for bad in (4, -1, 2**70, 1.0, "nobody", None, True):
        if n_qubits:
            c = Circuit(4)
            with pytest.raises(RequestError, match=rf"qubit = .* in {spec.name} at instruction 0"):
                getattr(c, spec.name)(*angles, bad, *range(n_qubits - 1))
            assert c.counts() == (0, 0, 0)
    if n_qubits > 1:
        with pytest.raises(RequestError, match="qubit = 0 is named twice"):
            getattr(Circuit(4), spec.name)(*angles, *[0] * n_qubits)
    for bad in (float("nan"), float("inf"), "x", None, 1j, True):
        if angles:
            with pytest.raises(RequestError, match=rf"value = .* is not a .* in {spec.name} at instruction 0"):
                getattr(Circuit(4), spec.name)(bad, *angles[1:], *range(n_qubits))


def test_stub_names_every_method():
    methods = {name for name in vars(GateBuffer) if not name.startswith("_")}
    assert methods == set(re.findall(r"def (\w+)", STUB)) == {spec.name for spec in GATES.values()}


def test_molmer_sorensen_takes_at_least_two():
    with pytest.raises(RequestError, match="n_qubits = 1 is below 2 in ms"):
        Circuit(4).ms(0.1, 0.0, 0)


def test_buffers_grow_past_their_first_size():
    c = Circuit(3)
    for k in range(1000):
        c.rx(k, 0)
        c.rzz(k, 0, 1)
        c.ccx(0, 1, 2)
    assert c.counts() == (3000, 3000, 1000)
    assert c.body.gate(2997) == (Op.RX, (0,), (999.0,), 0)
    assert c.body.gate(2998) == (Op.RZZ, (0, 1), (999.0,), 0)
    assert c.body.gate(2999) == (Op.CCX, (0, 1, 2), (), 0)
