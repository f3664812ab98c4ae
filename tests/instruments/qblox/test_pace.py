"""A sequencer's core that would fall behind is refused; the reckoning with its queue is that of a slow twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import qctl
from qctl.errors import TimingError
from qctl.instruments.capability import Capability
from qctl.instruments.checker import Pulses, check_pace
from qctl.instruments.qblox.capabilities import TABLES
from qctl.lab import load_lab

LAB = load_lab(Path(__file__).parents[3] / "docs" / "examples" / "qblox2.toml")


def train(n: int, length_s: float, wait_s: float = 0.0) -> qctl.Program:
    """Return so many pulses of other amplitudes and phases, and a wait before the last ten."""
    rng = np.random.default_rng(2)
    p = qctl.Program(["q0.drive"])
    for k in range(n):
        if wait_s and k == n - 10:
            p.delay("q0.drive", wait_s)
        p.shift_phase("q0.drive", float(rng.uniform(0, 6)))
        p.play("q0.drive", qctl.constant(length_s, float(rng.uniform(0.1, 0.5))))
    return p


def late(n: int, length_s: float, wait_s: float = 0.0) -> bool:
    """Say whether a train is refused as too fast."""
    try:
        qctl.compile(train(n, length_s, wait_s), LAB, shots=2)
    except TimingError as error:
        assert "pulse" in error.message and "q0.drive, qcm0" in error.message and "leave more time" in error.message
        return True
    return False


def test_pulses_that_cost_more_than_they_last_are_taken_as_a_burst_alone() -> None:
    # Three instructions of 4 ns for each pulse.
    assert not late(500, 12e-9)
    assert late(500, 8e-9)
    assert not late(10, 4e-9)
    assert late(60, 4e-9)


def test_a_wait_fills_the_queue_and_no_more() -> None:
    assert not late(20, 4e-9, wait_s=1e-6)
    assert late(120, 4e-9, wait_s=1e-3)


def _slow(costs: list[float], start: list[int], entries: list[int], depth: int) -> list[float]:
    """Return when each pulse is written, one after the other."""
    made: list[float] = []
    for k, cost in enumerate(costs):
        gone = [j for j in range(k + 1) if sum(entries[j + 1 : k + 1]) >= depth]
        room = start[max(gone)] if gone else -np.inf
        made.append(max(made[-1] if made else -np.inf, room) + cost)
    return made


def first_late(can: Capability, start: np.ndarray, extra: np.ndarray, depth: int) -> int:
    """Return the first pulse that is refused, or -1."""
    seen = []

    def label(k: int) -> str:
        seen.append(k)
        return f"pulse {k}"

    pulses = Pulses("output", start, np.zeros(len(start), np.int64), label=label)
    try:
        check_pace(can, pulses, 4.0, extra, (depth, 1 + extra))
    except TimingError:
        return seen[0]
    return -1


@pytest.mark.parametrize("seed", range(30))
def test_queue_is_reckoned_as_a_slow_twin_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, depth = int(rng.integers(1, 60)), int(rng.integers(1, 12))
    start = np.cumsum(rng.integers(4, 17, n)) + np.cumsum(rng.random(n) < 0.05) * 500
    extra = rng.integers(0, 4, n)
    made = _slow([4.0 * (1 + int(x)) for x in extra], start.tolist(), (1 + extra).tolist(), depth)
    wanted = next((k for k, done in enumerate(made) if done > start[k]), -1)
    assert first_late(TABLES["qblox-qcm"], start, extra, depth) == wanted
