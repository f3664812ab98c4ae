"""The twenty programs of docs/conformance.md, as data: what each port is asked for, and nothing of how a box does it.

A step is a name and its arguments, as `qctl.Program` has methods. Amplitudes of plays are parts of a port's full scale,
frequencies are offsets from its frame's first one, times are seconds. A swept number is a `Var`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["GHZ", "PROGRAMS", "Example", "Rack", "Shape", "Value", "Var", "number"]

GHZ = 1e9
"""Nanoseconds are divided by it: 200 / GHZ is 2e-7, 200 * 1e-9 is not."""


class Var(NamedTuple):
    """A swept number: ``offset + scale * value``."""

    name: str
    scale: float = 1.0
    offset: float = 0.0


Value = float | Var


class Shape(NamedTuple):
    """An envelope: kind, length in seconds, parameters as `qctl`'s functions take them, and samples with their rate."""

    kind: str
    length_s: float
    params: tuple[float, ...] = ()
    samples: tuple[complex, ...] = ()
    rate_hz: float = 0.0


class Rack(NamedTuple):
    """What programs must know of the boxes that play them.

    Attributes
    ----------
    full_v : dict of str to float
        Full scale of each port.
    longest : dict of str to Shape
        The longest pulse that the box plays on a port, in the box's own kind.
    pulse_s : float
        Length of a short pulse: 20 ns, or what is on the box's grid.
    """

    full_v: dict[str, float]
    longest: dict[str, Shape]
    pulse_s: float = 20 / GHZ


class Example(NamedTuple):
    """One of the twenty."""

    name: str
    title: str
    platform: str
    steps: Callable[[Rack], list[tuple[Any, ...]]]
    sweeps: tuple[tuple[str, tuple[float, ...], str], ...] = ()
    averaged: bool = False


def drag(rack: Rack) -> Shape:
    """Return the short pulse: 20 ns with a derivative quadrature."""
    return Shape("drag", rack.pulse_s, (5 / GHZ, 0.36 / GHZ))


FLAT = Shape("flat_top", 84 / GHZ, (2 / GHZ,))
TONE = Shape("constant", 800 / GHZ)
D0, D1, F1, R0, R1 = "q0.drive", "q1.drive", "q1.flux", "q0.readout", "q1.readout"
PI = float(np.pi)


READ = ("measure", "q0", "b")


def _rabi(rack: Rack) -> list[tuple[Any, ...]]:
    return [("play", D0, drag(rack), Var("amp")), ("barrier", "q0"), READ]


def _ramsey(rack: Rack) -> list[tuple[Any, ...]]:
    turn = Var("delay", 2 * PI * 1e6)
    return [
        ("play", D0, drag(rack), 0.45), ("delay", D0, Var("delay")), ("shift_phase", D0, turn),
        ("play", D0, drag(rack), 0.45), ("barrier", "q0"), READ,
    ]  # fmt: skip


def _randomized(rack: Rack) -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(7)
    steps: list[tuple[Any, ...]] = []
    for quarters in rng.integers(4, size=60).tolist():
        steps += [("shift_phase", D0, quarters * PI / 2), ("play", D0, drag(rack), 0.45)]
    return [*steps, ("barrier", "q0"), READ]


def _echo_train(rack: Rack) -> list[tuple[Any, ...]]:
    steps: list[tuple[Any, ...]] = [("play", D0, drag(rack), 0.45), ("shift_phase", D0, PI / 2)]
    for _ in range(16):
        steps += [("delay", D0, 200 / GHZ), ("play", D0, drag(rack), 0.9), ("delay", D0, 200 / GHZ)]
    return [*steps, ("shift_phase", D0, -PI / 2), ("play", D0, drag(rack), 0.45), ("barrier", "q0"), READ]


def _multiplexed(rack: Rack) -> list[tuple[Any, ...]]:
    return [
        ("play", D0, drag(rack), 0.9), ("play", D1, drag(rack), 0.9), ("barrier", "q0", "q1"), READ,
        ("measure", "q1", "c"),
    ]  # fmt: skip


def _conditional(rack: Rack) -> list[tuple[Any, ...]]:
    return [READ, ("barrier", "q0"), ("if", "b", [("play", D0, drag(rack), 0.9)])]


def _long_idle(rack: Rack) -> list[tuple[Any, ...]]:
    return [
        ("play", D0, drag(rack), 0.9), ("delay", D0, 1e-3), ("play", D0, drag(rack), 0.9), ("barrier", "q0"), READ,
    ]  # fmt: skip


def _longest(rack: Rack) -> list[tuple[Any, ...]]:
    return [("play", port, shape, 0.9) for port, shape in rack.longest.items()]


def _cz(rack: Rack) -> list[tuple[Any, ...]]:
    return [
        ("play", D0, drag(rack), 0.45), ("sx", "q1"), ("cz", "q0", "q1"), ("rz", "q1", 0.7), ("sx", "q1"),
        ("play", D0, drag(rack), 0.45), ("barrier", "q0", "q1"), ("measure", "q0", "b"), ("measure", "q1", "c"),
    ]  # fmt: skip


def _drag_sweep(rack: Rack) -> list[tuple[Any, ...]]:
    steps: list[tuple[Any, ...]] = []
    for k in range(4):
        steps += [("play", D0, drag(rack), Var("amp", (-1.0) ** k)), ("delay", D0, 4 / GHZ)]
    return [*steps, ("barrier", "q0"), READ]


