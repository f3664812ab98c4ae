"""Interlocks: a reading outside its bounds, or none, refuses a run by name; clocks are asked roots first."""

from __future__ import annotations

from typing import Any

import pytest
from built_in_lab import lab_of

from qctl import wire
from qctl.errors import DeviceError, ScheduleError
from qctl.lab import Lab
from qctl.server import rounds
from qctl.server.rounds import Interlocks, clocks_by_group


@pytest.fixture(scope="module")
def mixed() -> Lab:
    return lab_of("open-architecture")


class Links:
    """Answers with one reading, or does not."""

    def __init__(self, value: Any) -> None:
        self.value, self.asked = value, 0

    def ask(self, group: str, request: Any) -> Any:
        assert (group, request.instrument, request.parameter) == ("fridge", "fridge", "tmixing_k")
        self.asked += 1
        if isinstance(self.value, Exception):
            raise self.value
        return wire.Reading(self.value, 0.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.051, r"interlock mxc: fridge tmixing_k = 0.051 K is above 0.05 K: no run may play"),
        (None, r"interlock mxc: fridge tmixing_k has no reading \(None\)"),
        (float("nan"), r"tmixing_k has no reading \(nan\)"),
        (True, r"tmixing_k has no reading \(True\)"),
        (DeviceError("fridge is reconnecting"), r"interlock mxc: fridge does not tell tmixing_k: fridge is reconn"),
    ],
)
def test_reading_outside_its_bounds_is_refused_by_name(mixed: Lab, value: Any, words: str) -> None:
    interlocks = Interlocks(mixed, Links(value))  # type: ignore[arg-type]
    with pytest.raises(ScheduleError, match=words) as caught:
        interlocks.check()
    assert caught.value.details["interlock"] == "mxc" and caught.value.details["instrument"] == "fridge"


def test_reading_at_its_bound_passes_and_is_asked_once_a_second(mixed: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(rounds.time, "monotonic", lambda: now_s[0])
    links = Links(0.05)
    interlocks = Interlocks(mixed, links)  # type: ignore[arg-type]
    interlocks.check()
    assert interlocks.tripped() is None and links.asked == 1
    now_s[0], links.value = 101.1, 0.06
    problem = interlocks.tripped()
    assert isinstance(problem, ScheduleError) and links.asked == 2
    assert (problem.details["value"], problem.details["bound"], problem.details["unit"]) == (0.06, 0.05, "K")


def test_sources_of_clocks_are_asked_before_what_follows_them(mixed: Lab) -> None:
    (names,) = clocks_by_group(mixed, "qpu0").values()
    assert set(names) == {"trig0", "cluster0", "qcm0", "awg0", "qa0", "lo_drive"}
    assert names.index("cluster0") < names.index("qcm0") and "dc0" not in names
