"""Drive qctl's event controller: write the events that it does not hold, fire all shots, read the photon counts.

Source: docs/firmware-protocol.md, protocol version 1, sections 3 to 6. It starts its shots itself: it is its
processor's trigger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.device import Parameter
from qctl.errors import DeviceError, LimitError, RefusedError, RequestError
from qctl.firmware_io.controller import Controller
from qctl.firmware_io.event_messages import (
    COUNT,
    EVENT,
    MOST_COUNTS,
    MOST_EVENTS,
    MOST_SEQUENCES,
    SEQUENCE,
    Counts,
    EventCapabilities,
    Run,
    WriteEvents,
    WriteSequences,
    Written,
)
from qctl.firmware_io.messages import Kind, Status
from qctl.firmware_io.serial_port import SerialPort, device_path
from qctl.instruments.controlled import REASONS, STATUS_PARAMETERS, SelfTimedDevice, photons_by_port
from qctl.instruments.qctl_events import capabilities as can
from qctl.instruments.qctl_events.body import EventsBody
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram
from qctl.units import Limits

__all__ = ["QctlEvents", "open_driver"]

_JOINED = 8
"""Events that are the same between two that changed are sent along if they are no more than these."""


@dataclass(slots=True)
class QctlEvents(SelfTimedDevice):
    """A controller that plays tables of events by itself, shot after shot."""

    _events: NDArray[Any] = field(default_factory=lambda: np.zeros(0, EVENT))
    _sequences: NDArray[Any] = field(default_factory=lambda: np.zeros(0, SEQUENCE))

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` knows."""
        return STATUS_PARAMETERS

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        return self._told(name)

    def prepare(self) -> None:
        """Open the session and set the reference that lab.toml names."""
        found: EventCapabilities = self._can()
        if found.tick_hz != can.TICK_HZ:
            raise DeviceError(
                f"{self.controller.name} counts ticks of {found.tick_hz} Hz, programs are for {can.TICK_HZ:g}",
                instrument=self.controller.name,
            )
        self._set_reference()

    # programs --------------------------------------------------------------------------------------

    def load(self, program: DeviceProgram) -> int:
        """Write the events and sequences that the device does not hold; return their bytes.

        Raises
        ------
        LimitError
            If the program is more than the device says it can; nothing has been sent.
        RefusedError
            If the device refuses, or stores something else.
        """
        try:
            body = EventsBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.controller.name}: the body is no table of events: {error}") from error
        words = np.asarray(program.blobs[body.events], np.uint64).reshape(-1, 2)
        events = np.zeros(len(words), EVENT)
        heads = words[:, 0]
        events["tick"], events["value"] = heads & np.uint64(0xFFFFFFFF), words[:, 1]
        for name, shift in (("channel", 32), ("tone", 40), ("operation", 48)):
            events[name] = heads >> np.uint64(shift) & np.uint64(255)
        sequences = np.zeros(len(body.bounds) - 1, SEQUENCE)
        sequences["first"], sequences["count"] = body.bounds[:-1], np.diff(body.bounds)
        self._check(body, events)
        self._body = None
        if self.controller.generation != self._generation:
            self._events, self._sequences = np.zeros(0, EVENT), np.zeros(0, SEQUENCE)
            self._generation = self.controller.generation
        n_bytes = self._write(Kind.WRITE_EVENTS, WriteEvents, events, self._events, MOST_EVENTS)
        self._events = _overlaid(self._events, events)
        n_bytes += self._write(Kind.WRITE_SEQUENCES, WriteSequences, sequences, self._sequences, MOST_SEQUENCES)
        self._sequences = _overlaid(self._sequences, sequences)
        self._echoed(Kind.SET_RUN, Run(len(sequences), body.n_shots, body.period_ns))
        self._body = body
        return n_bytes

    def _check(self, body: EventsBody, events: NDArray[Any]) -> None:
        name = self.controller.name
        found: EventCapabilities = self._can()
        Limits(1, found.max_shots).check(body.n_shots, f"{name}: n_shots")
        Limits(0, found.max_events).check(len(events), f"{name}: events")
        Limits(1, found.max_sequences).check(len(body.bounds) - 1, f"{name}: sequences")
        Limits(0, found.max_counts).check(body.n_counts * body.n_shots, f"{name}: counts")
        Limits(0, found.max_tick).check(int(events["tick"].max(initial=0)), f"{name}: tick")
        for operation, what, most in (
            (can.LEVEL, "TTL line", found.n_lines),
            (can.TONE, "output", found.n_outputs),
            (can.GATE, "counter", found.n_counters),
        ):
            highest = int(events["channel"][events["operation"] == operation].max(initial=0))
            if highest > most:
                raise LimitError(f"{name}: {what} {highest} is not there, the device has {most}", instrument=name)

    def _write(self, kind: Kind, message: Any, rows: NDArray[Any], held: NDArray[Any], most: int) -> int:
        """Send the rows that differ from what is held; return their bytes. What was begun and failed is not held."""
        n_bytes = 0
        try:
            for first, end in _changes(rows, held, most):
                part = rows[first:end]
                self._echoed(kind, message(first, len(part), part.tobytes()), Written(first, len(part)))
                n_bytes += part.nbytes
        except DeviceError:
            self._generation = -1
            raise
        return n_bytes

    # runs ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin the shots of the loaded program: nothing else triggers the device."""
        self._fire_block()

    def finished(self) -> bool:
        """Return whether all shots were played.

        Raises
        ------
        DeviceError
            If the block ended before.
        """
        name = self.controller.name
        body: EventsBody = self._loaded()
        status = self._status_of_block()
        if status.state != 0:
            return False
        if status.n_fired != body.n_shots:
            done = self.controller.next_done(self._block_number, 0.1)
            reason = REASONS.get(done.reason, str(done.reason)) if done is not None else f"error {status.last_error}"
            raise DeviceError(f"{name}: the block ended after {status.n_fired} shots: {reason}", instrument=name)
        return True

    def integrated(self) -> Mapping[tuple[str, str], NDArray[np.complex128]]:
        """Return the photons of each gate, by port and result: (n_records, n_columns), in counts."""
        body: EventsBody = self._loaded()
        parts = []
        n_all = body.n_counts * body.n_shots
        for first in range(0, n_all, MOST_COUNTS):
            wanted = Written(first, min(MOST_COUNTS, n_all - first))
            found: Counts = self.controller.call(Kind.READ_COUNTS, wanted)
            if (found.first, found.count) != (wanted.first, wanted.count) or len(found.rows) != 2 * wanted.count:
                raise DeviceError(f"{self.controller.name} answered {found.count} counts from {found.first}")
            parts.append(np.frombuffer(found.rows, COUNT)["photons"])
        counts = np.concatenate(parts).reshape(body.n_shots, -1) if parts else np.zeros((body.n_shots, 0))
        return photons_by_port(counts, body.photons, body.averaged)

    def safe(self) -> None:
        """Stop, switch every tone off, and hold every TTL line low."""
        self._body = None
        self.controller.call(Kind.SAFE)
        status: Status = self.controller.call(Kind.STATUS)
        if status.state != 0:
            raise RefusedError(f"{self.controller.name} still fires", instrument=self.controller.name)


def _changes(rows: NDArray[Any], held: NDArray[Any], most: int) -> list[tuple[int, int]]:
    """Return the ranges to send, each of at most so many rows, so that a device that holds `held` has `rows`."""
    n_same = min(len(rows), len(held))
    changed = np.ones(len(rows), bool)
    changed[:n_same] = rows[:n_same] != held[:n_same]
    at = np.flatnonzero(changed)
    if not len(at):
        return []
    cuts = np.flatnonzero(np.diff(at) > _JOINED) + 1
    found = []
    for group in np.split(at, cuts):
        first, end = int(group[0]), int(group[-1]) + 1
        found += [(begin, min(begin + most, end)) for begin in range(first, end, most)]
    return found


def _overlaid(held: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
    """Return what a table holds after its beginning was written."""
    return np.concatenate([rows, held[len(rows) :]])


def open_driver(instrument: Instrument, lab: Lab) -> QctlEvents:
    """Open the port and the session, check the identity, set the reference."""
    path = device_path(instrument.address)
    controller = Controller(instrument.name, lambda: SerialPort(path), "qctl,events", asks=Kind.EVENT_CAPABILITIES)
    device = QctlEvents(controller, instrument)
    device.prepare()
    return device
