"""The builder writes what design.md promises, and refuses bad input with value, bound and place."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qctl
from qctl.errors import RequestError
from qctl.program.opcodes import GATES, Op
from qctl.program.tables import BlockKind, CaptureMode


def test_example_of_the_design():
    p = qctl.Program(ports=["q0.drive", "q0.readout"])
    with p.sweep("amp", [0.1, 0.2], "V") as a, p.loop(100):
        p.play("q0.drive", qctl.gaussian(40e-9, amp=a))
        p.capture("q0.readout", qctl.constant(1e-6, 1.0), into="m")
        with p.if_("m"):
            p.play("q0.drive", qctl.constant(20e-9, 0.3))
    body = p.body
    assert [block.kind for block in body.blocks] == [BlockKind.SWEEP, BlockKind.LOOP, BlockKind.IF]
    assert body.waveforms[0].params == (40e-9, 10e-9)
    assert body.operand_value(2) == a
    assert body.captures[0].axes == ("shot", "amp")
    assert body.captures[0].bit == body.bits.index("m")
    tree = body.structure()
    assert (tree.first, tree.end) == (0, len(body))
    (sweep,) = tree.children
    (loop,) = sweep.children
    (branch,) = loop.children
    assert (sweep.first, loop.first, branch.first, branch.end) == (1, 2, 5, 6)
    assert body.block(branch).value == qctl.program.expressions.bit("m")


def test_a_waveform_is_stored_once_whatever_its_amplitude():
    p = qctl.Program(ports=["d"])
    for amp in (0.1, 0.2, 1.0):
        p.play("d", qctl.gaussian(40e-9, amp))
    p.play("d", qctl.gaussian(40e-9, 0.5), amplitude=qctl.Parameter("g"))
    assert len(p.body.waveforms) == 1
    assert [p.body.operand_value(i) for i in range(3)] == [0.1, 0.2, None]
    assert str(p.body.operand_value(3)) == "mul(0.5, g)"


def test_body_is_kept_until_the_program_changes():
    p = qctl.Program(qubits=1, bits=1)
    first = p.body
    assert p.body is first
    for change in (
        lambda: p.x(0),
        lambda: p.add_bits(["b"]),
        lambda: p.metadata.update(a="b"),
        lambda: p.add_register("n"),
    ):
        change()
        assert p.body is not first
        first = p.body
    assert not first.instructions.flags.writeable


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_programs_are_copied_and_pickled_whole(again):
    c = qctl.Circuit(2)
    c.rx(qctl.Parameter("a"), 0)
    d = again(c)
    assert d == c
    d.measure_all()
    assert d != c
    assert type(d) is qctl.Circuit
    assert pickle.loads(pickle.dumps(c.body)).parameters == ("a",)


def pulses() -> qctl.Program:
    return qctl.Program(ports=["d", "r"], qubits=2, bits=2)


def inside_sweep(p):
    with p.sweep("s", [1.0]), p.sweep("s", [1.0]):
        pass


def other_values(p):
    with p.sweep("s", [1.0]):
        pass
    with p.sweep("s", [2.0]):
        pass


def sweep_of(values):
    def act(p):
        with p.sweep("s", values):
            pass

    return act


def foreign_sweep(p):
    other = pulses()
    with other.sweep("s", [1.0]) as s:
        p.delay("d", s)


def lonely_else(p):
    p.x(0)
    with p.else_():
        pass


def loop_of(count):
    def act(p):
        with p.loop(count):
            pass

    return act


def same_cal(p):
    with p.cal("barrier", [0]):
        pass


REFUSED = {
    "unknown port": (
        lambda p: p.play("x", qctl.constant(1e-9, 0.1)),
        r"port = 'x' is none of \[d, r\] at instruction 0",
    ),
    "no waveform": (lambda p: p.play("d", 0.1), "waveform = 0.1 is not a waveform in play"),
    "negative duration": (lambda p: qctl.constant(-1e-9, 0.1), "duration_s = -1e-09 is below 0"),
    "nan amplitude": (lambda p: qctl.constant(1e-9, np.nan), "amp = nan is not a finite number"),
    "nan sample": (lambda p: qctl.samples([0, np.nan], 1e9), "sample 1 is not a finite number"),
    "two-dimensional samples": (lambda p: qctl.samples([[0]], 1e9), r"shape \(1, 1\), expected \(n,\)"),
    "text samples": (lambda p: qctl.samples("ab", 1e9), "no array of numbers"),
    "zero rate": (lambda p: qctl.samples([0], 0.0), "rate_hz = 0"),
    "empty capture": (lambda p: p.capture("d", duration_s=0.0), "duration_s = 0 is not above 0 in capture"),
    "negative delay": (lambda p: p.delay("d", -1.0), "duration_s = -1.0 is below 0 in delay"),
    "nan delay": (lambda p: p.delay("d", np.nan), "nan is not a finite number"),
    "delay nowhere": (lambda p: p.delay("x", 1.0), "symbol = 'x' is none of"),
    "fractional ticks": (lambda p: p.delay_ticks("d", 1.5), "ticks = 1.5 is not a whole number"),
    "too many ticks": (lambda p: p.delay_ticks("d", 2**63), "ticks = 9223372036854775808 is outside"),
    "nan phase": (lambda p: p.shift_phase("d", np.nan), "nan is not a finite number in shift_phase"),
    "bit outside": (lambda p: p.measure(0, 2), r"bit = 2 is outside \[0, 1\] at instruction 0"),
    "qubit outside": (lambda p: p.reset(-1), r"qubit = -1 is outside \[0, 1\] in reset at instruction 0"),
    "unknown gate": (lambda p: p.append("foo", [0]), "gate = 'foo' is unknown"),
    "no gate": (lambda p: p.append(Op.PLAY, [0]), "is unknown"),
    "too few qubits": (lambda p: p.append("cx", [0]), r"n_qubits = 1 \(without 0 controls\) is not 2 in cx"),
    "too many angles": (lambda p: p.append("x", [0], [0.1]), "n_params = 1 is not 0 in x"),
    "too many controls": (lambda p: p.append("x", [0], n_controls=256), r"n_controls = 256 is outside \[0, 255\]"),
    "control is the target": (lambda p: p.append("x", [0, 0], n_controls=1), "qubit = 0 is named twice in x"),
    "barrier twice": (lambda p: p.barrier(0, 0), "names a symbol twice"),
    "no such mode": (lambda p: p.capture("r", mode="foo"), "mode = 'foo' is none of"),
    "axis not around": (lambda p: p.capture("r", axes=["s"]), r"axis = 's' is none of \['shot'\]"),
    "weights of no waveform": (lambda p: p.capture("r", [1.0]), r"weights = \[1.0\] is not a waveform"),
    "sweep in itself": (inside_sweep, "sweep 's' is inside itself"),
    "sweep of other values": (other_values, "sweep 's' already has other values"),
    "sweep of nothing": (sweep_of([]), r"shape \(0,\), expected \(n,\) with n > 0"),
    "sweep of nan": (sweep_of([0, np.inf]), "value 1 is not a finite number"),
    "sweep of text": (sweep_of(["a"]), "no array of numbers"),
    "sweep of another program": (foreign_sweep, "sweep variable 's' is of another program"),
    "else without if": (lonely_else, "else_ does not follow an if_ block at instruction 1"),
    "loop of -1": (loop_of(-1), r"count = -1 is outside \[0, "),
    "loop of 1.5": (loop_of(1.5), "count = 1.5 is not a whole number"),
    "unknown bit": (lambda p: p.if_("nope").__enter__(), "bit = 'nope' is none of"),
    "value too large": (lambda p: p.if_([0, 1], 4).__enter__(), r"value = 4 is outside \[0, 3\]"),
    "calibrated barrier": (same_cal, "gate = 'barrier' can't be calibrated"),
    "undefined subroutine": (lambda p: p.call("s"), "subroutine = 's' has not been defined"),
    "register twice": (lambda p: (p.add_register("n"), p.add_register("n")), "register 'n' is there already"),
    "unknown register": (lambda p: p.assign("n", 1.0), "register = 'n' is none of"),
    "port twice": (lambda p: p.add_port("d"), "port 'd' is there already"),
    "empty name": (lambda p: p.add_bits([""]), "bit name = '' is not a string of 1 to 255 bytes"),
    "ttl level": (lambda p: p.ttl("d", 2), "level = 2 is neither 0 nor 1"),
    "shuttle without a place": (lambda p: p.shuttle([0], [], 1e-3), r"not one \(x, y\) for each of 1 qubits"),
    "bound to nan": (lambda p: (p.rx(qctl.Parameter("a"), 0), p.bind(a=np.nan)), "a = nan is not a finite number"),
    "unknown parameter": (lambda p: p.bind(z=1.0), r"parameter = 'z' is none of \[\]"),
    "no parameter name": (lambda p: qctl.Parameter(""), "param name = '' is not a non-empty string"),
    "ports as a text": (lambda p: qctl.Program(ports="d"), "ports = 'd' is neither a count nor a sequence"),
    "minus one qubit": (lambda p: qctl.Circuit(-1), "qubits = -1 is outside"),
    "half a qubit": (lambda p: qctl.Circuit(1.5), "qubits = 1.5 is neither a count nor"),
    "tick of zero": (lambda p: qctl.Program(tick_s=0), "tick_s = 0 is not above 0"),
}


@pytest.mark.parametrize(("act", "words"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused(act, words):
    with pytest.raises(RequestError, match=words):
        act(pulses())


def test_a_block_left_by_an_error_is_not_hidden():
    p = pulses()
    with pytest.raises(RequestError, match="port"), p.loop(3):
        p.play("nope", qctl.constant(1e-9, 0.1))
    with pytest.raises(RequestError, match=r"block 0 .loop, from instruction 0. has no end"):
        _ = p.body


def test_a_program_that_the_format_does_not_take_is_not_written():
    p = pulses()
    p.break_()
    with pytest.raises(RequestError, match=r"instruction 0 \(break\) is outside of any loop"):
        p.to_bytes()


def test_conditions_on_many_bits_stay_exact():
    p = qctl.Program(bits=60)
    for value in (0, 1, 2**59 + 1, 2**60 - 1):
        test = p.condition(range(60), value)
        for seen in (value, value ^ 1, value ^ 2**59):
            bits = {f"c[{k}]": float(seen >> k & 1) for k in range(60)}
            assert test.evaluate(bits) == (seen == value)
    few = p.condition([3, "c[5]"], 2)
    assert [few.evaluate({"c[3]": a, "c[5]": b}) for a, b in ((0, 0), (1, 0), (0, 1), (1, 1))] == [0, 0, 1, 0]


GATE_CALLS = st.tuples(
    st.sampled_from(sorted(GATES)),
    st.permutations(range(6)),
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([qctl.Parameter("a"), -qctl.Parameter("b")])
    ),
    st.integers(0, 2),
)


@given(st.lists(GATE_CALLS, max_size=12))
@settings(deadline=None)
def test_any_circuit_comes_back_from_bytes_and_text(calls):
    c = qctl.Circuit(6)
    expected = []
    for op, order, angles, n_controls in calls:
        spec = GATES[op]
        n_qubits = n_controls + (2 if spec.n_qubits < 0 else spec.n_qubits)
        params = tuple((*angles, 0.0, 0.0, 0.0, 0.0)[: spec.n_params])
        c.append(op, order[:n_qubits], params, n_controls)
        expected.append((op, tuple(order[:n_qubits]), params, n_controls))
    for again in (c, qctl.Circuit.from_bytes(c.to_bytes(packed=True)), qctl.Circuit.from_text(c.to_text())):
        assert [again.body.gate(i) for i in range(len(again))] == expected
        assert again.to_bytes() == c.to_bytes()


def test_capture_modes_have_their_words():
    p = pulses()
    for mode in ("iq", "raw", "bit"):
        p.capture("r", into=mode, mode=mode, duration_s=1e-6)
    assert [c.mode for c in p.body.captures] == [CaptureMode.IQ, CaptureMode.RAW, CaptureMode.BIT]


def test_angles_that_a_calibration_names_are_no_inputs():
    p = qctl.Program(ports=["d"], qubits=1)
    with p.cal("rz", [0], ["theta"]) as (theta,):
        p.shift_phase("d", theta)
    p.rz(qctl.Parameter("a"), 0)
    assert p.inputs == p.body.parameters == ("a",)
    with pytest.raises(RequestError, match=r"parameter = 'theta' is none of \['a'\]"):
        p.bind(theta=1.0)
    for again in (
        qctl.Program.from_bytes(p.to_bytes()),
        qctl.Program.from_text(p.to_text()),
        qctl.Program.from_body(p.body),
    ):
        assert again == p and again.hash == p.hash and again.body.parameters == ("a",)
    assert p.bind(a=0.5).body.parameters == ()
