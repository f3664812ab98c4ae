"""One instrument: its thread, the state of its link, and the calls that wait for it."""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from qctl.device import Device, Synchronised
from qctl.errors import DeviceError, DeviceTimeoutError, InternalError, LimitError, QctlError, RefusedError
from qctl.lab import Instrument

__all__ = ["BEAT_S", "Call", "InstrumentThread", "LinkState", "longest_call_s", "snapshot_s"]

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
BEAT_S = 1.0


class LinkState(StrEnum):
    """Where a link is: only `up` takes calls."""

    OPENING = "opening"
    UP = "up"
    DEGRADED = "degraded"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


def longest_call_s(instrument: Instrument) -> float:
    """Return the longest time a call may take, in seconds: three time-outs, and a ramp over the whole range."""
    ramps = [
        (output.limits_v[1] - output.limits_v[0]) / output.slew_v_per_s
        for output in instrument.output.values()
        if output.slew_v_per_s
    ]
    return 3 * instrument.timeout_s + max(ramps, default=0.0)


def snapshot_s(instrument: Instrument, device: Device | None) -> float:
    """Return how much longer a snapshot may take than another call: a driver may ask for one value after the other.

    Each may take its time-out; what answers a whole snapshot at once is quicker, and what is silent is noticed by
    its driver.
    """
    return 0.0 if device is None else instrument.timeout_s * len(device.parameters())


class Call:
    """A function of a device that waits for its turn, and then has a value or an error."""

    __slots__ = ("_claim", "_lock", "deadline_s", "error", "function", "longest_s", "on_end", "value")

    def __init__(self, function: Callable[[Device], Any], longest_s: float, on_end: Callable[[Call], None] | None):
        self.function = function
        self.longest_s = longest_s
        self.deadline_s = math.inf  # until its thread begins: what waits in the queue can't hang
        self.on_end = on_end
        self.value: Any = None
        self.error: QctlError | None = None
        self._claim = threading.Lock()
        self._lock = threading.Lock()
        self._lock.acquire()

    def end(self, value: Any, error: QctlError | None) -> bool:
        """Set the outcome once, and return whether this was the first time; from any thread."""
        if not self._claim.acquire(blocking=False):
            return False
        on_end, self.on_end = self.on_end, None
        self.value, self.error = value, error
        self._lock.release()
        if on_end is not None:
            on_end(self)
        return True

    def wait(self, timeout_s: float) -> bool:
        """Return whether the call has ended within this time."""
        if not self._lock.acquire(timeout=max(0.0, timeout_s)):
            return False
        self._lock.release()
        return True

    @property
    def ended(self) -> bool:
        """Say whether there is an outcome."""
        return not self._lock.locked()


