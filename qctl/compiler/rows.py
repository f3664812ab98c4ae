"""Rows: a straight line as arrays, the instruction format's own, with lengths, waveforms and swept values in tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.steps import DRIVES, Step, Value
from qctl.compiler.sweep_values import Grid, over_points, seconds_over_points
from qctl.compiler.tables import Tables
from qctl.compiler.times import Times
from qctl.errors import CompileError
from qctl.lab import TransmonQubit
from qctl.program.body import Body
from qctl.program.conditions import Condition
from qctl.program.expressions import Expression
from qctl.program.layout import INSTRUCTION, NONE, OPERAND, PORT_BIT, Flag
from qctl.program.opcodes import Op
from qctl.program.tables import SymbolKind, Waveform
from qctl.units import rational_s

__all__ = ["NO_FRAMES", "NO_VALUES", "NO_WAVES", "Counted", "Rows", "frames_of", "late_of", "rows_of"]

NO_FRAMES, NO_WAVES, NO_VALUES = np.empty(0, np.int32), np.empty((0, 1), np.uint32), np.empty((0, 1))
"""Tables of rows that are gates alone."""

_PULSES = frozenset((Op.PLAY, Op.CAPTURE, Op.SHIFT_PHASE, Op.SET_PHASE, Op.SHIFT_FREQUENCY, Op.SET_FREQUENCY))
_VALUED = frozenset((Op.RZ, Op.SHIFT_PHASE, Op.SET_PHASE, Op.SHIFT_FREQUENCY, Op.SET_FREQUENCY))


class Counted:
    """The number of each row in its own sequence; made when one is asked for.

    Parameters
    ----------
    bounds : (n_sequences + 1,) int64
        Where each sequence begins.
    """

    __slots__ = ("bounds",)

    def __init__(self, bounds: NDArray[np.int64]) -> None:
        self.bounds = bounds

    def __getitem__(self, k: int) -> int:
        return k - int(self.bounds[int(np.searchsorted(self.bounds, k, "right")) - 1])


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Straight lines with the same points, as `cext/straight.pyx` wants them.

    Attributes
    ----------
    rows : (n_rows,) INSTRUCTION
        All sequences, one after the other.
    bounds : (n_sequences + 1,) int64
        Where each begins.
    words : (n_words,) uint32
        Symbols of barriers.
    late : (n_sequences,) uint8
        Which have gates alone.
    places : (n_qubits,) int32
        Physical qubit of each qubit that the rows name.
    frames, frame_states : (n_frames,) int32, states_hz : float64
        Line of each port and frame of the program, which frequency and phase it has, and all of them at the start.
    lengths : tuple of Fraction or Times
        Lengths beyond those of the tables.
    waves : tuple of (Waveform, index of its length)
        Columns of waveforms; those with symbolic parameters have one for each point in `wave_table`.
    wave_table : (n_columns, 1 or n_points) uint32
        Index of each column's waveform in `waveforms`.
    waveforms : tuple of Waveform
        Those of the tables, then the program's own.
    captures : tuple of (number in the program, index of its length)
        Columns of captures.
    values : (n_values, n_points) float64
        What rows without an immediate number name, with the values themselves in `symbols`.
    wheres : (n_rows,) int64, or Counted
        Instruction of the program that each row came from.
    conditions : mapping of int to Condition
        Of the rows that are played in some shots only, over numbers of measurements.
    events : mapping of int to int
        Row of each measurement and capture, by its number in the shot.
    kept : mapping of int to Condition
        Under which outcomes a measurement's result is taken, as of `StepLine`.
    """

    rows: NDArray
    bounds: NDArray[np.int64]
    words: NDArray[np.uint32]
    late: NDArray[np.uint8]
    places: NDArray[np.int32]
    frames: NDArray[np.int32]
    frame_states: NDArray[np.int32]
    states_hz: NDArray[np.float64]
    lengths: tuple[Fraction | Times, ...]
    waves: tuple[tuple[Waveform, int], ...]
    wave_table: NDArray[np.uint32]
    waveforms: tuple[Waveform, ...]
    captures: tuple[tuple[int, int], ...]
    values: NDArray[np.float64]
    symbols: tuple[Value, ...]
    wheres: NDArray[np.int64] | Counted
    conditions: Mapping[int, Condition] = field(default_factory=dict)
    events: Mapping[int, int] = field(default_factory=dict)
    kept: Mapping[int, Condition] = field(default_factory=dict)


