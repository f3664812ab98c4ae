"""Nodes for coupled qubits, all couplers in one job: where |11> meets |02>, how long the return takes, phases of CZ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.calibration import experiments
from qctl.calibration.bench import Bench, Finding, Outcome
from qctl.calibration.fits import Fit, fit_cosine, fit_peak, fit_phase
from qctl.lab import TransmonCoupler

__all__ = ["cz_amplitude", "cz_length", "cz_phase"]

Floats = NDArray[np.float64]


def _cz(coupler: TransmonCoupler, **fields: Any) -> TransmonCoupler:
    changed: TransmonCoupler = msgspec.structs.replace(coupler, cz=msgspec.structs.replace(coupler.cz, **fields))
    return changed


def _sample_s(bench: Bench, coupler: TransmonCoupler) -> float:
    """Return the length of a sample of the port that plays a coupler's CZ."""
    return bench.sample_s(f"{coupler.flux_qubit}.flux")


def _low(coupler: TransmonCoupler) -> str:
    first, second = coupler.qubits
    return second if coupler.flux_qubit == first else first


def cz_amplitude(bench: Bench, names: Sequence[str], attempt: int) -> Outcome:
    """Find the flux amplitude at which |11> meets |02>: after half a period the lower qubit is in |0>."""
    couplers = [bench.coupler(name) for name in names]
    steps = np.linspace(1 - 0.2 * attempt, 1 + 0.2 * attempt, 61 * attempt)
    xs = [coupler.cz.amplitude_v * steps for coupler in couplers]
    programs = [
        experiments.flux_rabi(bench.values, coupler, "amplitude", x, None, coupler.cz.length_s / 2)
        for coupler, x in zip(couplers, xs, strict=True)
    ]
    findings = []
    for coupler, x, iq in zip(couplers, xs, bench.averaged(programs), strict=True):
        low, centre = _low(coupler), coupler.cz.amplitude_v
        y = bench.signal(low, iq[low])
        fit = fit_peak(x, y, least_quality=0.5)
        reason = fit.reason
        if not reason and fit.values["height"] > -0.3:
            reason = f"depth of the dip = {-fit.values['height']:.3f} is under 0.3"
        found = fit.values.get("centre", centre)
        text = f"{found * 1e3:.2f} mV ({(found / centre - 1) * 100:+.1f} %)"
        findings.append(Finding(coupler.name, x, y, fit, _cz(coupler, amplitude_v=found), reason, text))
    n_points = steps.size * len(couplers)
    return Outcome(
        "cz_amplitude", tuple(findings), "flux (V)", "population, lower qubit", n_points, n_points * bench.n_shots
    )


def cz_length(bench: Bench, names: Sequence[str], attempt: int) -> Outcome:
    """Find how long |11> takes to |02> and back, in whole samples."""
    couplers = [bench.coupler(name) for name in names]
    steps = np.linspace(0.15, 2.2 * attempt, 43)
    grids_s = [_sample_s(bench, coupler) for coupler in couplers]
    xs = [np.round(steps * c.cz.length_s / grid_s) * grid_s for c, grid_s in zip(couplers, grids_s, strict=True)]
    programs = [
        experiments.flux_rabi(bench.values, coupler, "length", x, coupler.cz.amplitude_v, None)
        for coupler, x in zip(couplers, xs, strict=True)
    ]
    findings = []
    for coupler, x, grid_s, iq in zip(couplers, xs, grids_s, bench.averaged(programs), strict=True):
        low = _low(coupler)
        y = bench.signal(low, iq[low])
        fit = fit_cosine(x, y, least_quality=0.8)
        reason = fit.reason
        found = coupler.cz.length_s
        if fit.values:
            period = 1 / fit.values["frequency"]
            first = (-fit.values["phase"] / (2 * np.pi)) % 1.0 * period
            found = min((first + k * period for k in (0, 1)), key=lambda t: abs(t - period))
            found = round(found / grid_s) * grid_s
        if not reason and not 0.5 < found / coupler.cz.length_s < 2:
            reason = f"length_s = {found:.3g} is not within a factor of two of {coupler.cz.length_s:.3g}"
        tuned = _cz(coupler, length_s=found)
        findings.append(Finding(coupler.name, x * 1e9, y, fit, tuned, reason, f"{found * 1e9:.2f} ns"))
    n_points = steps.size * len(couplers)
    return Outcome(
        "cz_length", tuple(findings), "length (ns)", "population, lower qubit", n_points, n_points * bench.n_shots
    )


