"""Labs on emulated Zurich Instruments boxes: tuned up, counts are right; uploads, errors, and triggers from outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whole_programs import (
    BELL,
    check_bell,
    check_flips,
    check_lifetime,
    check_readout,
    check_samples_decide,
    rabi_of,
    tuned_lab,
)

import qctl
from qctl.errors import DeviceError, QctlError

pytestmark = pytest.mark.full


@pytest.fixture(scope="module", params=["zurich2", "zurich2-uhf"])
def rack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a lab on an SHFQC and an HDAWG, or on an HDAWG and a UHFQA that its marker starts, after its tune-up."""
    yield from tuned_lab(tmp_path_factory.mktemp("zurich"), request.param, 3)


@pytest.fixture(scope="module")
def led(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a lab on an SHFQC that the trigger controller leads."""
    from whole_lab import WholeLab

    lab = WholeLab(tmp_path_factory.mktemp("zurich"), "zurich1", 3)
    yield lab
    lab.end()


def server_of(lab: Any) -> dict[str, int]:
    """Return what the data server has counted."""
    found: dict[str, int] = lab.hil("counters")["zds0"]
    return found


def height_v(lab: Any) -> float:
    """Return the height of a pi/2 pulse: truth is that of steps at 1.2 GSa/s, which weaken it more."""
    true, rate_hz = lab.truth["qubits"]["q0"], 2.4e9 if lab.name == "zurich2-uhf" else 2.0e9
    offset_hz = true["frequency_hz"] - 5.1e9
    return float(true["amplitude_v"] * np.sinc(offset_hz / 1.2e9) / np.sinc(offset_hz / rate_hz))


def rabi(lab: Any, turns: Any) -> Any:
    """Return a program that plays pulses of so many times a calibrated one's height."""
    return rabi_of(lab, height_v(lab), turns)


def test_bell_state_by_the_command_line(rack: Any, tmp_path: Path) -> None:
    check_bell(rack, tmp_path)


def test_qubit_is_driven_on_from_what_a_measurement_found(rack: Any) -> None:
    check_flips(rack)


def test_samples_decide_the_counts(rack: Any) -> None:
    check_samples_decide(rack)


def test_readout_is_the_true_one(rack: Any) -> None:
    check_readout(rack)


def test_sweep_is_averaged_by_the_box_and_a_repeated_run_uploads_nothing(rack: Any) -> None:
    turns = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    first = rack.client.run(rabi(rack, turns), shots=1000, averaged=True).result(60)
    iq = np.asarray(next(iter(first.iq.values())))
    assert iq.shape == (5,)
    along = ((iq - iq[0]) / (iq[2] - iq[0])).real
    # A pulse of twice the height turns not quite twice as far.
    np.testing.assert_allclose(along, [0.0, 0.5, 1.0, 0.5, 0.0], atol=0.2)
    before = server_of(rack)
    again = rack.client.run(rabi(rack, turns), shots=1000, averaged=True).result(60)
    assert sum(again.content["uploaded_bytes"].values()) == 0
    assert server_of(rack) == before


def test_changed_amplitude_uploads_the_table_only(rack: Any) -> None:
    rack.client.run(rabi(rack, [0.5, 1.0]), shots=500, averaged=True).result(60)
    before = server_of(rack)
    rack.client.run(rabi(rack, [0.5, 1.1]), shots=500, averaged=True).result(60)
    after = server_of(rack)
    assert {name: after[name] - before[name] for name in after if name != "table_bytes"} == {
        **{name: 0 for name in after if name != "table_bytes"},
        "tables": 1,
    }


def test_excitation_decays_with_the_true_lifetime(rack: Any) -> None:
    check_lifetime(rack, height_v(rack), 20e-9)


def test_results_of_several_programs_keep_their_places(rack: Any) -> None:
    check_places(rack)


def test_results_of_several_programs_of_a_led_rack_keep_their_places(led: Any) -> None:
    check_places(led)


def check_places(lab: Any) -> None:
    """Compare the results of several programs that run together with those of each alone."""
    qubits = lab.qubits

    def read_twice(names: tuple[str, ...]) -> Any:
        p = qctl.Program([f"{q}.readout" for q in names], list(names), [f"{q}_{k}" for k in (0, 1) for q in names])
        for k in (0, 1):
            for q in names:
                p.measure(q, f"{q}_{k}")
            p.barrier()
            p.delay(f"{names[0]}.readout", 2e-6)
            p.barrier()
        return p

    sets = [qubits[:1], *([qubits[1:], qubits] if len(qubits) > 1 else [qubits[:1]])]
    alone = [lab.client.run(read_twice(names), shots=400).result(60).iq for names in sets]
    together = lab.client.run([read_twice(names) for names in sets], shots=400).result(60).iq
    for one, other in zip(alone, together, strict=True):
        assert set(one) == set(other)
        for slot, values in one.items():
            # Noise and thermal population move a mean of 400 shots by 0.3 mV; the qubits' points are 10 mV apart.
            assert abs(np.mean(values) - np.mean(other[slot])) < 2e-3, slot


def test_lost_lock_stops_a_run_by_name(rack: Any) -> None:
    rack.fault("unlocked", "hd0")
    try:
        rack.until(lambda: not rack.client.instruments["hd0"].call("locked"), "the lock is lost")
        with pytest.raises(QctlError, match=r"(qc0|hd0) is not locked to its external reference"):
            rack.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60)
    finally:
        rack.clear()
    rack.until(lambda: rack.client.instruments["hd0"].call("locked"), "the lock is back")
    rack.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60)


