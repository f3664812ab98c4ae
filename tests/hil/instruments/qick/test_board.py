"""A board that is stopped: what is worked out by then never plays, and the next program does."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qctl.cext import tproc_core
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.qick import board as module
from qctl.hil.instruments.qick.board import QickBoard
from qctl.hil.instruments.qick.shots import READ
from qctl.hil.instruments.qick.steering import play_steered


class Prepared:
    """A run that counts what plays; it is ready when `ready` is set."""

    def __init__(self) -> None:
        self.ready, self.played, self.stopped = threading.Event(), 0, False
        self.done = SimpleNamespace(n_late=0, n_shots=1, memory=0)
        self.sums: dict[int, Any] = {}
        self.traces: dict[int, Any] = {}

    async def play(self, plant: Any) -> None:
        self.played += 1


def prepared_in_turn(monkeypatch: pytest.MonkeyPatch, runs: list[Prepared]) -> None:
    left = iter(runs)

    def prepared(*_: Any) -> Prepared:
        run = next(left)
        assert run.ready.wait(10)
        return run

    monkeypatch.setattr(module, "prepared", prepared)
    monkeypatch.setattr(module, "reads", lambda run: False)


def test_a_stop_while_a_program_is_worked_out_is_at_once_and_final(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Prepared(), Prepared()
    prepared_in_turn(monkeypatch, [first, second])

    async def story() -> None:
        board = QickBoard(EmulatorConfig("qick-tproc-v1", "board0"), NoPlant())
        await board._begin()
        abandoned = board._task
        await asyncio.sleep(0)
        await asyncio.wait_for(board._halted(), 1.0)
        second.ready.set()
        await board._begin()
        assert board._task is not None
        await asyncio.wait_for(board._task, 10)
        first.ready.set()
        assert abandoned is not None
        await asyncio.wait_for(abandoned, 10)

    asyncio.run(story())
    assert (first.played, second.played) == (0, 1)


class TwoParts:
    """A run of one shot with two windows, whose program reads a sum between them."""

    def __init__(self) -> None:
        reads = np.array([[20, tproc_core.READ, 0, 0]], np.int64)
        self.done = SimpleNamespace(rows=reads)
        self.shots = SimpleNamespace(starts=np.zeros(1), stops=np.ones(1), low=[0], high=[2], models=np.zeros(1, int))
        columns = {name: np.zeros(2, np.int64) for name in ("wave", "since")}
        self.deeds = SimpleNamespace(
            tick=np.array([0, 30]), lasts=np.array([10, 10]), channel=np.full(2, READ), **columns
        )
        self.clocks = SimpleNamespace(timing_hz=1e9)
        self.memory = SimpleNamespace(config={"readouts": [{"tproc_ch": 0}]})
        self.name, self.sums, self.stopped, self.heard = "board0", {0: np.zeros((2, 2), np.int64)}, False, {}

    def kind_of(self, *_: Any) -> Any:
        return SimpleNamespace(outputs={}, integrations=[None]), {}, [], []

    def take(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize(("stops", "n_parts"), [(False, 2), (True, 1)])
def test_a_stop_between_two_parts_of_steered_shots_ends_them(stops: bool, n_parts: int) -> None:
    run, played = TwoParts(), []

    class Stopping(NoPlant):
        async def steer(self, *arguments: Any, **_: Any) -> Any:
            played.append(arguments)
            run.stopped = stops
            return len(played), np.zeros((1, 1))

    ended = asyncio.run(play_steered(run, lambda _: TwoParts(), Stopping()))  # type: ignore[arg-type, return-value]
    assert (len(played), ended.stopped) == (n_parts, stops)
