"""The calls of one instrument: how long each may take, and that each ends once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from qctl import wire
from qctl.errors import DeviceError, DeviceTimeoutError, InternalError
from qctl.instruments.links.life import LinkState
from qctl.lab import Instrument
from qctl.server.calls import Call, snapshot_s
from qctl.server.host import Host
from qctl.server.instrument import InstrumentThread

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
    instrument = Instrument(name="box0", model="none", address="none", timeout_s=TIMEOUT_S)
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


def opening(open_device: Any) -> InstrumentThread:
    instrument = Instrument(name="box0", model="none", address="none", timeout_s=0.1)
    return InstrumentThread(instrument, open_device, lambda *_: None)


def test_opening_that_hangs_holds_up_nobody_and_may_still_come_to_an_end() -> None:
    go_on, asked = threading.Event(), threading.Event()

    def hang() -> Any:
        asked.set()
        go_on.wait(20)
        return Device()

    thread = opening(hang)
    assert asked.wait(5)
    waiting = thread.submit(lambda _: None)
    while not thread.tried.is_set():
        thread.check_deadline()
    assert waiting.wait(5)
    assert isinstance(waiting.error, DeviceError)
    assert "box0 could not be opened within 0.3 s; still trying" in thread.why
    late = thread.submit(lambda _: None)
    assert late.ended and isinstance(late.error, DeviceError)
    go_on.set()
    until_s = time.monotonic() + 10
    while thread.state is not LinkState.UP:
        assert time.monotonic() < until_s
    assert thread.submit(lambda _: 7).wait(5)
    thread.close()
    thread.join(5)


@pytest.mark.parametrize("problem", [SystemExit(3), KeyboardInterrupt(), RecursionError()])
def test_driver_that_leaves_the_program_ends_neither_its_thread_nor_the_call_in_silence(
    thread: InstrumentThread, problem: BaseException
) -> None:
    def leave(_: Any) -> None:
        raise problem

    call = thread.submit(leave)
    assert call.wait(5)
    assert isinstance(call.error, InternalError)
    assert type(problem).__name__ in call.error.message
    after = thread.submit(lambda _: 7)
    assert after.wait(5) and after.value == 7


def test_driver_that_leaves_the_program_when_it_is_opened_is_tried_again() -> None:
    left = threading.Event()

    def leave_once() -> Any:
        if left.is_set():
            return Device()
        left.set()
        raise SystemExit(3)

    thread = opening(leave_once)
    assert thread.tried.wait(5)
    until_s = time.monotonic() + 10
    while thread.state is not LinkState.UP:
        assert time.monotonic() < until_s
    thread.close()
    thread.join(5)


def test_snapshot_has_time_for_every_value() -> None:
    device: Any = SimpleNamespace(parameters=lambda: [None] * 200)
    assert snapshot_s(SimpleNamespace(timeout_s=0.5), device) == 100.0  # type: ignore[arg-type]
    assert snapshot_s(SimpleNamespace(timeout_s=0.5), None) == 0.0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", ["\ud800", 1 << 100, object(), {1: {2, "\ud800"}}], ids=["text", "int", "object", "set"]
)
def test_value_that_no_message_takes_is_an_error_and_ends_no_thread(thread: InstrumentThread, value: Any) -> None:
    posted: list[Any] = []
    host: Any = object.__new__(Host)
    host._mail = SimpleNamespace(post=lambda envelope, parts: posted.append(wire.REPLIES.decode(parts[1])))
    thread.submit(lambda _: value, lambda call: host._reply(call, wire.Get("box0", "x", id=1), []))
    after = thread.submit(lambda _: 7)
    assert after.wait(5) and after.value == 7
    assert isinstance(posted[0], wire.Error)
    assert posted[0].message.startswith("box0 answered with what can't be sent: ")


@pytest.mark.parametrize("way", ["identify", "safe"])
def test_device_that_can_not_be_used_is_closed_before_the_next_attempt(way: str) -> None:
    """Many boxes take one connection: one that is left open would keep all later ones out."""
    n_open, most, attempts = [0], [0], threading.Semaphore(0)

    def refuse() -> Any:
        raise DeviceError("box0: not today")

    def open_device() -> Any:
        n_open[0] += 1
        most[0] = max(most[0], n_open[0])
        attempts.release()
        device = Device()
        close = lambda: n_open.__setitem__(0, n_open[0] - 1)  # noqa: E731
        parts = {"identify": device.identify, "safe": device.safe} | {way: refuse}
        return SimpleNamespace(close=close, **parts)

    instrument = Instrument(name="box0", model="none", address="none", timeout_s=0.1)
    thread = InstrumentThread(instrument, open_device, lambda *_: None, safe_first=True)
    for _ in range(3):
        assert attempts.acquire(timeout=10)
    thread.close()
    thread.join(5)
    assert (most[0], n_open[0]) == (1, 0)
