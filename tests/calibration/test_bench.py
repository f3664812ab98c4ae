"""A tune-up writes one snapshot for each node, names its jobs, and has today's values in between."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from qctl.calibration import tuneup
from qctl.calibration.bench import Bench, Finding, Outcome
from qctl.calibration.experiments import prepared
from qctl.calibration.pairs import cz_length
from qctl.calibration.single import amplitude, ramsey
from qctl.errors import RequestError
from qctl.lab import parse_lab
from qctl.lab.snapshot import effective
from qctl.program.program import Program

LAB = parse_lab((Path(__file__).parents[1] / "support" / "transmon5.toml").read_text())
X = np.zeros(2)


class FakeLab:
    """A lab whose jobs measure the same everywhere; keeps what they are called and what is written."""

    processors = LAB.processors

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.notes: list[str] = []
        self.written: list[dict[str, Any]] = []

    def calibration(self, qpu: str) -> Any:
        """Return the design values."""
        return effective(LAB, qpu, None)

    def run(self, programs: list[Program], shots: int, qpu: str, averaged: bool | None = None, name: str = "") -> Any:
        """Return a job whose values are all zero."""
        self.jobs.append(name)
        results = []
        for program in programs:
            shape = tuple(len(sweep.values) for sweep in program.body.sweeps)
            shape = shape if averaged else (shots, *shape)
            results.append(SimpleNamespace(iq={qubit: np.zeros(shape, complex) for qubit in program.body.qubits}))
        return SimpleNamespace(result=lambda: results)

    def write_snapshot(self, qpu: str, values: dict[str, Any], note: str = "") -> int:
        """Keep a snapshot."""
        self.written.append(values)
        self.notes.append(note)
        return len(self.written)


def shift(bench: Bench, name: str, reason: str = "") -> Finding:
    """Return a finding that moves a qubit's frequency by 1 Hz."""
    qubit = bench.qubit(name)
    return Finding(
        name, X, X, update=msgspec.structs.replace(qubit, frequency_hz=qubit.frequency_hz + 1), reason=reason
    )


def faster(bench: Bench, name: str) -> Finding:
    """Return a finding that changes a coupler."""
    return Finding(name, X, X, update=msgspec.structs.replace(bench.coupler(name), coupling_hz=1e6))


def test_node_writes_one_snapshot_of_all_its_targets_and_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    def qubits(bench: Bench, names: Any, attempt: int) -> Outcome:
        return Outcome("t1", tuple(shift(bench, n, "poor" if n == "q1" and attempt == 1 else "") for n in names))

    monkeypatch.setitem(tuneup.NODES, "t1", ("qubits", qubits))
    monkeypatch.setitem(
        tuneup.NODES,
        "cz_phase",
        ("couplers", lambda bench, names, _: Outcome("cz_phase", tuple(faster(bench, n) for n in names))),
    )
    lab = FakeLab()
    found = tuneup.calibrate(lab, only=["t1", "cz_phase"])
    couplers = ", ".join(found.values.couplers)
    assert lab.notes == ["tune-up: t1 of q0, q2, q3, q4, q1", f"tune-up: cz_phase of {couplers}"]
    assert found.accepted and found.snapshot == found.values.number == 2
    design = effective(LAB, "qpu0", None).qubits
    for name, qubit in lab.written[0]["qubits"].items():
        assert qubit.frequency_hz == design[name].frequency_hz + 1
    assert all(coupler.coupling_hz == 1e6 for coupler in lab.written[1]["couplers"].values())


def test_node_that_found_nothing_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def poor(bench: Bench, names: Any, attempt: int) -> Outcome:
        return Outcome("t1", tuple(shift(bench, name, "poor") for name in names))

    monkeypatch.setitem(tuneup.NODES, "t1", ("qubits", poor))
    lab = FakeLab()
    assert not tuneup.calibrate(lab, only="t1").accepted and lab.notes == []


