"""One instrument: its thread, the life of its link, and the calls that wait for it."""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from qctl.device import Beating, Degraded, Device, Synchronised
from qctl.errors import DeviceError, DeviceTimeoutError, InternalError, LimitError, QctlError, RefusedError
from qctl.instruments.links.life import Happening, LinkLife, LinkState, Patience
from qctl.lab import Instrument
from qctl.server.calls import Call, longest_call_s, longest_open_s
from qctl.server.read_back import Difference, differences
from qctl.wire import Topic

__all__ = ["InstrumentThread"]

_LOG = logging.getLogger(__name__)


class InstrumentThread:
    """Own a device, call it from one thread only, and open it again with back-off when its link is lost.

    Parameters
    ----------
    instrument : Instrument
        Its entry in lab.toml.
    open_device : callable
        Opens the device; what it raises is tried again later.
    publish : callable of (topic, name, body)
        Told of every change of the link.
    safe_first : bool
        Bring the device to its safe state when it is opened: an earlier session ended without doing so.
    n_sharing : int
        How many instruments take turns on its line, itself included.
    """

    def __init__(
        self,
        instrument: Instrument,
        open_device: Callable[[], Device],
        publish: Callable[[Topic, object, dict[str, Any]], None],
        safe_first: bool = False,
        n_sharing: int = 1,
    ) -> None:
        self.instrument = instrument
        self.n_sharing = n_sharing
        self.name = instrument.name
        self.identity = ""
        self.playing = False
        self.changed: list[Difference] = []
        self.lacks: list[str] = []
        self.tried = threading.Event()
        self.longest_s = longest_call_s(instrument, n_sharing)
        self._longest_open_s = longest_open_s(instrument, n_sharing)
        self.device: Device | None = None
        self.locked: bool | None = None
        self._open_device = open_device
        self._publish = publish
        self._safe_first = safe_first
        self._life = LinkLife(patience_of(instrument), instrument.name)
        self._life_lock = threading.Lock()
        self._settings: dict[str, Any] = {}
        self._kinds: dict[type, bool] = {}
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
    def state(self) -> LinkState:
        """Return where the link stands."""
        return self._life.state

    @property
    def why(self) -> str:
        """Return what is wrong with the link; empty while it is up."""
        return self._life.why

    @property
    def n_opened(self) -> int:
        """Return how often the link was opened; what was set in an earlier session is gone."""
        return self._life.n_opened

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
            longest_s = self._longest_open_s if self.tried.is_set() else self.longest_s
            self._fail(DeviceTimeoutError(f"{self.name} could not be opened within {longest_s:g} s; still trying"))
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

    def reconnect(self) -> None:
        """Have a link that is not up tried at once, however often it has failed."""
        with self._life_lock:
            self._life.knock(time.monotonic())
        self._calls.put(Call(lambda _: None, self.longest_s, None))

    def note(self, values: Mapping[str, Any]) -> None:
        """Note what was set and confirmed: it is read back when the link has been lost and is up again."""
        self._settings |= values
        self.changed = [one for one in self.changed if one["parameter"] not in values]

    def forget(self) -> None:
        """Forget what was set: something else may have changed it."""
        self._settings.clear()

    def told(self) -> dict[str, Any]:
        """Return the life of the link as events and lists of instruments tell it; times in seconds since 1970."""
        with self._life_lock:
            life = self._life
            to_wall_s = time.time() - time.monotonic()
            found: dict[str, Any] = {"link": life.state.value, "why": life.why, "since_s": life.since_s + to_wall_s}
            found |= {"last_error": life.last_error, "n_retries": life.n_retries, "n_lost": life.n_lost}
            try_s = life.try_s
        return (
            found
            | {"next_try_s": None if try_s is None else try_s + to_wall_s, "settings": self.changed}
            | ({"lacks": self.lacks} if self.lacks else {})
        )

    def is_a(self, kind: type) -> bool:
        """Say whether the device is of a kind of `qctl.device`; to look takes long, so it is done once a device."""
        kinds = self._kinds
        found = kinds.get(kind)
        if found is None:
            found = kinds[kind] = isinstance(self.device, kind)
        return found

    def has_clock(self) -> bool:
        """Say whether its sign of life is whether it is locked to its reference."""
        return bool(self.instrument.reference) and self.is_a(Synchronised)

    @property
    def beat_s(self) -> float:
        """Return the idle time after which a sign of life is due."""
        return self.instrument.heartbeat_s

    def beat(self, device: Device) -> None:
        """Ask for a sign of life: whether it is locked, what its driver names, or who it is; publish a changed lock."""
        if not self.has_clock():
            if self.is_a(Beating):
                cast(Beating, device).beat()
            elif (identity := device.identify()) != self.identity:
                text = f"{self.name} answers as {identity!r}, before as {self.identity!r}"
                raise DeviceError(text, instrument=self.name)
            return
        locked = cast(Synchronised, device).locked()
        if locked is not self.locked:
            self.locked = locked
            self._publish(Topic.LOCK, self.name, {"instrument": self.name, "locked": locked})

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

    def _take(self, happening: Happening, why: str = "") -> None:
        with self._life_lock:
            late = happening in (Happening.FAILED, Happening.LOST) and not self._life.can(happening)
            if late or self._life.state is LinkState.CLOSED:  # what it is about has ended meanwhile
                return
            changed = self._life.take(happening, time.monotonic(), why)
        if changed:
            self._publish(Topic.LINK, self.name, {"instrument": self.name, "state": self.state.value} | self.told())

    def _lose(self, error: QctlError) -> None:
        self._take(Happening.LOST, error.message)

    def _fail(self, error: QctlError) -> None:
        self._take(Happening.FAILED, error.message)

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
        calls, me = self._calls, threading.current_thread()
        device: Device | None = None
        while self._thread is me:
            if device is None:
                device = self._try_open()
                self.tried.set()
                if device is None:
                    self._drop(calls)
                    if self._closed_while_down(calls):
                        return
                    continue
            try:
                call = calls.get(timeout=max(0.0, self._life.beat_due_s() - time.monotonic()))
            except queue.Empty:
                if self.playing and not self.has_clock():  # its run notices, and nothing disturbs what it plays
                    self._life.heard(time.monotonic())
                    continue
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
            self._take(Happening.CLOSED)

    def _closed_while_down(self, calls: queue.SimpleQueue[Call | None]) -> bool:
        """Return True when told to close, False when it is time to try again."""
        while True:
            try_s, now_s = self._life.try_s, time.monotonic()
            if try_s is not None and try_s <= now_s:
                return False
            try:
                call = calls.get(timeout=None if try_s is None else try_s - now_s)
            except queue.Empty:
                return False
            if call is None:
                self._take(Happening.CLOSED)
                return True
            call.end(None, self.down())

    def _try_open(self) -> Device | None:
        self._take(Happening.TRY)
        # The first time there is nothing on a line to be waited for.
        self._open_until_s = time.monotonic() + (self._longest_open_s if self.tried.is_set() else self.longest_s)
        device: Device | None = None
        up = False
        try:
            device = self._open_device()
            self.identity = device.identify()
            self.lacks = list(device.lacks()) if isinstance(device, Degraded) else []
            self.changed = differences(self.name, device, self._settings)
            if self._safe_first or self.n_opened:
                device.safe()
                self._settings.clear()
            up = True
        except QctlError as error:
            self._fail(error)
            return None
        except BaseException as problem:  # a driver by others may leave by SystemExit, which would end this thread only
            _LOG.exception("%s can't be opened", self.name)
            self._fail(InternalError(f"{self.name} can't be opened: {type(problem).__name__}: {problem}"))
            return None
        finally:
            self._open_until_s = math.inf
            if device is not None and not up:
                self._close(device)  # many boxes take one connection
        self.device = device
        self._kinds = {}  # after the device: what is noted of the one before goes with it
        self.locked = None
        self._take(Happening.OPENED)
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
        else:
            self._life.heard(time.monotonic())
        call.end(value, error)
        return lost

    def _close(self, device: Device) -> None:
        try:
            device.close()
        except BaseException as problem:
            error = InternalError(f"{self.name} did not close: {type(problem).__name__}: {problem}")
            _LOG.warning("%s", error.message)


def patience_of(instrument: Instrument) -> Patience:
    """Return what lab.toml says of how an instrument's link is tried again."""
    first_s, longest_s = instrument.retry_s
    return Patience(first_s, longest_s, tries=instrument.retries, heartbeat_s=instrument.heartbeat_s)
