"""A device lent by its thread: who holds it calls it straight, without a hand-over between threads at each call."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from qctl.errors import QctlError
from qctl.instruments.links.life import LinkState
from qctl.server.batch import SLICE_S, wait_all
from qctl.server.calls import Call
from qctl.server.instrument import InstrumentThread

__all__ = ["Crew", "Loan"]


class Loan:
    """One device on loan, until it is given back or a call hangs; calls come from one thread.

    Parameters
    ----------
    thread : InstrumentThread
        The owner: it stands still meanwhile, and deals with errors and with calls that hang as with its own.

    Raises
    ------
    DeviceError
        If the link is not up.
    """

    def __init__(self, thread: InstrumentThread) -> None:
        self._thread = thread
        self._used_s = 0.0
        self._call = self._borrow()

    def _borrow(self) -> Call:
        self._lent, self._back = threading.Event(), threading.Event()
        self._problem: BaseException | None = None
        call = self._thread.submit(self._hold)
        while not self._lent.wait(0.0 if call.ended else SLICE_S):
            if call.ended or self._thread.state is LinkState.CLOSED:
                raise call.error or self._thread.down()
        self._used_s = time.monotonic()
        call.deadline_s = math.inf
        return call

    def _hold(self, device: Any) -> None:
        """Stand still in the owner's thread until the device is back, then end as its last call did."""
        back = self._back
        self._device = device
        self._lent.set()
        back.wait()
        problem, self._problem = self._problem, None
        if problem is not None:
            raise problem

    @property
    def error(self) -> QctlError | None:
        """Return why the loan has ended, None while it goes on or has been given back."""
        return self._call.error

    def do(self, function: Callable[[Any], Any], longest_s: float = 0.0) -> Any:
        """Return what a function of the device returns.

        Raises
        ------
        QctlError
            What the function raises, as from a call in the owner's thread; the loan has then ended.
        """
        call = self._call
        call.longest_s = self._thread.longest_s + longest_s
        call.deadline_s = time.monotonic() + call.longest_s
        try:
            value = function(self._device)
        except Exception as problem:
            self._problem = problem
            self._back.set()
            wait_all([call])
            raise
        call.deadline_s, self._used_s = math.inf, time.monotonic()
        if call.error is not None:
            raise call.error
        return value

    def make_way(self) -> None:
        """Let calls that wait for the device have it; ask whether its clock is locked if it was not used for long."""
        if self._thread.busy:
            self.give_back()
            self._call = self._borrow()
        elif time.monotonic() - self._used_s > self._thread.beat_s and self._thread.has_clock():
            self.do(self._thread.beat)

    def give_back(self) -> None:
        """End the loan."""
        self._back.set()


class Crew:
    """Instruments that do the same at the same time: one alone is on loan, of several each works in its thread.

    Parameters
    ----------
    threads : sequence of InstrumentThread
        Of the instruments.
    """

    def __init__(self, threads: Sequence[InstrumentThread]) -> None:
        self._threads = threads
        self._loan = Loan(threads[0]) if len(threads) == 1 else None

    def each(self, functions: Sequence[Callable[[Any], Any]], longest_s: float = 0.0) -> list[Any]:
        """Return what each instrument's function returns, when all have; raise the first error."""
        if self._loan is not None:
            return [self._loan.do(functions[0], longest_s)]
        return wait_all(
            thread.submit(function, longest_s=longest_s)
            for thread, function in zip(self._threads, functions, strict=True)
        )

    def make_way(self) -> None:
        """Let other calls have the instruments."""
        if self._loan is not None:
            self._loan.make_way()

    def check(self) -> None:
        """Raise the error of a call that was given up because it hung."""
        if self._loan is not None and self._loan.error is not None:
            raise self._loan.error

    def release(self) -> None:
        """Give back what is on loan."""
        if self._loan is not None:
            self._loan.give_back()
