"""Nodes for one qubit at a time, run on all qubits at once: frequency, amplitude, DRAG, readout, lifetimes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.calibration import experiments
from qctl.calibration.bench import Bench, Finding, Outcome
from qctl.calibration.fits import Fit, fit_cosine, fit_decay, fit_parabola, fit_peak
from qctl.calibration.readout import discriminate
from qctl.lab import TransmonQubit
from qctl.program.program import Program

__all__ = [
    "amplitude",
    "beta",
    "beta_and_lifetimes",
    "discrimination",
    "lifetimes",
    "lines_and_rest",
    "rabi",
    "ramsey",
    "reference",
    "spectroscopy",
    "t1",
    "t2",
]

Floats = NDArray[np.float64]

SPAN_HZ = 38e6
"""Half of the span in which spectroscopy looks for a qubit."""
LENGTH_S = 150e-9
"""Length of the spectroscopy pulse."""
_REST_POINTS = 8
"""Points over which the ground state is averaged: its place moves all signals alike."""
_NEAR = 0.02
"""Change of the amplitude up to which a long train around the old one is as good as one around the new one."""


def _changed(value: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(value, **fields)


def _drive(qubit: TransmonQubit, **fields: Any) -> TransmonQubit:
    changed: TransmonQubit = _changed(qubit, drive=_changed(qubit.drive, **fields))
    return changed


def _judge(fit: Fit, value: float, low: float, high: float, what: str) -> str:
    """Return why a fitted value is not taken, or nothing."""
    if not fit.accepted:
        return fit.reason
    if not low <= value <= high:
        return f"{what} = {value:.6g} is outside [{low:.6g}, {high:.6g}]"
    return ""


def _each(
    bench: Bench,
    node: str,
    qubits: Sequence[str],
    iq: dict[str, NDArray[np.complex128]],
    x: Floats,
    one: Callable[[TransmonQubit, Floats], Finding],
    labels: tuple[str, str],
) -> Outcome:
    findings = [one(bench.qubit(name), bench.signal(name, iq[name])) for name in qubits]
    return Outcome(node, tuple(findings), *labels, len(x), len(x) * bench.n_shots)


def reference(bench: Bench, qubits: Sequence[str], attempt: int) -> Outcome:
    """Measure where the ground state lies in the IQ plane."""
    (iq,) = bench.averaged([experiments.at_rest(bench.values, qubits, _REST_POINTS)])
    findings = []
    for name in qubits:
        qubit, point = bench.qubit(name), complex(iq[name].mean())
        readout = _changed(qubit.readout, center0_v=(point.real, point.imag), center1_v=None)
        findings.append(
            Finding(
                name,
                np.array([point.real]),
                np.array([point.imag]),
                update=_changed(qubit, readout=readout),
                reason="" if np.isfinite(point) else "the record is not finite",
                text=f"|0> at {point.real * 1e3:+.2f} {point.imag * 1e3:+.2f}j mV",
            )
        )
    return Outcome("reference", tuple(findings), "I (V)", "Q (V)", _REST_POINTS, _REST_POINTS * bench.n_shots)


def lines_and_rest(bench: Bench, qubits: Sequence[str]) -> None:
    """Measure what `reference` and `spectroscopy` first ask for in one job: what is played depends on neither."""
    programs = [experiments.at_rest(bench.values, qubits, _REST_POINTS), _spectroscopy(bench, qubits, 1)[1]]
    bench.measure_ahead(programs, bench.n_shots)


def _spectroscopy(bench: Bench, qubits: Sequence[str], attempt: int) -> tuple[Floats, Program]:
    """Return the detunings in hertz, and the program that sweeps them."""
    span = SPAN_HZ * attempt
    x = np.linspace(-span, span, 51 * attempt)
    return x, experiments.spectroscopy(bench.values, qubits, x, LENGTH_S)


def spectroscopy(bench: Bench, qubits: Sequence[str], attempt: int) -> Outcome:
    """Find each qubit's frequency to about 0.5 MHz; a second attempt looks twice as far."""
    x, program = _spectroscopy(bench, qubits, attempt)
    (iq,) = bench.averaged([program])

    def one(qubit: TransmonQubit, y: Floats) -> Finding:
        fit = fit_peak(x, y)
        shift = fit.values.get("centre", float("nan"))
        reason = _judge(fit, fit.values.get("width", np.nan), 1e6, 15e6, "half width (Hz)")
        found = qubit.frequency_hz + shift
        text = f"{found / 1e9:.5f} GHz ({shift / 1e6:+.2f} MHz)"
        return Finding(qubit.name, x / 1e6, y, fit, _changed(qubit, frequency_hz=found), reason, text)

    return _each(bench, "spectroscopy", qubits, iq, x, one, ("detuning (MHz)", "signal"))


