"""Ramps that the host times: never steeper than the slew, turned round at once, ended by what goes wrong."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from qctl.errors import DeviceError, RefusedError
from qctl.instruments.ramps import Ramps


class Outputs:
    """What outputs show, and by the clock of the ramps when; each step looks at it right before."""

    def __init__(self) -> None:
        self.shown: dict[int, list[tuple[float, float]]] = {}
        self.told = threading.Event()
        self._now_s = 0.0

    def now_s(self) -> float:
        """Return the time, and keep it."""
        self._now_s = time.monotonic()
        return self._now_s

    def show(self, output: int, value: float) -> None:
        """Take a value."""
        self.shown.setdefault(output, []).append((self._now_s, value))
        self.told.set()

    def values(self, output: int) -> np.ndarray:
        """Return all values of an output, and when they came."""
        return np.array(self.shown[output])


@pytest.fixture
def outputs() -> Outputs:
    return Outputs()


def test_ramp_is_never_steeper_than_its_slew_and_ends_where_it_should(outputs: Outputs) -> None:
    ramps = Ramps("dc", outputs.show, outputs.now_s)
    ramps.go(1, 0.0, 0.5, 2.0)
    ramps.go(2, 0.0, -0.2, 1.0)
    ramps.arrive()
    for output, end, slew in ((1, 0.5, 2.0), (2, -0.2, 1.0)):
        rows = outputs.values(output)
        assert rows[-1, 1] == end and ramps.where(output) is None
        steps = np.abs(np.diff(rows[:, 1]))
        assert (steps <= slew * np.diff(rows[:, 0]) * (1 + 1e-9)).all()
        assert steps.max() <= slew * 0.05 * (1 + 1e-9) and abs(rows[0, 1]) <= slew * 0.05


def test_small_step_is_made_at_once_and_alone(outputs: Outputs) -> None:
    ramps = Ramps("dc", outputs.show)
    ramps.go(1, 0.0, 0.01, 1.0)
    assert outputs.values(1)[:, 1].tolist() == [0.01] and ramps.where(1) is None


def test_repeated_small_steps_are_no_way_round_the_slew(outputs: Outputs) -> None:
    clock = [0.0]
    ramps = Ramps("dc", outputs.show, lambda: clock[0])
    ramps.go(1, 0.0, 0.01, 1.0)
    ramps.go(1, 0.01, 0.02, 1.0)
    assert outputs.values(1)[:, 1].tolist() == [0.01]
    ramps.stop()
    clock[0] = 0.004
    ramps.go(1, 0.01, 0.02, 1.0)
    assert outputs.values(1)[-1, 1] == pytest.approx(0.014)
    ramps.stop()


def test_long_absence_makes_no_long_step(outputs: Outputs) -> None:
    clock = [0.0]
    ramps = Ramps("dc", outputs.show, lambda: clock[0])
    ramps.go(1, 0.0, 1.0, 1.0)
    clock[0] = 100.0
    while len(outputs.shown[1]) < 2:
        time.sleep(1e-3)
    ramps.stop()
    assert outputs.values(1)[1, 1] == pytest.approx(0.01 + 0.05)


def test_output_that_is_turned_round_goes_back_from_where_it_is(outputs: Outputs) -> None:
    ramps = Ramps("dc", outputs.show)
    ramps.go(1, 0.0, 10.0, 1.0)
    while len(outputs.shown[1]) < 4:
        time.sleep(1e-3)
    ramps.go(1, 123.0, 0.0, 1.0)
    ramps.arrive()
    values = outputs.values(1)[:, 1]
    top = values.argmax()
    assert values.max() < 1.0 and (np.diff(values[top:]) < 0).all() and values[-1] == 0.0


def test_stop_leaves_outputs_where_they_are(outputs: Outputs) -> None:
    ramps = Ramps("dc", outputs.show)
    ramps.go(1, 0.0, 10.0, 1.0)
    ramps.stop()
    n_shown = len(outputs.shown[1])
    outputs.told.clear()
    assert not outputs.told.wait(0.05) and len(outputs.shown[1]) == n_shown


@pytest.mark.parametrize(("kind", "others_go_on"), [(DeviceError, False), (RefusedError, True)])
def test_what_goes_wrong_is_raised_once_where_somebody_looks(kind: Any, others_go_on: bool) -> None:
    shown: list[tuple[int, float]] = []

    def show(output: int, value: float) -> None:
        if output == 1 and value > 0.03:
            raise kind("dc: output 1")
        shown.append((output, value))

    ramps = Ramps("dc", show)
    ramps.go(1, 0.0, 1.0, 1.0)
    ramps.go(2, 0.0, 0.2, 1.0)
    with pytest.raises(kind, match="output 1"):
        ramps.arrive()
    ramps.check()
    assert (dict(shown)[2] == 0.2) is others_go_on