def _frequency_sweep(rack: Rack) -> list[tuple[Any, ...]]:
    pulse = Shape("gaussian", 400 / GHZ, (100 / GHZ,))
    return [("set_frequency", D0, Var("detuning")), ("play", D0, pulse, 0.9), ("barrier", "q0"), READ]


def _relaxation(rack: Rack) -> list[tuple[Any, ...]]:
    return [("play", D0, drag(rack), 0.9), ("delay", D0, Var("delay")), ("barrier", "q0"), READ]


def _weights(rack: Rack) -> list[tuple[Any, ...]]:
    weights = tuple(np.exp(-np.arange(600) / 300) * (1 + 0.2j))
    window = ("capture", R0, "m", 600 / GHZ, Shape("samples", 600 / GHZ, (), weights, 1e9))
    return [("play", R0, TONE, 0.4), ("delay", R0, 40 / GHZ), window]


def _chirp(rack: Rack) -> list[tuple[Any, ...]]:
    t = (np.arange(200) + 0.5) / 200
    chirp = tuple(np.sin(PI * t) ** 2 * np.exp(2j * PI * (4 * t**2 - 4 * t)))
    return [("play", D0, Shape("samples", 200 / GHZ, (), chirp, 1e9), 0.9), ("barrier", "q0"), READ]


def _simultaneous(rack: Rack) -> list[tuple[Any, ...]]:
    long = Shape("gaussian", 100 / GHZ, (25 / GHZ,))
    together = [("play", D0, long, 0.9), ("play", D1, long, -0.9), ("play", F1, FLAT, 0.9), ("play", R0, TONE, 0.9)]
    return [*together, ("barrier", D0, D1, F1, R0), *together]


def _coherence(rack: Rack) -> list[tuple[Any, ...]]:
    long = Shape("gaussian", 100 / GHZ, (25 / GHZ,))
    return [
        ("play", D0, long, 0.9), ("shift_frequency", D0, 3.3e6), ("delay", D0, 100e-6), ("play", D0, long, 0.9),
        ("shift_frequency", D0, -3.3e6), ("delay", D0, 300e-6), ("play", D0, long, 0.9),
    ]  # fmt: skip


def _ms(rack: Rack) -> list[tuple[Any, ...]]:
    return [("rxx", "i0", "i1", PI / 2), ("measure", "i0", "b"), ("measure", "i1", "c")]


BLOCKADE = (("t", (40e-9, 200e-9, 360e-9), "s"),)


def _blockade(rack: Rack) -> list[tuple[Any, ...]]:
    return [("rydberg", Var("t"), 1e6, 3e5, 0.0), ("rydberg", 200 / GHZ, 1e6, -5e5, 0.7), ("measure", "a0", "b")]


def _image(rack: Rack) -> list[tuple[Any, ...]]:
    return [("rydberg", 500 / GHZ, 1e6, 0.0, 0.0), *(("measure", f"a{k}", f"b{k}") for k in range(9))]


def _shuttle(rack: Rack) -> list[tuple[Any, ...]]:
    return [("shuttle", ["a0"], [(0.0, -5e-6)], 100e-6), ("rydberg", 500 / GHZ, 1e6, 0.0, 0.0), ("measure", "a0", "b")]


_AMPS = (("amp", (-0.9, -0.45, 0.0, 0.3, 0.9), ""),)
PROGRAMS = (
    Example("rabi", "Rabi: swept amplitude", "transmon", _rabi, _AMPS),
    Example("ramsey", "Ramsey: swept delay, virtual phase", "transmon", _ramsey,
            (("delay", (0.0, 33 / GHZ, 1.7e-6, 70e-6), "s"),)),
    Example("rb", "randomized benchmarking, 60 gates", "transmon", _randomized),
    Example("cpmg", "echo train of 16 (CPMG)", "transmon", _echo_train),
    Example("multiplexed", "multiplexed readout", "transmon", _multiplexed),
    Example("reset", "conditional reset", "transmon", _conditional),
    Example("idle", "idle for 1 ms", "transmon", _long_idle),
    Example("longest", "longest pulse that the box plays", "transmon", _longest),
    Example("cz", "CZ by a flux pulse, between gates", "transmon", _cz),
    Example("drag", "DRAG pulses: swept amplitude", "transmon", _drag_sweep, _AMPS),
    Example("frequency", "spectroscopy: swept frequency", "transmon", _frequency_sweep,
            (("detuning", (-20.1e6, -1.234567e6, 0.0, 3.3e6, 20.1e6), "Hz"),)),
    Example("t1", "T1, averaged: swept delay", "transmon", _relaxation,
            (("delay", (0.0, 1.1e-6, 20e-6, 99.9e-6), "s"),), averaged=True),
    Example("weights", "weighted capture", "transmon", _weights),
    Example("chirp", "chirp of complex samples", "transmon", _chirp),
    Example("together", "four ports at the same time", "transmon", _simultaneous),
    Example("coherence", "phase after 100 µs and 300 µs", "transmon", _coherence),
    Example("ms", "Mølmer–Sørensen gate", "ion", _ms),
    Example("blockade", "Rydberg blockade: swept length", "atom", _blockade, BLOCKADE),
    Example("image", "global Rydberg pulse and image", "atom", _image),
    Example("shuttle", "atom moved, then driven", "atom", _shuttle),
)  # fmt: skip


def number(value: Value, point: dict[str, float]) -> float:
    """Return a swept number at a point."""
    return value.offset + value.scale * point[value.name] if isinstance(value, Var) else float(value)