def test_without_the_marker_s_cable_the_readout_is_never_started(tmp_path: Path) -> None:
    from whole_lab import WholeLab

    def miswired(text: str) -> str:
        assert "line.1 = { width_s" in text and 'source = "hd0", line = 1' in text
        text = text.replace("line.1 = { width_s", "line.3 = { width_s")
        return text.replace('source = "hd0", line = 1', 'source = "hd0", line = 3')

    lab = WholeLab(tmp_path, "zurich2-uhf", 3, edit=miswired)
    try:
        p = qctl.Program(["q0.readout"], ["q0"], ["q0"])
        p.measure("q0", "q0")
        # lab.toml has another line than the cable: the marker that goes up reaches nobody.
        with pytest.raises(QctlError, match="uh0"):
            lab.client.run(p, shots=20).result(120)
    finally:
        lab.end()


def test_data_server_that_dies_is_an_error_by_name_and_comes_back(rack: Any) -> None:
    rack.kill("zds0")
    with pytest.raises(DeviceError, match=r"(qc0|hd0|uh0)"):
        rack.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60)
    rack.all_up()
    counts = rack.client.run(qctl.Circuit.from_qasm(BELL), shots=500).result(60).counts
    assert counts.get("00", 0) + counts.get("11", 0) > 440


def test_shots_that_a_trigger_controller_leads_are_those_of_their_points(led: Any) -> None:
    for averaged in (True, False):
        found = led.client.run(rabi(led, [0.0, 1.0, 2.0, 4.0]), shots=600, averaged=averaged).result(60)
        iq = np.asarray(next(iter(found.iq.values())))
        assert iq.shape == ((4,) if averaged else (600, 4))
        mean = iq if averaged else iq.mean(axis=0)
        along = ((mean - mean[0]) / (mean[2] - mean[0])).real
        np.testing.assert_allclose(along, [0.0, 0.5, 1.0, 0.0], atol=0.2)


def test_led_rack_repeats_without_uploads(led: Any) -> None:
    led.client.run(rabi(led, [0.5, 1.5]), shots=100, averaged=True).result(60)
    before = server_of(led)
    led.client.run(rabi(led, [0.5, 1.5]), shots=100, averaged=True).result(60)
    assert server_of(led) == before


def test_led_rack_goes_on_after_a_cancelled_run(led: Any) -> None:
    slow = rabi(led, np.linspace(0.0, 2.0, 200))
    job = led.client.run(slow, shots=20_000, averaged=True)
    led.until(lambda: job.state == "playing", "the job plays")
    job.cancel()
    with pytest.raises(QctlError):
        job.result(60)
    led.client.run(rabi(led, [0.5, 1.5]), shots=100, averaged=True).result(60)


@pytest.mark.parametrize("name", ["mixed1", "mixed1-qblox"])
def test_analyser_and_a_generator_of_another_maker_play_one_run(tmp_path: Path, name: str) -> None:
    from whole_lab import WholeLab

    lab = WholeLab(tmp_path, name, 3)
    try:
        true = lab.truth["qubits"]["q0"]
        p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
        with p.sweep("amp", true["amplitude_v"] * np.array([0.0, 1.0, 2.0]), "V") as amp:
            p.set_frequency("q0.drive", true["frequency_hz"])
            p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
            p.barrier()
            p.measure("q0", "q0")
        for averaged in (True, False):
            found = lab.client.run(p, shots=500, averaged=averaged).result(60)
            iq = np.asarray(next(iter(found.iq.values())))
            assert iq.shape == ((3,) if averaged else (500, 3))
            mean = iq if averaged else iq.mean(axis=0)
            np.testing.assert_allclose(((mean - mean[0]) / (mean[2] - mean[0])).real, [0.0, 0.5, 1.0], atol=0.15)
        again = lab.client.run(p, shots=500).result(60)
        assert sum(again.content["uploaded_bytes"].values()) == 0
    finally:
        lab.end()
