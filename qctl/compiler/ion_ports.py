"""Ports of trapped ions while a program is timed: which is free when, their frames, pulses of the program's own.

Conventions. A play's phase is the axis in the xy-plane about which it turns, extrapolated to time zero of the shot; its
frequency is that of the light less `lo_hz` of the output, which is what the synthesiser is set to.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import pi
from typing import cast

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.light import LightSteps, Moments, Numbers, latest, summed
from qctl.compiler.steps import Step
from qctl.compiler.sweep_values import Grid, over_points, seconds_over_points
from qctl.errors import CompileError
from qctl.lab import Lab, Port
from qctl.lab.ion import IonProcessor, IonQubit
from qctl.lab.snapshot import Values
from qctl.program.body import Body
from qctl.program.expressions import Expression
from qctl.program.opcodes import Op
from qctl.program.tables import Waveform
from qctl.units import rational_s

__all__ = ["IonPorts", "Measured", "PortState", "plain"]


@dataclass(slots=True)
class PortState:
    """A port under way: when it is free at each point, its frame, and what a TTL or DDS on it does since when."""

    port: Port
    index: int
    free: Moments
    frequency_hz: Numbers = 0.0
    phase_rad: Numbers = 0.0
    settle_s: Fraction = Fraction(0)
    held: tuple[Moments, Numbers, Numbers, Numbers, Step] | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One gate of a photon counter, at all points."""

    qubit: int
    bit: int
    slot: str
    starts: Moments
    length_s: float
    mode: str


