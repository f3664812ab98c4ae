"""Which rule holds for which gate, and what a calibration says of a processor's noise."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from qctl.errors import RequestError
from qctl.lab import load_lab
from qctl.lab.snapshot import Snapshot, read, write
from qctl.program.opcodes import Op
from qctl.simulation import channels
from qctl.simulation.noise import NoiseModel

LAB = load_lab(Path(__file__).parents[1] / "support" / "transmon5.toml")
PROCESSOR = next(iter(LAB.processors))


def names(model, op, *qubits):
    return [(channel.name, places) for channel, places in model.after(op, qubits)]


def test_the_most_special_rule_holds():
    a, b, c, d = (channels.depolarising(p) for p in (0.1, 0.2, 0.3, 0.4))
    model = NoiseModel().on("x", a, qubits=[1]).on("x", b).on(None, c, qubits=[2]).on(None, d)
    assert names(model, Op.X, 1) == [(a.name, (1,))]
    assert names(model, Op.X, 2) == [(b.name, (2,))]
    assert names(model, Op.Y, 2) == [(c.name, (2,))]
    assert names(model, Op.Y, 3) == [(d.name, (3,))]
    assert names(model, Op.CX, 0, 1) == []
    assert names(model, Op.MEASURE, 0) == []
    assert names(model.on("x"), Op.X, 2) == []


def test_pairs_in_either_order_and_one_qubit_channels_on_each():
    pair, one = channels.depolarising(0.1, 2), channels.phase_damping(0.2)
    model = NoiseModel().on("cz", pair, one, qubits=[3, 1])
    assert names(model, Op.CZ, 1, 3) == [(pair.name, (3, 1)), (one.name, (3,)), (one.name, (1,))]
    assert names(model, Op.CZ, 0, 1) == []


def test_a_model_is_frozen_and_readout_and_delays_have_defaults():
    empty = NoiseModel()
    model = empty.read([[1, 0], [0.1, 0.9]]).read([[0.5, 0.5], [0, 1]], 2).idle(1e-5, 1e-5, 0)
    assert not empty.confusion
    assert model.readout_of(0)[1, 0] == 0.1
    assert model.readout_of(2)[0, 1] == 0.5
    assert model.waiting(0, 1e-6) is not None
    assert model.waiting(1, 1e-6) is None
    assert model.waiting(0, 0.0) is None


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda m: m.on("barrier", channels.depolarising(0.1)), "is no gate"),
        (lambda m: m.on("nonsense", channels.depolarising(0.1)), "is no gate"),
        (lambda m: m.on("x", channels.depolarising(0.1, 2)), "acts on 2 qubits, x on 1"),
        (lambda m: m.on("cx", channels.depolarising(0.1), qubits=[1]), "cx acts on 2 qubits"),
        (lambda m: m.on(None, channels.depolarising(0.1, 2), qubits=[1]), "acts on 2 qubits"),
        (lambda m: m.read([[1, 0.1], [0, 1]]), "rows of probabilities"),
        (lambda m: m.read([1, 0]), "rows of probabilities"),
        (lambda m: m.read([[math.nan, 1], [0, 1]]), "rows of probabilities"),
        (lambda m: m.idle(1e-6, 3e-6), "above 2 t1_s"),
    ],
)
def test_what_fits_nothing_is_refused(made, message):
    with pytest.raises(RequestError, match=message):
        made(NoiseModel())


def average_fidelity(model, op, *qubits):
    total = np.eye(4 ** len(qubits))
    for channel, places in model.after(op, qubits):
        assert places == qubits
        total = channel.superoperator @ total
    d = 2 ** len(qubits)
    return (np.trace(total) / d + 1) / (d + 1)


def test_a_calibration_makes_relaxation_for_the_length_of_each_gate():
    model = NoiseModel.from_lab(LAB, PROCESSOR)
    qubit = LAB.processor(PROCESSOR).qubit["q0"]
    t2 = min(qubit.t2_s, 2 * qubit.t1_s)
    wanted = channels.thermal_relaxation(qubit.t1_s, t2, qubit.drive.length_s)
    ((found, _),) = model.after(Op.SX, (0,))
    assert np.allclose(found.superoperator, wanted.superoperator)
    assert model.after(Op.RZ, (0,)) == []
    ((twice, _),) = model.after(Op.X, (0,))
    assert np.allclose(twice.superoperator, wanted.superoperator @ wanted.superoperator)
    coupler = next(iter(LAB.processor(PROCESSOR).coupler.values()))
    pair = tuple(list(LAB.processor(PROCESSOR).qubits).index(name) for name in coupler.qubits)
    ((joint, _),) = model.after(Op.CZ, pair)
    assert joint.n_qubits == 2
    single = [
        channels.thermal_relaxation(q.t1_s, min(q.t2_s, 2 * q.t1_s), coupler.cz.length_s).superoperator
        for q in (LAB.processor(PROCESSOR).qubit[name] for name in coupler.qubits)
    ]
    assert np.allclose(joint.superoperator, np.kron(*single))


def test_known_fidelities_and_readout_are_met():
    coupler = next(iter(LAB.processor(PROCESSOR).coupler.values()))
    pair = tuple(list(LAB.processor(PROCESSOR).qubits).index(name) for name in coupler.qubits)
    model = NoiseModel.from_lab(
        LAB, PROCESSOR, readout={"q0": [[0.98, 0.02], [0.05, 0.95]]}, fidelities={"q0": 0.995, coupler.name: 0.97}
    )
    assert average_fidelity(model, Op.SX, 0) == pytest.approx(0.995, abs=1e-12)
    assert average_fidelity(model, Op.CZ, *pair) == pytest.approx(0.97, abs=1e-12)
    assert model.readout_of(0)[1, 0] == 0.05
    assert model.readout_of(1) is None
    for wrong in ({"readout": {"q9": np.eye(2)}}, {"fidelities": {"q0-q9": 0.9}}, {"fidelities": {"q0": 0.2}}):
        with pytest.raises(RequestError, match=r"q9|q0 = 0\.2"):
            NoiseModel.from_lab(LAB, PROCESSOR, **wrong)


def test_a_snapshot_that_measured_the_readout_brings_its_matrix(tmp_path):
    design = LAB.processor(PROCESSOR).qubit["q0"]
    tuned = replace(design, readout=replace(design.readout, error0=0.02, error1=0.06))
    given = Snapshot(number=0, time_s=1.0, processor=PROCESSOR, qubits={"q0": tuned})
    snapshot = read(tmp_path, PROCESSOR, write(tmp_path, given).number)
    model = NoiseModel.from_lab(LAB, PROCESSOR, snapshot, fidelities={"q1": 0.999})
    assert model.readout_of(0).tolist() == [[0.98, 0.02], [0.06, 0.94]]
    assert model.readout_of(1) is None
    assert "readout of q0" not in model.missing
    assert {"readout of q1", "fidelity of q0", "fidelity of q0-q1"} <= set(model.missing)
    assert "fidelity of q1" not in model.missing
    given = NoiseModel.from_lab(LAB, PROCESSOR, snapshot, readout={"q0": np.eye(2)})
    assert given.readout_of(0).tolist() == [[1, 0], [0, 1]]


def test_snapshots_without_measured_readout_keep_their_bytes():
    readout = LAB.processor(PROCESSOR).qubit["q0"].readout
    assert b"error0" not in msgspec.json.encode(readout)


@pytest.mark.parametrize("qubits", [[-1], [True], [0.0], "0", 0.5, [1, 1]])
def test_a_rule_for_no_qubit_is_refused(qubits):
    with pytest.raises(RequestError, match=r"is no index|name one twice"):
        NoiseModel().on("x", channels.pauli({"X": 1.0}), qubits=qubits)
