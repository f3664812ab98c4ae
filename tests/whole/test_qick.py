"""Labs on one emulated QICK board: tuned up, counts are right; uploads, errors, and wrong boards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qctl
from qctl.errors import DeviceError, QctlError

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a lab of two transmons on one board after its tune-up."""
    from whole_lab import WholeLab

    lab = WholeLab(tmp_path_factory.mktemp("qick"), "qick2", 3)
    try:
        assert qctl.calibrate(lab.client).accepted
        yield lab
    finally:
        lab.end()


def board_of(lab: Any) -> dict[str, int]:
    """Return what the board has counted."""
    found: dict[str, int] = lab.hil("counters")["board0"]
    return found


def height_v(true: dict[str, Any]) -> float:
    """Return the height of a pi/2 pulse: truth is that of steps at 1.2 GSa/s, which weaken a pulse; a board's don't."""
    return float(true["amplitude_v"] * np.sinc((true["frequency_hz"] - 5.1e9) / 1.2e9))


def rabi(lab: Any, turns: Any) -> Any:
    """Return a program that plays pulses of so many times a calibrated one's height."""
    true = lab.truth["qubits"]["q0"]
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", height_v(true) * np.asarray(turns), "V") as amp:
        p.set_frequency("q0.drive", true["frequency_hz"])
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    return p


def test_rabi_oscillation_on_a_board_without_tune_up(tmp_path: Path) -> None:
    from whole_lab import WholeLab

    lab = WholeLab(tmp_path, "qick1", 3)
    try:
        turns = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
        for averaged in (True, False):
            found = lab.client.run(rabi(lab, turns), shots=500, averaged=averaged).result(60)
            iq = np.asarray(next(iter(found.iq.values())))
            assert iq.shape == ((5,) if averaged else (500, 5))
            mean = iq if averaged else iq.mean(axis=0)
            along = ((mean - mean[0]) / (mean[2] - mean[0])).real
            # A pulse of twice the height turns not quite twice as far.
            np.testing.assert_allclose(along, [0.0, 0.5, 1.0, 0.5, 0.0], atol=0.2)
        before = board_of(lab)
        again = lab.client.run(rabi(lab, turns), shots=500, averaged=False).result(60)
        assert sum(again.content["uploaded_bytes"].values()) == 0 and board_of(lab) == before
        lab.client.run(rabi(lab, [0.0, 1.0, 2.1, 3.0, 4.0]), shots=500, averaged=False).result(60)
        after = board_of(lab)
        assert {name for name in after if after[name] != before[name]} == {"wmem_loads", "wmem_bytes"}
        assert after["wmem_loads"] == before["wmem_loads"] + 1
    finally:
        lab.end()


@pytest.mark.full
def test_bell_state_by_the_command_line(rack: Any, tmp_path: Path) -> None:
    file = tmp_path / "bell.qasm"
    file.write_text(BELL)
    counts = rack.run_file(file, 4000)["counts"]
    assert sum(counts.values()) == 4000
    # Half each, less what readout (1 %) and T1 take; 5 sigma of 4,000 shots are 4 %.
    assert abs(counts["00"] / 4000 - 0.5) < 0.05 and abs(counts["11"] / 4000 - 0.485) < 0.05
    assert (counts.get("01", 0) + counts.get("10", 0)) / 4000 < 0.06


@pytest.mark.full
def test_readout_is_the_true_one(rack: Any) -> None:
    n = 4000
    for name, true in rack.truth["qubits"].items():
        number = int(name[1])
        for prepared in (0, 1):
            c = qctl.Circuit(2)
            if prepared:
                c.x(number)
            c.measure_all()
            counts = rack.client.run(c, shots=n).result(60).counts
            ones = sum(k for bits, k in counts.items() if bits[1 - number] == "1") / n
            wanted = true["readout_matrix"][prepared][1]
            # 5 sigma, and 2 % for the pulses and for a threshold that was measured.
            assert abs(ones - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / n) + 0.02, (name, prepared)


@pytest.mark.full
def test_excitation_decays_with_the_true_lifetime(rack: Any) -> None:
    true = rack.truth["qubits"]["q0"]
    waits_s = np.array([0.0, 0.5, 1.0, 2.0, 6.0]) * true["t1_s"]
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("wait", waits_s, "s") as wait:
        p.set_frequency("q0.drive", true["frequency_hz"])
        for _ in range(2):
            p.play("q0.drive", qctl.drag(20.9e-9, height_v(true), sigma_s=5e-9, beta_s=0.36e-9))
        p.delay("q0.drive", wait)
        p.barrier()
        p.measure("q0", "q0")
    found = rack.client.run(p, shots=4000, averaged=True).result(60)
    iq = np.asarray(next(iter(found.iq.values())))
    along = ((iq - iq[-1]) / (iq[0] - iq[-1])).real
    np.testing.assert_allclose(along, np.exp(-waits_s / true["t1_s"]), atol=0.05)


@pytest.mark.full
def test_lost_clock_stops_a_run_by_name(rack: Any) -> None:
    rack.fault("unlocked", "board0")
    try:
        rack.until(lambda: not rack.client.instruments["board0"].call("locked"), "the lock is lost")
        with pytest.raises(QctlError, match=r"board0 is not locked to its external reference"):
            rack.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60)
    finally:
        rack.clear()
    rack.until(lambda: rack.client.instruments["board0"].call("locked"), "the lock is back")
    rack.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60)


@pytest.mark.full
def test_run_that_is_cancelled_stops_the_board_and_the_next_one_plays(rack: Any) -> None:
    job = rack.client.run(rabi(rack, np.linspace(0.0, 2.0, 40)), shots=20_000, averaged=True)
    rack.until(lambda: job.state == "playing", "the job plays")
    job.cancel()
    with pytest.raises(QctlError):
        job.result(60)
    counts = rack.client.run(qctl.Circuit.from_qasm(BELL), shots=500).result(60).counts
    assert counts.get("00", 0) + counts.get("11", 0) > 440


@pytest.mark.full
def test_board_that_dies_is_an_error_by_name_and_comes_back(rack: Any) -> None:
    rack.kill("board0")
    with pytest.raises(DeviceError, match="board0"):
        rack.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60)
    rack.all_up()
    counts = rack.client.run(qctl.Circuit.from_qasm(BELL), shots=500).result(60).counts
    assert counts.get("00", 0) + counts.get("11", 0) > 440


@pytest.mark.full
def test_board_that_differs_from_the_lab_s_takes_no_program(tmp_path: Path) -> None:
    from whole_lab import WholeLab

    def other(text: str) -> str:
        assert '"f_time": 430.08' in text
        return text.replace('"f_time": 430.08', '"f_time": 409.6')

    lab = WholeLab(tmp_path, "qick1", 3, edit=other)
    try:
        with pytest.raises(QctlError, match=r"board0.*tprocs\[0\]\.f_time is 430\.08, and 409\.6 in instruments"):
            lab.client.run(rabi(lab, [0.0, 1.0]), shots=100).result(60)
        assert "programs" not in board_of(lab)
    finally:
        lab.end()
