"""Drive a Zurich Instruments box over its data server: upload what changed, arm, start, and read result loggers.

Source: zhinst-core 26.7; HDAWG, SHFSG, SHFQA, SHFQC and UHFQA user manuals (node trees, AWG, result logger, internal
trigger). All sequencers play their program once (``single``). A box that is its processor's trigger starts itself, and
what its trigger wires reach; the others wait at their trigger input, or for a PQSC by ZSync.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.device import Parameter
from qctl.errors import DeviceError, RefusedError, RequestError
from qctl.instruments.all_points import plays_all
from qctl.instruments.zurich import uhfqa
from qctl.instruments.zurich.body import Readout, ZurichBody
from qctl.instruments.zurich.hub import hub_of
from qctl.instruments.zurich.marker import starts_by_marker
from qctl.instruments.zurich.nodes import (
    EXTERNAL,
    INTERNAL,
    ZSYNC,
    Setting,
    log_of,
    off_settings,
    on_settings,
    place_of,
    reference_of,
    reference_source,
    settings_of,
)
from qctl.instruments.zurich.parameters import Node, nodes_of
from qctl.instruments.zurich.results import gathered, norm_of, thresholds_of
from qctl.instruments.zurich.session import Session, open_session
from qctl.instruments.zurich.upload import Held, upload
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram
from qctl.units import Limits

__all__ = ["ZurichBox", "ZurichMarker", "ZurichStarter", "open_driver"]

_SEQUENCER_ERROR = 8
_LATE_S = 2.0
"""How long after the sequencers' end results may come."""


