"""Devices on loan: calls without a hand-over, errors and calls that hang as in the owner's thread, others' turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from qctl.errors import DeviceError, DeviceTimeoutError, InternalError, RefusedError
from qctl.instruments.links.life import LinkState
from qctl.lab import Instrument
from qctl.server.instrument import InstrumentThread
from qctl.server.loan import Crew, Loan


class Device:
    def __init__(self) -> None:
        self.closed = threading.Event()
        self.n_beats = 0

    def identify(self) -> str:
        self.n_beats += 1
        return "a device"

    def safe(self) -> None:
        pass

    def close(self) -> None:
        self.closed.set()


def opened(name: str) -> InstrumentThread:
    instrument = Instrument(name=name, model="none", address="none", timeout_s=1.0)
    found = InstrumentThread(instrument, Device, lambda *_: None)  # type: ignore[arg-type, return-value]
    assert found.tried.wait(5)
    return found


@pytest.fixture
def threads() -> Iterator[list[InstrumentThread]]:
    found = [opened("box0"), opened("box1")]
    yield found
    for thread in found:
        thread.close()
        thread.join(5)


def refuse(_: Any) -> None:
    raise RefusedError("box0 refused it")


def burn(_: Any) -> None:
    raise DeviceError("box0 is on fire")


def stumble(_: Any) -> None:
    raise ValueError("a bug")


def test_call_of_a_device_on_loan_runs_in_the_thread_that_makes_it(threads: list[InstrumentThread]) -> None:
    loan = Loan(threads[0])
    assert loan.do(lambda device: (device, threading.current_thread())) == (
        threads[0].device,
        threading.current_thread(),
    )
    assert not threads[0].submit(lambda _: None).wait(0.05)
    loan.give_back()
    call = threads[0].submit(lambda _: threading.current_thread().name)
    assert call.wait(5)
    assert call.value == "box0"


@pytest.mark.parametrize(
    ("function", "error", "state"),
    [
        (refuse, RefusedError, LinkState.UP),
        (burn, DeviceError, LinkState.DEGRADED),
        (stumble, InternalError, LinkState.UP),
    ],
)
def test_error_ends_a_loan_as_it_would_end_a_call(
    threads: list[InstrumentThread], function: Any, error: type[Exception], state: LinkState
) -> None:
    states: list[str] = []
    threads[0]._publish = lambda *told: states.append(told[-1]["state"])
    crew = Crew(threads[:1])
    with pytest.raises(error) as caught:
        crew.each([function])
    assert isinstance(caught.value, DeviceError | InternalError)
    assert caught.value.details["instrument"] == "box0"
    assert states[:1] == ([state.value] if state is not LinkState.UP else [])
    with pytest.raises(error):
        crew.check()


def test_call_that_hangs_is_given_up_and_its_device_is_closed_when_it_is_back(threads: list[InstrumentThread]) -> None:
    crew = Crew(threads[:1])
    go_on, begun, caught = threading.Event(), threading.Event(), []

    def hang(device: Any) -> None:
        begun.set()
        go_on.wait(5)

    def work() -> None:
        try:
            crew.each([hang], 100.0)
        except DeviceError as error:
            caught.append(error)

    device = threads[0].device
    worker = threading.Thread(target=work)
    worker.start()
    assert begun.wait(5)
    crew.check()
    call = threads[0]._current
    assert call is not None
    assert 100.0 < call.deadline_s - time.monotonic() <= 100.0 + threads[0].longest_s
    call.deadline_s = 0.0
    threads[0].check_deadline()
    with pytest.raises(DeviceTimeoutError, match="box0 did not come back from a call within 103 s"):
        crew.check()
    crew.release()
    go_on.set()
    worker.join(5)
    assert isinstance(caught[0], DeviceTimeoutError)
    assert device is not None
    assert device.closed.wait(5)  # type: ignore[attr-defined]


def test_call_of_others_has_its_turn_between_two_calls_of_a_loan(threads: list[InstrumentThread]) -> None:
    loan = Loan(threads[0])
    waiting = threads[0].submit(lambda _: 7)
    assert not waiting.ended
    loan.make_way()
    assert waiting.ended
    assert waiting.value == 7
    assert loan.do(lambda _: 8) == 8
    loan.give_back()


def test_clock_of_a_device_that_was_not_used_for_long_is_asked_and_nothing_else(
    threads: list[InstrumentThread],
) -> None:
    loan = Loan(threads[0])
    device: Any = threads[0].device
    before = device.n_beats
    loan._used_s -= 2.0
    loan.make_way()
    assert device.n_beats == before, "what plays was disturbed"
    asked: list[Any] = []
    with patch.object(InstrumentThread, "has_clock", return_value=True), patch.object(threads[0], "beat", asked.append):
        loan.make_way()
        loan.make_way()
    assert asked == [device]
    loan.give_back()


def test_device_whose_link_is_down_is_not_lent(threads: list[InstrumentThread]) -> None:
    threads[0].submit(burn).wait(5)
    with patch.object(InstrumentThread, "state", LinkState.DEGRADED), pytest.raises(DeviceError, match="box0"):
        Loan(threads[0])


def test_several_work_each_in_its_thread_and_together(threads: list[InstrumentThread]) -> None:
    both = threading.Barrier(2, timeout=5)

    def meet(_: Any) -> str:
        both.wait()
        return threading.current_thread().name

    assert Crew(threads).each([meet, meet]) == ["box0", "box1"]
    assert Crew([]).each([]) == []
