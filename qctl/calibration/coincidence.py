"""The node `delays`: when pulses of other boxes reach a qubit, measured against its own drive pulses.

A flux pulse that moves a qubit away while it is driven leaves it where it is, so the excitation has a dip that is
centred where both meet. A measurement that begins while a qubit is driven sees the part of the rotation that is over.
That a measurement cuts the drive at one instant is an approximation: resonators fill within some 50 ns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.calibration.bench import Bench, Finding, Outcome
from qctl.calibration.fits import Fit, fit_curve
from qctl.lab import Instrument, Lab, TransmonCoupler, TransmonQubit
from qctl.lab.snapshot import Values
from qctl.program.envelopes import constant, drag
from qctl.program.program import Program

__all__ = ["delays", "fit_cut", "fit_dip", "flux_meets_drive", "readout_meets_drive", "skewed"]

Floats = NDArray[np.float64]
SPAN_S = 100e-9
"""How far pulses may be apart in the experiments; times of all clocks are whole ticks in it."""
GUARD_S = 100e-9
FLUX_PART = 0.6
"""Of the flux of a CZ: it moves the qubit far from its drive, and not yet to where it meets its neighbour."""
_POINTS = 61
_FLUX_S, _SHOTS = 60e-9, 4
"""How far the flux pulse is moved, and how many times the tune-up's shots each point takes."""
_SURE_S = 2e-10
"""Standard error up to which a delay is taken: less than half of a sample of any generator here."""
_LEAST_QUALITY = 0.9


class _Aim(NamedTuple):
    """A line whose delay is measured: its qubit and role."""

    qubit: str
    role: str


def skewed(lab: Lab, values: Values) -> list[str]:
    """Return the qubits of which a line is played by another instrument than the drive, and not known to be in time.

    Instruments that one source triggers without any delay in lab.toml are taken to be.
    """
    return list(dict.fromkeys(aim.qubit for aim in _aims(lab, values)))


def _aims(lab: Lab, values: Values) -> list[_Aim]:
    moved = {c.flux_qubit for c in values.couplers.values() if isinstance(c, TransmonCoupler)}
    boxes: dict[str, dict[str, Instrument]] = {}
    for port in lab.ports_of(values.processor):
        if port.outputs:
            boxes.setdefault(port.target, {})[port.role] = lab.instrument(port.outputs[0].instrument)
    return [
        _Aim(name, role)
        for name, found in boxes.items()
        for role in ("flux", "readout")
        if role in found and "drive" in found and _apart(found[role], found["drive"])
        if role != "flux" or name in moved
    ]


def _apart(box: Instrument, other: Instrument) -> bool:
    """Say whether two boxes may play at different times."""
    wires = [one.trigger for one in (box, other) if one.trigger is not None]
    sources = {wire.source for wire in wires}
    return box.name != other.name and (len(sources) > 1 or any(wire.delay_s for wire in wires))


def _half_turns(program: Program, qubit: TransmonQubit) -> None:
    """Play the two π/2 pulses of a π rotation."""
    pulse = qubit.drive
    for _ in range(2):
        program.play(f"{qubit.name}.drive", drag(pulse.length_s, pulse.amplitude_v, pulse.sigma_s, pulse.beta_s))


def _program(name: str, *roles: str) -> Program:
    return Program([f"{name}.{role}" for role in roles], [name], [name])


def flux_meets_drive(qubit: TransmonQubit, late_s: Floats, volts: float) -> Program:
    """Sweep when a flux pulse starts against a π rotation of the same length; both end before the measurement."""
    program, length_s = _program(qubit.name, "drive", "flux", "readout"), 2 * qubit.drive.length_s
    with program.sweep("late", late_s, "s") as late:
        program.delay(f"{qubit.name}.drive", SPAN_S)
        program.delay(f"{qubit.name}.flux", late + SPAN_S)
        _half_turns(program, qubit)
        program.play(f"{qubit.name}.flux", constant(length_s, volts))
        program.delay(f"{qubit.name}.drive", SPAN_S + GUARD_S)
        program.barrier()
        program.measure(qubit.name, qubit.name)
    return program


