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
    assert methods == set(re.findall(r"def (\w+)", STUB)) >= {spec.name for spec in GATES.values()}


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


OTHER_NAMES = {
    "phase": ("p", 1, 1),
    "cphase": ("cp", 1, 2),
    "cnot": ("cx", 0, 2),
    "toffoli": ("ccx", 0, 3),
    "sqiswap": ("sqrtiswap", 0, 2),
}


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_other_names_are_the_same_gates(name):
    gate, n_angles, n_qubits = OTHER_NAMES[name]
    c, d = Circuit(3), Circuit(3)
    for circuit, word in ((c, name), (d, gate)):
        getattr(circuit, word)(*(0.3,) * n_angles, *range(n_qubits))
    assert c == d


def test_gates_under_many_controls_take_their_shortest_form():
    c = Circuit(4)
    for n in range(4):
        c.mcx(range(n), 3)
        c.mcz(range(n), 3)
        c.mcp(0.5, range(n), 3)
    found = [c.body.gate(i) for i in range(12)]
    assert [(g[0].name, g[3]) for g in found] == [
        *(("X", 0), ("Z", 0), ("P", 0)),
        *(("CX", 0), ("CZ", 0), ("CP", 0)),
        *(("CCX", 0), ("CCZ", 0), ("P", 2)),
        *(("X", 3), ("Z", 3), ("P", 3)),
    ]
    assert all(g[1] == (*range(k // 3), 3) for k, g in enumerate(found))
    assert Circuit.from_bytes(c.to_bytes()) == c
    with pytest.raises(RequestError, match="qubit = 3 is named twice"):
        c.mcx([0, 1, 3], 3)
    with pytest.raises(RequestError, match=r"n_controls = 256 is outside \[0, 255\]"):
        Circuit(300).mcx(range(256), 299)


def test_refused_u_leaves_nothing_behind():
    for bad in (float("nan"), float("inf"), "x"):
        c = Circuit(2)
        with pytest.raises(RequestError):
            c.u(0.1, 0.2, bad, 0)
        with pytest.raises(RequestError):
            c.u4(0.1, 0.2, bad, 0.4, 0)
        with pytest.raises((RequestError, TypeError)):
            c.u4(bad, 0.2, 0.3, 0.4, 0)
        assert c.counts() == (0, 0, 0)
