"""Frames: walk the timed items, keep each frame's frequency and phase, and write plays and captures as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import pi, tan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.items import Item, Seconds, Setting
from qctl.compiler.steps import Step, StepLine
from qctl.compiler.sweep_values import over_points
from qctl.errors import CompileError
from qctl.lab import TransmonQubit
from qctl.program.expressions import Expression
from qctl.program.opcodes import Op
from qctl.program.sampling import envelope_samples
from qctl.program.tables import Waveform
from qctl.program.timeline import CAPTURE, PLAY, Action, CaptureSpec, PortClock, Timeline
from qctl.units import to_ticks

__all__ = ["hold_slope_s", "played"]

Numbers = float | NDArray[np.float64]


@dataclass(slots=True)
class _Frame:
    """Frequency, and phase extrapolated to time zero."""

    frequency_hz: Numbers
    phase_rad: Numbers = 0.0


def played(items: Sequence[Item], line: StepLine, setting: Setting) -> Timeline:
    """Return the timeline of timed items.

    Raises
    ------
    CompileError
        If a frequency is out of a line's reach.
    """
    return _Walk(setting).run(items, line)


class _Walk:
    """The state of one walk."""

    def __init__(self, setting: Setting) -> None:
        self.s = setting
        self.frames: dict[tuple[str, int], _Frame] = {}
        self.waveforms: dict[Waveform, int] = {}
        self.plays: list[tuple[Any, ...]] = []
        self.captures: list[tuple[Any, ...]] = []
        self.specs: list[CaptureSpec] = []
        self.labels: list[str] = []
        self.actions: list[Action] = []
        self.residual_s = [0.0] * len(setting.lines.lines)
        self.end_s: Numbers = 0.0

    def run(self, items: Sequence[Item], line: StepLine) -> Timeline:
        """Return the timeline."""
        for item in items:
            self._item(item)
        lines = self.s.lines.lines
        n_points = self.s.n_points
        return Timeline(
            tuple(self.actions),
            tuple(PortClock(x.port.name, x.rate_hz, r) for x, r in zip(lines, self.residual_s, strict=True)),
            tuple(self.waveforms),
            _table(self.plays, PLAY, n_points),
            _table(self.captures, CAPTURE, n_points),
            np.broadcast_to(np.asarray(self.end_s, np.float64), (n_points,)).copy(),
            line.axes,
            tuple(self._last_of_bit()),
            self.s.body.bits,
            line.n_repeats,
            tuple(self.labels),
            self.s.values.processor,
        )

    def _last_of_bit(self) -> list[CaptureSpec]:
        """Return the captures; of several into one bit the last one keeps it."""
        last = {spec.bit: k for k, spec in enumerate(self.specs)}
        return [
            spec if spec.bit < 0 or last[spec.bit] == k else replace(spec, bit=-1) for k, spec in enumerate(self.specs)
        ]

    # --- items --------------------------------------------------------------------------------------

    def _item(self, item: Item) -> None:
        step = item.step
        op = step.op
        if op is Op.SX:
            self._sx(item, step.qubits[0])
        elif op is Op.RZ:
            (q,) = step.qubits
            self._turn(self.s.lines.role[q]["drive"], step.params[0], item)
        elif op is Op.CZ:
            self._cz(item, *step.qubits)
        elif op is Op.MEASURE:
            self._measure(item, step)
        elif op is Op.PLAY:
            self._play(item, step)
        elif op is Op.CAPTURE:
            self._capture(item, step)
        elif op not in (Op.DELAY, Op.BARRIER):
            self._set_frame(item, step)

    def _sx(self, item: Item, q: int) -> None:
        name = self.s.names[q]
        drive = self.s.qubit(q).drive
        port = self.s.lines.find(q, "drive", name)
        line = self.s.lines.lines[port]
        beta_s = drive.beta_s - hold_slope_s(self.s.qubit(q).frequency_hz - line.lo_hz, float(line.rate_hz))
        wave = Waveform("drag", (drive.length_s, drive.sigma_s, beta_s))
        self._add(item, port, ("", port), wave, drive.amplitude_v, f"sx on {name}")

    def _cz(self, item: Item, a: int, b: int) -> None:
        coupler = self.s.coupler(a, b)
        cz = coupler.cz
        q = self.s.names.index(coupler.flux_qubit)
        port = self.s.lines.find(q, "flux", coupler.flux_qubit)
        wave = Waveform("flat_top", (cz.length_s, cz.rise_s))
        self._add(item, port, ("", port), wave, cz.amplitude_v, f"cz on {coupler.name}")
        for other in (a, b):
            angle = cz.phase_rad.get(self.s.names[other], 0.0)
            if angle:
                self._turn(self.s.lines.find(other, "drive", self.s.names[other]), angle, item)

    def _measure(self, item: Item, step: Step) -> None:
        (q,) = step.qubits
        name = self.s.names[q]
        readout = self.s.qubit(q).readout
        port = self.s.lines.find(q, "readout", name)
        wave = Waveform("constant", (readout.length_s,))
        self._add(item, port, ("", port), wave, readout.amplitude_v, f"readout of {name}")
        start = item.start_s + Fraction(repr(readout.delay_s))
        slot = self.s.body.bits[step.number]
        self._record(start, port, ("", port), slot, "bit", readout.length_s, step.number, None)

    def _play(self, item: Item, step: Step) -> None:
        port = self.s.line_of_port[step.ports[0]]
        wave = self.s.body.waveforms[step.number]
        name = self.s.lines.lines[port].port.name
        label = f"{wave.kind} pulse at instruction {step.where} on {name}"
        self._add(item, port, self._key(step), wave, step.params[0], label)

    def _capture(self, item: Item, step: Step) -> None:
        port = self.s.line_of_port[step.ports[0]]
        row = self.s.body.captures[step.number]
        weights = None
        if row.weights >= 0:
            record_hz = self.s.lines.lines[port].record_hz
            assert record_hz is not None
            weights = envelope_samples(self.s.body.waveforms[row.weights], record_hz)
            if not weights.any():
                raise CompileError(f"the weights of the capture {row.slot!r} are all 0")
        length_s = float(item.length_s)
        self._record(item.start_s, port, self._key(step), row.slot, row.mode.name.lower(), length_s, row.bit, weights)

    # --- frames -------------------------------------------------------------------------------------

    def _key(self, step: Step) -> tuple[str, int]:
        """Return what tells frames apart: a port has one of its own, a program may add others."""
        symbol = self.s.body.ports[step.ports[0]]
        return (symbol.name if symbol.parent else "", self.s.line_of_port[step.ports[0]])

    def _frame(self, key: tuple[str, int]) -> _Frame:
        found = self.frames.get(key)
        if found is None:
            found = self.frames[key] = _Frame(self.s.lines.lines[key[1]].frequency_hz)
        return found

    def _turn(self, port: int, angle: Any, item: Item) -> None:
        """Turn a qubit about z: its later pulses turn about axes that are turned back."""
        frame = self._frame(("", port))
        frame.phase_rad = frame.phase_rad - over_points(angle, self.s.grid, "angle of rz")
        self._note(Op.SHIFT_PHASE, port, item.start_s, -angle)

    def _set_frame(self, item: Item, step: Step) -> None:
        key = self._key(step)
        port = key[1]
        frame = self._frame(key)
        value = over_points(step.params[0], self.s.grid, f"value of instruction {step.where}")
        if step.op is Op.SHIFT_PHASE:
            frame.phase_rad = frame.phase_rad + value
        elif step.op is Op.SET_PHASE:
            frame.phase_rad = value
        else:
            wanted = frame.frequency_hz + value if step.op is Op.SHIFT_FREQUENCY else value
            # The phase runs on without a jump, so the extrapolation to time zero changes.
            at_s = _floats(item.start_s + self.s.lines.lines[port].delay_s)
            frame.phase_rad = frame.phase_rad + 2 * pi * np.remainder((wanted - frame.frequency_hz) * at_s, 1.0)
            frame.frequency_hz = wanted
        self._note(step.op, port, item.start_s, step.params[0])

    def _if_hz(self, port: int, frame: _Frame, label: str) -> Numbers:
        line = self.s.lines.lines[port]
        if not line.port.lo and np.ndim(frame.frequency_hz) == 0 and frame.frequency_hz == 0.0:
            return 0.0
        found = frame.frequency_hz - line.lo_hz
        worst = float(np.max(np.abs(found)))
        if worst >= float(line.rate_hz) / 2:
            raise CompileError(
                f"{label}: the frequency is {worst:.6g} Hz from that of its LO "
                f"({line.port.lo or 'none'}, {line.lo_hz:.6g} Hz); port {line.port.name} reaches "
                f"{float(line.rate_hz) / 2:.6g} Hz"
            )
        return found

    # --- rows ---------------------------------------------------------------------------------------

    def _ticks(self, start_s: Seconds, port: int) -> int | NDArray[np.int64]:
        """Return the start in ticks of the port's clock, and keep the largest error."""
        line = self.s.lines.lines[port]
        if isinstance(start_s, Fraction):
            ticks, error_s = to_ticks(start_s + line.delay_s, line.rate_hz)
            self.residual_s[port] = max(self.residual_s[port], abs(error_s))
            return ticks
        found, error_s = (start_s + line.delay_s).ticks(line.rate_hz)
        self.residual_s[port] = max(self.residual_s[port], error_s)
        return found

    def _add(self, item: Item, port: int, key: tuple[str, int], wave: Waveform, amplitude: Any, label: str) -> None:
        frame = self._frame(key)
        ticks = self._ticks(item.start_s, port)
        amp = over_points(amplitude, self.s.grid, f"amplitude of the {label}")
        index = self._waveform(wave, label)
        self.plays.append((port, index, ticks, amp, self._if_hz(port, frame, label), frame.phase_rad))
        self.labels.append(label)
        self._end(item.start_s + item.length_s)
        self.actions.append(Action(Op.PLAY, self.s.lines.lines[port].port.name, _first(ticks), amplitude, wave))

    def _waveform(self, wave: Waveform, label: str) -> int | NDArray[np.uint32]:
        if not any(isinstance(p, Expression) for p in wave.params):
            return self.waveforms.setdefault(wave, len(self.waveforms))
        columns = [over_points(p, self.s.grid, f"a parameter of the {label}") for p in wave.params]
        rows = np.stack([np.broadcast_to(c, (self.s.n_points,)) for c in columns], axis=1)
        return np.array(
            [self.waveforms.setdefault(Waveform(wave.kind, tuple(row)), len(self.waveforms)) for row in rows.tolist()],
            np.uint32,
        )

    def _record(
        self,
        start_s: Seconds,
        port: int,
        key: tuple[str, int],
        slot: str,
        mode: str,
        length_s: float,
        bit: int,
        weights: NDArray[np.complex128] | None,
    ) -> None:
        line = self.s.lines.lines[port]
        ticks = self._ticks(start_s, port)
        self.captures.append((port, len(self.specs), ticks))
        begin = float(ticks / line.rate_hz) if isinstance(ticks, int) else ticks / float(line.rate_hz)
        starts_s = np.asarray(begin, np.float64)
        ifs_hz = np.asarray(self._if_hz(port, self._frame(key), f"capture into {slot!r}"), np.float64)
        # Readout by two inputs sees the sideband, by one alone its cosine: both turn with the intermediate frequency.
        owner = self.s.values.qubits.get(line.port.target)
        tuned = owner.readout if isinstance(owner, TransmonQubit) else None
        centres = (tuned.center0_v, tuned.center1_v, tuned.center2_v) if tuned else (None, None, None)
        zero, one, two = (None if c is None else complex(*c) for c in centres)
        self.specs.append(
            CaptureSpec(
                line.port.name,
                line.port.target,
                slot,
                bit,
                line.port.inputs[0].instrument,
                tuple(ref.input for ref in line.port.inputs),
                float(ifs_hz.flat[0]),
                float(starts_s.flat[0]),
                length_s,
                starts_s if starts_s.ndim and np.ptp(starts_s) else None,
                ifs_hz if ifs_hz.ndim and np.ptp(ifs_hz) else None,
                weights,
                mode,
                tuned.angle_rad if tuned else 0.0,
                tuned.threshold_v if tuned else 0.0,
                zero,
                one,
                two,
                0,
                self.s.n_points,
            )
        )
        self._end(start_s + Fraction(repr(length_s)))
        self.actions.append(Action(Op.CAPTURE, line.port.name, _first(ticks), slot=slot, length_s=length_s))

    def _note(self, op: Op, port: int, start_s: Seconds, value: Any) -> None:
        self.actions.append(Action(op, self.s.lines.lines[port].port.name, _first(self._ticks(start_s, port)), value))

    def _end(self, end_s: Seconds) -> None:
        self.end_s = np.maximum(self.end_s, _floats(end_s))


