"""Ctrl-C of `qctl run` at each stage: outputs are safe, finished points are kept, and the next run is as before."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from probe import PROBE, long_sweep, outputs_on, probed, same, slow_to_compile

import qctl


@pytest.fixture(scope="module")
def before(small: Any) -> np.ndarray:
    """Return the probe of the untouched lab."""
    found = probed(small)
    assert same(found, probed(small))
    return found


def short(folder: Path) -> Path:
    """Write the probe as a file."""
    path = folder / "probe.qasm"
    path.write_text(PROBE)
    return path


def subscribed(lab: Any) -> tuple[Iterator[Any], int]:
    """Return events that are known to arrive, and the number of the last job before them."""
    events: Iterator[Any] = lab.client.events("job.", "progress.", timeout_s=30)
    arrived = []
    threading.Thread(target=lambda: arrived.append(next(events)), daemon=True).start()
    while not arrived:
        settled = lab.client.run(qctl.Circuit.from_qasm(PROBE), shots=10)
        settled.result(30)
    return events, settled.id


def interrupted(lab: Any, file: Path, happened: Callable[[Any], bool], shots: int = 100) -> int:
    """Start `qctl run`, press Ctrl-C when an event says so, and return the number of the job."""
    events, last = subscribed(lab)
    process = lab.begin("run", str(file), "--shots", str(shots), "--json")
    job = 0
    for event in events:
        if event.body["job"] <= last:
            continue
        job = event.body["job"]
        if happened(event):
            break
    else:
        raise AssertionError(f"the stage was not seen; job {job}")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert said.strip().splitlines() == [f"qctl run: job {job} was cancelled", "qctl run: interrupted"]
    return job


def ended(lab: Any, job: int, before: np.ndarray) -> dict[str, Any]:
    """Check the end of an interrupted job, and return its row."""
    lab.until(lambda: lab.client.job(job).state in ("cancelled", "done", "failed"), "the end of the job")
    row = lab.client.job(job).row
    assert row["state"] == "cancelled", row
    lab.until(lambda: not outputs_on(lab), "every output safe", timeout_s=20)
    lab.clear()
    lab.all_up()
    assert same(before, probed(lab)), "the next run is not as before"
    return dict(row)


def test_queued(small: Any, before: np.ndarray, tmp_path: Path) -> None:
    small.client.instruments["dc0"].set("output1_voltage_v", 0.05)
    with qctl.connect(small.address) as other:
        other.lease(["awg0"], ttl_s=30)
        last = small.client.jobs(1)[0]["id"]
        process = small.begin("run", str(short(tmp_path)), "--json")
        job = small.until(lambda: small.client.jobs(1)[0]["id"] - last, "the job is queued") + last
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        process.communicate()
        small.until(lambda: small.client.job(job).state == "cancelled", "the job is cancelled")
        small.until(lambda: not outputs_on(small), "every output safe")
    ended(small, job, before)


def test_compiling(small: Any, before: np.ndarray, tmp_path: Path) -> None:
    job = interrupted(small, slow_to_compile(tmp_path), lambda event: event.body.get("state") == "compiling")
    assert ended(small, job, before)["folder"] is None


def test_uploading(small: Any, before: np.ndarray, tmp_path: Path) -> None:
    small.fault("delay", "awg0", "0.2")
    job = interrupted(small, short(tmp_path), lambda event: event.body.get("state") == "uploading")
    ended(small, job, before)


def test_playing_keeps_finished_points_marked_partial(small: Any, before: np.ndarray, tmp_path: Path) -> None:
    file = long_sweep(tmp_path)
    job = interrupted(small, file, lambda event: event.body.get("batch_points", 0) > 20)
    ended(small, job, before)
    found = small.client.job(job).result(10, partial=True)
    assert found.partial and found.state == "cancelled"
    done = found.content["points_done"]
    values = found.iq["m"]
    assert 20 < done < values.shape[-1]
    assert np.isfinite(values[..., :done]).all() and not np.isfinite(values[..., done:]).any()
    shown = small.online("jobs", "show", str(job), "--json")
    assert '"cancelled"' in shown.stdout


def test_reading(small: Any, before: np.ndarray, tmp_path: Path) -> None:
    file = long_sweep(tmp_path, 50)
    small.fault("delay", "dig0", "0.3")
    job = interrupted(small, file, lambda event: event.body.get("batch_points", 0) >= 1)
    ended(small, job, before)
    assert small.client.job(job).result(10, partial=True).content["points_done"] >= 1