@dataclass(slots=True)
class ZurichBox:
    """A box whose sequencers play a program's points by themselves.

    Attributes
    ----------
    session : Session
        With its data server.
    instrument : Instrument
        Its entry in lab.toml.
    """

    session: Session
    instrument: Instrument
    trigger: int = EXTERNAL
    _body: ZurichBody | None = None
    _norms: dict[tuple[int, int], float] = field(default_factory=dict)
    _held: dict[str, Held] = field(default_factory=dict)
    _set: dict[str, Any] = field(default_factory=dict)
    _ended_s: float = math.inf

    # settings and readings ---------------------------------------------------------------------------

    def identify(self) -> str:
        """Return maker, model, serial number and firmware."""
        return self.session.identity()

    def _nodes(self) -> dict[str, Node]:
        return nodes_of(self.instrument)

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` and `set` know."""
        identity = Parameter("identity", "Identity", "", str, False)
        return [identity, *(node.parameter for node in self._nodes().values())]

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        if name == "identity":
            return self.identify()
        node = self._node(name)
        (value,) = self.session.get([node.path]).values()
        return node.shown(value)

    def get_all(self) -> Mapping[str, Any]:
        """Ask the device for every value, with one request."""
        found, nodes = self.session.settings(), self._nodes()
        return {name: node.shown(found[node.path]) for name, node in nodes.items() if node.path in found}

    def set(self, name: str, value: Any) -> None:
        """Check a value against the limits, send it, confirm it; a loaded program is forgotten."""
        node = self._node(name)
        if not node.parameter.settable:
            raise RequestError(f"{self.session.name}: {name} can't be set", instrument=self.session.name)
        if node.output:
            low, high = self.instrument.output[node.output].limits_v
            value = Limits(low, high).check(value, f"{self.session.name}: {name}")
        self._body = None
        sent = node.sent(value, self.session.name)
        self._set.pop(node.path, None)
        self.session.set([(node.path, sent)])
        self.session.confirm([(node.path, sent)])

    def _node(self, name: str) -> Node:
        node = self._nodes().get(name)
        if node is None:
            raise RequestError(f"{self.session.name} has no parameter {name!r}", instrument=self.session.name)
        return node

    def locked(self) -> bool:
        """Return True when the device is locked to the reference that lab.toml names."""
        source, status = reference_of(self.instrument.model)
        found = self.session.get([node for node in (source, status) if node])
        wanted = reference_source(self.instrument.model, self.instrument.reference, self.trigger == ZSYNC)
        return bool(found[source] == wanted and found.get(status, 0) == 0)

    def prepare(self) -> None:
        """Take the reference and the rate that lab.toml names, and have nothing play."""
        model, by_zsync = self.instrument.model, self.trigger == ZSYNC
        wanted = reference_source(model, self.instrument.reference, by_zsync)
        source, _ = reference_of(model)
        settings: list[Setting] = [*_halted(model)]
        if self.session.integer(source) != wanted:
            settings.append((source, wanted))
        if model == "zurich-hdawg":
            settings.append(("system/clocks/sampleclock/freq", self.instrument.clock_hz))
        self.session.set(settings)

    # programs ---------------------------------------------------------------------------------------

    def load(self, program: DeviceProgram) -> int:
        """Upload what the sequencers do not hold yet; return the waveform and weight bytes sent.

        Raises
        ------
        RefusedError
            If the data server, the device or the compiler refuses anything; their words are in the error.
        LimitError
            If an offset is outside its limits; nothing was sent.
        """
        try:
            body = ZurichBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.session.name}: the body is no program of its family: {error}") from error
        self._check_offsets(body)
        self._body = None
        model, settings, n_bytes = self.instrument.model, list[Setting](), 0
        norms = {
            (one.number, k.index): norm_of(program.blobs[k.digest]) for one in body.readouts for k in one.integrators
        }
        for one in body.sequencers:
            settings += settings_of(model, one, self.trigger)
            settings += thresholds_of(one, norms) if isinstance(one, Readout) else []
        changed = [(path, value) for path, value in settings if self._set.get(path) != value]
        for path, _ in changed:
            self._set.pop(path, None)
        self.session.set(changed)
        self.session.confirm(changed)
        self._set |= dict(changed)
        for one in body.sequencers:
            held = self._held.pop(place_of(model, one), None) or Held()
            n_bytes += upload(self.session, model, one, program.blobs, held, self.instrument.clock_hz or 0.0)
            self._held[place_of(model, one)] = held
        self._norms, self._body = norms, body
        return n_bytes

    def _check_offsets(self, body: ZurichBody) -> None:
        for core in body.cores:
            for output, offset_v in zip(core.outputs, core.offset_v, strict=True):
                low, high = self.instrument.output[output].limits_v
                Limits(low, high).check(offset_v, f"{self.session.name}: output{output}_offset_v")

    # runs -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Switch outputs and inputs on, empty the loggers, and have the sequencers wait for their trigger."""
        body, model = self._loaded(), self.instrument.model
        self.session.set([(f"{log_of(model, one)}/enable", 0) for one in body.readouts])
        self.session.set([setting for one in body.sequencers for setting in on_settings(model, one)])
        self._enable()

    def _enable(self) -> None:
        """Have the sequencers of the program run."""
        model = self.instrument.model
        self.session.set([(f"{place_of(model, one)}/enable", 1) for one in self._loaded().sequencers])

    def select(self, point: int) -> None:
        """Refuse: all points are played in each shot."""
        raise plays_all(self.session.name, point)

    def follows(self) -> bool:
        """Return whether the loaded program plays one shot at each trigger from outside; no I/O."""
        return self._loaded().each_trigger

    def finished(self) -> bool:
        """Return whether all sequencers of the program have stopped, and all results are there.

        Raises
        ------
        RefusedError
            If one stopped with an error.
        """
        body, model = self._loaded(), self.instrument.model
        places = {place_of(model, one): one for one in body.sequencers}
        asked = [f"{place}/{node}" for place in places for node in ("enable", "sequencer/status")]
        logs = {log_of(model, one): one for one in body.readouts if one.integrators}
        asked += [f"{log}/{node}" for log in logs for node in ("acquired", "errors", "enable")]
        found = self.session.get(asked)
        for place, one in places.items():
            if int(found[f"{place}/sequencer/status"]) & _SEQUENCER_ERROR:
                text = f"{self.session.name}: the sequencer {place}, which plays {', '.join(one.ports)}, had an error"
                raise RefusedError(text, instrument=self.session.name)
        for log in logs:
            if found[f"{log}/errors"]:
                text = f"{self.session.name}: {log} has {found[f'{log}/errors']} errors: results came too fast"
                raise RefusedError(text, instrument=self.session.name)
        if any(found[f"{place}/enable"] for place in places):
            self._ended_s = math.inf
            return False
        self._ended_s = min(self._ended_s, time.monotonic())
        for log, one in logs.items():
            wanted = one.n_results * one.n_averages
            if found[f"{log}/acquired"] < wanted and time.monotonic() - self._ended_s > _LATE_S:
                text = f"{self.session.name}: {log} has {found[f'{log}/acquired']} results of {wanted}"
                raise RefusedError(text, instrument=self.session.name)
        return not any(found[f"{log}/enable"] for log in logs)

    def integrated(self) -> Mapping[tuple[str, str], NDArray[np.complex128]]:
        """Return what was measured, by port and result: (n_records, n_columns) in volts."""
        body, model = self._loaded(), self.instrument.model
        found: dict[tuple[str, str], NDArray[np.complex128]] = {}
        for one in body.readouts:
            if not one.integrators:
                continue
            head = f"{log_of(model, one)}/data"
            if model == uhfqa.MODEL:
                numbers = [2 * k.index + side for k in one.integrators for side in (0, 1)]
                by_index = uhfqa.results_of(one, self.session.get(f"{head}/{n}/wave" for n in numbers))
            else:
                vectors = self.session.get(f"{head}/{k.index}/wave" for k in one.integrators)
                by_index = {k.index: np.asarray(vectors[f"{head}/{k.index}/wave"], complex) for k in one.integrators}
            norms = {k.index: self._norms[one.number, k.index] for k in one.integrators}
            try:
                found |= gathered(one, body.n_shots, body.averaged, body.each_trigger, by_index, norms)
            except DeviceError as error:
                raise RefusedError(f"{self.session.name}: {error.message}", instrument=self.session.name) from error
        return found

    def stop(self) -> None:
        """Stop all sequencers; leave the program loaded."""
        self.session.set(_halted(self.instrument.model))

    def safe(self) -> None:
        """Stop, and switch every output and input off."""
        self.forget()
        self.session.set(off_settings(self.instrument.model))

    def forget(self) -> None:
        """Trust nothing that is known of the box: after somebody else has set it."""
        self._body, self._held, self._set = None, {}, {}

    def close(self) -> None:
        """End the session; the device stays as it is."""
        self.session.close()

    def _loaded(self) -> ZurichBody:
        if self._body is None:
            raise RequestError(f"{self.session.name}: no program is loaded", instrument=self.session.name)
        return self._body


class ZurichStarter(ZurichBox):
    """A box that starts itself, and all that its trigger wires reach, by its internal trigger."""

    def fire(self) -> None:
        """Fire the internal trigger once."""
        self.session.set([("system/internaltrigger/repetitions", 1), ("system/internaltrigger/enable", 1)])

    def wait(self, timeout_s: float) -> None:
        """Return: boxes say themselves when they have finished."""


class ZurichMarker(ZurichBox):
    """An HDAWG that starts itself, and by its markers what its trigger wires reach: its cores begin together."""

    def start(self) -> None:
        """Switch outputs on; the cores don't wait for anything, and are enabled when it is fired."""
        body, model = self._loaded(), self.instrument.model
        settings: list[Setting] = [("awgs/*/synchronization/enable", 0)]
        settings += [(f"{place_of(model, one)}/synchronization/enable", 1) for one in body.sequencers]
        settings += [(f"triggers/out/{line - 1}/source", 0) for line in self.instrument.line]
        self.session.set(settings + [setting for one in body.sequencers for setting in on_settings(model, one)])

    def fire(self) -> None:
        """Have the cores run."""
        self._enable()

    def wait(self, timeout_s: float) -> None:
        """Return: boxes say themselves when they have finished."""


def _halted(model: str) -> list[Setting]:
    """Return what stops all sequencers, and the logging of results."""
    ends = ("/enable",)
    return [(path, value) for path, value in off_settings(model) if path.endswith(ends)]


def open_driver(instrument: Instrument, lab: Lab) -> ZurichBox:
    """Open the session, check what the device is, and bring it to rest.

    Raises
    ------
    DeviceError
        If it is another device than lab.toml says.
    """
    session = open_session(instrument)
    starts = any(getattr(one, "trigger", None) == instrument.name for one in lab.processors.values())
    if starts and instrument.model == uhfqa.MODEL:
        session.close()
        raise RequestError(f"{instrument.name}: a UHFQA has no trigger of its own; it can't start a processor's shots")
    by_marker = starts_by_marker(instrument, lab)
    kind = ZurichMarker if by_marker else ZurichStarter if starts else ZurichBox
    trigger = INTERNAL if starts and not by_marker else EXTERNAL
    box = kind(session, instrument, ZSYNC if hub_of(instrument, lab) is not None else trigger)
    session.expect(instrument.model.removeprefix("zurich-").upper())
    box.prepare()
    return box