def hold_slope_s(if_hz: float, rate_hz: float) -> float:
    """Return the derivative quadrature that a DAC adds by holding its samples, in seconds.

    A hold of one period multiplies the spectrum by sinc(f / rate). Around the intermediate frequency this is a level
    and a slope over frequency, and a slope over frequency is a derivative in time. It is taken from a DRAG pulse's own,
    so that beta_s in lab.toml is what the qubit sees.
    """
    x = pi * if_hz / rate_hz
    if abs(x) < 1e-3:
        return -x / 3 / (2 * rate_hz)
    return (1 / tan(x) - 1 / x) / (2 * rate_hz)


def _first(ticks: int | NDArray[np.int64]) -> int:
    return int(np.asarray(ticks).flat[0])


def _floats(time_s: Seconds) -> Numbers:
    return float(time_s) if isinstance(time_s, Fraction) else time_s.floats()


def _table(rows: list[tuple[Any, ...]], dtype: np.dtype, n_points: int) -> NDArray:
    """Return rows as (n_points, n_rows); a field that is an array has one value a point."""
    names = dtype.names or ()
    base = np.array([tuple(0 if isinstance(x, np.ndarray) else x for x in row) for row in rows], dtype)
    table = np.repeat(base[None, :], n_points, axis=0)
    for k, row in enumerate(rows):
        for name, value in zip(names, row, strict=True):
            if isinstance(value, np.ndarray):
                table[name][:, k] = value
    table.setflags(write=False)
    return table
