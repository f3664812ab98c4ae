"""A patched run is what the full compile makes, bit for bit, or it says why all was compiled."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qctl
from qctl.errors import CompileError, RequestError
from qctl.instruments import rendering
from qctl.lab import load_lab
from qctl.lab.snapshot import Snapshot
from qctl.program.opcodes import Op

ROOT = Path(__file__).parents[2]
LABS = {
    "transmon5": load_lab(ROOT / "tests" / "support" / "transmon5.toml"),
    "qblox2": load_lab(ROOT / "docs" / "examples" / "qblox2.toml"),
}
N_QUBITS = {"transmon5": 3, "qblox2": 2, "ragged2": 2}


def _ragged(lab):
    """Return a lab whose pulses are no whole number of its clocks' ticks: equal ones differ by a sample."""
    edit, (design,) = msgspec.structs.replace, lab.processors.values()
    qubit = {
        name: edit(
            one, drive=edit(one.drive, length_s=20.3e-9), readout=edit(one.readout, length_s=1.0003e-6, delay_s=60.4e-9)
        )
        for name, one in design.qubit.items()
    }
    coupler = {name: edit(one, cz=edit(one.cz, length_s=60.7e-9)) for name, one in design.coupler.items()}
    return edit(lab, processors={design.name: edit(design, qubit=qubit, coupler=coupler)})


LABS["ragged2"] = _ragged(LABS["qblox2"])
ANGLES = st.one_of(
    st.floats(-7, 7, allow_nan=False), st.sampled_from([0.0, -0.0, np.pi / 2, -np.pi / 2, np.pi, 1e-300, 1e9])
)


def played(ready):
    """Return all that instruments would be sent, and what is said of it."""
    lowered = ready.lowered
    batches = [
        (
            batch.first_point, batch.n_points, batch.n_shots, batch.averaged, batch.period_s,
            [
                (one.instrument, one.model, one.body, {k: v.tobytes() for k, v in one.blobs.items()}, one.n_points,
                 one.usage)
                for one in batch.programs
            ],
        )
        for batch in lowered.batches
    ]  # fmt: skip
    parts = [
        (part.first_point, part.n_points, [(x.name, x.values.tobytes()) for x in part.axes], part.bits, part.n_shots,
         [[np.asarray(getattr(spec, name)).tolist() for name in spec.__slots__] for spec in part.captures])
        for part in lowered.parts
    ]  # fmt: skip
    return batches, lowered.report, parts


def points(ready):
    """Return plays, captures and names of a run."""
    flat = ready.straights
    return (
        flat.plays.tobytes(), flat.bounds.tolist(), flat.captures.tobytes(), flat.lengths_s.tolist(), flat.ports,
        flat.waveforms, [list(one.labels) for one in flat],
    )  # fmt: skip


def check(ready, programs, lab, **options):
    """Compare a patched run with the full compile, which nothing kept has a part in."""
    full = qctl.compile(programs, lab, **options)
    assert played(ready) == played(full)
    assert points(ready) == points(full)


@st.composite
def lines(draw, n_qubits):
    """Return the columns of some random sequences of native gates."""
    rows, offsets = [], [0]
    for _ in range(draw(st.integers(1, 4))):
        for _ in range(draw(st.integers(0, 10))):
            kind, q = draw(st.sampled_from("zzzsscbm")), draw(st.integers(0, n_qubits - 1))
            other = q + 1 if q + 1 < n_qubits else q - 1
            rows.append(
                {
                    "z": (Op.RZ, q, draw(ANGLES), 0),
                    "s": (Op.SX, q, 0.0, 0),
                    "c": (Op.CZ, q, 0.0, other),
                    "b": (Op.BARRIER, 0, 0.0, 0),
                    "m": (Op.DELAY, q, draw(st.sampled_from([8e-9, 1.3e-8, 5e-6])), 0),
                }[kind]
            )
        rows += [(Op.MEASURE, q, 0.0, 0) for q in range(draw(st.integers(0, n_qubits)))]
        offsets.append(len(rows))
    ops, qubits, angles, second = (np.array([row[k] for row in rows]) for k in range(4))
    return ops.astype(np.int64), qubits.astype(np.int64), angles.astype(float), offsets, second.astype(np.int64)