class IonPorts(LightSteps):
    """The ports of a processor of ions while one program is timed, and the program's own pulses on them."""

    def __init__(self, body: Body, lab: Lab, values: Values, grid: Grid, n_points: int) -> None:
        super().__init__(body, lab, values, grid, n_points)
        self.processor = cast(IonProcessor, lab.processor(values.processor))
        self.measured: list[Measured] = []
        self.states = {port.name: self._state(k, port, self.zero) for k, port in enumerate(self.ports)}
        self.chain = self.zero
        """When the last gate ends: gates come one after the other, for motion is common to all ions."""

    def _state(self, index: int, port: Port, free: Moments) -> PortState:
        beam = self.processor.beam.get(port.target)
        if beam is None or port.role != "drive":
            return PortState(port, index, free)
        settle_s = rational_s(beam.settle_s)
        if beam.purpose in ("raman", "optical", "microwave"):
            lo_hz = self.lab.carrier_hz(port) or 0.0
            return PortState(port, index, free, self._ion(self._reached(beam)[0]).frequency_hz - lo_hz, 0.0, settle_s)
        return PortState(port, index, free, beam.modulator_hz or 0.0, 0.0, settle_s)

    # --- time ---------------------------------------------------------------------------------------

    def _delay(self, step: Step) -> None:
        seconds = self._seconds(step.params[0], step)
        for q in step.qubits:
            self.free[q] = summed(latest(self.free[q], self.chain), seconds)
        for frame in step.ports:
            state = self._frame(frame, step)
            state.free = summed(state.free, seconds)

    def _barrier(self, step: Step) -> None:
        whole = not step.qubits and not step.ports
        qubits = range(len(self.names)) if whole else step.qubits
        states = list(self.states.values()) if whole else [self._frame(f, step) for f in step.ports]
        times = [*(self.free[q] for q in qubits), *(state.free for state in states)]
        if not times:
            return
        last = latest(*times)
        for q in qubits:
            self.free[q] = last
        for state in states:
            state.free = last

    # --- the program's own pulses -------------------------------------------------------------------

    def _own_play(self, step: Step) -> None:
        state = self._frame(step.ports[0], step)
        if state.port.role == "readout":
            raise CompileError(f"{self._place(step)}: {state.port.name} counts photons, and plays nothing")
        wave = self.body.waveforms[step.number]
        shapes = self._shapes(wave, step)
        lasts = [rational_s(cast(float, shape.duration_s)) for shape in shapes]
        lit = self.processor.beam.get(state.port.target)
        targets = () if lit is None else self._reached(lit)
        qubit_beam = state.port.target in {q.drive.beam for q in self.processor.qubit.values()}
        starts = latest(self._ready(state), *(self.free[q] for q in targets if qubit_beam))
        ends = self._play(
            state, starts, lasts, self._number(step.params[0], step), state.frequency_hz, state.phase_rad,
            targets if qubit_beam else (), f"play on {state.port.name}", shapes,
        )  # fmt: skip
        if qubit_beam:
            for q in targets:
                self.free[q] = ends

    def _shapes(self, wave: Waveform, step: Step) -> list[Waveform]:
        """Return a waveform with numbers only, at each point."""
        if not any(isinstance(x, Expression) for x in wave.params):
            return [wave] * self.n_points
        what = f"a parameter of the {wave.kind} pulse"
        columns = [over_points(x, self.grid, f"{what} at instruction {step.where}") for x in wave.params]
        table = np.stack([np.broadcast_to(c, (self.n_points,)) for c in columns], axis=1)
        return [Waveform(wave.kind, tuple(row)) for row in table.tolist()]

    def _own_capture(self, step: Step) -> None:
        state = self._frame(step.ports[0], step)
        capture = self.body.captures[step.number]
        if state.port.role != "readout" or state.port.target not in self.names:
            raise CompileError(f"{self._place(step)}: {state.port.name} is no readout port of an ion")
        if capture.weights >= 0:
            raise CompileError(f"{self._place(step)}: photons are counted without weights")
        q = self.names.index(state.port.target)
        length = self._ion(q).readout.length_s if capture.duration_s is None else capture.duration_s
        seconds = seconds_over_points(length, self.grid, f"duration of the capture into {capture.slot!r}")
        if not isinstance(seconds, Fraction):
            raise CompileError(f"the capture into {capture.slot!r} has a swept length; a counter's gate has one")
        starts = latest(state.free, self.free[q])
        mode = "bit" if capture.bit >= 0 else "iq"
        self.measured.append(Measured(q, capture.bit, capture.slot, starts, float(seconds), mode))
        state.free = self.free[q] = summed(starts, [seconds] * self.n_points)

    def _hold(self, step: Step) -> None:
        """Set a TTL line or a DDS from now on: a play until it is set again, or all is over."""
        state = self._frame(step.ports[0], step)
        if (state.port.role == "ttl") is not (step.op is Op.TTL):
            raise CompileError(f"{self._place(step)}: {state.port.name} is not for {step.op.name.lower()}")
        self._let_go(state, state.free)
        peak = self._peak_v(state.port)
        if step.op is Op.TTL:
            (level,) = step.params
            values: tuple[Numbers, Numbers, Numbers] = (peak * float(cast(float, level)), 0.0, 0.0)
        else:
            frequency_hz, phase_rad, part = (self._number(x, step) for x in step.params)
            # A DDS's own phase runs the other way round than the axis that its light turns about.
            values = (peak * part, frequency_hz, 0.0 - phase_rad)
        if np.any(np.asarray(values[0]) != 0.0):
            state.held = (state.free, *values, step)

    def _let_go(self, state: PortState, until: Moments) -> None:
        if state.held is None:
            return
        starts, volts, frequency_hz, phase_rad, step = state.held
        state.held = None
        until = latest(until, starts)
        lasts = [end - start for end, start in zip(until, starts, strict=True)]
        self._play(
            state, starts, lasts, volts, frequency_hz, phase_rad, (), f"{step.op.name.lower()} on {state.port.name}"
        )

    def _peak_v(self, port: Port) -> float:
        return (self.lab.output(port.outputs[0]).amplitude_vpp or 0.0) / 2

    def _set_frame(self, step: Step) -> None:
        """Change a frame; a new frequency begins with the phase that the old one has now."""
        state, value = self._frame(step.ports[0], step), self._number(step.params[0], step)
        if step.op in (Op.SHIFT_PHASE, Op.SET_PHASE):
            state.phase_rad = value + (state.phase_rad if step.op is Op.SHIFT_PHASE else 0.0)
            return
        lo_hz = self.lab.carrier_hz(state.port) or 0.0
        new = value + state.frequency_hz if step.op is Op.SHIFT_FREQUENCY else value - lo_hz
        now_s = np.array([float(moment) for moment in state.free])
        state.phase_rad = plain(np.asarray(state.phase_rad + 2 * pi * (new - state.frequency_hz) * now_s))
        state.frequency_hz = new

    # --- plays --------------------------------------------------------------------------------------

    def _ready(self, state: PortState) -> Moments:
        """Return when a beam can play again: its synthesiser is set in the pause."""
        if not state.settle_s:
            return state.free
        return [moment + state.settle_s for moment in state.free]

    def _play(
        self, state: PortState, starts: Moments, lasts: Moments, volts: Numbers, frequency_hz: Numbers,
        phase_rad: Numbers, targets: tuple[int, ...], label: str, shapes: list[Waveform] | None = None,
    ) -> Moments:  # fmt: skip
        """Note a play, and return when it ends."""
        if shapes is None:
            shapes = [Waveform("constant", (float(length),)) for length in lasts]
        self._note(state.index, shapes, starts, volts, frequency_hz, phase_rad, targets, label)
        ends = summed(starts, lasts)
        state.free = latest(state.free, ends)
        return ends

    # --- words --------------------------------------------------------------------------------------

    def _ion(self, q: int) -> IonQubit:
        return cast(IonQubit, self.values.qubits[self.names[q]])

    def _readout(self, q: int, what: str) -> None:
        if f"{self.names[q]}.readout" not in self.states:
            raise CompileError(f"{what}: no port {self.names[q]}.readout in lab.toml counts its photons")

    def _beam(self, name: str, step: Step) -> PortState:
        state = self.states.get(f"{name}.drive")
        if state is None:
            raise CompileError(f"{self._place(step)}: no port {name}.drive in lab.toml drives the beam")
        return state

    def _frame(self, index: int, step: Step) -> PortState:
        symbol = self.body.ports[index]
        name = (symbol.parent or symbol.name).replace("/", ".")
        if name not in self.states:
            raise CompileError(f"{self._place(step)}: port {name!r} is not of this processor in lab.toml")
        return self.states[name]


def plain(values: NDArray[np.float64] | float) -> Numbers:
    """Return a number, or one a point."""
    found = np.asarray(values, np.float64)
    return found if found.ndim else float(found)