def test_second_round_of_ramsey_is_played_at_what_the_first_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = FakeLab()
    bench = Bench(lab, "qpu0", lab.calibration("qpu0"))
    bench.node = "ramsey"
    # A fringe at 2.45 MHz where points are 25 ns apart and 2.5 MHz are expected: the frequency is 50 kHz off.
    monkeypatch.setattr(
        Bench, "signal", lambda self, name, iq: 0.5 + 0.5 * np.cos(np.arange(len(iq)) * 0.12250 * np.pi)
    )
    before_hz = bench.qubit("q0").frequency_hz
    assert ramsey(bench, ["q0"], 1).accepted
    (values,) = lab.written
    assert values["qubits"]["q0"].frequency_hz - before_hz == pytest.approx(50e3, rel=0.01)
    assert lab.jobs == ["ramsey q0", "ramsey q0"]


def test_jobs_are_named_after_node_and_qubits() -> None:
    lab = FakeLab()
    bench = Bench(lab, "qpu0", lab.calibration("qpu0"))
    bench.node = "rabi"
    program = Program([], ["q0", "q3"], ["q0", "q3"])
    bench.averaged([program])
    bench.single_shots([program], 20)
    many = [f"qubit{number}" for number in range(30)]
    bench.averaged([Program([], many, many)])
    assert lab.jobs == ["rabi q0 q3", "rabi q0 q3", "rabi 30 qubits"]


def test_programs_that_need_nothing_of_each_other_share_one_job() -> None:
    lab = FakeLab()
    bench = Bench(lab, "qpu0", lab.calibration("qpu0"))
    bench.node = "cz_phase"
    first, second = Program([], ["q0"], ["q0"]), Program([], ["q1", "q0"], ["q1", "q0"])
    found = bench.averaged([first, second], 30)
    assert [sorted(iq) for iq in found] == [["q0"], ["q0", "q1"]]
    assert lab.jobs == ["cz_phase q0 q1"]
    assert (bench.points_used, bench.shots_used) == (2, 60)
    assert bench.averaged([]) == [] and len(lab.jobs) == 1


@pytest.mark.parametrize("clock_hz", [1.2e9, 1e9])
def test_sample_of_a_port_is_that_of_its_instrument(clock_hz: float) -> None:
    name = LAB.ports["q0.flux"].outputs[0].instrument
    box = msgspec.structs.replace(LAB.instruments[name], clock_hz=clock_hz)
    lab = msgspec.structs.replace(LAB, instruments=LAB.instruments | {name: box})
    bench = Bench(SimpleNamespace(description=lab), "qpu0", effective(LAB, "qpu0", None))
    assert bench.sample_s("q0.flux") == 1 / clock_hz


@pytest.mark.parametrize(("port", "words"), [("q9.flux", "no port q9.flux"), ("q0.flux", "q0.flux has no clock")])
def test_port_without_a_clock_is_refused(port: str, words: str) -> None:
    name = LAB.ports["q0.flux"].outputs[0].instrument
    box = msgspec.structs.replace(LAB.instruments[name], clock_hz=None)
    lab = msgspec.structs.replace(LAB, instruments=LAB.instruments | {name: box})
    bench = Bench(SimpleNamespace(description=lab), "qpu0", effective(LAB, "qpu0", None))
    with pytest.raises(RequestError, match=words):
        bench.sample_s(port)


