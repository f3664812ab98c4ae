"""Gates of trapped ions as pulses on their beams, one after the other; preparation before, detection after them.

Rotations are played for a part of the calibrated pi/2 pulse's length. A Moelmer-Soerensen gate is two tones on each
ion, one beyond each sideband (A. Soerensen and K. Moelmer, Phys. Rev. Lett. 82, 1971 (1999)); the light's average phase
is a quarter turn before the spin's axis, for the coupling to motion is i times the Lamb-Dicke parameter.
"""

from __future__ import annotations

from fractions import Fraction
from math import pi
from typing import cast

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.ion_ports import IonPorts, Measured, plain
from qctl.compiler.light import Moments, Numbers, latest, summed
from qctl.compiler.steps import Step
from qctl.compiler.sweep_values import Grid
from qctl.errors import CompileError
from qctl.lab import Lab
from qctl.lab.ion import IonCoupler
from qctl.lab.snapshot import Values
from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.units import rational_s

__all__ = ["IonSteps"]


class IonSteps(IonPorts):
    """The state while one program is timed."""

    def __init__(self, body: Body, lab: Lab, values: Values, grid: Grid, n_points: int) -> None:
        super().__init__(body, lab, values, grid, n_points)
        self._bits: dict[int, int] = {}
        self._prepare()

    def _prepare(self) -> None:
        """Cool and pump, as every shot begins."""
        for step in self.processor.preparation:
            state = self.states.get(f"{step.beam}.drive")
            if state is None:
                raise CompileError(f"preparation by {step.beam}: no port {step.beam}.drive in lab.toml drives the beam")
            lasts = [rational_s(step.length_s)] * self.n_points
            frequency_hz = state.frequency_hz + step.detuning_hz
            label = f"preparation by {step.beam}"
            ends = self._play(state, self.chain, lasts, step.amplitude_v, frequency_hz, 0.0, (), label)
            self._all_free(ends)

    def _all_free(self, moment: Moments) -> None:
        self.chain = moment
        self.free = [moment] * len(self.names)
        for state in self.states.values():
            state.free = moment

    # --- steps --------------------------------------------------------------------------------------

    def step(self, step: Step) -> None:
        """Time one step."""
        match step.op:
            case Op.RZ:
                q = step.qubits[0]
                self.phase_rad[q] = self.phase_rad[q] - self._number(step.params[0], step)
            case Op.RPHI | Op.RX | Op.RY:
                axis = {Op.RX: 0.0, Op.RY: pi / 2}.get(step.op)
                self._turn(step, self._number(step.params[1], step) if axis is None else axis)
            case Op.MS:
                self._ms(step)
            case Op.DELAY:
                self._delay(step)
            case Op.BARRIER:
                self._barrier(step)
            case Op.MEASURE:
                self._bits[step.qubits[0]] = step.number
            case Op.RESET:
                self._refuse_late_reset(step)
            case Op.PLAY:
                self._own_play(step)
            case Op.CAPTURE:
                self._own_capture(step)
            case Op.TTL | Op.DDS:
                self._hold(step)
            case Op.SHIFT_PHASE | Op.SET_PHASE | Op.SHIFT_FREQUENCY | Op.SET_FREQUENCY:
                self._set_frame(step)
            case _:
                raise CompileError(f"{self._place(step)} is not compiled for trapped ions")

    def finish(self) -> Moments:
        """End what is held, measure under detection light, and return when all is over."""
        for state in self.states.values():
            self._let_go(state, latest(*(one.free for one in self.states.values()), *self.free, self.chain))
        if self._bits:
            self._detect()
        # Counters go on until their gates close, lights until they are off.
        ends = [latest(state.free) for state in self.states.values()]
        gates = [summed(one.starts, [rational_s(one.length_s)] * self.n_points) for one in self.measured]
        return latest(self.chain, *self.free, *ends, *gates)

    def _detect(self) -> None:
        """Count photons of all measured ions at once, when the last beam is off."""
        start = latest(*(state.free for state in self.states.values()), *self.free, self.chain)
        longest = 0.0
        for q, bit in self._bits.items():
            length_s = self._ion(q).readout.length_s
            longest = max(longest, length_s)
            slot = self.body.bits[bit] if bit >= 0 else self.names[q]
            self._readout(q, f"measurement of {self.names[q]}")
            self.measured.append(Measured(q, bit, slot, start, length_s, "bit"))
        light = self.processor.detection
        if light is not None:
            state = self.states.get(f"{light.beam}.drive")
            if state is None:
                raise CompileError(f"detection: no port {light.beam}.drive in lab.toml drives beam {light.beam}")
            lasts = [rational_s(longest)] * self.n_points
            self._play(state, start, lasts, light.amplitude_v, state.frequency_hz, 0.0, (), "detection")

    # --- gates --------------------------------------------------------------------------------------

    def _turn(self, step: Step, axis: Numbers) -> None:
        """Turn one ion about an axis by playing a part of its pi/2 pulse."""
        q = step.qubits[0]
        drive = self._ion(q).drive
        angle = np.mod(np.asarray(self._number(step.params[0], step), np.float64), 2 * pi)
        back = angle > pi
        angle = np.where(back, 2 * pi - angle, angle)
        lasts = _on_grid(angle * (drive.length_s / (pi / 2)), self.n_points)
        phase = self.phase_rad[q] + axis + np.where(back, pi, 0.0)
        state = self._beam(drive.beam, step)
        frequency_hz = self._ion(q).frequency_hz - (self.lab.carrier_hz(state.port) or 0.0)
        starts = latest(self.chain, self.free[q], self._ready(state))
        label = f"{step.op.name.lower()} on {self.names[q]}"
        ends = self._play(state, starts, lasts, drive.amplitude_v, frequency_hz, plain(phase), (q,), label)
        self.chain = self.free[q] = ends

    def _ms(self, step: Step) -> None:
        if len(step.qubits) != 2:
            raise CompileError(f"{self._place(step)}: gates on {len(step.qubits)} ions at once have no calibration")
        names = [self.names[q] for q in step.qubits]
        coupler = next((one for one in self.values.couplers.values() if set(one.qubits) == set(names)), None)
        if coupler is None:
            raise CompileError(f"{self._place(step)}: {names[0]} and {names[1]} have no coupler in lab.toml")
        ms = cast(IonCoupler, coupler).ms
        theta = np.asarray(self._number(step.params[0], step), np.float64)
        if (np.abs(theta) > pi / 2 * (1 + 1e-12)).any():
            raise CompileError(
                f"{self._place(step)}: theta = {float(np.abs(theta).max()):.6g} rad is over pi/2, the calibrated gate"
            )
        axis = self._number(step.params[1], step)
        # The angle grows with the square of the light's strength; a spin that is turned round changes its sign.
        eta = self.processor.mode[ms.mode].lamb_dicke
        sign = np.sign(eta.get(names[0], 0.0) * eta.get(names[1], 0.0) * ms.detuning_hz)
        if not sign:
            raise CompileError(
                f"{self._place(step)}: mode {ms.mode} does not couple both {names[0]} and {names[1]}, or its "
                f"detuning_hz is 0"
            )
        strength, turned = np.sqrt(np.abs(theta) / (pi / 2)), np.where(theta * sign < 0, pi, 0.0)
        lasts = [rational_s(ms.length_s)] * self.n_points
        first = coupler.qubits[0]
        if ms.beam:
            self._one_ms_beam(step, ms.beam, names, bool((theta * sign < 0).any()))
        states = {name: self._beam(ms.beam or self.values.qubits[name].drive.beam, step) for name in names}  # type: ignore[union-attr]
        starts = latest(self.chain, *(self.free[q] for q in step.qubits), *map(self._ready, states.values()))
        offset_hz = self.processor.mode[ms.mode].frequency_hz + ms.detuning_hz
        begin_s = np.array([float(start) for start in starts])
        played = dict(zip(names, step.qubits, strict=True)) if not ms.beam else {first: self.names.index(first)}
        ends = starts
        for name, q in played.items():
            state = states[name]
            centre_hz = self._ion(q).frequency_hz - (self.lab.carrier_hz(state.port) or 0.0)
            spin = self.phase_rad[q] + axis - pi / 2 + (turned if name == first else 0.0)
            volts = ms.amplitudes_v.get(name, ms.amplitude_v) * strength
            for side in (1, -1):
                # Both tones are in step when the gate begins, so that the carrier is not driven on average.
                phase = spin + side * 2 * pi * np.mod(offset_hz * begin_s, 1.0)
                label = f"ms on {', '.join(names)}"
                targets = step.qubits if ms.beam else (q,)
                ends = self._play(
                    state, starts, lasts, plain(volts), centre_hz + side * offset_hz, plain(phase), targets, label
                )
        self.chain = ends
        for q in step.qubits:
            self.free[q] = ends
            self.phase_rad[q] = self.phase_rad[q] - ms.phase_rad.get(self.names[q], 0.0)

    def _one_ms_beam(self, step: Step, beam: str, names: list[str], turned: bool) -> None:
        """Refuse a beam that reaches others too, which would take part, and what needs ions to see different light."""
        reached = [self.names[q] for q in self._reached(self.processor.beam[beam])]
        if set(reached) != set(names):
            raise CompileError(
                f"{self._place(step)}: beam {beam} reaches {', '.join(reached)}, not {' and '.join(names)} alone; "
                f"leave beam out in ms, so that the ions' own beams carry the tones"
            )
        first, second = (np.exp(1j * np.asarray(self.phase_rad[q])) for q in step.qubits)
        if turned or not np.allclose(first, second):
            why = "theta has the wrong sign for it" if turned else "their rz differ"
            raise CompileError(
                f"{self._place(step)}: beam {beam} turns both ions about one axis, but {why}; leave beam out in ms, so "
                f"that the ions' own beams carry the tones"
            )

    def _refuse_late_reset(self, step: Step) -> None:
        q = step.qubits[0]
        used = [play for play in self.plays if q in play.targets]
        if used or q in self._bits:
            raise CompileError(
                f"{self._place(step)}: {self.names[q]} was used before; ions are prepared once, as every shot begins"
            )


def _on_grid(seconds: NDArray[np.float64], n_points: int) -> Moments:
    """Return times as whole nanoseconds, one a point."""
    return [Fraction(int(n), 10**9) for n in np.rint(np.broadcast_to(seconds, (n_points,)) * 1e9).tolist()]