def rabi(bench: Bench, qubits: Sequence[str], attempt: int) -> Outcome:
    """Find the amplitude of the π/2 pulse to a per cent, and where |1> lies in the IQ plane."""
    x = np.linspace(0.0, 2.4, 61 * attempt)
    (iq,) = bench.averaged([experiments.rabi(bench.values, qubits, x)])

    def one(qubit: TransmonQubit, y: Floats) -> Finding:
        fit = fit_cosine(x, y, least_quality=0.85)
        if not fit.values:
            return Finding(qubit.name, x, y, fit, reason=fit.reason)
        factor = 0.5 / fit.values["frequency"]
        reason = _judge(fit, factor, 0.6, 1.6, "amplitude factor")
        at_pi = int(np.argmin(np.abs(x - factor)))
        near = slice(max(0, at_pi - 1), at_pi + 2)
        point = complex(np.mean(iq[qubit.name][near]))
        update = _drive(qubit, amplitude_v=qubit.drive.amplitude_v * factor)
        update = _changed(update, readout=_changed(qubit.readout, center1_v=(point.real, point.imag)))
        return Finding(qubit.name, x, y, fit, update, reason, f"π/2 at {update.drive.amplitude_v * 1e3:.2f} mV")

    return _each(bench, "rabi", qubits, iq, x, one, ("amplitude factor", "signal"))


def ramsey(bench: Bench, qubits: Sequence[str], attempt: int) -> Outcome:
    """Refine the frequency by Ramsey fringes: first to some kHz, then with longer delays to one."""
    findings: dict[str, Finding] = {}
    used = 0
    for longest, detuning in ((1.2e-6, 2.5e6), (6e-6, 0.6e6)):
        bench.write()  # gates are the compiler's: the second round is played at the frequencies that the first found
        x = np.linspace(0.0, longest, 49 * attempt)
        groups = _apart(bench, qubits)
        found_iq = bench.averaged([experiments.ramsey(bench.values, group, x, detuning, group) for group in groups])
        for group, iq in zip(groups, found_iq, strict=True):
            used += len(x)
            for name in group:
                qubit, y = bench.qubit(name), bench.signal(name, iq[name])
                fit = fit_cosine(x, y, decaying=True, least_quality=0.6)
                beat = fit.values.get("frequency", float("nan"))
                shift = detuning - beat
                reason = _judge(fit, abs(shift), 0, 0.9 * detuning, "frequency error (Hz)")
                found = qubit.frequency_hz + shift
                text = f"{found / 1e9:.6f} GHz ({shift / 1e3:+.1f} kHz)"
                findings[name] = Finding(name, x * 1e6, y, fit, _changed(qubit, frequency_hz=found), reason, text)
        bench.take(Outcome("ramsey", tuple(findings.values())))
    return Outcome("ramsey", tuple(findings[q] for q in qubits), "delay (µs)", "population", used, used * bench.n_shots)


def _apart(bench: Bench, qubits: Sequence[str]) -> list[list[str]]:
    """Split qubits into groups without neighbours, whose ZZ would shift the frequency."""
    groups: list[list[str]] = []
    edges = {frozenset(coupler.split("-")) for coupler in bench.values.couplers}
    for name in qubits:
        for group in groups:
            if not any(frozenset((name, other)) in edges for other in group):
                group.append(name)
                break
        else:
            groups.append([name])
    return groups


