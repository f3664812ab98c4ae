"""Sweep points that the generators advance to by events: what happens when cables fail, and after a stop."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

import qctl
from qctl.errors import DeviceError, JobCancelledError

N_POINTS = 7


def sweep(n_points: int = N_POINTS) -> Any:
    """Return a program that sweeps a readout tone's amplitude and a drive pulse, on two generators."""
    p = qctl.Program(ports=["q0.drive", "q0.readout"])
    with p.sweep("amp", np.linspace(0.02, 0.08, n_points)) as amp:
        p.play("q0.drive", qctl.gaussian(40e-9, amp=amp))
        p.barrier("q0.drive", "q0.readout")
        p.play("q0.readout", qctl.constant(1e-6, amp))
        p.capture("q0.readout", qctl.constant(1e-6, 1.0), into="m")
    return p


def heights(lab: Any, n_points: int = N_POINTS) -> Any:
    """Return how strong the readout tone came back at each point."""
    found = lab.client.run(sweep(n_points), shots=200, averaged=True).result(60)
    (iq,) = found.iq.values()
    return np.abs(np.asarray(iq)).reshape(n_points)


def test_each_point_is_played_in_its_turn(small: Any) -> None:
    found = heights(small)
    assert np.polyfit(np.linspace(0.02, 0.08, N_POINTS), found, 1)[0] > 0
    played = np.linspace(0.25, 1, N_POINTS)
    np.testing.assert_allclose(found / (found @ played / (played @ played)), played, atol=0.05)  # least squares


@pytest.mark.parametrize("box", ["awg0", "awg1"])
def test_event_cable_that_is_off_is_an_error_that_names_the_generator(small: Any, box: str) -> None:
    small.fault("lost_event", box)
    with pytest.raises(DeviceError, match=f"{box} is at sequence element 1, not at {N_POINTS}") as caught:
        heights(small)
    assert caught.value.details["instrument"] == box
    small.clear()
    test_each_point_is_played_in_its_turn(small)


def test_stopped_sweep_begins_again_at_the_first_point(small: Any) -> None:
    job = small.client.run(sweep(2000), shots=2000, averaged=True)
    for event in small.client.events(f"progress.{job.id}", timeout_s=60):
        if event.body["batch_points"] > 2:
            break
    job.cancel()
    with pytest.raises(JobCancelledError):
        job.result(60)
    test_each_point_is_played_in_its_turn(small)


def test_generator_that_was_off_and_on_plays_each_point_again(small: Any) -> None:
    heights(small)
    small.fault("power_cycle", "awg0", "0.1")
    with contextlib.suppress(DeviceError):
        heights(small)
    small.clear()
    small.all_up()
    test_each_point_is_played_in_its_turn(small)