def cz_phase(bench: Bench, names: Sequence[str], attempt: int) -> Outcome:
    """Find the amplitude at which the conditional phase is π, then the virtual Z of both qubits."""
    couplers = [bench.coupler(name) for name in names]
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    steps = np.linspace(1 - 0.008 * attempt, 1 + 0.008 * attempt, 9)
    asked = [(coupler, excited) for coupler in couplers for excited in (False, True)]
    found_iq = bench.averaged(
        [
            experiments.conditional_phase(
                bench.values, coupler, _low(coupler), excited, coupler.cz.amplitude_v * steps, turns
            )
            for coupler, excited in asked
        ]
    )
    n_points = len(asked) * steps.size * turns.size
    findings: dict[str, Finding] = {}
    for place, coupler in enumerate(couplers):
        x, low = coupler.cz.amplitude_v * steps, _low(coupler)
        fringes = [bench.signal(low, iq[low]) for iq in found_iq[2 * place : 2 * place + 2]]
        findings[coupler.name] = _conditional_phase(coupler, x, turns, fringes)
    tuned = [f.update for f in findings.values() if f.accepted and isinstance(f.update, TransmonCoupler)]
    aimed = [(coupler, target) for coupler in tuned for target in coupler.qubits]
    turns = np.repeat(turns, 3)
    found_iq = bench.averaged(
        [
            experiments.conditional_phase(
                bench.values, coupler, target, False, np.array([coupler.cz.amplitude_v]), turns
            )
            for coupler, target in aimed
        ]
    )
    n_points += len(aimed) * turns.size
    phases = [fit_phase(turns, bench.signal(q, iq[q]).ravel()) for (_, q), iq in zip(aimed, found_iq, strict=True)]
    for place, coupler in enumerate(tuned):
        virtual = dict(zip(coupler.qubits, phases[2 * place : 2 * place + 2], strict=True))
        turned = {qubit: fit.values["phase"] for qubit, fit in virtual.items()}
        findings[coupler.name] = replace(
            findings[coupler.name],
            update=_cz(coupler, phase_rad=turned),
            reason=next((fit.reason for fit in virtual.values() if fit.reason), ""),
            text=f"{coupler.cz.amplitude_v * 1e3:.3f} mV, virtual Z "
            + ", ".join(f"{q} {phase:+.3f}" for q, phase in turned.items()),
        )
    return Outcome(
        "cz_phase",
        tuple(findings.values()),
        "flux (V)",
        "conditional phase (rad)",
        n_points,
        n_points * bench.n_shots,
    )


def _conditional_phase(coupler: TransmonCoupler, x: Floats, turns: Floats, fringes: Sequence[Floats]) -> Finding:
    """Find where the phase of the lower qubit's fringe moves by π when the other is excited.

    Parameters
    ----------
    coupler : TransmonCoupler
        Today's values.
    x : (n,) float64, V
        Amplitudes of CZ.
    turns : (m,) float64, rad
        Phases of the second π/2 pulse.
    fringes : two of (n, m) float64
        Populations with the other qubit in |0> and in |1>.
    """
    phases = []
    for rows in fringes:
        fits = [fit_phase(turns, row) for row in rows]
        phases.append(np.array([fit.values["phase"] for fit in fits]))
        weak = [fit.reason for fit in fits if not fit.accepted]
        if weak:
            return Finding(coupler.name, x, phases[-1], reason=f"phase fringe of {_low(coupler)}: {weak[0]}")
    y = np.unwrap(np.mod(phases[0] - phases[1], 2 * np.pi))
    y -= 2 * np.pi * np.round((y.mean() - np.pi) / (2 * np.pi))
    slope, offset = np.polyfit(x - x.mean(), y, 1)
    found = float(x.mean() + (np.pi - offset) / slope)
    curve = slope * (x - x.mean()) + offset
    quality = 1 - float(np.sum((y - curve) ** 2) / np.sum((y - y.mean()) ** 2))
    fit = Fit({"amplitude_v": found, "slope": float(slope)}, {}, quality, curve)
    reason = ""
    if not x.min() <= found <= x.max():
        reason = f"amplitude_v = {found:.5g} is outside [{x.min():.5g}, {x.max():.5g}]"
    return Finding(coupler.name, x, y, fit, _cz(coupler, amplitude_v=found), reason)
