"""Timeline: a program at pulse level in which every play and capture has its tick; its straight view is one point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError

if TYPE_CHECKING:
    from qctl.program.body import Body
    from qctl.program.conditions import Condition
    from qctl.program.opcodes import Op
    from qctl.program.straights import Straights
    from qctl.program.tables import Sweep, Waveform

__all__ = [
    "CAPTURE",
    "MOST_SHOTS",
    "MOVE",
    "PLAY",
    "Action",
    "CaptureSpec",
    "PortClock",
    "Shots",
    "Straight",
    "Timeline",
]

MOST_SHOTS = 10_000_000
"""Of each point, in one run."""
PLAY = np.dtype(
    [
        ("port", "<u4"),
        ("waveform", "<u4"),
        ("start", "<i8"),
        ("amplitude", "<f8"),
        ("frequency_hz", "<f8"),
        ("phase_rad", "<f8"),
    ]
)
"""One play: port and waveform index, first tick of the port's clock from time zero of the shot, peak volts of the
envelope, frequency of the frame less that of the port's LO, phase of the frame extrapolated to time zero.

An envelope and a phase say what happens to the qubit: I turns it about x, Q about y, and a phase of pi/2 turns x to y.
With the lines' signal being Re((I + iQ) exp(+2 pi i f_lo t)), the outputs are
I + iQ = amplitude conj(envelope) exp(i (2 pi frequency_hz t - phase_rad))."""

CAPTURE = np.dtype([("port", "<u4"), ("capture", "<u4"), ("start", "<i8")])
"""One capture: port and capture index, first tick of the port's clock from time zero of the shot."""

MOVE = np.dtype(
    [
        ("port", "<u4"), ("atom", "<u4"), ("start", "<i8"), ("end", "<i8"),
        ("from_x_m", "<f8"), ("from_y_m", "<f8"), ("x_m", "<f8"), ("y_m", "<f8"),
    ]
)  # fmt: skip
"""One atom goes elsewhere on the path of least jerk: port of the tweezers, index of the qubit, first and last tick of
the port's clock, where from and where to."""


@dataclass(frozen=True, slots=True)
class PortClock:
    """A port and the clock that its ticks count.

    Attributes
    ----------
    name : str
        Key in lab.toml.
    rate_hz : Fraction
        Ticks per second.
    residual_s : float
        Largest rounding error of a start on this port, over all points.
    """

    name: str
    rate_hz: Fraction
    residual_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class CaptureSpec:
    """What `reduce` must know to turn a digitizer's records into the result of one capture.

    Attributes
    ----------
    port, qubit, slot : str
        Port of lab.toml, qubit of lab.toml, and name of the result.
    bit : int
        Index of the program's bit that takes the state, or -1.
    instrument : str
        Digitizer.
    inputs : tuple of int
        Inputs of I and Q (or one input), from 1.
    if_hz : float
        The signal I + jQ turns with exp(+2 pi i if_hz t), t from time zero of the shot.
    start_s : float
        Start of the integration after the digitizer's trigger, at point `first_point`.
    length_s : float
        Length of the integration.
    starts_s, ifs_hz : (n_points,) float64 or None
        Start and frequency at each point, where they are not all the same.
    weights : (n,) complex128 or None
        Integration weights, evenly spread over the length; None is uniform.
    mode : str
        ``iq``, ``raw`` or ``bit``.
    angle_rad, threshold : float
        Re(iq exp(-i angle_rad)) above the threshold (volts) is state 1.
    center0, center1, center2 : complex or None
        Mean IQ points of the states, in volts.
    keeps : Condition or None
        Over the program's captures: in which shots the bit takes the state; None for all.
    first_point, n_points : int
        Points of the run that have this capture.
    """

    port: str
    qubit: str
    slot: str
    bit: int
    instrument: str
    inputs: tuple[int, ...]
    if_hz: float
    start_s: float
    length_s: float
    starts_s: NDArray[np.float64] | None = None
    ifs_hz: NDArray[np.float64] | None = None
    weights: NDArray[np.complex128] | None = None
    mode: str = "bit"
    angle_rad: float = 0.0
    threshold: float = 0.0
    center0: complex | None = None
    center1: complex | None = None
    center2: complex | None = None
    first_point: int = 0
    n_points: int = 1
    keeps: Condition | None = None

    def moved(
        self, first_point: int, start_s: float, starts_s: NDArray[np.float64] | None, n_points: int | None = None
    ) -> CaptureSpec:
        """Return the same capture at other points and times, at a tenth of what `dataclasses.replace` takes."""
        return CaptureSpec(
            self.port, self.qubit, self.slot, self.bit, self.instrument, self.inputs, self.if_hz, start_s,
            self.length_s, starts_s, self.ifs_hz, self.weights, self.mode, self.angle_rad, self.threshold,
            self.center0, self.center1, self.center2, first_point,
            self.n_points if n_points is None else n_points, self.keeps,
        )  # fmt: skip

    def start_at(self, point: int) -> float:
        """Return the start at a point of the run, in seconds after the digitizer's trigger."""
        return self.start_s if self.starts_s is None else float(self.starts_s[point - self.first_point])

    def if_at(self, point: int) -> float:
        """Return the frequency at a point of the run, in hertz."""
        return self.if_hz if self.ifs_hz is None else float(self.ifs_hz[point - self.first_point])


