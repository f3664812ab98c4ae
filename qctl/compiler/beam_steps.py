"""The state of timing on beams: which beam and which atom are free when, what each points at, and their frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np

from qctl.compiler.beam_moves import Moves
from qctl.compiler.light import LightSteps, Numbers, latest, summed
from qctl.compiler.steps import Step
from qctl.compiler.sweep_values import Grid
from qctl.errors import CompileError
from qctl.lab import Lab
from qctl.lab.atom import AtomCoupler, AtomProcessor, AtomQubit
from qctl.lab.beams import Beam
from qctl.lab.snapshot import Values
from qctl.program.body import Body
from qctl.program.expressions import Expression
from qctl.program.opcodes import Op
from qctl.program.tables import Waveform
from qctl.units import rational_s

__all__ = ["BeamState", "BeamSteps"]


@dataclass(slots=True)
class BeamState:
    """A beam under way: when it is free, at each point, what it points at since when, and its own frame."""

    beam: Beam
    port: int
    free: list[Fraction]
    aimed: list[Fraction]
    targets: tuple[int, ...] | None = None
    phase_rad: Numbers = 0.0
    frequency_hz: Numbers = 0.0


class BeamSteps(LightSteps):
    """The state while one program of atoms is timed."""

    def __init__(self, body: Body, lab: Lab, values: Values, grid: Grid, n_points: int) -> None:
        super().__init__(body, lab, values, grid, n_points)
        self.processor = cast(AtomProcessor, lab.processor(values.processor))
        self.beams = {
            port.target: BeamState(self.processor.beam[port.target], k, self.zero, self.zero)
            for k, port in enumerate(self.ports)
            if port.role == "drive" and port.target in self.processor.beam
        }
        self.measured: dict[int, tuple[list[Fraction], int]] = {}
        self.moves = Moves(self.processor)
        self._sx: list[Step] = []

    # --- steps --------------------------------------------------------------------------------------

    def step(self, step: Step) -> None:
        """Time one step."""
        if step.op is not Op.SX:
            self.flush()
        match step.op:
            case Op.RZ:
                q = step.qubits[0]
                self.phase_rad[q] = self.phase_rad[q] - self._number(step.params[0], step)
            case Op.SX:
                self._add_sx(step)
            case Op.CZ:
                self._cz(step)
            case Op.RYDBERG:
                self._rydberg(step)
            case Op.SHUTTLE:
                self._shuttle(step)
            case Op.DELAY:
                seconds = self._seconds(step.params[0], step)
                for q in step.qubits:
                    self.free[q] = summed(self.free[q], seconds)
                for frame in step.ports:
                    beam = self._frame(frame, step)
                    beam.free = summed(beam.free, seconds)
            case Op.BARRIER:
                self._barrier(step)
            case Op.MEASURE:
                self.measured[step.qubits[0]] = self.free[step.qubits[0]], step.number
            case Op.PLAY:
                self._play(step)
            case Op.SHIFT_PHASE | Op.SET_PHASE | Op.SHIFT_FREQUENCY | Op.SET_FREQUENCY:
                self._set_frame(step)
            case _:
                raise CompileError(f"{self._place(step)} is not compiled for neutral atoms")

    def _add_sx(self, step: Step) -> None:
        """Play at once on a local beam; pulses of a global beam wait until all its qubits have theirs."""
        q = step.qubits[0]
        beam, drive_s, volts = self._drive(q, step)
        if beam.beam.addressing == "local":
            self._emit(beam, (q,), drive_s, volts, 0.0, self.phase_rad[q], step)
            return
        if any(q == other.qubits[0] for other in self._sx):
            self.flush()
        self._sx.append(step)
        if len(self._sx) == len(self._reached(beam.beam)):
            self.flush()

    def flush(self) -> None:
        """Play the sx that are due on a global beam: all its qubits must turn, about one axis."""
        if not self._sx:
            return
        steps, self._sx = self._sx, []
        beam, drive_s, volts = self._drive(steps[0].qubits[0], steps[0])
        reached = self._reached(beam.beam)
        turned = {step.qubits[0] for step in steps}
        if missing := [self.names[q] for q in reached if q not in turned]:
            raise CompileError(
                f"{self._place(steps[0])}: beam {beam.beam.name} is global and turns all its qubits at once, but "
                f"{', '.join(missing)} should not turn; apply the same gate to all of them, or give a beam with "
                f'addressing = "local"'
            )
        phases = [self.phase_rad[q] for q in reached]
        if any(not np.allclose(np.exp(1j * np.asarray(phase)), np.exp(1j * np.asarray(phases[0]))) for phase in phases):
            raise CompileError(
                f"{self._place(steps[0])}: beam {beam.beam.name} is global and turns all its qubits about one "
                f"axis, but their rz differ"
            )
        self._emit(beam, (), drive_s, volts, 0.0, phases[0], steps[0])

    def _drive(self, q: int, step: Step) -> tuple[BeamState, Fraction, float]:
        name = self.names[q]
        drive = cast(AtomQubit, self.values.qubits[name]).drive
        if drive is None:
            raise CompileError(f"{self._place(step)}: {name} has no drive in lab.toml")
        return self._beam(drive.beam, step), rational_s(drive.length_s), drive.amplitude_v

    def _cz(self, step: Step) -> None:
        a, b = step.qubits
        coupler = next(
            (
                cast(AtomCoupler, one)
                for one in self.values.couplers.values()
                if set(one.qubits) == {self.names[a], self.names[b]}
            ),
            None,
        )
        if coupler is None:
            raise CompileError(f"{self._place(step)}: {self.names[a]} and {self.names[b]} have no coupler in lab.toml")
        cz = coupler.cz
        beam = self._beam(cz.beam, step)
        if beam.beam.addressing != "local":
            raise CompileError(
                f"{self._place(step)}: beam {cz.beam} is global, and a CZ of two atoms needs one with "
                f'addressing = "local"'
            )
        first, second = (self.names.index(name) for name in coupler.qubits)
        quarter = rational_s(cz.length_s) / 4
        together = latest(self.free[first], self.free[second])
        self.free[first] = self.free[second] = together
        for q, times in ((first, 1), (second, 2), (first, 1)):
            self._emit(beam, (q,), quarter * times, cz.amplitude_v, cz.detuning_hz, 0.0, step)
            self.free[first] = self.free[second] = beam.free
        for q in (first, second):
            self.phase_rad[q] = self.phase_rad[q] - cz.phase_rad.get(self.names[q], 0.0)

    def _rydberg(self, step: Step) -> None:
        seconds = self._seconds(step.params[0], step)
        rabi_hz, detuning_hz, phase_rad = (self._number(x, step) for x in step.params[1:4])
        most_hz = self.processor.rydberg.max_rabi_hz
        if np.max(rabi_hz) > most_hz or np.min(rabi_hz) < 0:
            raise CompileError(
                f"{self._place(step)}: rabi_hz = {float(np.max(rabi_hz)):.9g} is outside [0, {most_hz:.9g}], "
                f"rydberg.max_rabi_hz"
            )
        wanted = "local" if step.qubits else "global"
        beam = next(
            (b for b in self.beams.values() if b.beam.purpose == "rydberg" and b.beam.addressing == wanted), None
        )
        if beam is None:
            raise CompileError(
                f'{self._place(step)}: the processor has no beam with purpose = "rydberg" and addressing = "{wanted}"'
            )
        targets = step.qubits or self._reached(beam.beam)
        scale = self.processor.rabi_hz_per_v(beam.beam.name, [self.names[q] for q in targets])
        for q in step.qubits or (-1,):
            self._emit(beam, () if q < 0 else (q,), seconds, rabi_hz / scale, detuning_hz, phase_rad, step)

    def _shuttle(self, step: Step) -> None:
        """Move atoms as soon as they and the tweezers are free."""
        beam = next((b for b in self.beams.values() if b.beam.purpose == "trap"), None)
        if beam is None:
            raise CompileError(
                f'{self._place(step)}: moving atoms needs tweezers, a beam with purpose = "trap" and a port '
                f"<beam>.drive; processors.{self.processor.name} has none"
            )
        seconds = self._seconds(step.params[0], step)
        goals = [self._number(value, step) for value in step.params[1:]]
        starts = latest(beam.free, *(self.free[q] for q in step.qubits))
        ends = summed(starts, seconds)
        self.moves.add(beam.beam, beam.port, step.qubits, goals, starts, ends, self._place(step))
        beam.free = ends
        for q in step.qubits:
            self.free[q] = ends

    def _barrier(self, step: Step) -> None:
        whole = not step.qubits and not step.ports
        qubits = range(len(self.names)) if whole else step.qubits
        beams = list(self.beams.values()) if whole else [self._frame(f, step) for f in step.ports]
        times = [*(self.free[q] for q in qubits), *(beam.free for beam in beams)]
        if not times:
            return
        last = latest(*times)
        for q in qubits:
            self.free[q] = last
        for beam in beams:
            beam.free = last

    def _play(self, step: Step) -> None:
        beam = self._frame(step.ports[0], step)
        waveform = self.body.waveforms[step.number]
        if isinstance(waveform.duration_s, Expression) or any(isinstance(x, Expression) for x in waveform.params):
            raise CompileError(f"{self._place(step)}: the waveform's own numbers may not be swept on beams")
        if beam.beam.addressing == "local":
            raise CompileError(
                f"{self._place(step)}: beam {beam.beam.name} is local, and a play does not say which atom it is for; "
                f"use rydberg(..., qubits=[...])"
            )
        seconds = [rational_s(waveform.duration_s)] * self.n_points
        volts = self._number(step.params[0], step)
        self._emit(beam, (), seconds, volts, beam.frequency_hz, beam.phase_rad, step, waveform)

    def _set_frame(self, step: Step) -> None:
        beam, value = self._frame(step.ports[0], step), self._number(step.params[0], step)
        if step.op in (Op.SHIFT_PHASE, Op.SET_PHASE):
            beam.phase_rad = value + (beam.phase_rad if step.op is Op.SHIFT_PHASE else 0.0)
        else:
            beam.frequency_hz = value + (beam.frequency_hz if step.op is Op.SHIFT_FREQUENCY else 0.0)

    # --- plays --------------------------------------------------------------------------------------

    def _emit(
        self, beam: BeamState, targets: tuple[int, ...], seconds: Fraction | list[Fraction], volts: Numbers,
        frequency_hz: Numbers, phase_rad: Numbers, step: Step, waveform: Waveform | None = None,
    ) -> None:  # fmt: skip
        """Play as soon as the atoms and the beam are free, and the beam points there."""
        lasts = [seconds] * self.n_points if isinstance(seconds, Fraction) else seconds
        atoms = targets or self._reached(beam.beam)
        starts = latest(beam.free, *(self.free[q] for q in atoms))
        if beam.beam.addressing == "local" and beam.targets != targets:
            if beam.targets is not None:
                # It points elsewhere as soon as it is free and has pointed here for long enough.
                retarget = rational_s(beam.beam.retarget_s)
                beam.aimed = latest(beam.free, [at + retarget for at in beam.aimed])
            starts = latest(starts, beam.aimed)
            beam.targets = targets
        shapes = [waveform or Waveform("constant", (float(length),)) for length in lasts]
        label = f"{step.op.name.lower()} on {', '.join(self.names[q] for q in step.qubits) or beam.beam.name}"
        self._note(beam.port, shapes, starts, volts, frequency_hz, phase_rad, targets, label)
        ends = [start + length for start, length in zip(starts, lasts, strict=True)]
        beam.free = ends
        for q in atoms:
            self.free[q] = ends

    # --- words --------------------------------------------------------------------------------------

    def _beam(self, name: str, step: Step) -> BeamState:
        if name not in self.beams:
            raise CompileError(f"{self._place(step)}: no port {name}.drive in lab.toml drives the beam")
        return self.beams[name]

    def _frame(self, index: int, step: Step) -> BeamState:
        name = self.body.ports[index].name.replace("/", ".")
        return self._beam(name.removesuffix(".drive"), step)