def test_lengths_of_cz_are_on_the_grid_of_the_flux_port(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = FakeLab()
    boxes = {name: msgspec.structs.replace(box, clock_hz=1e9) for name, box in LAB.instruments.items()}
    lab.description = msgspec.structs.replace(LAB, instruments=boxes)  # type: ignore[attr-defined]
    bench = Bench(lab, "qpu0", lab.calibration("qpu0"))
    monkeypatch.setattr(Bench, "signal", lambda self, name, iq: np.zeros(len(iq)))
    (finding,) = cz_length(bench, [next(iter(bench.values.couplers))], 1).findings
    np.testing.assert_allclose(finding.x, np.round(finding.x), atol=1e-9)  # whole nanoseconds


def test_what_was_measured_ahead_is_given_once_and_only_to_who_asks_for_just_that() -> None:
    lab = FakeLab()
    bench = Bench(lab, "qpu0", lab.calibration("qpu0"))
    one, two = (prepared(bench.values, ("q0",), excited) for excited in ((), ("q0",)))
    bench.node = "t1 t2"
    bench.measure_ahead([one, two], 800)
    assert (lab.jobs, bench.points_used, bench.shots_used) == (["t1 t2 q0"], 2, 1600)
    bench.node = "t1"
    assert bench.averaged([one], 800)[0]["q0"].shape == ()
    assert lab.jobs == ["t1 t2 q0"]
    bench.averaged([two], 400)
    bench.averaged([one], 800)
    assert lab.jobs == ["t1 t2 q0", "t1 q0", "t1 q0"]


def test_what_depends_on_nothing_that_is_found_between_is_measured_in_one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    values, centres = effective(LAB, "qpu0", None), {"center0_v": (0.0, 0.0), "center1_v": (1.0, 0.0)}
    qubits = {
        name: msgspec.structs.replace(qubit, readout=msgspec.structs.replace(qubit.readout, **centres))
        for name, qubit in values.qubits.items()
    }
    monkeypatch.setattr(FakeLab, "calibration", lambda *_: msgspec.structs.replace(values, qubits=qubits))
    wanted = {
        ("t1", "t2"): ["t1 t2", "t1", "t2"],
        ("t1",): ["t1", "t1"],
        ("beta", "amplitude_again", "t1", "t2"): ["beta t1 t2", "beta", *["amplitude_again"] * 2, "t1", "t2"],
        ("beta", "t2"): ["beta", "beta", "t2", "t2"],
        ("reference", "spectroscopy"): ["reference spectroscopy", "spectroscopy"],
        ("spectroscopy",): ["spectroscopy", "spectroscopy"],
    }
    for only, jobs in wanted.items():
        lab = FakeLab()
        tuneup.calibrate(lab, "qpu0", only=only)
        assert [name.partition(" q")[0] for name in lab.jobs] == jobs


@pytest.mark.parametrize(("off", "jobs"), [(0.004, [[4, 12]]), (0.03, [[4, 12], [12]])])
def test_long_train_is_measured_again_only_where_the_short_one_finds_it_far(
    monkeypatch: pytest.MonkeyPatch, off: float, jobs: list[list[int]]
) -> None:
    asked: list[list[int]] = []

    def averaged(bench: Bench, programs: list[Any]) -> list[dict[str, Any]]:
        """Return what trains leave in |1>, those of q0 by a true amplitude that is off."""
        asked.append([n for _, n, _ in programs])
        true_v = (1 + off) * effective(LAB, "qpu0", None).qubits["q0"].drive.amplitude_v
        return [{"q0": np.sin(n * np.pi / 4 * x * amp_v / true_v) ** 2 + 0j} for x, n, amp_v in programs]

    monkeypatch.setattr(Bench, "averaged", averaged)
    monkeypatch.setattr(Bench, "signal", lambda self, name, iq: iq.real)
    monkeypatch.setattr(
        "qctl.calibration.experiments.pulse_train",
        lambda values, qubits, x, n: (x, n, values.qubits["q0"].drive.amplitude_v),
    )
    lab = FakeLab()
    bench = Bench(lab, "qpu0", lab.calibration("qpu0"))
    before_v = bench.qubit("q0").drive.amplitude_v
    outcome = amplitude(bench, ["q0"], 1)
    assert asked == jobs and outcome.n_points == 25 * sum(map(len, jobs))
    assert bench.qubit("q0").drive.amplitude_v / before_v == pytest.approx(1 + off, abs=3e-4)