class InstrumentThread:
    """Own a device, call it from one thread only, and open it again with back-off when its link is lost.

    Parameters
    ----------
    instrument : Instrument
        Its entry in lab.toml.
    open_device : callable
        Opens the device; what it raises is tried again later.
    publish : callable of (topic, body)
        Told of every change of the link.
    safe_first : bool
        Bring the device to its safe state when it is opened: an earlier session ended without doing so.
    """

    def __init__(
        self,
        instrument: Instrument,
        open_device: Callable[[], Device],
        publish: Callable[[str, dict[str, Any]], None],
        safe_first: bool = False,
    ) -> None:
        self.instrument = instrument
        self.name = instrument.name
        self.state = LinkState.OPENING
        self.identity = ""
        self.tried = threading.Event()
        self.longest_s = longest_call_s(instrument)
        self.device: Device | None = None
        self.n_opened = 0
        self.locked: bool | None = None
        self._open_device = open_device
        self._publish = publish
        self._safe_first = safe_first
        self.why = ""
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._current: Call | None = None
        self._open_until_s = math.inf
        self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
        self._thread.start()

    def submit(
        self, function: Callable[[Any], Any], on_end: Callable[[Call], None] | None = None, longest_s: float = 0.0
    ) -> Call:
        """Have the thread call `function(device)`; a link that is not up ends the call at once."""
        call = Call(function, self.longest_s + longest_s, on_end)
        if self.state in (LinkState.UP, LinkState.OPENING):
            self._calls.put(call)
        else:
            call.end(None, self.down())
        return call

    @property
    def busy(self) -> bool:
        """Say whether calls wait for their turn."""
        return not self._calls.empty()

    def check_deadline(self) -> None:
        """Give up on a call that hangs: its caller gets an error, its thread is left alone and replaced.

        An opening that hangs goes on: a second one would hang beside it. But nobody waits for it.
        """
        if time.monotonic() > self._open_until_s:
            self._open_until_s = math.inf
            self._lose(DeviceTimeoutError(f"{self.name} could not be opened within {self.longest_s:g} s; still trying"))
            self.tried.set()
            self._drop(self._calls)
            return
        call = self._current
        if call is None or call.ended or time.monotonic() < call.deadline_s:
            return
        text = f"{self.name} did not come back from a call within {call.longest_s:g} s"
        error = DeviceTimeoutError(text, instrument=self.name)
        if call.end(None, error):
            self._lose(error)
            self.device = None
            # The new queue is there before the old one is emptied: no call is left on one that nobody looks at.
            waiting, self._calls = self._calls, queue.SimpleQueue()
            self._drop(waiting)
            self._start()

    def beat(self, device: Device) -> None:
        """Ask for a sign of life: whether it is locked to its reference, or who it is; publish a changed lock."""
        if not self.instrument.reference or not isinstance(device, Synchronised):
            device.identify()
            return
        locked = device.locked()
        if locked is not self.locked:
            self.locked = locked
            self._publish(f"lock.{self.name}", {"instrument": self.name, "locked": locked})

    def close(self) -> None:
        """Close the link when the calls before this one have ended."""
        self._calls.put(None)

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(timeout_s)

    def down(self) -> DeviceError:
        """Return the error of an instrument whose link is not up, with the reason where it is known."""
        why = self.why.removeprefix(f"{self.name}: ")
        return DeviceError(f"{self.name} is {self.state.value}" + (f": {why}" if why else ""), instrument=self.name)

    def _change(self, state: LinkState) -> None:
        if state is not self.state:
            self.state = state
            self._publish(f"link.{self.name}", {"instrument": self.name, "state": state.value, "why": self.why})

    def _lose(self, error: QctlError) -> None:
        self.why = error.message
        self._change(LinkState.DEGRADED)

    def _drop(self, waiting: queue.SimpleQueue[Call | None]) -> None:
        """End the calls of a queue; the word to close stays."""
        while True:
            try:
                call = waiting.get_nowait()
            except queue.Empty:
                return
            if call is not None:
                call.end(None, self.down())
            else:
                self._calls.put(None)
                return

    def _work(self) -> None:
        calls, pause_s, me = self._calls, _FIRST_PAUSE_S, threading.current_thread()
        device: Device | None = None
        while self._thread is me:
            if device is None:
                device = self._try_open()
                self.tried.set()
                if device is None:
                    self._drop(calls)
                    if self._closed_while_down(calls, pause_s):
                        return
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                    continue
                pause_s = _FIRST_PAUSE_S
            try:
                call = calls.get(timeout=BEAT_S)
            except queue.Empty:
                call = Call(self.beat, self.longest_s, None)
            if call is None:
                break
            if self._serve(call, device, me):
                self._close(device)
                device = None
                if self._thread is me:
                    self.device = None
                    self._drop(calls)
        if device is not None:
            self._close(device)
        if self._thread is me:
            self.device = None
            self._change(LinkState.CLOSED)

    def _closed_while_down(self, calls: queue.SimpleQueue[Call | None], pause_s: float) -> bool:
        end_s = time.monotonic() + pause_s
        while (left_s := end_s - time.monotonic()) > 0:
            try:
                call = calls.get(timeout=left_s)
            except queue.Empty:
                return False
            if call is None:
                self._change(LinkState.CLOSED)
                return True
            call.end(None, self.down())
        return False

    def _try_open(self) -> Device | None:
        if self.state is not LinkState.OPENING:
            self._change(LinkState.RECONNECTING)
        self._open_until_s = time.monotonic() + self.longest_s
        device: Device | None = None
        up = False
        try:
            device = self._open_device()
            self.identity = device.identify()
            if self._safe_first or self.n_opened:
                device.safe()
            up = True
        except QctlError as error:
            self._lose(error)
            return None
        except BaseException as problem:  # a driver by others may leave by SystemExit, which would end this thread only
            _LOG.exception("%s can't be opened", self.name)
            self._lose(InternalError(f"{self.name} can't be opened: {type(problem).__name__}: {problem}"))
            return None
        finally:
            self._open_until_s = math.inf
            if device is not None and not up:
                self._close(device)  # many boxes take one connection
        self.device = device
        self.n_opened += 1
        self.why = ""
        self.locked = None
        self._change(LinkState.UP)
        return device

    def _serve(self, call: Call, device: Device, me: threading.Thread) -> bool:
        """Carry out one call, and return whether the link is lost."""
        call.deadline_s = time.monotonic() + call.longest_s
        self._current = call
        value, lost = None, False
        error: QctlError | None = None
        try:
            value = call.function(device)
        except DeviceError as problem:
            problem.details.setdefault("instrument", self.name)
            error, lost = problem, not isinstance(problem, LimitError | RefusedError)
        except QctlError as problem:
            error = problem
        except BaseException as problem:
            _LOG.exception("the driver of %s failed", self.name)
            text = f"{self.name}: its driver failed ({type(problem).__name__}: {problem}); please report it"
            error = InternalError(text, instrument=self.name)
        if self._thread is not me:
            return True
        self._current = None
        if lost and error is not None:
            self._lose(error)
        call.end(value, error)
        return lost

    def _close(self, device: Device) -> None:
        try:
            device.close()
        except BaseException as problem:
            error = InternalError(f"{self.name} did not close: {type(problem).__name__}: {problem}")
            _LOG.warning("%s", error.message)
