"""What a program asks of each port, worked out in float64 and fractions from its steps and lab.toml alone.

Nothing here is qctl's: the frames, the times and the envelopes are reckoned anew, from the words of docs/python.md (an
item begins as soon as its lines are free) and of the builder's functions (the formula of each envelope).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
from programs import Example, Rack, Shape, number

__all__ = ["Capture", "Event", "Frames", "events_of", "lasting", "nearest", "samples", "signal", "unit"]


@dataclass(frozen=True)
class Event:
    """One play: port, exact start in seconds, envelope, peak in volts, and its frame as it is then.

    `turns` is the frame's phase at time zero, in turns: the signal is
    ``amp conj(envelope) exp(2 pi i (frequency_hz t - turns))``, beside the LO.
    """

    port: str
    start: Fraction
    shape: Shape
    amp_v: float
    frequency_hz: Fraction
    turns: float


@dataclass(frozen=True)
class Capture:
    """One window: port, exact start and length in seconds."""

    port: str
    start: Fraction
    length: Fraction


@dataclass
class Frames:
    """What lab.toml says of the ports and of the qubits' pulses.

    Attributes
    ----------
    hz, lo_hz, rates_hz : dict of str to float
        Of each port: first frequency of its frame, that of its LO, and its clock.
    gates : dict of str to tuple
        Of a qubit: (Shape, volts) of ``sx``; (Shape, volts, delay_s) of its readout.
    cz : tuple
        Shape, volts, and the turns of the phase of each qubit.
    """

    hz: dict[str, float]
    lo_hz: dict[str, float]
    rates_hz: dict[str, float]
    gates: dict[str, Any]
    cz: tuple[Shape, float, dict[str, float]]


def exact(value: float) -> Fraction:
    """Return the decimal number that a float is printed as."""
    return Fraction(repr(float(value)))


def lasting(shape: Shape) -> Fraction:
    """Return the exact length of an envelope."""
    return len(shape.samples) / Fraction(shape.rate_hz) if shape.kind == "samples" else exact(shape.length_s)


class _Walk:
    """Plays and captures of one point, from time zero on."""

    def __init__(self, frames: Frames, point: dict[str, float], rack: Rack, shift: Fraction) -> None:
        self.frames, self.point, self.rack, self.shift = frames, point, rack, shift
        self.free: dict[tuple[str, str], Fraction] = {}
        self.hz = {port: exact(hz) for port, hz in frames.hz.items()}
        self.turns = dict.fromkeys(frames.hz, Fraction(0))
        self.events: list[Event] = []
        self.captures: list[Capture] = []

    def lines(self, *names: str) -> list[tuple[str, str]]:
        """Return the lines of ports and qubits: one that plays, and one that records."""
        ports = [p for n in names for p in self.frames.hz if p == n or p.startswith(f"{n}.")]
        return [(p, kind) for p in ports for kind in ("play", "record")]

    def begin(self, lines: list[tuple[str, str]], lasts: Fraction) -> Fraction:
        """Return when all lines are free, and occupy them."""
        start = max(self.free.get(line, Fraction(0)) for line in lines)
        for line in lines:
            self.free[line] = start + lasts
        return start + self.shift

    def play(self, port: str, shape: Shape, amp_v: float, start: Fraction) -> None:
        lo_hz = exact(self.frames.lo_hz.get(port, 0.0))
        self.events.append(
            Event(port, start, shape, amp_v, self.hz[port] - lo_hz, float(self.turns[port] % 1))
        )  # fmt: skip

    def step(self, name: str, *args: Any) -> None:
        """Do one step."""
        value = {"point": self.point}

        def given(x: Any) -> float:
            return number(x, value["point"])

        if name == "play":
            port, shape, amp = args
            start = self.begin([(port, "play")], lasting(shape))
            self.play(port, shape, given(amp) * self.rack.full_v[port], start)
        elif name == "capture":
            port, _, length_s, _ = args
            start = self.begin([(port, "record")], exact(length_s))
            self.captures.append(Capture(port, start, exact(length_s)))
        elif name == "delay":
            self.begin(self.lines(args[0]), exact(given(args[1])))
        elif name == "barrier":
            self.begin(self.lines(*args), Fraction(0))
        elif name == "shift_phase":
            self.turns[args[0]] += Fraction(given(args[1]) / (2 * np.pi))
        elif name in ("set_frequency", "shift_frequency"):
            port = args[0]
            base = exact(self.frames.hz[port]) if name == "set_frequency" else self.hz[port]
            wanted = base + exact(given(args[1]))
            start = self.begin([(port, "play")], Fraction(0))
            self.turns[port] += (wanted - self.hz[port]) * start
            self.hz[port] = wanted
        elif name == "rz":
            self.turns[f"{args[0]}.drive"] -= Fraction(args[1] / (2 * np.pi))
        elif name == "sx":
            shape, volts = self._held(f"{args[0]}.drive", *self.frames.gates[args[0]][0])
            start = self.begin(self.lines(args[0]), exact(shape.length_s))
            self.play(f"{args[0]}.drive", shape, volts, start)
        elif name == "cz":
            shape, volts, turns = self.frames.cz
            start = self.begin(self.lines(*args), exact(shape.length_s))
            self.play("q1.flux", shape, volts, start)
            for qubit, turn in turns.items():
                self.turns[f"{qubit}.drive"] -= Fraction(turn)
        else:
            raise NotImplementedError(name)

    def _held(self, port: str, shape: Shape, volts: float) -> tuple[Shape, float]:
        """Return a calibrated pulse with the quadrature that undoes what holding each sample does to its spectrum.

        Where samples are held for T, the output is weighted by sin(x) / x with x = pi f T: near a carrier f a slope of
        (cot x - 1 / x) T / 2 for each rad/s, which acts like a derivative quadrature.
        """
        hz = float(self.hz[port]) - self.frames.lo_hz[port]
        x = np.pi * hz / self.frames.rates_hz[port]
        slope_s = (1 / np.tan(x) - 1 / x) / (2 * self.frames.rates_hz[port]) if x else 0.0
        sigma_s, beta_s = shape.params
        return Shape(shape.kind, shape.length_s, (sigma_s, beta_s - slope_s)), volts

    def measure(self, qubits: list[str]) -> None:
        """Measure qubits at the same time."""
        read = [self.frames.gates[q][1] for q in qubits]
        lasts = max(exact(shape.length_s) + exact(delay_s) for shape, _, delay_s in read)
        start = self.begin(self.lines(*qubits), lasts)
        for q, (shape, volts, delay_s) in zip(qubits, read, strict=True):
            self.play(f"{q}.readout", shape, volts, start)
            self.captures.append(Capture(f"{q}.readout", start + exact(delay_s), exact(shape.length_s)))


def events_of(
    example: Example, rack: Rack, frames: Frames, point: dict[str, float], shift: Fraction = Fraction(0)
) -> tuple[list[Event], list[Capture]]:
    """Return the plays and captures of one point, all times later by a shift."""
    walk = _Walk(frames, point, rack, shift)
    together: list[str] = []
    for step in [*example.steps(rack), ("end",)]:
        if step[0] == "measure":
            together.append(step[1])
            continue
        if together:
            walk.measure(together)
            together = []
        if step[0] != "end":
            walk.step(*step)
    return walk.events, walk.captures


def unit(shape: Shape, n: int, rate_hz: Fraction) -> np.ndarray:
    """Return the envelope at the middles of n samples, which lie evenly about its centre."""
    length_s, params = shape.length_s, shape.params
    t = length_s / 2 + (np.arange(n) + 0.5 - n / 2) / float(rate_hz)
    if shape.kind == "constant":
        return np.ones(n, complex)
    if shape.kind in ("gaussian", "drag"):
        sigma = params[0]
        low = np.exp(-((length_s / 2) ** 2) / (2 * sigma**2))
        bell = np.exp(-((t - length_s / 2) ** 2) / (2 * sigma**2))
        slope = -(t - length_s / 2) / sigma**2 * bell
        return ((bell - low) + 1j * (params[1] if shape.kind == "drag" else 0.0) * slope) / (1 - low)
    if shape.kind == "flat_top":
        rise = params[0]
        edge = np.minimum(t, length_s - t)
        return np.where(edge < rise, (1 - np.cos(np.pi * np.clip(edge, 0, None) / rise)) / 2, 1.0) + 0j
    assert shape.kind == "samples"
    given = np.array(shape.samples, complex)
    # Each of its samples is held until the next one.
    ratio = Fraction(shape.rate_hz) / rate_hz
    index = (2 * np.arange(n, dtype=object) + 1) * ratio.numerator // (2 * ratio.denominator)
    return given[np.minimum(index.astype(int), len(given) - 1)]


def nearest(exact: Fraction) -> int:
    """Return the first sample whose middle is not before a time, in samples: the nearest one, the earlier of two."""
    return ceil(exact - Fraction(1, 2))


def samples(shape: Shape, rate_hz: Fraction) -> int:
    """Return a length in whole samples."""
    return nearest(lasting(shape) * rate_hz)


def signal(event: Event, begin: Fraction, n: int, rate_hz: Fraction, carries: bool) -> np.ndarray:
    """Return I + iQ in volts of a play that a box begins at a time, at the middles of its n samples."""
    shape = unit(event.shape, n, rate_hz)
    if not carries:
        return event.amp_v * shape.real + 0j
    first = float((event.frequency_hz * begin) % 1) - event.turns
    turns = first + float(event.frequency_hz) * (np.arange(n) + 0.5) / float(rate_hz)
    return event.amp_v * np.conj(shape) * np.exp(2j * np.pi * turns)