def readout_meets_drive(qubit: TransmonQubit, late_s: Floats) -> Program:
    """Sweep when a π rotation starts against a readout pulse, which begins at its end where `late` is 0."""
    program, port = _program(qubit.name, "drive", "readout"), f"{qubit.name}.readout"
    readout, length_s = qubit.readout, 2 * qubit.drive.length_s
    with program.sweep("late", late_s, "s") as late:
        program.delay(f"{qubit.name}.drive", late + SPAN_S)
        program.delay(port, SPAN_S + length_s)
        _half_turns(program, qubit)
        program.set_frequency(port, readout.frequency_hz)
        program.play(port, constant(readout.length_s + readout.delay_s, readout.amplitude_v))
        program.capture(port, into=qubit.name, duration_s=readout.length_s)
    return program


def _over(qubit: TransmonQubit) -> tuple[Floats, Floats]:
    """Return times after the start of a π rotation of two pulses, and how much of it is over then."""
    length_s, sigma_s = qubit.drive.length_s, qubit.drive.sigma_s
    t = (np.arange(2000) + 0.5) / 2000 * length_s
    bell = np.exp(-0.5 * ((t - length_s / 2) / sigma_s) ** 2) - np.exp(-0.5 * (length_s / 2 / sigma_s) ** 2)
    part = np.concatenate([[0.0], np.cumsum(np.tile(bell, 2))]) / (2 * bell.sum())
    return np.linspace(0.0, 2 * length_s, part.size), part


def fit_dip(x: Floats, y: Floats, qubit: TransmonQubit) -> Fit:
    """Fit the excitation of a π rotation of which a pulse of the same length takes a part away.

    ``offset + height sin²(turn/2 (1 - part(x - centre)))``: `part` is what is driven between a time after the start of
    the rotation and that time plus its length.
    """
    times, over = _over(qubit)

    def model(u: Floats, offset: float, height: float, centre: float, turn: float) -> Floats:
        part = np.interp(u - centre + times[-1], times, over) - np.interp(u - centre, times, over)
        found: Floats = offset + height * np.sin(turn / 2 * (1 - part)) ** 2
        return found

    high, low = float(np.median(np.concatenate([y[:5], y[-5:]]))), float(y.min())
    starts = [[low, high - low, centre, np.pi] for centre in (0.0, 1e-8, -1e-8)]
    return _fitted(model, x, y, starts, "centre")


def fit_cut(x: Floats, y: Floats, qubit: TransmonQubit) -> Fit:
    """Fit the excitation of a π rotation that is cut off: ``offset + height sin²(turn/2 over(length + late - x))``.

    `over` is how much of the rotation is over at a time after its start; `late` is how late the cut is.
    """
    times, over = _over(qubit)

    def model(u: Floats, offset: float, height: float, late: float, turn: float) -> Floats:
        found: Floats = offset + height * np.sin(turn / 2 * np.interp(times[-1] + late - u, times, over)) ** 2
        return found

    low, high = float(y[-5:].mean()), float(y[:5].mean())
    starts = [[low, high - low, late, np.pi] for late in (0.0, 1e-8, -1e-8)]
    return _fitted(model, x, y, starts, "late")


def _fitted(model: Callable[..., Floats], x: Floats, y: Floats, starts: list[list[float]], name: str) -> Fit:
    """Fit in nanoseconds: a solver wants numbers near one."""
    fit = fit_curve(
        ("offset", "height", name, "turn"),
        lambda u, offset, height, at, turn: model(u * 1e-9, offset, height, at * 1e-9, turn),
        x * 1e9, y, [[a, b, at * 1e9, turn] for a, b, at, turn in starts], _LEAST_QUALITY,
    )  # fmt: skip
    if not fit.values:
        return fit
    values, errors = ({**table, name: table[name] * 1e-9} for table in (fit.values, fit.errors))
    return Fit(values, errors, fit.quality, fit.curve, fit.reason)