@lru_cache(maxsize=16)
def late_of(n_sequences: int) -> NDArray[np.uint8]:
    """Return that so many sequences are all timed from their ends."""
    late = np.ones(n_sequences, np.uint8)
    late.setflags(write=False)
    return late


def frames_of(body: Body, tables: Tables) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Return the line of each port and frame of a program, its state, and the frequency of each state.

    Raises
    ------
    CompileError
        If the processor has no such port.
    """
    frames, states = [], []
    states_hz = list(tables.states_hz)
    for symbol in body.ports:
        name = symbol.parent if symbol.kind is SymbolKind.FRAME else symbol.name
        line = tables.lines.number.get(name.replace("/", "."))
        if line is None:
            raise CompileError(f"port {name!r} is not of this processor in lab.toml")
        frames.append(line)
        if symbol.kind is SymbolKind.FRAME:
            states.append(len(states_hz))
            states_hz.append(tables.states_hz[line])
        else:
            states.append(line)
    return np.array(frames, np.int32), np.array(states, np.int32), np.array(states_hz, np.float64)


def rows_of(steps: Sequence[Step], body: Body, tables: Tables, grid: Grid, n_points: int) -> Rows:
    """Return the rows of steps on physical qubits.

    Raises
    ------
    CompileError
        If a length or value can't be.
    """
    return _Writer(body, tables, grid, n_points).run(steps)


@dataclass(slots=True)
class _Writer:
    """The state while steps are written as rows."""

    body: Body
    tables: Tables
    grid: Grid
    n_points: int
    lengths: list[Fraction | Times] = field(default_factory=list)
    length_index: dict[object, int] = field(default_factory=dict)
    waves: dict[int, tuple[int, Waveform, int]] = field(default_factory=dict)
    wave_numbers: list[NDArray[np.uint32]] = field(default_factory=list)
    waveforms: dict[Waveform, int] = field(default_factory=dict)
    captures: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    values: list[float | NDArray[np.float64]] = field(default_factory=list)
    symbols: list[Value] = field(default_factory=list)
    value_index: dict[object, int] = field(default_factory=dict)

    def run(self, steps: Sequence[Step]) -> Rows:
        frames, states, states_hz = frames_of(self.body, self.tables)
        self.waveforms = {wave: k for k, wave in enumerate(self.tables.waveforms)}
        rows = np.zeros(len(steps), INSTRUCTION)
        words: list[int] = []
        ops, flags, a, b, c, floats = [], [], [], [], [], []
        late = True
        for step in steps:
            op = step.op
            fa, fb, fc, flag, number = (step.qubits[0] if step.qubits else 0), 0, 0, 0, 0.0
            if op in _VALUED:
                (value,) = step.params
                fa = step.ports[0] if step.ports else fa
                if isinstance(value, Expression):
                    fb = self._value(value, _place(step))
                else:
                    flag, number = Flag.IMM, float(value)
            elif op in DRIVES:
                word = op.name.lower()
                raise CompileError(f"{word} (instruction {step.where}) is not for this target", instruction=step.where)
            elif op is Op.CZ:
                fb = step.qubits[1]
            elif op is Op.MEASURE:
                fb = step.number if step.number >= 0 else NONE
            elif op is Op.BARRIER:
                fa, fb = len(words), len(step.qubits) + len(step.ports)
                words += [*step.qubits, *(PORT_BIT | p for p in step.ports)]
            elif op is Op.DELAY:
                fa = PORT_BIT | step.ports[0] if step.ports else fa
                fb = self._length(step.params[0], f"delay at instruction {step.where}")
                late = late and not step.ports
            elif op is Op.PLAY:
                fa, fb = step.ports[0], self._wave(step)
                what = f"amplitude of the {self.body.waveforms[step.number].kind} pulse at instruction {step.where}"
                fc = self._value(step.params[0], what)
            elif op is Op.CAPTURE:
                fa, fb = step.ports[0], self._capture(step, int(frames[step.ports[0]]))
            late = late and op not in _PULSES
            ops.append(int(op))
            flags.append(flag)
            a.append(fa)
            b.append(fb)
            c.append(fc)
            floats.append(number)
        rows["op"], rows["flags"], rows["a"], rows["b"], rows["c"] = ops, flags, a, b, c
        immediate = np.flatnonzero(rows["flags"])
        halves = np.array(floats, np.float64).view("<u4").reshape(-1, 2)
        rows["b"][immediate], rows["c"][immediate] = halves[immediate, 0], halves[immediate, 1]
        waves = sorted(self.waves.values())
        return Rows(
            rows, np.array([0, len(rows)], np.int64), np.array(words, OPERAND), np.array([late], np.uint8),
            np.arange(len(self.tables.names), dtype=np.int32), frames, states, states_hz, tuple(self.lengths),
            tuple((wave, length) for _, wave, length in waves), self._wave_table(), tuple(self.waveforms),
            tuple(self.captures[key] for key in self.captures), self._value_table(), tuple(self.symbols),
            np.array([step.where for step in steps], np.int64),
            {k: step.when for k, step in enumerate(steps) if step.when is not None},
            {step.event: k for k, step in enumerate(steps) if step.event >= 0},
        )  # fmt: skip

    def _length(self, value: Value | Fraction, what: str) -> int:
        """Return the index of a length; the same expression is evaluated once, most qubits wait for the same sweep."""
        key = value.key() if isinstance(value, Expression) else value
        found = self.length_index.get(key)
        if found is None:
            self.lengths.append(seconds_over_points(value, self.grid, what))
            found = self.length_index[key] = len(self.tables.lengths_s) + len(self.lengths) - 1
        return found

    def _value(self, value: Value, what: str) -> int:
        key = value.key() if isinstance(value, Expression) else float(value).hex()
        found = self.value_index.get(key)
        if found is None:
            self.values.append(over_points(value, self.grid, what))
            self.symbols.append(value)
            found = self.value_index[key] = len(self.values) - 1
        return found

    def _wave(self, step: Step) -> int:
        """Return the column of a play's waveform."""
        found = self.waves.get(step.number)
        if found is None:
            wave = self.body.waveforms[step.number]
            label = f"{wave.kind} pulse at instruction {step.where}"
            lasts: Value | Fraction = wave.duration_s
            if wave.samples is not None and wave.rate_hz is not None:
                lasts = len(wave.samples) / wave.rate_hz  # exactly
            length = self._length(lasts, f"duration of the {label}")
            found = self.waves[step.number] = (len(self.waves), wave, length)
            self.wave_numbers.append(self._numbers(wave, label))
        return found[0]

    def _numbers(self, wave: Waveform, label: str) -> NDArray[np.uint32]:
        if not any(isinstance(p, Expression) for p in wave.params):
            return np.array([self.waveforms.setdefault(wave, len(self.waveforms))], np.uint32)
        columns = [over_points(p, self.grid, f"a parameter of the {label}") for p in wave.params]
        table = np.stack([np.broadcast_to(c, (self.n_points,)) for c in columns], axis=1)
        made = (Waveform(wave.kind, tuple(row)) for row in table.tolist())
        return np.array([self.waveforms.setdefault(one, len(self.waveforms)) for one in made], np.uint32)

    def _wave_table(self) -> NDArray[np.uint32]:
        width = max((len(numbers) for numbers in self.wave_numbers), default=1)
        table = np.empty((len(self.wave_numbers), width), np.uint32)
        for k, numbers in enumerate(self.wave_numbers):
            table[k] = numbers
        return table

    def _value_table(self) -> NDArray[np.float64]:
        table = np.empty((len(self.values), self.n_points))
        for k, value in enumerate(self.values):
            table[k] = value
        return table

    def _capture(self, step: Step, line: int) -> int:
        """Return the column of a capture on a line, with its length."""
        key = (step.number, line)
        if key in self.captures:
            return list(self.captures).index(key)
        wired = self.tables.lines.lines[line]
        row = self.body.captures[step.number]
        length = row.duration_s
        if length is None and row.weights >= 0:
            length = self.body.waveforms[row.weights].duration_s
        if length is None:
            owner = self.tables.values.qubits.get(wired.port.target)
            if not isinstance(owner, TransmonQubit):
                raise CompileError(f"the capture into {row.slot!r} has no length")
            length = owner.readout.length_s
        seconds = seconds_over_points(length, self.grid, f"duration of the capture into {row.slot!r}")
        if not isinstance(seconds, Fraction):
            raise CompileError(f"the capture into {row.slot!r} has a swept length; records have one length")
        self.captures[key] = (step.number, self._length(rational_s(seconds), ""))
        return len(self.captures) - 1


def _place(step: Step) -> str:
    return "angle of rz" if step.op is Op.RZ else f"value of instruction {step.where}"
