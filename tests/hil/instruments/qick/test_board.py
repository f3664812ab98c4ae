"""A board that is stopped: what is worked out by then never plays, and the next program does."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.qick import board as module
from qctl.hil.instruments.qick.board import QickBoard


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