def delays(bench: Bench, qubits: Sequence[str], attempt: int) -> Outcome:
    """Find how early each line must be played so that its pulses meet the qubit's drive pulses."""
    lab = bench.lab.description
    n_shots = _SHOTS * bench.n_shots
    aims = [aim for aim in _aims(lab, bench.values) if aim.qubit in qubits]
    xs, programs = [], []
    for aim in aims:
        qubit, x = bench.qubit(aim.qubit), _grid(bench, aim)
        xs.append(x)
        flux_v = _flux_v(bench, aim.qubit)
        programs.append(flux_meets_drive(qubit, x, flux_v) if aim.role == "flux" else readout_meets_drive(qubit, x))
    found: dict[str, Finding] = {}
    for aim, x, iq in zip(aims, xs, bench.averaged(programs, n_shots), strict=True):
        qubit = bench.qubit(aim.qubit)
        y = bench.signal(aim.qubit, iq[aim.qubit])
        earlier = found.get(aim.qubit)
        one = _finding(qubit, aim.role, x, y)
        found[aim.qubit] = one if earlier is None else _both(earlier, one)
    n_points = sum(len(x) for x in xs)
    labels = ("late (ns)", "signal")
    return Outcome("delays", tuple(found[name] for name in qubits), *labels, n_points, n_points * n_shots)


def _flux_v(bench: Bench, name: str) -> float:
    """Return the flux that moves a qubit out of its drive's reach."""
    volts = [bench.coupler(key).cz.amplitude_v for key, c in bench.values.couplers.items() if _moves(c, name)]
    return FLUX_PART * max(volts, key=abs, default=0.0)


def _moves(coupler: Any, name: str) -> bool:
    return isinstance(coupler, TransmonCoupler) and coupler.flux_qubit == name


def _grid(bench: Bench, aim: _Aim) -> Floats:
    """Return what is swept, in whole samples of the line that is moved in the experiment."""
    moved = "flux" if aim.role == "flux" else "drive"
    sample_s = bench.sample_s(f"{aim.qubit}.{moved}")
    length_s = 2 * bench.qubit(aim.qubit).drive.length_s
    low, high = (-_FLUX_S, _FLUX_S) if aim.role == "flux" else (-length_s, 2 * length_s)
    steps = np.unique(np.round(np.linspace(low, high, _POINTS) / sample_s))
    return np.asarray(steps * sample_s)


def _finding(qubit: TransmonQubit, role: str, x: Floats, y: Floats) -> Finding:
    fit = fit_dip(x, y, qubit) if role == "flux" else fit_cut(x, y, qubit)
    moved = fit.values.get("centre", 0.0) if role == "flux" else -fit.values.get("late", 0.0)
    error = fit.errors.get("centre" if role == "flux" else "late", np.inf)
    reason = fit.reason
    if not reason and error > _SURE_S:
        reason = f"the {role} delay is known to {error * 1e9:.2f} ns only"
    known = qubit.delays_s or {}
    total = known.get(role, 0.0) + moved
    update: TransmonQubit = msgspec.structs.replace(qubit, delays_s={**known, role: total})
    text = f"{role} {total * 1e9:+.2f} ns ({moved * 1e9:+.2f} ± {error * 1e9:.2f})"
    return Finding(qubit.name, x * 1e9, y, fit, update, reason, text)


def _both(first: Finding, second: Finding) -> Finding:
    """Join what was found for two lines of a qubit; the curve of the first is shown."""
    one, other = first.update, second.update
    assert isinstance(one, TransmonQubit) and isinstance(other, TransmonQubit)
    role = second.text.partition(" ")[0]
    both = {**(one.delays_s or {}), role: (other.delays_s or {})[role]}
    update = msgspec.structs.replace(one, delays_s=both)
    return replace(first, update=update, reason=first.reason or second.reason, text=f"{first.text}, {second.text}")
