"""A rack of mixed parts as one processor: Qblox drive, AWG5014C flux, SHFQA readout; and the same qubits moved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qutip
from whole_programs import BELL, check_flips, tuned_lab

import qctl
from qctl.errors import ScheduleError

pytestmark = pytest.mark.full


SEED = 3


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the rack of mixed parts after its tune-up."""
    yield from tuned_lab(tmp_path_factory.mktemp("mixed"), "open-architecture", SEED)


@pytest.fixture(autouse=True)
def no_faults(mixed: Any) -> Iterator[None]:
    """Clear what a test has broken."""
    yield
    mixed.clear()
    mixed.all_up()


def test_bell_across_the_boxes_by_the_command_line(mixed: Any, tmp_path: Path) -> None:
    file = tmp_path / "bell.qasm"
    file.write_text(BELL)
    counts = mixed.run_file(file, 4000)["counts"]
    assert sum(counts.values()) == 4000
    truth = mixed.truth["qubits"]
    # The ideal state through the true readout; CZ and decay take some per cent more. 5 sigma of 4,000 shots are 4 %.
    ideal = np.diag(qutip.ket2dm(qutip.bell_state("00")).full()).real
    read = np.kron(*(np.array(truth[name]["readout_matrix"]) for name in ("q1", "q0")))
    for word, wanted in zip(("00", "01", "10", "11"), ideal @ read, strict=True):
        assert abs(counts.get(word, 0) / 4000 - wanted) < 0.06, (word, counts)


def test_qubit_is_driven_on_from_what_a_measurement_found(mixed: Any) -> None:
    check_flips(mixed)


def test_ramsey_across_the_boxes_has_the_true_frequency_and_fades_as_it_should(mixed: Any, tmp_path: Path) -> None:
    true = mixed.truth["qubits"]["q0"]
    detuning_hz, delays_s = 1e6, np.linspace(0.0, 6e-6, 49)
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("delay", delays_s, "s") as delay:
        p.sx("q0")
        p.delay("q0", delay)
        p.rz(delay * (2 * np.pi * detuning_hz), "q0")
        p.sx("q0")
        p.measure("q0", "q0")
    file = tmp_path / "ramsey.qis"
    file.write_bytes(p.to_bytes())
    counts = mixed.run_file(file, 1000)["counts"]
    seen = np.array([one.get("1", 0) / 1000 for one in counts])
    # QuTiP's own decay of a coherence by T2 and of the mean by T1, through the true readout.
    rates = 1 / true["t1_s"], max(1 / true["t2_s"] - 0.5 / true["t1_s"], 0.0)
    collapse = [np.sqrt(rates[0]) * qutip.destroy(2), np.sqrt(rates[1] / 2) * qutip.sigmaz()]
    start = (qutip.basis(2, 0) - 1j * qutip.basis(2, 1)).unit()
    states = qutip.mesolve(0 * qutip.sigmaz(), start, delays_s, collapse).states
    second = (-0.25j * np.pi * qutip.sigmax()).expm()
    matrix = np.array(true["readout_matrix"])
    wanted = []
    for state, late in zip(states, delays_s, strict=True):
        turn = (-0.5j * 2 * np.pi * detuning_hz * late * qutip.sigmaz()).expm()
        rho = (
            second * turn * qutip.ket2dm(state) * turn.dag() * second.dag()
            if state.isket
            else (second * turn * state * turn.dag() * second.dag())
        )
        one = float(qutip.expect(qutip.num(2), rho))
        wanted.append((1 - one) * matrix[0, 1] + one * matrix[1, 1])
    # 1,000 shots: 1.6 % a point; a frequency of some kHz off shows at the end.
    assert np.sqrt(np.mean((seen - np.array(wanted)) ** 2)) < 0.05


def test_skew_is_measured_to_within_half_of_the_coarser_grid(mixed: Any) -> None:
    true = mixed.truth["delays_s"]
    found = json.loads((next(iter(sorted((mixed.folder / "store/snapshots/qpu0").glob("*.json"))[-1:]))).read_text())
    # What lab.toml says of each box, less what its programs take; 204 ns of the generator are 245 samples.
    said_s = {"q0.flux": 4e-8 - (245 / 1.2e9 - 2.04e-7), "feedline": 1.4e-7 - 8e-8}
    for name, qubit in found["snapshot"]["qubits"].items():
        drive_s = true[f"{name}.drive"] - (2.44e-7 - 8e-9)
        for role, line in (("flux", f"{name}.flux"), ("readout", "feedline")):
            if role == "flux" and name != "q0":
                continue
            late_s = true[line] - said_s[line] - drive_s
            assert abs(qubit["delays_s"][role] + late_s) < 0.5e-9, (name, role)


@pytest.mark.parametrize("box", ["cluster0", "awg0", "qa0", "lo_drive"])
def test_lost_lock_refuses_a_run_by_name_before_upload(mixed: Any, box: str) -> None:
    mixed.fault("unlocked", box)
    mixed.until(lambda: not mixed.client.instruments[box].call("locked"), "the lock is lost")
    before = mixed.counters()
    with pytest.raises(ScheduleError, match=f"{box} is not locked to its external reference clock from trig0"):
        mixed.client.run(rotated(0.1 + 0.01 * len(box)), shots=50).result(60)
    assert mixed.counters() == before


def rotated(angle: float) -> Any:
    c = qctl.Circuit(2)
    c.rx(angle, 0)
    c.measure_all()
    return c


def test_warm_fridge_refuses_a_run_before_upload_with_value_and_bound(mixed: Any) -> None:
    mixed.fault("warm", "fridge", "0.0731")
    before = mixed.counters()
    words = r"interlock mxc: fridge tmixing_k = 0.0731 K is above 0.05 K"
    with pytest.raises(ScheduleError, match=words):
        mixed.client.run(rotated(0.2), shots=50).result(60)
    assert mixed.counters() == before