@dataclass(frozen=True, slots=True)
class Shots:
    """What a family's `lower` must know beside the pulses: how often, how fast, and what is captured.

    Attributes
    ----------
    n_shots : int
        Shots of each point in this batch.
    averaged : bool
        Whether the digitizer averages the shots into one record.
    period_s : float
        From trigger to trigger.
    captures : tuple of CaptureSpec
        Captures of all points of this batch.
    lead_s : mapping of str to float
        Added to all times of an instrument, so that those whose trigger arrives late play together with the rest;
        already part of the captures' starts.
    first_point : int
        Number in the run of this batch's first point, which the captures' `first_point` counts.
    """

    n_shots: int
    averaged: bool
    period_s: float
    captures: tuple[CaptureSpec, ...] = ()
    lead_s: Mapping[str, float] = field(default_factory=dict)
    first_point: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Straight:
    """All that happens in one shot of one point, at absolute ticks.

    Attributes
    ----------
    plays : (n,) PLAY
        In the order of the program.
    captures : (m,) CAPTURE
        In the order of the program.
    length_s : float
        End of the last play or capture.
    ports : tuple of PortClock
        What `port` indexes.
    waveforms : tuple of Waveform
        What `waveform` indexes: unit envelopes with numbers only.
    labels : sequence of str
        Name of each play for error messages (``sx on q0``).
    """

    plays: NDArray
    captures: NDArray
    length_s: float
    ports: tuple[PortClock, ...]
    waveforms: tuple[Waveform, ...]
    labels: Sequence[str] = ()


class Action(NamedTuple):
    """One instruction of a timeline as its text shows it.

    Attributes
    ----------
    op : Op
        PLAY, CAPTURE, or a frame instruction.
    port : str
        Port that it is on.
    start : int
        Tick of the port's clock at point 0.
    value : float, Fraction or Expression
        Amplitude, phase or frequency.
    waveform : Waveform or None
        Envelope of a play.
    slot : str
        Result of a capture.
    length_s : float
        Length of a capture.
    when : Condition or None
        Of a play that happens in some shots only, over numbers of measurements.
    event : int
        Number of a capture's measurement in the shot, or -1.
    """

    op: Op
    port: str
    start: int
    value: Any = 0.0
    waveform: Waveform | None = None
    slot: str = ""
    length_s: float = 0.0
    when: Condition | None = None
    event: int = -1


