"""Items: steps on physical qubits with their lengths and the lines that they occupy, before they have a time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from qctl.compiler.lines import Lines
from qctl.compiler.steps import Step, Value, split_measurements
from qctl.compiler.sweep_values import Grid, seconds_over_points
from qctl.compiler.times import Times
from qctl.errors import CompileError
from qctl.lab import TransmonCoupler, TransmonQubit
from qctl.lab.snapshot import Values
from qctl.program.body import Body
from qctl.program.expressions import Expression
from qctl.program.opcodes import Op
from qctl.units import rational_s

__all__ = ["Item", "Seconds", "Setting", "items_of"]

Seconds = Fraction | Times
"""An exact time: one for all points, or one a point."""

_ZERO = Fraction(0)
_FRAME = frozenset((Op.SHIFT_PHASE, Op.SET_PHASE, Op.SHIFT_FREQUENCY, Op.SET_FREQUENCY))
_PULSES = frozenset((Op.PLAY, Op.CAPTURE)) | _FRAME


@dataclass(slots=True, eq=False)
class Item:
    """A step that has a place in time.

    Attributes
    ----------
    step : Step
        What it is.
    lines : tuple of int
        Lines that it occupies: k plays on port k, n_ports + k records on it.
    length_s : Seconds
        How long it occupies them.
    start_s : Seconds
        When it starts; set by timing.
    first : Item or None
        The item whose start it shares.
    """

    step: Step
    lines: tuple[int, ...]
    length_s: Seconds
    start_s: Seconds = _ZERO
    first: Item | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What the passes of timing share: program, values, lines and sweeps.

    Attributes
    ----------
    body : Body
        The program, for its tables.
    values : Values
        Calibrated values.
    lines : Lines
        The processor's ports.
    grid : Grid
        Sweeps at every point.
    n_points : int
        Number of points.
    line_of_port : tuple of int
        The processor's port of each of the program's ports and frames.
    names : tuple of str
        The processor's qubits.
    """

    body: Body
    values: Values
    lines: Lines
    grid: Grid
    n_points: int
    line_of_port: tuple[int, ...]
    names: tuple[str, ...]

    def qubit(self, q: int) -> TransmonQubit:
        """Return a qubit's values."""
        return cast(TransmonQubit, self.values.qubits[self.names[q]])

    def coupler(self, a: int, b: int) -> TransmonCoupler:
        """Return the values of the coupler of two qubits."""
        first, second = self.names[a], self.names[b]
        found = self.values.couplers.get(f"{first}-{second}") or self.values.couplers.get(f"{second}-{first}")
        if found is None:
            raise CompileError(f"{first} and {second} have no coupler")
        return cast(TransmonCoupler, found)


def items_of(steps: tuple[Step, ...], setting: Setting) -> tuple[list[Item], bool]:
    """Return the items of a straight line, and whether it has gates alone.

    Measurements that end a qubit's part of a circuit are moved behind everything else and joined to one item, so
    that they are simultaneous.

    Raises
    ------
    CompileError
        If a reset comes after pulses, or a length can't be.
    """
    gates_only = not any(step.op in _PULSES or (step.ports and step.op is Op.DELAY) for step in steps)
    if gates_only:
        first, last = split_measurements(steps)
        steps = (*first, *last)
    return _Items(setting).run(list(steps)), gates_only


