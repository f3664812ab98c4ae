"""Drive qctl's sequencers: send programs, arm and start blocks, read what they stored and how their clocks run.

Source: docs/firmware-protocol.md, protocol version 1, sections 3, 4 and 7. It starts its shots itself: it is its
processor's trigger.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.device import Parameter
from qctl.errors import DeviceError, LimitError, RequestError, ScheduleError
from qctl.firmware_io.clock_offset import ClockFit, Exchange, drift_between
from qctl.firmware_io.controller import Controller
from qctl.firmware_io.handshake import lacks, version_of
from qctl.firmware_io.instructions import check
from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.messages import Done, Fire
from qctl.firmware_io.ports import open_port
from qctl.firmware_io.sequencer import compare_clocks, read_results, upload
from qctl.firmware_io.sequencer_messages import NEVER, PROGRAM, Arming, Faulted, SequencerCapabilities, Watchdog
from qctl.instruments.controlled import REASONS, STATUS_PARAMETERS, SelfTimedDevice, photons_by_port
from qctl.instruments.qctl_sequencer.body import SequencerBody, program_of
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram
from qctl.units import Limits

__all__ = ["QctlSequencer", "open_driver"]

_WATCHDOG_MS = 5000
"""After how long without a word a running sequencer goes to its safe state."""
_MOST_DRIFT = 1e-4
"""Two quartzes differ by less, whatever their temperature: 100 ppm."""
_COMPARED = 4
"""Times that are exchanged with each program, beside those of before."""
_FAULTS = (
    "", "an event was late", "its host was silent", "a trigger did not come", "a wait was below zero",
    "results or marks are full", "its hardware failed", "a count was over 2^31 - 1",
)  # fmt: skip
_PARAMETERS = (
    *STATUS_PARAMETERS,
    Parameter("firmware", "Version of the firmware", "", str, False),
    Parameter("window", "Requests that it takes ahead of its replies", "", int, False),
    Parameter("round_trip_s", "Time of a request and its reply", "s", float, False),
    Parameter("clock_drift", "How much faster its clock runs than the control PC's", "", float, False),
)


@dataclass(slots=True)
class QctlSequencer(SelfTimedDevice):
    """A sequencer that executes a program, shot after shot."""

    _held: str = ""
    _exchanges: deque[Exchange] = field(default_factory=lambda: deque(maxlen=512))
    _quickest: deque[Exchange] = field(default_factory=lambda: deque(maxlen=16))
    _compared: int = -1

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` knows."""
        return _PARAMETERS

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        self.controller.open()
        found = self.controller.identification
        if name == "firmware" and found is not None:
            return version_of(found)
        if name == "window" and found is not None:
            return found.window
        if name in ("round_trip_s", "clock_drift"):
            fit = self._compare_clocks(16)
            return fit.round_trip_s if name == "round_trip_s" else fit.drift
        return self._told(name)

    def _compare_clocks(self, n_exchanges: int) -> ClockFit:
        """Exchange times, and return how the clock runs by all that were exchanged in this session."""
        if self._compared != self.controller.generation:
            self._exchanges.clear()
            self._quickest.clear()
            self._compared = self.controller.generation
        return compare_clocks(self.controller, n_exchanges, self._exchanges)

    def _check_clock(self) -> None:
        """Refuse to play if the clock has drifted by more than a quartz may, over the latest time that tells it."""
        tick_hz = self._compare_clocks(_COMPARED).tick_hz
        last = min(list(self._exchanges)[-_COMPARED:], key=lambda one: one.round_trip_s(tick_hz))
        told = (drift_between(before, last, tick_hz) for before in reversed(self._quickest))
        drift, known = next(((drift, known) for drift, known in told if known <= _MOST_DRIFT), (0.0, 1.0))
        self._quickest.append(last)
        if abs(drift) - known > _MOST_DRIFT:
            name = self.controller.name
            raise ScheduleError(
                f"{name}: its clock runs {abs(drift) * 1e6:.0f} ppm {'faster' if drift > 0 else 'slower'} than the "
                f"control PC's (known to {known * 1e6:.0f} ppm), over {_MOST_DRIFT * 1e6:.0f} ppm: look after its "
                f"oscillator or its reference",
                instrument=name,
            )

    def prepare(self) -> None:
        """Open the session, check the ticks, and set the reference that lab.toml names."""
        found: SequencerCapabilities = self._can()
        if self.instrument.clock_hz is not None and found.tick_hz != self.instrument.clock_hz:
            raise DeviceError(
                f"{self.controller.name} counts ticks of {found.tick_hz} Hz, lab.toml says clock_hz = "
                f"{self.instrument.clock_hz:g}",
                instrument=self.controller.name,
            )
        self._set_reference()

    def lacks(self) -> Sequence[str]:
        """Return what its firmware does without."""
        found = self.controller.identification
        return () if found is None else lacks(found)

    def stop(self) -> None:
        """End the block now; leave the program loaded."""
        self.controller.call(Kind.STOP_NOW)

    # programs --------------------------------------------------------------------------------------

    def load(self, program: DeviceProgram) -> int:
        """Send the program if the device does not hold it; return its bytes.

        Raises
        ------
        LimitError
            If the program is more than the device says it can; nothing has been sent.
        RefusedError
            If the device refuses it.
        ScheduleError
            If its clock drifts by more than a quartz may.
        """
        name = self.controller.name
        try:
            body = SequencerBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{name}: the body is no sequencer's program: {error}") from error
        found: SequencerCapabilities = self._can()
        ready = program_of(program)
        check(ready, found, name)
        Limits(1, found.max_shots).check(body.n_shots, f"{name}: n_shots")
        if body.n_counts * body.n_shots > found.max_results:
            raise LimitError(
                f"{name}: {body.n_counts} counts in each of {body.n_shots} shots are more than the "
                f"{found.max_results} results that it keeps: take fewer shots at a time",
                instrument=name,
            )
        self._check_clock()
        self._body = None
        n_bytes = 0
        if self.controller.generation != self._generation or self._held != body.program:
            self._held = ""
            n_bytes = upload(self.controller, PROGRAM, ready.to_bytes())
            self._held = body.program
        self._generation = self.controller.generation
        self._echoed(Kind.SET_WATCHDOG, Watchdog(_WATCHDOG_MS))
        self._body = body
        return n_bytes

    # runs ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin the shots of the loaded program: nothing else triggers the device."""
        body: SequencerBody = self._loaded()
        number = self._number_block()
        arming = Arming(number, body.n_shots, body.period_ticks, NEVER)
        self.controller.call_all([(Kind.ARM, arming), (Kind.START, Fire(number))])

    def finished(self) -> bool:
        """Return whether all shots were played.

        Raises
        ------
        DeviceError
            If the block ended before.
        """
        name = self.controller.name
        body: SequencerBody = self._loaded()
        status = self._status_of_block()
        if status.state == 1:
            return False
        done = self.controller.next_done(self._block_number, 1.0)
        if done is None or done.reason or done.n_fired != body.n_shots:
            raise DeviceError(
                f"{name}: the block ended after {status.n_fired} shots: {self._why(done)}", instrument=name
            )
        return True

    def _why(self, done: Done | None) -> str:
        """Return why the block ended, in words."""
        while self.controller.others:
            event = self.controller.others.popleft()
            if isinstance(event, Faulted):
                what = _FAULTS[event.code] if event.code < len(_FAULTS) else f"fault {event.code}"
                return f"{what} (instruction {event.instruction}, tick {event.tick}, {event.value})"
        return "it did not say why" if done is None else REASONS.get(done.reason, str(done.reason))

    def integrated(self) -> Mapping[tuple[str, str], NDArray[np.complex128]]:
        """Return the photons of each gate, by port and result: (n_records, n_columns), in counts."""
        body: SequencerBody = self._loaded()
        counts = read_results(self.controller) if body.n_counts else np.zeros(0, np.int32)
        if len(counts) != body.n_counts * body.n_shots:
            raise DeviceError(
                f"{self.controller.name} stored {len(counts)} results instead of {body.n_counts * body.n_shots}",
                instrument=self.controller.name,
            )
        return photons_by_port(counts.reshape(body.n_shots, body.n_counts), body.photons, body.averaged)

    def safe(self) -> None:
        """Stop, switch every tone off, and hold every TTL line low."""
        self._body = None
        self.controller.call(Kind.SAFE)


def open_driver(instrument: Instrument, lab: Lab) -> QctlSequencer:
    """Open the port and the session, check the identity, set the reference."""
    controller = Controller(
        instrument.name, lambda: open_port(instrument.address), "qctl,sequencer", asks=Kind.SEQUENCER_CAPABILITIES
    )
    device = QctlSequencer(controller, instrument)
    device.prepare()
    return device