def test_fridge_that_warms_up_ends_the_run_and_the_next_one_plays(mixed: Any) -> None:
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", np.linspace(0.0, 0.2, 1500), "V") as amp:
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    job = mixed.client.run(p, shots=2000)
    mixed.until(lambda: job.state == "playing", "the job plays")
    mixed.fault("warm", "fridge")
    with pytest.raises(ScheduleError, match=r"interlock mxc: fridge tmixing_k = 0.08 K is above 0.05 K"):
        job.result(120)
    mixed.clear()
    assert sum(mixed.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60).counts.values()) == 100


def test_points_of_a_sweep_are_played_by_all_boxes_together(mixed: Any) -> None:
    sweep = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    peak_v = mixed.client.calibration("qpu0").qubits["q0"].drive.amplitude_v
    with sweep.sweep("amp", peak_v * np.array([0.0, 1.0, 2.0]), "V") as amp:
        for _ in range(2):
            sweep.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        sweep.barrier()
        sweep.measure("q0", "q0")
    ones = [one.get("1", 0) / 500 for one in mixed.client.run(sweep, shots=500).result(60).counts]
    assert ones[0] < 0.05 and ones[1] > 0.9 and ones[2] < 0.1


# -- the same qubits on a rack of SCPI boxes alone ------------------------------------------------


def cliffords() -> list[tuple[tuple[int, int, int], np.ndarray]]:
    """Return the 24 one-qubit Cliffords as quarter turns about z around two sx, with their unitaries."""
    sx = 0.5 * np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]])
    found: list[tuple[tuple[int, int, int], np.ndarray]] = []
    for a, b, c in product(range(4), repeat=3):
        turns = [np.diag([np.exp(-0.25j * k * np.pi), np.exp(0.25j * k * np.pi)]) for k in (a, b, c)]
        whole = turns[2] @ sx @ turns[1] @ sx @ turns[0]
        if all(abs(abs(np.trace(other.conj().T @ whole)) - 2) > 1e-9 for _, other in found):
            found.append(((a, b, c), whole))
    assert len(found) == 24
    return found


def benchmarking(random: np.random.Generator, qubit: str, length: int) -> Any:
    """Return random Cliffords and their inverse; barriers keep the compiler from joining them."""
    group = cliffords()
    chosen = [group[k] for k in random.integers(0, 24, length)]
    whole = np.linalg.multi_dot([u for _, u in reversed(chosen)]) if length > 1 else chosen[0][1]
    chosen.append(next(one for one in group if abs(abs(np.trace(one[1] @ whole)) - 2) < 1e-6))
    p = qctl.Program([f"{qubit}.drive", f"{qubit}.readout"], [qubit], ["c"])
    for (a, b, c), _ in chosen:
        for k, pulse in ((a, True), (b, True), (c, False)):
            if k:
                p.rz(k * np.pi / 2, qubit)
            if pulse:
                p.sx(qubit)
        p.barrier()
    p.measure(qubit, "c")
    return p


def error_per_clifford(lab: Any, qubit: str) -> float:
    """Return the error by randomized benchmarking (E. Magesan et al., Phys. Rev. Lett. 106, 180504, 2011)."""
    random, lengths = np.random.default_rng(9), (1, 200)
    programs = [benchmarking(random, qubit, length) for length in lengths for _ in range(6)]
    counts = [one.counts for one in lab.client.run(programs, shots=500).result(240)]
    zeros = np.array([one.get("0", 0) / 500 for one in counts]).reshape(len(lengths), -1).mean(axis=1)
    slope, _ = np.polyfit(lengths, np.log(zeros - 0.5), 1)
    return float((1 - np.exp(slope)) / 2)


def test_moved_values_keep_frequency_and_angle_without_a_new_tune_up(mixed: Any, tmp_path: Path) -> None:
    from whole_lab import WholeLab

    before = {name: error_per_clifford(mixed, name) for name in mixed.qubits}
    lab = WholeLab(tmp_path, "open-architecture-scpi", SEED)
    try:
        lab.all_up()
        done = lab.online("move", str(mixed.toml), "--snapshots", str(mixed.folder / "store/snapshots"), "--json")
        assert done.returncode == 0, done.stderr
        left_out = json.loads(done.stdout)["left_out"]
        assert len(left_out) == 4 and all("node delays" in line or "where its states lie" in line for line in left_out)
        held = lab.client.calibration("qpu0").qubits
        for name, true in lab.truth["qubits"].items():
            assert abs(held[name].frequency_hz - true["frequency_hz"]) < 20e3, name
            assert held[name].drive.amplitude_v == pytest.approx(true["amplitude_v"], rel=0.01), name
        # Where IQ points lie is the readout's, which has other boxes here: it is measured, no pulse is tuned.
        assert qctl.calibrate(lab.client, only=("reference", "discrimination")).accepted
        seen = lab.client.calibration("qpu0").qubits
        assert {name: one.drive for name, one in seen.items()} == {name: one.drive for name, one in held.items()}
        after = {name: error_per_clifford(lab, name) for name in lab.qubits}
        print({name: (before[name], after[name]) for name in before})
        for name in before:
            assert before[name] > 2e-4 and after[name] < 1.5 * before[name], (before, after)
        # Delays are the boxes': they are measured, not tuned, and pairs work again.
        assert qctl.calibrate(lab.client, only="delays").accepted
        counts = lab.client.run(qctl.Circuit.from_qasm(BELL), shots=2000).result(60).counts
        assert (counts.get("01", 0) + counts.get("10", 0)) / 2000 < 0.08
    finally:
        lab.end()
