"""How a batch is played: who is told of each point, and who is asked whether it got to the last one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qctl.errors import DeviceError


def played(lab: Any, name: str, **wish: Any) -> list[str]:
    """Run a program, and return what a fake instrument was told meanwhile, but for settings."""
    box = lab.instruments[name]
    before = len(box.call("history"))
    lab.run(json.dumps(wish), shots=10).result(20)
    return [call for call in box.call("history")[before:] if not call.startswith(("get", "set"))]


def test_player_is_told_of_each_point(lab: Any) -> None:
    assert played(lab, "awg0", n_points=3) == ["load", "start", "select 0", "select 1", "select 2", "stop"]
    assert played(lab, "awg1", n_points=3) == ["load", "start", "stop"]


@pytest.mark.parametrize("n_points", [2, 5])
def test_player_that_advances_by_itself_is_only_asked_before_the_last_point(lab: Any, n_points: int) -> None:
    assert played(lab, "awg0", n_points=n_points, event=True) == ["load", "start", f"check {n_points - 1}", "stop"]
    assert played(lab, "awg0", n_points=1, event=True) == ["load", "start", "stop"]


def test_player_that_did_not_get_to_the_last_point_spoils_the_run(lab: Any) -> None:
    lab.instruments["awg0"].call("break_at", "error", "check")
    with pytest.raises(DeviceError, match="awg0 is on fire") as caught:
        lab.run(json.dumps({"n_points": 4, "event": True}), shots=10).result(20)
    assert caught.value.details["instrument"] == "awg0"


@pytest.mark.parametrize("event", [False, True])
def test_point_that_was_read_too_early_is_selected_and_played_again(lab: Any, event: bool) -> None:
    wish = {"n_points": 4, "event": event, "early_at": 2, "n_early": 2}
    calls = played(lab, "awg0", **wish)
    told = ["select 1", "select 1", "check 3"] if event else [f"select {k}" for k in (0, 1, 2, 1, 2, 1, 2, 3)]
    assert calls == ["load", "start", *told, "stop"]
    assert played(lab, "trig0", **wish).count("fire") == 6
    assert [call for call in played(lab, "dig0", **wish) if call == "read"] == ["read"] * 6


def test_recorder_that_never_is_complete_in_time_spoils_the_run(lab: Any) -> None:
    with pytest.raises(DeviceError, match="dig0: point 1 was played 4 times and its records never complete"):
        lab.run(json.dumps({"n_points": 4, "early_at": 2, "n_early": 9}), shots=10).result(20)


@pytest.mark.parametrize("program", [{}, {"n_points": 4}])
def test_generator_that_does_not_stop_spoils_the_run(lab: Any, program: dict[str, Any]) -> None:
    lab.instruments["awg0"].call("break_at", "error", "stop")
    with pytest.raises(DeviceError, match="awg0 is on fire"):
        lab.run(json.dumps(program), shots=10).result(20)


def test_generators_are_stopped_after_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading
    from pathlib import Path
    from types import SimpleNamespace

    from qctl.server import conductor
    from qctl.server.ring import Ring

    stopped: list[Any] = []
    lists: dict[str, list[Any]] = {name: [] for name in ("recorders", "triggers", "self_timed", "following", "loads")}
    rack = SimpleNamespace(players=["awg0"], part=lambda: 1 / 0, **lists)
    monkeypatch.setattr(conductor, "Rack", lambda *_: rack)
    monkeypatch.setattr(conductor, "_stop_all", lambda threads: stopped.extend(threads))
    with pytest.raises(ZeroDivisionError):
        conductor.play(None, {}, {}, None, Path(), threading.Event(), Ring(conductor.STAGES), lambda *_: None)  # type: ignore[arg-type]
    assert stopped == ["awg0"]
