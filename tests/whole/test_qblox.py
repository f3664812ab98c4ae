"""A lab on one emulated Qblox cluster: tuned up, its counts are right; uploads, cancels, errors as on other racks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whole_programs import BELL, check_bell, check_flips, check_frequencies, tuned_lab

import qctl
from qctl.errors import DeviceError, JobCancelledError


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a lab on a Qblox cluster after its tune-up."""
    yield from tuned_lab(tmp_path_factory.mktemp("qblox"), "qblox2", 3)


def test_bell_state_by_the_command_line(cluster: Any, tmp_path: Path) -> None:
    check_bell(cluster, tmp_path)


def test_qubit_is_driven_on_from_what_a_measurement_found(cluster: Any) -> None:
    check_flips(cluster)


def test_tune_up_found_the_truth(cluster: Any) -> None:
    check_frequencies(cluster)


def rabi(amplitudes: Any) -> Any:
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", np.asarray(amplitudes), "V") as amp:
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    return p


def test_sweep_is_averaged_by_the_box_and_a_repeated_run_uploads_nothing(cluster: Any) -> None:
    true_v = cluster.truth["qubits"]["q0"]["amplitude_v"]
    amplitudes = true_v * np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    first = cluster.client.run(rabi(amplitudes), shots=1000, averaged=True).result(60)
    iq = np.asarray(next(iter(first.iq.values())))
    assert iq.shape == (5,)
    along = ((iq - iq[0]) / (iq[2] - iq[0])).real
    np.testing.assert_allclose(
        along, [0.0, 0.5, 1.0, 0.5, 0.0], atol=0.2
    )  # a pulse of twice the height turns not quite twice as far
    again = cluster.client.run(rabi(amplitudes), shots=1000, averaged=True).result(60)
    assert sum(again.content["uploaded_bytes"].values()) == 0
    changed = cluster.client.run(rabi(amplitudes * 0.9), shots=1000, averaged=True).result(60)
    assert sum(changed.content["uploaded_bytes"].values()) == 0  # amplitudes are gains: the program alone is new


def test_single_shots_of_a_sweep_are_counted(cluster: Any) -> None:
    true_v = cluster.truth["qubits"]["q0"]["amplitude_v"]
    result = cluster.client.run(rabi([0.0, 2 * true_v]), shots=500).result(60)
    ground, excited = result.counts
    assert ground.get("1", 0) < 30 and excited.get("1", 0) > 450


def test_running_job_is_cancelled_and_the_next_one_plays(cluster: Any) -> None:
    slow = rabi(np.linspace(0.0, 0.2, 400))
    job = cluster.client.run(slow, shots=20_000)
    cluster.until(lambda: job.state == "playing", "the job plays")
    began_s = time.monotonic()
    job.cancel()
    with pytest.raises(JobCancelledError):
        job.result(60)
    assert time.monotonic() - began_s < 30
    assert sum(cluster.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60).counts.values()) == 100


def test_lost_lock_stops_a_run_by_name(cluster: Any) -> None:
    cluster.fault("unlocked", "cluster0")
    try:
        cluster.until(lambda: not cluster.client.instruments["cluster0"].call("locked"), "the lock is lost")
        with pytest.raises(qctl.errors.QctlError, match="cluster0 is not locked to its external reference"):
            cluster.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60)
    finally:
        cluster.clear()
    cluster.until(lambda: cluster.client.instruments["cluster0"].call("locked"), "the lock is back")
    cluster.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60)


def test_cluster_that_dies_is_an_error_of_its_own_and_comes_back(cluster: Any) -> None:
    cluster.kill("cluster0")
    with pytest.raises(DeviceError):
        cluster.client.run(qctl.Circuit.from_qasm(BELL), shots=100).result(60)
    cluster.all_up()
    counts = cluster.client.run(qctl.Circuit.from_qasm(BELL), shots=500).result(60).counts
    assert counts.get("00", 0) + counts.get("11", 0) > 440
