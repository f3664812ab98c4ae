"""Labs on one emulated QICK board: tuned up, counts are right; uploads, errors, and wrong boards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whole_programs import (
    BELL,
    check_bell,
    check_lifetime,
    check_readout,
    check_samples_decide,
    rabi_of,
    tuned_lab,
)

import qctl
from qctl.errors import DeviceError, QctlError


@pytest.fixture(scope="module", params=["qick2", "qick2-v1"])
def rack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a lab of two transmons on one board after its tune-up."""
    yield from tuned_lab(tmp_path_factory.mktemp("qick"), request.param, 3)


def name_of(lab: Any) -> str:
    """Return the board's name in lab.toml."""
    return "rfsoc0" if lab.name.endswith("-v1") else "board0"


def board_of(lab: Any) -> dict[str, int]:
    """Return what the board has counted."""
    found: dict[str, int] = lab.hil("counters")[name_of(lab)]
    return found


def height_v(true: dict[str, Any]) -> float:
    """Return the height of a pi/2 pulse: truth is that of steps at 1.2 GSa/s, which weaken a pulse; a board's don't."""
    return float(true["amplitude_v"] * np.sinc((true["frequency_hz"] - 5.1e9) / 1.2e9))


def rabi(lab: Any, turns: Any) -> Any:
    """Return a program that plays pulses of so many times a calibrated one's height."""
    return rabi_of(lab, height_v(lab.truth["qubits"]["q0"]), turns)


@pytest.mark.parametrize(("name", "memory"), [("qick1", "wmem"), ("qick1-v1", "dmem")])
def test_rabi_oscillation_on_a_board_without_tune_up(name: str, memory: str, tmp_path: Path) -> None:
    from whole_lab import WholeLab

    lab = WholeLab(tmp_path, name, 3)
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
        assert {name for name in after if after[name] != before[name]} == {f"{memory}_loads", f"{memory}_bytes"}
        assert after[f"{memory}_loads"] == before[f"{memory}_loads"] + 1
        assert "late_events" not in after
    finally:
        lab.end()


@pytest.mark.full
def test_bell_state_by_the_command_line(rack: Any, tmp_path: Path) -> None:
    check_bell(rack, tmp_path)


@pytest.mark.full
def test_readout_is_the_true_one(rack: Any) -> None:
    check_readout(rack)


@pytest.mark.full
def test_excitation_decays_with_the_true_lifetime(rack: Any) -> None:
    check_lifetime(rack, height_v(rack.truth["qubits"]["q0"]), 20.9e-9)


@pytest.mark.full
def test_lost_clock_stops_a_run_by_name(rack: Any) -> None:
    board = name_of(rack)
    rack.fault("unlocked", board)
    try:
        rack.until(lambda: not rack.client.instruments[board].call("locked"), "the lock is lost")
        with pytest.raises(QctlError, match=rf"{board} is not locked to its external reference"):
            rack.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60)
    finally:
        rack.clear()
    rack.until(lambda: rack.client.instruments[board].call("locked"), "the lock is back")
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
    rack.kill(name_of(rack))
    with pytest.raises(DeviceError, match=name_of(rack)):
        rack.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60)
    rack.all_up()
    counts = rack.client.run(qctl.Circuit.from_qasm(BELL), shots=500).result(60).counts
    assert counts.get("00", 0) + counts.get("11", 0) > 440


@pytest.mark.full
def test_samples_decide_the_counts(rack: Any) -> None:
    check_samples_decide(rack)


@pytest.mark.full
@pytest.mark.parametrize("name", ["qick1", "qick1-v1"])
def test_board_that_differs_from_the_lab_s_takes_no_program(name: str, tmp_path: Path) -> None:
    from whole_lab import WholeLab

    def other(text: str) -> str:
        assert '"f_time": 430.08' in text
        return text.replace('"f_time": 430.08', '"f_time": 409.6')

    lab = WholeLab(tmp_path, name, 3, edit=other)
    try:
        with pytest.raises(
            QctlError, match=rf"{name_of(lab)}.*tprocs\[0\]\.f_time is 430\.08, and 409\.6 in instruments"
        ):
            lab.client.run(rabi(lab, [0.0, 1.0]), shots=100).result(60)
        assert "programs" not in board_of(lab)
    finally:
        lab.end()