class _Items:
    """The state while the items are made."""

    def __init__(self, setting: Setting) -> None:
        self.s = setting
        self.n_ports = len(setting.lines.lines)
        self.used: set[int] = set()
        self.exact: dict[float, Fraction] = {}
        self.swept: dict[tuple[object, ...], Seconds] = {}
        self.all_of_qubit = [
            ports + tuple(self.n_ports + k for k in ports if setting.lines.lines[k].record_hz is not None)
            for ports in setting.lines.of_qubit
        ]

    def run(self, steps: list[Step]) -> list[Item]:
        """Return an item for each step; simultaneous measurements share one start."""
        items: list[Item] = []
        k = 0
        while k < len(steps):
            step = steps[k]
            if step.op is Op.MEASURE:
                end = k
                seen: set[int] = set()
                while end < len(steps) and steps[end].op is Op.MEASURE and steps[end].qubits[0] not in seen:
                    seen.add(steps[end].qubits[0])
                    end += 1
                items += self._measured(steps[k:end])
                k = end
                continue
            made = self._item(step)
            if made is not None:
                items.append(made)
            k += 1
        return items

    def _seconds(self, value: float) -> Fraction:
        found = self.exact.get(value)
        if found is None:
            found = self.exact[value] = rational_s(value)
        return found

    def _over_points(self, value: Value, what: str) -> Seconds:
        """Return a length, and the same one for the same expression: most qubits wait for the same sweep."""
        if not isinstance(value, Expression):
            return seconds_over_points(value, self.s.grid, what)
        key = value.key()
        found = self.swept.get(key)
        if found is None:
            found = self.swept[key] = seconds_over_points(value, self.s.grid, what)
        return found

    def _item(self, step: Step) -> Item | None:
        op = step.op
        if op is Op.RZ:
            return Item(step, (self.s.lines.find(step.qubits[0], "drive", self.s.names[step.qubits[0]]),), _ZERO)
        if op is Op.SX:
            (q,) = step.qubits
            self.used.add(q)
            return Item(step, self.all_of_qubit[q], self._seconds(self.s.qubit(q).drive.length_s))
        if op is Op.CZ:
            a, b = step.qubits
            self.used.update((a, b))
            cz = self.s.coupler(a, b).cz
            return Item(step, self.all_of_qubit[a] + self.all_of_qubit[b], self._seconds(cz.length_s))
        if op is Op.RESET:
            self._refuse_late_reset(step)
            return None
        if op in (Op.DELAY, Op.BARRIER):
            lines = [line for q in step.qubits for line in self.all_of_qubit[q]]
            lines += [line for p in step.ports for line in self._both(p)]
            if op is Op.BARRIER:
                return Item(step, tuple(dict.fromkeys(lines)), _ZERO)
            what = f"delay at instruction {step.where}"
            return Item(step, tuple(lines), self._over_points(step.params[0], what))
        if op is Op.PLAY:
            line = self.s.line_of_port[step.ports[0]]
            self._touch(line)
            wave = self.s.body.waveforms[step.number]
            what = f"duration of the {wave.kind} pulse at instruction {step.where}"
            return Item(step, (line,), self._over_points(wave.duration_s, what))
        if op is Op.CAPTURE:
            return self._capture(step)
        if op in _FRAME:
            return Item(step, (self.s.line_of_port[step.ports[0]],), _ZERO)
        raise CompileError(f"{op.name.lower()} (instruction {step.where}) can't be timed on this processor")

    def _both(self, port: int) -> tuple[int, ...]:
        line = self.s.line_of_port[port]
        return (line,) if self.s.lines.lines[line].record_hz is None else (line, self.n_ports + line)

    def _touch(self, line: int) -> None:
        self.used.update(q for q, ports in enumerate(self.s.lines.of_qubit) if line in ports)

    def _refuse_late_reset(self, step: Step) -> None:
        (q,) = step.qubits
        if q in self.used:
            raise CompileError(
                f"reset of {self.s.names[q]} at instruction {step.where} comes after pulses: qubits of "
                f"{self.s.values.processor} are reset by waiting between shots only",
                instruction=step.where,
            )

    def _capture(self, step: Step) -> Item:
        line = self.s.line_of_port[step.ports[0]]
        wired = self.s.lines.lines[line]
        if wired.record_hz is None:
            raise CompileError(f"port {wired.port.name} of the capture at instruction {step.where} has no input")
        row = self.s.body.captures[step.number]
        length = row.duration_s
        if length is None and row.weights >= 0:
            length = self.s.body.waveforms[row.weights].duration_s
        if length is None:
            owner = self.s.values.qubits.get(wired.port.target)
            if not isinstance(owner, TransmonQubit):
                raise CompileError(f"the capture into {row.slot!r} has no length")
            length = owner.readout.length_s
        seconds = seconds_over_points(length, self.s.grid, f"duration of the capture into {row.slot!r}")
        if not isinstance(seconds, Fraction):
            raise CompileError(f"the capture into {row.slot!r} has a swept length; records have one length")
        self._touch(line)
        return Item(step, (self.n_ports + line,), seconds)

    def _measured(self, steps: list[Step]) -> list[Item]:
        """Return items of one length on the same lines, so that they get the same start."""
        length = _ZERO
        lines: list[int] = []
        for step in steps:
            (q,) = step.qubits
            self.used.add(q)
            readout = self.s.qubit(q).readout
            length = max(length, self._seconds(readout.delay_s) + self._seconds(readout.length_s))
            lines += self.all_of_qubit[q]
        first = Item(steps[0], tuple(lines), length)
        return [first, *(Item(step, (), _ZERO, first=first) for step in steps[1:])]
