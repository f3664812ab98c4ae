"""What atoms and ions share while a program is timed: moments at all points, plays of light, and the table of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import pi
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.steps import Step, Value
from qctl.compiler.sweep_values import Grid, over_points, seconds_over_points
from qctl.lab import Lab
from qctl.lab.beams import Beam
from qctl.lab.snapshot import Values
from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.program.tables import Waveform
from qctl.program.timeline import PLAY, Action, PortClock
from qctl.units import to_ticks

__all__ = ["TICK_HZ", "LightPlay", "LightSteps", "Moments", "Numbers", "Table", "latest", "summed"]

TICK_HZ = Fraction(10**9)
"""Ticks of a beam's port."""
Numbers = float | NDArray[np.float64]
"""One number, or one a point."""
Moments = list[Fraction]
"""Seconds, at each point."""


@dataclass(frozen=True, slots=True)
class LightPlay:
    """One play, at all points."""

    port: int
    waveforms: list[int]
    starts: Moments
    amplitude_v: Numbers
    frequency_hz: Numbers
    phase_rad: Numbers
    targets: tuple[int, ...]
    label: str


class Table(NamedTuple):
    """All plays with their ticks: (n_points, n_plays) PLAY, what point 0 does, and the clocks of the ports."""

    plays: NDArray
    actions: list[Action]
    clocks: tuple[PortClock, ...]


class LightSteps:
    """The state while one program is timed, as far as it is the same for atoms and ions."""

    def __init__(self, body: Body, lab: Lab, values: Values, grid: Grid, n_points: int) -> None:
        self.body, self.lab, self.values, self.grid, self.n_points = body, lab, values, grid, n_points
        self.names = tuple(values.qubits)
        self.ports = lab.ports_of(values.processor)
        self.zero: Moments = [Fraction(0)] * n_points
        self.free = [self.zero] * len(self.names)
        self.phase_rad: list[Numbers] = [0.0] * len(self.names)
        self.waveforms: dict[Waveform, int] = {}
        self.plays: list[LightPlay] = []

    def table(self) -> Table:
        """Return all plays, in the order in which they were noted."""
        plays = np.zeros((self.n_points, len(self.plays)), PLAY)
        residual_s = [0.0] * len(self.ports)
        actions: list[Action] = []
        frames: dict[str, tuple[float, float]] = {}
        waveforms = tuple(self.waveforms)
        for k, play in enumerate(self.plays):
            ticks = [to_ticks(start, TICK_HZ) for start in play.starts]
            column = plays[:, k]
            column["port"], column["waveform"] = play.port, play.waveforms
            column["start"] = [one.ticks for one in ticks]
            column["amplitude"], column["frequency_hz"] = play.amplitude_v, play.frequency_hz
            column["phase_rad"] = np.mod(play.phase_rad, 2 * pi)
            residual_s[play.port] = max(residual_s[play.port], *(abs(one.error_s) for one in ticks))
            first = plays[0, k]
            actions += _actions(self.ports[play.port].name, first, waveforms[int(first["waveform"])], frames)
        clocks = tuple(PortClock(p.name, TICK_HZ, e) for p, e in zip(self.ports, residual_s, strict=True))
        return Table(plays, actions, clocks)

    def _note(
        self, port: int, shapes: Sequence[Waveform], starts: Moments, volts: Numbers, frequency_hz: Numbers,
        phase_rad: Numbers, targets: tuple[int, ...], label: str,
    ) -> None:  # fmt: skip
        """Note a play of one waveform a point."""
        numbers = [self.waveforms.setdefault(shape, len(self.waveforms)) for shape in shapes]
        self.plays.append(LightPlay(port, numbers, starts, volts, frequency_hz, phase_rad, targets, label))

    def _reached(self, beam: Beam) -> tuple[int, ...]:
        return tuple(k for k, name in enumerate(self.names) if not beam.qubits or name in beam.qubits)

    def _place(self, step: Step) -> str:
        qubits = ", ".join(self.names[q] for q in step.qubits)
        where = f" (instruction {step.where})" if step.where >= 0 else ""
        return f"{step.op.name.lower()}{where}{' on ' + qubits if qubits else ''}"

    def _number(self, value: Value, step: Step) -> Numbers:
        return over_points(value, self.grid, self._place(step))

    def _seconds(self, value: Value, step: Step) -> Moments:
        found = seconds_over_points(value, self.grid, f"duration_s of {self._place(step)}")
        if isinstance(found, Fraction):
            return [found] * self.n_points
        return [Fraction(n, found.denominator) for n in found.numerators.tolist()]


def summed(times: Moments, more: Moments) -> Moments:
    """Return times and lengths added, point by point."""
    return [a + b for a, b in zip(times, more, strict=True)]


def latest(*times: Sequence[Fraction]) -> Moments:
    """Return the latest of several times at each point."""
    return [max(point) for point in zip(*times, strict=True)]


def _actions(port: str, first: np.void, waveform: Waveform, frames: dict[str, tuple[float, float]]) -> Iterator[Action]:
    """Yield what sets a play's frame, where it differs from the one before it on the port, and the play."""
    start = int(first["start"])
    old, new = frames.get(port, (0.0, 0.0)), (float(first["phase_rad"]), float(first["frequency_hz"]))
    for op, before, value in zip((Op.SET_PHASE, Op.SET_FREQUENCY), old, new, strict=True):
        if value != before:
            yield Action(op, port, start, value)
    frames[port] = new
    yield Action(Op.PLAY, port, start, float(first["amplitude"]), waveform)