@dataclass(frozen=True, eq=False)
class Timeline:
    """A program at pulse level with the start of every play and capture, for all its sweep points.

    Attributes
    ----------
    actions : sequence of Action
        The program at pulse level, in its own order, with symbolic values.
    ports : tuple of PortClock
        Ports with their clocks and rounding errors.
    waveforms : tuple of Waveform
        Unit envelopes with numbers only.
    plays : (n_points, n_plays) PLAY
        Every play at every point, C order over the axes.
    captures : (n_points, n_captures) CAPTURE
        Every capture at every point.
    lengths_s : (n_points,) float64
        Length of each point's shot.
    axes : tuple of Sweep
        Sweeps that make points, outermost first.
    specs : tuple of CaptureSpec
        One for each capture.
    bits : tuple of str
        Names of the program's bits.
    n_repeats : int
        Shots that the program's own outermost loops ask for.
    labels : sequence of str
        Name of each play.
    processor : str
        Processor of lab.toml that it is for.
    targets : tuple of tuple of int, optional
        Atoms or ions that each play is for, where its port is a beam; empty for all that the beam reaches.
    moves : (n_points, n_moves) MOVE, optional
        Atoms that are moved.
    conditions : tuple of Condition or None, optional
        Under which outcomes of the shot's captures each play happens, None for always; nothing where all do.
    """

    actions: Sequence[Action]
    ports: tuple[PortClock, ...]
    waveforms: tuple[Waveform, ...]
    plays: NDArray
    captures: NDArray
    lengths_s: NDArray[np.float64]
    axes: tuple[Sweep, ...] = ()
    specs: tuple[CaptureSpec, ...] = ()
    bits: tuple[str, ...] = ()
    n_repeats: int = 1
    labels: Sequence[str] = ()
    processor: str = ""
    targets: tuple[tuple[int, ...], ...] = ()
    moves: NDArray | None = None
    conditions: tuple[Condition | None, ...] = ()

    @cached_property
    def body(self) -> Body:
        """Return the program at pulse level, with its sweeps and loops, as text and files show it."""
        return self._pulse_body[0]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Return the tick of each of the body's instructions at point 0; -1 for those that have no time."""
        return self._pulse_body[1]

    @cached_property
    def _pulse_body(self) -> tuple[Body, NDArray[np.int64]]:
        from qctl.program.pulse_body import pulse_body

        return pulse_body(self)

    @property
    def n_points(self) -> int:
        """Return the number of sweep points; 1 without sweeps."""
        return len(self.lengths_s)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the number of values on each axis."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def residual_s(self) -> float:
        """Return the largest rounding error of any start."""
        return max((port.residual_s for port in self.ports), default=0.0)

    def straight(self, point: int | tuple[int, ...] | Mapping[str, float] = 0) -> Straight:
        """Return the absolute view of one point, by number, by index on each axis, or by values.

        Raises
        ------
        RequestError
            If there is no such point.
        """
        k = self._number(point)
        return Straight(
            self.plays[k], self.captures[k], float(self.lengths_s[k]), self.ports, self.waveforms, self.labels
        )

    def straights(self) -> Straights:
        """Return all points in order."""
        from qctl.program.straights import Straights

        n, m = self.plays.shape[1], self.captures.shape[1]
        return Straights(
            self.plays.reshape(-1), np.arange(self.n_points + 1) * n, self.captures.reshape(-1),
            np.arange(self.n_points + 1) * m, self.lengths_s, self.ports, self.waveforms, [(0, self.labels)],
            targets=[(0, self.targets)] if self.targets else (),
            moves=() if self.moves is None else [(0, self.moves)],
            conditions=[(0, self.conditions)] if self.conditions else (),
        )  # fmt: skip

    def _number(self, point: int | tuple[int, ...] | Mapping[str, float]) -> int:
        if isinstance(point, Mapping):
            index = []
            for axis in self.axes:
                if axis.name not in point:
                    raise RequestError(f"sweep {axis.name!r} has no value in {dict(point)}")
                hits = np.flatnonzero(axis.values == point[axis.name])
                if not len(hits):
                    raise RequestError(f"{axis.name} = {point[axis.name]!r} is no value of its sweep")
                index.append(int(hits[0]))
            point = tuple(index)
        if isinstance(point, tuple):
            if len(point) != len(self.axes) or any(not 0 <= k < n for k, n in zip(point, self.shape, strict=False)):
                raise RequestError(f"point {point} is outside the sweep of shape {self.shape}")
            point = int(np.ravel_multi_index(point, self.shape)) if point else 0
        if not 0 <= point < self.n_points:
            raise RequestError(f"point {point} is outside the {self.n_points} points of the program")
        return point
