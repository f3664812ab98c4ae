"""The calls of one instrument: how long each may take, and that each ends once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from qctl.errors import DeviceTimeoutError
from qctl.server.instrument import Call, InstrumentThread, LinkState

TIMEOUT_S = 2.0


class Device:
    """A device that has nothing to say."""

    def identify(self) -> str:
        return "nobody"

    def safe(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def thread() -> Iterator[InstrumentThread]:
    instrument: Any = SimpleNamespace(name="box0", timeout_s=TIMEOUT_S, output={}, reference="")
    found = InstrumentThread(instrument, Device, lambda *_: None)  # type: ignore[arg-type, return-value]
    assert found.tried.wait(5)
    yield found
    found.close()
    found.join(5)


def test_call_has_its_whole_time_from_when_its_turn_comes(thread: InstrumentThread) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        begun.set()
        go_on.wait(5)

    thread.submit(hold)
    assert begun.wait(5)
    late = thread.submit(lambda _: time.monotonic(), longest_s=100.0)
    released_s = time.monotonic()
    go_on.set()
    assert late.wait(5)
    assert released_s <= late.deadline_s - 100.0 - thread.longest_s <= late.value


def test_call_that_waits_for_its_turn_is_not_given_up(thread: InstrumentThread) -> None:
    call = Call(lambda _: None, 0.0, None)
    thread._current = call  # as it is just before its thread begins
    thread.check_deadline()
    assert not call.ended
    assert thread.state is LinkState.UP


def test_call_that_hangs_is_given_up_with_its_own_time(thread: InstrumentThread) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hang(_: Any) -> None:
        begun.set()
        go_on.wait(5)

    call = thread.submit(hang, longest_s=120.0)
    waiting = thread.submit(lambda _: None)
    assert begun.wait(5)
    call.deadline_s = 0.0
    thread.check_deadline()
    go_on.set()
    assert call.wait(0)
    assert isinstance(call.error, DeviceTimeoutError)
    assert f"within {120 + 3 * TIMEOUT_S:g} s" in call.error.message
    assert waiting.wait(0)
    assert waiting.error is not None


def test_call_ends_once_even_while_somebody_looks_whether_it_has() -> None:
    ends: list[Call] = []
    call = Call(lambda _: None, 1.0, ends.append)
    assert call.end(1, None)
    with call._lock:  # as `wait` does
        assert not call.end(2, None)
    assert call.value == 1
    assert ends == [call]
