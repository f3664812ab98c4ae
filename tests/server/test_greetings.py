"""Signs of life that are asked for while a run is compiled: each counts once, while it is fresh, in its own session."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from qctl.errors import DeviceError
from qctl.lab import load_lab
from qctl.server import greetings
from qctl.server.greetings import Greetings
from qctl.server.instrument import InstrumentThread

LAB = load_lab(Path(__file__).parents[1] / "support" / "transmon5.toml")


class Box:
    """A device that counts how often it is asked who it is."""

    def __init__(self) -> None:
        self.n_asked = -1  # opening asks once
        self.silent = False

    def identify(self) -> str:
        self.n_asked += 1
        if self.silent:
            raise DeviceError("dig0 is silent")
        return "box"

    def safe(self) -> None:
        return None

    def close(self) -> None:
        return None


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def thread(box: Box) -> Any:
    found = InstrumentThread(LAB.instrument("dig0"), lambda: box, lambda *_: None)  # type: ignore[arg-type]
    assert found.tried.wait(20)
    yield found
    found.close()
    found.join(20)


def sign(asked: Greetings, thread: InstrumentThread) -> DeviceError | None:
    """Wait for a sign of life; return what was wrong with it."""
    call = asked.of(thread)
    assert call.wait(20)
    return call.error  # type: ignore[return-value]


def test_sign_of_life_that_was_asked_for_ahead_counts_once(box: Box, thread: InstrumentThread) -> None:
    asked = Greetings()
    asked.ask([thread])
    assert sign(asked, thread) is None
    assert box.n_asked == 1
    assert sign(asked, thread) is None
    assert box.n_asked == 2


def test_old_sign_of_life_is_asked_for_again(
    box: Box, thread: InstrumentThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Greetings()
    asked.ask([thread])
    monkeypatch.setattr(greetings, "_FRESH_S", 0.0)
    assert sign(asked, thread) is None
    assert box.n_asked == 2


def test_silence_that_was_met_ahead_is_told_as_it_was(box: Box, thread: InstrumentThread) -> None:
    asked = Greetings()
    box.silent = True
    asked.ask([thread])
    error = sign(asked, thread)
    assert error is not None
    assert error.message == "dig0 is silent"


def test_link_that_was_opened_anew_is_asked_again(box: Box, thread: InstrumentThread) -> None:
    asked = Greetings()
    asked.ask([thread])
    n_opened = thread.n_opened
    box.silent = True
    thread.submit(lambda _: box.identify()).wait(20)
    box.silent = False
    until_s = time.monotonic() + 20
    while thread.n_opened == n_opened:
        thread.reconnect()
        assert time.monotonic() < until_s
    before = box.n_asked
    assert sign(asked, thread) is None
    assert box.n_asked > before