@pytest.mark.parametrize("lab", LABS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_other_angles_of_sequences_are_what_the_full_compile_makes(lab, data):
    rack, columns = LABS[lab], data.draw(lines(N_QUBITS[lab]))
    sequences = qctl.Sequences(*columns)
    base = ready = qctl.compile(sequences, rack, shots=10)
    first = played(base)
    gates = np.flatnonzero(columns[0] == Op.RZ)
    for _ in range(3):
        chosen = data.draw(st.lists(st.sampled_from(gates.tolist()), max_size=5)) if len(gates) else []
        angles = [data.draw(ANGLES) for _ in chosen]
        turned = sequences.turned(np.array(chosen, int), angles)
        columns[2][chosen] = angles
        sequences = turned if data.draw(st.booleans()) else qctl.Sequences(*columns)
        ready = ready.patched(sequences)
        check(ready, sequences, rack, shots=10)
    assert played(base) == first
    check(base.patched(), base._given, rack, shots=10)


@st.composite
def circuits(draw, n_qubits):
    """Return a random circuit with parameters, and how many it has."""
    c, n = qctl.Circuit(n_qubits), 0
    for _ in range(draw(st.integers(1, 12))):
        q = draw(st.integers(0, n_qubits - 1))
        name = draw(st.sampled_from(["rx", "ry", "rz", "p", "h", "cx", "rzz", "sx"]))
        if name in ("cx", "rzz"):
            other = q + 1 if q + 1 < n_qubits else q - 1
            arguments = () if name == "cx" else (qctl.Parameter(f"a{n}"),)
            n += len(arguments)
            getattr(c, name)(*arguments, q, other)
        elif name in ("h", "sx"):
            getattr(c, name)(q)
        else:
            getattr(c, name)(qctl.Parameter(f"a{n}"), q)
            n += 1
    c.measure_all()
    return c, n


@pytest.mark.parametrize("lab", LABS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_other_parameters_of_circuits_are_what_the_full_compile_makes(lab, data):
    rack = LABS[lab]
    made = [data.draw(circuits(N_QUBITS[lab])) for _ in range(data.draw(st.integers(1, 3)))]
    values = [[data.draw(ANGLES) for _ in range(n)] for _, n in made]
    bound = [c.bind({f"a{k}": v for k, v in enumerate(own)}) for (c, _), own in zip(made, values, strict=True)]
    level = data.draw(st.integers(0, 2))
    ready = qctl.compile(bound, rack, shots=10, level=level)
    for _ in range(2):
        which = data.draw(st.integers(0, len(made) - 1))
        c, n = made[which]
        own = [data.draw(ANGLES) for _ in range(n)]
        bound = [*bound[:which], c.bind({f"a{k}": v for k, v in enumerate(own)}), *bound[which + 1 :]]
        ready = ready.patched(bound)
        check(ready, bound, rack, shots=10, level=level)


def ansatz(n_layers=3):
    """Return a circuit in which every angle is turned by one parameter, and whose shape no value changes."""
    c = qctl.Circuit(2)
    for k in range(n_layers):
        for q in range(2):
            c.ry(qctl.Parameter(f"a{k}_{q}"), q)
            c.rz(qctl.Parameter(f"b{k}_{q}"), q)
        c.cx(0, 1)
    c.measure_all()
    return c


def values_of(c, seed):
    """Return values of a circuit's parameters."""
    return dict(zip(c.inputs, np.random.default_rng(seed).uniform(0.3, 1.2, len(c.inputs)).tolist(), strict=True))


@pytest.mark.parametrize("lab", LABS)
def test_a_variational_loop_is_patched(lab):
    c = ansatz()
    ready = qctl.compile(c.bind(values_of(c, 0)), LABS[lab], shots=10)
    for seed in range(1, 6):
        bound = c.bind(values_of(c, seed))
        ready = ready.patched(bound)
        assert ready.patch.whole == "" and ready.patch.n_plays > 0 and ready.patch.n_points == 1
        check(ready, bound, LABS[lab], shots=10)


@pytest.mark.parametrize("lab", LABS)
def test_what_a_patch_does_not_touch_is_the_same_object(lab):
    c = ansatz()
    circuits = [c.bind(values_of(c, k)) for k in range(4)]
    ready = qctl.compile(circuits, LABS[lab], shots=10)
    same = ready.patched(circuits)
    assert all(a is b for a, b in zip(same.programs, ready.programs, strict=True)) and same.patch.n_programs == 0
    circuits[2] = c.bind(values_of(c, 9))
    patched = ready.patched(circuits)
    assert patched.patch.whole == "" and patched.patch.n_points == 1
    changed = [a.instrument for a, b in zip(patched.programs, ready.programs, strict=True) if a is not b]
    assert 0 < len(changed) < len(ready.programs) and len(changed) == patched.patch.n_programs
    check(patched, circuits, LABS[lab], shots=10)
    circuits[2] = c.bind(values_of(c, 2))
    again = patched.patched(circuits)
    assert again.patch.whole == "" and played(again) == played(ready)


@pytest.mark.parametrize("lab", LABS)
def test_what_can_not_be_patched_is_compiled_and_says_why(lab):
    rack, c = LABS[lab], ansatz()
    bound = c.bind(values_of(c, 0))
    ready = qctl.compile(bound, rack, shots=10)
    longer = c.bind(values_of(c, 1))
    longer.barrier(0, 1)
    longer.x(0)
    for programs in (longer, [bound, bound], qctl.Sequences([Op.SX, Op.MEASURE], [0, 0])):
        other = ready.patched(programs)
        assert other.patch.whole
        check(other, programs, rack, shots=10)
    zero = c.bind(dict.fromkeys(c.inputs, 0.0))
    fewer = ready.patched(zero)
    assert fewer.patch.whole
    check(fewer, zero, rack, shots=10)


def test_pulses_that_add_up_over_the_range_at_some_phases_are_refused_as_in_the_full_compile():
    rack = LABS["transmon5"]
    edit = msgspec.structs.replace
    design = next(iter(rack.processors.values()))
    name = design.qubits[0]
    half_v = 0.5 * min(
        rack.instruments[ref.instrument].output[ref.output].amplitude_vpp for ref in rack.ports[f"{name}.drive"].outputs
    )
    reached = None
    for scale in np.linspace(0.9, 1.3, 41).tolist():
        qubit = edit(design.qubit[name], drive=edit(design.qubit[name].drive, amplitude_v=half_v * scale))
        snapshot = Snapshot(number=3, time_s=0.0, processor=design.name, qubits={name: qubit})
        angles = np.linspace(0, 3, 13)
        outcomes = []
        for angle in angles.tolist():
            try:
                qctl.compile(_turned(angle), rack, shots=10, snapshot=snapshot)
                outcomes.append("")
            except CompileError as error:
                outcomes.append(str(error))
        if "" in outcomes and any(outcomes):
            reached = snapshot, angles, outcomes
            break
    assert reached is not None
    snapshot, angles, outcomes = reached
    good, bad = outcomes.index(""), next(k for k, text in enumerate(outcomes) if text)
    ready = qctl.compile(_turned(angles[good]), rack, shots=10, snapshot=snapshot)
    with pytest.raises(CompileError) as found:
        ready.patched(_turned(angles[bad]))
    assert str(found.value) == outcomes[bad]
    again = ready.patched(_turned(angles[good]))
    check(again, _turned(angles[good]), rack, shots=10, snapshot=snapshot)


def test_outputs_that_leave_their_limits_at_some_phases_are_refused_as_in_the_full_compile():
    rack, edit = LABS["transmon5"], msgspec.structs.replace
    qubit = next(iter(rack.processors.values())).qubits[0]
    refs = rack.ports[f"{qubit}.drive"].outputs
    box, angles = rack.instruments[refs[0].instrument], np.linspace(0, 3, 13).tolist()

    def limited(volts):
        outputs = {n: edit(x, limits_v=(-volts, volts)) for n, x in box.output.items() if n in {r.output for r in refs}}
        return edit(rack, instruments={**rack.instruments, box.name: edit(box, output={**box.output, **outputs})})

    def outcome(lab, angle):
        try:
            qctl.compile(_turned(angle), lab, shots=10)
        except CompileError as error:
            return str(error)
        return ""

    low, high = 0.0, 1.0  # all are refused, and none: in between are limits that some phases reach over
    for _ in range(30):
        lab = limited(0.5 * (low + high))
        outcomes = [outcome(lab, angle) for angle in angles]
        if "" in outcomes and any(outcomes):
            break
        low, high = (0.5 * (low + high), high) if any(outcomes) else (low, 0.5 * (low + high))
    good = [angle for angle, text in zip(angles, outcomes, strict=True) if not text]
    bad = [(angle, text) for angle, text in zip(angles, outcomes, strict=True) if text]
    assert len(good) > 1 and bad and "outside [" in bad[0][1]
    ready = qctl.compile(_turned(good[0]), lab, shots=10).patched(_turned(good[1]))
    assert ready.patch.whole == ""
    check(ready, _turned(good[1]), lab, shots=10)
    with pytest.raises(CompileError) as found:
        ready.patched(_turned(bad[0][0]))
    assert str(found.value) == bad[0][1]


@pytest.mark.parametrize("lab", LABS)
def test_runs_that_nobody_read_stay_what_they_were_when_others_are_patched_from_them(lab):
    rng = np.random.default_rng(4)
    ops = np.tile([*[Op.RZ, Op.SX] * 6, Op.MEASURE], 5)
    rows = (ops, np.zeros(len(ops), int), rng.normal(size=len(ops)) * (ops == Op.RZ), np.arange(6) * 13)
    sequences, gates = [qctl.Sequences(*rows)], np.flatnonzero(ops == Op.RZ)
    runs = [qctl.compile(sequences[0], LABS[lab], shots=3)]
    for k in range(12):
        chosen = rng.choice(gates, 3, replace=False)
        angles = rng.normal(size=3) if k % 3 else np.zeros(3)  # equal phases are a line less
        sequences.append(sequences[-1].turned(chosen, angles))
        runs.append(runs[-1].patched(sequences[-1]))
        assert runs[-1].patch.whole == ""
    for run, one in zip(runs, sequences, strict=True):
        check(run, one, LABS[lab], shots=3)


def _turned(angle):
    return qctl.Sequences([Op.RZ, Op.SX, Op.MEASURE], [0, 0, 0], [float(angle), 0.0, 0.0])


@pytest.mark.parametrize("lab", LABS)
def test_a_run_of_many_batches_is_patched_in_those_that_are_touched(lab):
    rng = np.random.default_rng(2)
    n, width = (400, 60) if lab == "qblox2" else (40, 20)
    ops = np.tile([*[Op.RZ, Op.SX] * width, Op.MEASURE], n)
    columns = (
        ops,
        np.zeros(len(ops), int),
        rng.normal(size=len(ops)) * (ops == Op.RZ),
        np.arange(n + 1) * (2 * width + 1),
    )
    sequences = qctl.Sequences(*columns)
    ready = qctl.compile(sequences, LABS[lab], shots=3)
    if lab == "qblox2":
        assert len(ready.lowered.batches) > 1
    gates = np.flatnonzero(ops == Op.RZ)
    for chosen in (gates[:1], gates[[3, 500, -1]], gates[::7]):
        sequences = sequences.turned(chosen, rng.normal(size=len(chosen)))
        new = ready.patched(sequences)
        assert new.patch.whole == ""
        check(new, sequences, LABS[lab], shots=3)
        ready = new


@pytest.mark.parametrize("lab", LABS)
def test_patches_hold_when_all_that_was_rendered_is_forgotten(lab):
    c = ansatz()
    ready = qctl.compile(c.bind(values_of(c, 0)), LABS[lab], shots=10)
    rendering.forget()
    qctl.compile(qctl.Sequences([Op.SX, Op.CZ, Op.MEASURE], [1, 0, 1], second=[0, 1, 0]), LABS[lab], shots=10)
    bound = c.bind(values_of(c, 1))
    check(ready.patched(bound), bound, LABS[lab], shots=10)


@pytest.mark.parametrize("lab", LABS)
def test_patches_from_any_run_of_a_line_are_right(lab):
    rack, c = LABS[lab], ansatz()
    bound = [c.bind(values_of(c, k)) for k in range(4)]
    ready = [qctl.compile(bound[0], rack, shots=10)]
    for one in bound[1:]:
        ready.append(ready[0].patched(one))
    for one, program in zip(ready, bound, strict=True):
        check(one, program, rack, shots=10)
        check(one.patched(), program, rack, shots=10)


@pytest.mark.parametrize(
    ("gates", "angles", "words"),
    [
        ([0], [np.nan], "not finite"),
        ([0], [np.inf], "not finite"),
        ([1], [0.1], "is no rz"),
        ([9], [0.1], "of 3 gates"),
        ([-1], [0.1], "of 3 gates"),
        ([0, 0], [0.1], "shape"),
        ([0.5], [0.1], "whole numbers"),
    ],
)
def test_angles_that_can_not_be_are_refused(gates, angles, words):
    with pytest.raises(RequestError, match=words):
        _turned(0.2).turned(gates, angles)


def test_a_program_with_pulses_is_compiled_anew():
    rack = LABS["transmon5"]

    def pulse(volts):
        p = qctl.Program(ports=["q0.drive", "q0.readout"])
        p.play("q0.drive", qctl.gaussian(40e-9, amp=volts))
        return p

    ready = qctl.compile(pulse(0.1), rack, shots=10).patched(pulse(0.2))
    assert "more than gates" in ready.patch.whole or "not timed together" in ready.patch.whole
    check(ready, pulse(0.2), rack, shots=10)
