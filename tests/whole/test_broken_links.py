"""Instruments that die or answer late: the error names them, others go on, and they come back."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from probe import long_sweep, probed, same

import qctl
from qctl.errors import DeviceError, ScheduleError


@pytest.fixture(scope="module")
def before(small: Any) -> np.ndarray:
    """Return the probe of the untouched lab."""
    return probed(small)


@pytest.mark.parametrize("name", ["awg0", "dig0", "trig0", "lo_drive"])
def test_instrument_killed_in_a_run_is_named_and_comes_back(
    small: Any, before: np.ndarray, tmp_path: Path, name: str
) -> None:
    events = small.client.events(f"link.{name}", timeout_s=20)
    job = small.client.run(long_sweep(tmp_path).read_bytes(), shots=100)
    for event in small.client.events(f"progress.{job.id}", timeout_s=20):
        if event.body["batch_points"] > 5:
            break
    begin = time.monotonic()
    small.kill(name)
    with pytest.raises(DeviceError, match=rf"\b{name}\b") as caught:
        job.result(30)
    assert time.monotonic() - begin < small.client.description.instrument(name).timeout_s + 2
    assert caught.value.details["instrument"] == name
    for other in ("lo_readout", "dc0"):
        assert small.client.instruments[other].get("identity")
    for event in events:
        if event.body["state"] == "up":
            break
    small.all_up()
    kept = job.result(10, partial=True)
    assert kept.partial and kept.content["points_done"] > 5
    assert same(before, probed(small)), "the next run is not as before"


def test_late_reply_is_never_paired_with_a_new_question(small: Any) -> None:
    source = small.client.instruments["lo_drive"]
    wanted = {name: source.get(name) for name in ("frequency_hz", "power_dbm")}
    lost = small.row("lo_drive")["n_lost"]
    small.fault("late_reply", "lo_drive", "2.0")
    with suppress(DeviceError):  # it may be the reply to a sign of life: then this is not even sent
        source.get("frequency_hz")
    small.until(lambda: small.row("lo_drive")["n_lost"] > lost, "the late reply is missed")
    assert "no answer in time" in small.row("lo_drive")["last_error"]
    small.clear()
    small.until(lambda: small.link("lo_drive") == "up", "lo_drive is up again")
    end_s = time.monotonic() + 2.5
    while time.monotonic() < end_s:
        assert {name: source.get(name) for name in wanted} == wanted


def test_hanging_instrument_keeps_no_other_waiting(small: Any) -> None:
    small.fault("silence", "lo_drive")
    with qctl.connect(small.address) as other:
        begin = time.monotonic()
        for name in ("lo_readout", "dc0", "awg0"):
            assert other.instruments[name].get("identity")
        assert time.monotonic() - begin < 1.0
    with pytest.raises(DeviceError, match="lo_drive"):
        small.client.instruments["lo_drive"].get("power_dbm")
    small.until(lambda: small.link("lo_drive") != "up", "the loss is noticed")


def test_unlocked_reference_refuses_runs_by_name(small: Any, before: np.ndarray) -> None:
    small.fault("unlocked", "awg0")
    with pytest.raises(ScheduleError, match=re.escape("awg0 is not locked")):
        probed(small)
    small.clear()
    assert same(before, probed(small))
