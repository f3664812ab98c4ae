"""Native lines taken from their arrays give the pulses that step-by-step translation gives."""

import numpy as np
import pytest

import qctl
from qctl.compiler.feedback import Feedback
from qctl.compiler.pipeline import _Work, compile_programs
from qctl.compiler.tables import tables_of
from qctl.compiler.target import target_of
from qctl.lab.snapshot import effective


def randomized(n_qubits, n, seed, names=()):
    rng = np.random.default_rng(seed)
    c = qctl.Program(qubits=list(names) or n_qubits, bits=n_qubits)
    for k in range(n):
        for q in range(n_qubits):
            c.rz(float(rng.normal()), q)
            c.sx(q)
        c.barrier(*range(n_qubits))
        if n_qubits == 2 and k % 4 == 3:
            c.cz(0, 1)
            c.delay(1, float(rng.choice([4e-9, 1.7e-8])))
    for q in range(n_qubits):
        c.measure(q, q)
    return c


@pytest.mark.parametrize("names", [(), ("q0", "q1")])
@pytest.mark.parametrize("n_qubits", [1, 2])
def test_lines_from_arrays_are_those_from_steps(lab, n_qubits, names):
    programs = [randomized(n_qubits, n, n, names[:n_qubits]) for n in (0, 1, 5, 12)]
    work = _Work(tables_of(lab, effective(lab, "qpu0")), target_of(lab.processor("qpu0")), Feedback, 0, 1)
    for program, fast in zip(programs, compile_programs(programs, lab), strict=True):
        slow = work._general(program.body)
        assert (fast.layout, fast.n_pulses, fast.n_two_qubit_gates) == (
            slow.layout,
            slow.n_pulses,
            slow.n_two_qubit_gates,
        )
        ours, theirs = fast.timeline.straight(), slow.timeline.straight()
        assert tuple(ours.labels) == tuple(theirs.labels)
        waves = [[one.waveforms[k].key() for k in one.plays["waveform"].tolist()] for one in (ours, theirs)]
        assert waves[0] == waves[1]
        for name in ("port", "amplitude", "frequency_hz"):
            np.testing.assert_array_equal(ours.plays[name], theirs.plays[name])
        late = ours.captures["start"][0] - theirs.captures["start"][0]
        assert len(set((ours.captures["start"] - theirs.captures["start"]).tolist())) == 1
        # A whole number of the common grid of all clocks later: the same number of ticks on every line here.
        assert np.abs(ours.plays["start"] - theirs.plays["start"] - late).max(initial=0) <= 1
        turns = (ours.plays["phase_rad"] - theirs.plays["phase_rad"]) / (2 * np.pi)
        np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)


def test_order_of_programs_is_kept_where_some_are_native_and_some_are_not(lab):
    plain = qctl.Circuit(1)
    plain.h(0)
    plain.measure_all()
    programs = [randomized(1, 3, 1), plain, randomized(1, 5, 2)]
    assert [one.n_pulses for one in compile_programs(programs, lab)] == [3, 1, 5]
    assert compile_programs([], lab) == ()


@pytest.mark.parametrize("names", [(), ("q0", "q1", "q2")])
@pytest.mark.parametrize("seed", range(12))
def test_circuits_from_rows_are_those_from_steps(lab, seed, names):
    rng = np.random.default_rng(seed)
    c = qctl.Program(qubits=list(names) or 3, bits=3)
    c.reset(0)
    for _ in range(int(rng.integers(1, 40))):
        a, b = rng.permutation(3).tolist()[:2]
        match int(rng.integers(9)):
            case 0:
                c.h(a)
            case 1:
                c.cx(1, int(rng.choice([0, 2])))
            case 2:
                c.u(*rng.normal(size=3).tolist(), a)
            case 3:
                c.barrier(a, b)
            case 4:
                c.delay(a, float(rng.choice([4e-9, 1.7e-8])))
            case 5:
                c.measure(a, b)
            case 6:
                c.swap(1, int(rng.choice([0, 2])))
            case _:
                c.rx(float(rng.normal()), a)
    for q in range(3):
        c.measure(q, q)
    work = _Work(tables_of(lab, effective(lab, "qpu0")), target_of(lab.processor("qpu0")), Feedback, 0, 1)
    (fast,), slow = work.run([c.body]), work._general(c.body)
    assert fast.times_s[0] == ("unroll", 0.0)
    assert (fast.layout, fast.final_layout, fast.n_pulses, fast.n_two_qubit_gates) == (
        slow.layout, slow.final_layout, slow.n_pulses, slow.n_two_qubit_gates,
    )  # fmt: skip
    ours, theirs = fast.timeline.straight(), slow.timeline.straight()
    assert tuple(ours.labels) == tuple(theirs.labels)
    for name in ("port", "start", "amplitude", "frequency_hz", "phase_rad"):
        np.testing.assert_array_equal(ours.plays[name], theirs.plays[name])
    np.testing.assert_array_equal(ours.captures, theirs.captures)
    assert [(s.slot, s.bit, s.start_s) for s in fast.timeline.specs] == [
        (s.slot, s.bit, s.start_s) for s in slow.timeline.specs
    ]
    assert [ours.waveforms[k].key() for k in ours.plays["waveform"]] == [
        theirs.waveforms[k].key() for k in theirs.plays["waveform"]
    ]