def amplitude(bench: Bench, qubits: Sequence[str], attempt: int) -> Outcome:
    """Refine the amplitude by trains of 4 and 12 π/2 pulses, which return to |0>.

    Both are measured in one job; where the short train finds an amplitude that is not near, the long one is measured
    once more around that.
    """
    spans = {4: 0.12 * attempt, 12: 0.045 * attempt}
    found = _trains(bench, qubits, spans)
    findings = found[12]
    used = sum(finding[0].x.size for finding in found.values())
    if any(abs(one.fit.values["centre"] - 1) > _NEAR for one in found[4] if one.accepted and one.fit is not None):
        bench.take(Outcome("amplitude", tuple(found[4])))
        findings = _trains(bench, qubits, {12: spans[12]})[12]
        used += findings[0].x.size
    bench.take(Outcome("amplitude", tuple(findings)))
    return Outcome("amplitude", tuple(findings), "amplitude factor", "population", used, used * bench.n_shots)


def _trains(bench: Bench, qubits: Sequence[str], spans: dict[int, float]) -> dict[int, list[Finding]]:
    """Measure trains of so many pulses around today's amplitude, each so far to both sides, and fit them."""
    factors = {n_pulses: np.linspace(1 - span, 1 + span, 25) for n_pulses, span in spans.items()}
    programs = [experiments.pulse_train(bench.values, qubits, x, n_pulses) for n_pulses, x in factors.items()]
    found: dict[int, list[Finding]] = {}
    for (n_pulses, x), iq in zip(factors.items(), bench.averaged(programs), strict=True):
        found[n_pulses] = [_train(bench.qubit(name), x, bench.signal(name, iq[name])) for name in qubits]
    return found


def _train(qubit: TransmonQubit, x: Floats, y: Floats) -> Finding:
    """Fit a train's signal `y` at factors `x` on the amplitude."""
    fit = fit_parabola(x, y)
    factor = fit.values["centre"]
    reason = _judge(fit, factor, x[0], x[-1], "amplitude factor")
    if not reason and fit.values["curvature"] < 0:
        reason = "the train does not return to |0>"
    update = _drive(qubit, amplitude_v=qubit.drive.amplitude_v * factor)
    text = f"π/2 at {update.drive.amplitude_v * 1e3:.3f} mV ({(factor - 1) * 100:+.2f} %)"
    return Finding(qubit.name, x, y, fit, update, reason, text)


def _beta(bench: Bench, qubits: Sequence[str], attempt: int) -> tuple[Floats, Program]:
    """Return DRAG coefficients in seconds, and the program that sweeps them."""
    middle = [0.5 / (2 * np.pi * abs(bench.qubit(name).anharmonicity_hz)) for name in qubits]
    widest = 3.0 * attempt * max(middle)
    x = np.linspace(-widest / 2, widest, 31)
    return x, experiments.beta_train(bench.values, qubits, x, 8)


def beta(bench: Bench, qubits: Sequence[str], attempt: int) -> Outcome:
    """Find the DRAG coefficient at which pairs of opposite π/2 pulses cancel."""
    x, program = _beta(bench, qubits, attempt)
    (iq,) = bench.averaged([program], 2 * bench.n_shots)
    widest = float(x[-1])

    def one(qubit: TransmonQubit, y: Floats) -> Finding:
        lowest = x[int(np.argmin(np.convolve(np.pad(y, 1, mode="edge"), np.ones(3) / 3, mode="valid")))]
        near = np.abs(x - lowest) < 0.8 * widest / 2
        fit = fit_parabola(x[near], y[near], least_quality=0.4)
        found = fit.values["centre"]
        reason = _judge(fit, found, x[0], x[-1], "beta_s")
        if not reason and fit.values["curvature"] < 0:
            reason = "there is no minimum"
        curve = np.full(len(x), np.nan)
        curve[near] = fit.curve
        shown = replace(fit, curve=curve)
        return Finding(qubit.name, x * 1e9, y, shown, _drive(qubit, beta_s=found), reason, f"beta {found * 1e9:.3f} ns")

    outcome = _each(bench, "beta", qubits, iq, x, one, ("beta (ns)", "population"))
    return Outcome(outcome.node, outcome.findings, outcome.x_label, outcome.y_label, len(x), 2 * len(x) * bench.n_shots)


