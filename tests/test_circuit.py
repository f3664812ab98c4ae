"""The circuit face: bits on demand, arrays, and errors that name the place."""

import numpy as np
import pytest
from qiskit import QuantumCircuit

import qctl
from qctl.errors import RequestError
from qctl.program.opcodes import Op


def test_bits_grow_with_measurements_unless_given():
    c = qctl.Circuit(3)
    c.measure(1)
    assert c.bits == ("c[0]", "c[1]")
    c.measure_all()
    assert c.n_bits == 3
    with pytest.raises(RequestError, match=r"bit = 3 is outside \[0, 2\]"):
        c.measure(0, 3)
    with pytest.raises(RequestError, match=r"bit = 1 is outside \[0, 0\]"):
        qctl.Circuit(3, 1).measure(0, 1)


def test_bound_and_read_circuits_can_still_be_measured():
    c = qctl.Circuit(2)
    c.rx(qctl.Parameter("a"), 0)
    for d in (c.bind(a=0.5), qctl.Circuit.from_bytes(c.to_bytes())):
        d.measure_all()
        assert d.n_bits == 2


def test_arrays_build_what_calls_build():
    c = qctl.Circuit(3)
    c.h(0)
    c.rx(0.1, 1)
    c.cx(1, 2)
    c.rzz(0.2, 0, 1)
    c.cp(0.3, 1, 0)
    d = qctl.Circuit.from_arrays(
        3, [Op.H, Op.RX, Op.CX, Op.RZZ, Op.CP], [0, 1, 1, 0, 1], [9, 9, 2, 1, 0], [np.nan, 0.1, 0, 0.2, 0.3]
    )
    assert c == d
    d.measure_all()
    assert len(d) == 8


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (([Op.CCX], [0]), f"op = {int(Op.CCX)} is not allowed at instruction 0"),
        (([Op.X, Op.X], [0, 3]), "qubit = 3 is not allowed at instruction 1 of 3 qubits"),
        (([Op.CX], [0], [0]), "second qubit = 0 is not allowed"),
        (([Op.CX], [0], [-1]), "second qubit = -1 is not allowed"),
        (([Op.RX], [0], [0], [np.inf]), "angle = inf is not allowed"),
        (([Op.X], [0, 1]), "shapes"),
        (([1.5], [0]), "dtypes"),
    ],
)
def test_wrong_arrays_are_refused(arrays, words):
    with pytest.raises(RequestError, match=words):
        qctl.Circuit.from_arrays(3, *arrays)


def test_public_names_are_there():
    for name in ["Circuit", "Program", "Parameter", "gaussian", "drag", "flat_top", "constant", "samples", "sine"]:
        assert callable(getattr(qctl, name))
    assert "load" in dir(qctl)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = qctl.nothing


def two_alike():
    c, q = qctl.Circuit(3), QuantumCircuit(3, 3)
    for x in (c, q):
        x.h(0)
        x.cx(0, 2)
        x.rz(0.1, 1)
        x.barrier()
        x.ccx(0, 1, 2)
    c.measure_all()
    q.measure(range(3), range(3))
    return c, q


def test_depth_and_counts_are_qiskits():
    c, q = two_alike()
    assert c.depth() == q.depth() == 4
    assert c.count_ops() == dict(q.count_ops())
    c.append("x", [0, 1, 2], n_controls=2)
    assert c.count_ops()["ctrl(2) x"] == 1
    assert qctl.Circuit(2).depth() == 0


def test_a_branch_is_one_step_on_all_that_it_touches():
    c = qctl.Circuit(3, 2)
    c.measure(0, 0)
    with c.if_(0):
        c.x(1)
        c.h(1)
    c.z(2)
    assert c.depth() == 2
    assert c.count_ops() == {"measure": 1, "x": 1, "z": 1, "h": 1, "if": 1}


def test_drawing_shows_each_qubit_and_gate(tmp_path):
    c, _ = two_alike()
    lines = c.draw().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("q[0]: ─h──●──") and lines[0].endswith("─░──●──M→c[0]──")
    assert lines[2].startswith("q[1]: ────┼──rz(0.1)──░──●")
    for ending in (".png", ".svg", ".pdf"):
        assert (tmp_path / f"c{ending}").samefile(c.draw(tmp_path / f"c{ending}"))
    with pytest.raises(RequestError, match="the ending is not one of"):
        c.draw(tmp_path / "c.txt")
    assert qctl.Circuit(0).draw() == ""


def test_ten_thousand_copies_of_a_circuit_cost_no_memory_of_their_own():
    c = qctl.Circuit.from_arrays(2, np.full(10**6, Op.H), np.zeros(10**6, int))
    copies = [c.copy() for _ in range(10_000)]
    copies[7].x(1)
    assert len(copies[7]) == len(c) + 1 == len(copies[8]) + 1


def test_more_repetitions_than_fit_are_refused_with_the_need_in_bytes(monkeypatch):
    c = qctl.Circuit(2)
    c.rx(0.5, 0)
    c.rzz(0.5, 0, 1)
    with pytest.raises(RequestError, match=r"2 instructions, 2000000000 times, needs .* 80000000000 bytes; .*at most"):
        c.repeat(2 * 10**9)
    with pytest.raises(RequestError, match=r"needs .* bytes"):
        c.repeat(2**63 - 1)
    with pytest.raises(RequestError, match=r"needs .* bytes"):
        c.power(-(2.0**62))
    monkeypatch.setattr("qctl.program.room.have_bytes", lambda: 8000)
    with pytest.raises(RequestError, match=r"101 times, needs 4040 bytes of memory; half of this machine's is 4000"):
        c.repeat(101)
    assert len(c.repeat(100)) == 200
