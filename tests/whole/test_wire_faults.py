"""What happens on the wire never makes a wrong result: a run under a fault fails by name or is right."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from probe import long_sweep, probed, same

from qctl.errors import DeviceError, ScheduleError

BOXES = ("awg0", "dig0", "lo_readout", "trig0")
FAULTS = ("delay", "drop", "cut", "corrupt", "wrong_reply", "power_cycle", "silence")
SCENARIOS = [(fault, BOXES[k % 4]) for k, fault in enumerate(FAULTS)]
if os.environ.get("QCTL_ALL_FAULTS"):
    SCENARIOS = [(fault, box) for fault in FAULTS for box in (*BOXES, "dc0", "awg1", "lo_drive")]


@pytest.fixture(scope="module")
def before(small: Any) -> np.ndarray:
    """Return the probe of the untouched lab."""
    return probed(small)


@pytest.mark.parametrize(("fault", "box"), SCENARIOS)
def test_run_is_right_or_fails_by_name(small: Any, before: np.ndarray, fault: str, box: str) -> None:
    small.fault(fault, box, "0.1" if fault == "delay" else "")
    try:
        found = probed(small)
    except (DeviceError, ScheduleError) as error:  # ScheduleError: what it said about its reference made no sense
        assert box in error.message, error.message
        assert error.details["instrument"] == box
        outcome = f"failed: {error.message}"
    else:
        assert same(before, found), f"a wrong result under {fault} of {box}"
        outcome = "right"
    print(f"{fault} of {box}: {outcome}")
    small.clear()
    small.all_up()
    try:
        found = probed(small)
    except DeviceError as error:  # A reply that was late when the fault was cleared may still cost one link.
        assert box in error.message
        small.all_up()
        found = probed(small)
    assert same(before, found), "the next run is not as before"


def test_killed_host_is_started_again_and_outputs_are_as_before(small: Any, before: np.ndarray, tmp_path: Path) -> None:
    job = small.client.run(long_sweep(tmp_path).read_bytes(), shots=100)
    for event in small.client.events(f"progress.{job.id}", timeout_s=20):
        if event.body["batch_points"] > 5:
            break
    os.kill(small.host(), signal.SIGKILL)
    with pytest.raises(DeviceError, match="awg0") as caught:
        job.result(30)
    assert "dig0" in caught.value.details["instruments"]
    assert small.client.ping() < 1.0
    small.all_up()
    assert same(before, probed(small)), "the next run is not as before"