def discrimination(bench: Bench, qubits: Sequence[str], attempt: int) -> Outcome:
    """Take single shots of |0> and |1>; find the axis, the threshold and the assignment errors."""
    shots = 2000 * attempt
    programs = [experiments.prepared(bench.values, qubits, chosen) for chosen in ((), tuple(qubits))]
    zero, one = bench.single_shots(programs, shots)
    findings = []
    for name in qubits:
        qubit = bench.qubit(name)
        found = discriminate(zero[name], one[name])
        readout = _changed(
            qubit.readout,
            angle_rad=found.angle_rad,
            threshold_v=found.threshold_v,
            center0_v=(found.center0_v.real, found.center0_v.imag),
            center1_v=(found.center1_v.real, found.center1_v.imag),
            error0=float(found.assignment[1, 0]),
            error1=float(found.assignment[0, 1]),
        )
        reason = "" if found.fidelity > 0.85 else f"assignment fidelity = {found.fidelity:.3f} is under 0.85"
        e0, e1 = found.assignment[1, 0], found.assignment[0, 1]
        text = f"fidelity {found.fidelity:.4f}, P(1|0) {e0:.4f}, P(0|1) {e1:.4f}"
        findings.append(
            Finding(
                name,
                found.assignment.ravel(),
                np.zeros(4),
                update=_changed(qubit, readout=readout),
                reason=reason,
                text=text,
                clouds=(zero[name], one[name]),
            )
        )
    return Outcome("discrimination", tuple(findings), "I (V)", "Q (V)", 2, 2 * shots)


def _delays(bench: Bench, qubits: Sequence[str], attempt: int, echo: bool) -> Floats:
    """Return the delays in which a lifetime is looked for, in seconds."""
    longest = 2.5 * attempt * max(getattr(bench.qubit(name), "t2_s" if echo else "t1_s") for name in qubits)
    return np.linspace(0.0, longest, 21)


def beta_and_lifetimes(bench: Bench, qubits: Sequence[str]) -> None:
    """Measure what `beta`, `t1` and `t2` first ask for in one job: how long a qubit lives depends on no pulse."""
    bench.measure_ahead([_beta(bench, qubits, 1)[1], *_both_lifetimes(bench, qubits)], 2 * bench.n_shots)


def lifetimes(bench: Bench, qubits: Sequence[str]) -> None:
    """Measure what `t1` and `t2` first ask for in one job."""
    bench.measure_ahead(_both_lifetimes(bench, qubits), 2 * bench.n_shots)


def _both_lifetimes(bench: Bench, qubits: Sequence[str]) -> list[Program]:
    return [experiments.lifetime(bench.values, qubits, _delays(bench, qubits, 1, echo), echo) for echo in (False, True)]


def _lifetime(bench: Bench, qubits: Sequence[str], attempt: int, echo: bool) -> Outcome:
    field, x = "t2_s" if echo else "t1_s", _delays(bench, qubits, attempt, echo)
    (iq,) = bench.averaged([experiments.lifetime(bench.values, qubits, x, echo)], 2 * bench.n_shots)

    def one(qubit: TransmonQubit, y: Floats) -> Finding:
        fit = fit_decay(x, y)
        found = fit.values.get("decay", float("nan"))
        reason = _judge(fit, found, 1e-6, 4 * x[-1], field)
        return Finding(qubit.name, x * 1e6, y, fit, _changed(qubit, **{field: found}), reason, f"{found * 1e6:.1f} µs")

    outcome = _each(bench, field[:2], qubits, iq, x, one, ("delay (µs)", "population"))
    return Outcome(outcome.node, outcome.findings, outcome.x_label, outcome.y_label, len(x), 2 * len(x) * bench.n_shots)


def t1(bench: Bench, qubits: Sequence[str], attempt: int) -> Outcome:
    """Measure how fast |1> relaxes."""
    return _lifetime(bench, qubits, attempt, echo=False)


def t2(bench: Bench, qubits: Sequence[str], attempt: int) -> Outcome:
    """Measure how fast a Hahn echo decays."""
    return _lifetime(bench, qubits, attempt, echo=True)
