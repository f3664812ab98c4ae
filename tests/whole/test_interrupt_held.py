"""Ctrl-C and `cancel` while an exchange is under way on the wire: a stage is held there until the cancel has come.

Proxies in front of generator and digitizer hold back what answers an upload, a fired block or a block of records, so
that the stage is hit for certain; the DC source ramps in slow motion.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from probe import long_sweep, outputs_on

from qctl.errors import LeaseError

BIAS_V, SLEW, RATE = 0.2, 0.1, 20.0
N_POINTS = 200
# stage → (where, what passes to the instrument when it is under way, points that are done before it is held)
STAGES = {
    "uploading": ("awg0", b"WLIS:WAV:DATA", 0),
    "playing": ("dig0", b":ADER?", 3),
    "reading": ("dig0", b":WAV:DATA?", 3),
}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a small lab in slow motion, with a proxy in front of generator and digitizer."""
    from whole_lab import WholeLab
    from wire_proxy import through_proxy

    proxies: dict[str, Any] = {}

    def edit(text: str) -> str:
        for name in ("awg0", "dig0"):
            text, proxies[name] = through_proxy(text, name)
        return text

    lab = WholeLab(tmp_path_factory.mktemp("held"), "transmon2", 3, rate=RATE, timeout_s=4.0, edit=edit)
    lab.proxies = proxies  # type: ignore[attr-defined]
    lab.client.write_snapshot("qpu0", {"qubits": {"q0": {"flux": {"offset_v": BIAS_V}}}}, "runs set a bias")
    try:
        yield lab
    finally:
        lab.end()
        for proxy in proxies.values():
            proxy.close()


def fresh(folder: Path, stage: str, way: str) -> Path:
    """Write a sweep that no run before has uploaded."""
    unlike = sorted(STAGES).index(stage) * 2 + (way == "ctrl-c")
    return long_sweep(folder, N_POINTS + 10 * unlike)


@pytest.mark.parametrize("way", ["ctrl-c", "cancel"])
@pytest.mark.parametrize("stage", STAGES)
def test_cancel_in_the_middle_of_an_exchange(held: Any, tmp_path: Path, stage: str, way: str) -> None:
    box, pattern, n_before = STAGES[stage]
    source = held.client.instruments["dc0"]
    file = fresh(tmp_path, stage, way)
    hold = None if n_before else held.proxies[box].hold(pattern)
    last = held.client.jobs(1)[0]["id"] if held.client.jobs(1) else 0
    if way == "ctrl-c":
        process = held.begin("run", str(file), "--shots", "50", "--json")
        number = held.until(lambda: (held.client.jobs(1) or [{"id": last}])[0]["id"] - last, "a job") + last
        job = held.client.job(number)
    else:
        job = held.client.run(file.read_bytes(), shots=50)
    if hold is None:
        for event in held.client.events(f"progress.{job.id}", timeout_s=30):
            if event.body["batch_points"] >= n_before:
                break
        hold = held.proxies[box].hold(pattern)
    assert hold.seen.wait(20), f"{stage} was not seen on the wire"
    assert job.state == ("uploading" if stage == "uploading" else job.state)
    with pytest.raises(LeaseError, match="dc0 is set for run"):
        source.set("output1_voltage_v", 0.0)
    assert source.get("output1_present_v") == pytest.approx(BIAS_V, abs=1e-3)
    if way == "ctrl-c":
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        process.communicate()
    else:
        job.cancel()
    hold.release()
    held.until(lambda: job.state in ("cancelled", "done", "failed"), "the end of the job")
    assert job.state == "cancelled", job.row
    levels = []
    held.until(lambda: levels.append(source.get("output1_present_v")) or levels[-1] < 1e-4, "a DC output that is safe")
    assert not outputs_on(held)
    if stage != "uploading":
        found = job.result(10, partial=True)
        done = found.content["points_done"]
        assert found.partial and n_before <= done < N_POINTS
        values = found.iq["m"]
        assert np.isfinite(values[..., :done]).all() and not np.isfinite(values[..., done:]).any()
        assert values.shape[0] in (50, values.shape[-1])
    print(f"{way} while {stage}: {len(levels)} levels on the way down, from {levels[0]:.3f} V")
    held.all_up()
    again = held.client.run(long_sweep(tmp_path, 3).read_bytes(), shots=20).result(20)
    assert not again.partial
