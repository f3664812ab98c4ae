"""Nodes for two coupled qubits: where |11> meets |02>, how long a full return takes, and the phases of CZ."""

from __future__ import annotations

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

SAMPLE_S = 1 / 1.2e9
"""Grid of CZ lengths where the flux port's clock is not known better."""


def _cz(coupler: TransmonCoupler, **fields: Any) -> TransmonCoupler:
    changed: TransmonCoupler = msgspec.structs.replace(coupler, cz=msgspec.structs.replace(coupler.cz, **fields))
    return changed


def _low(coupler: TransmonCoupler) -> str:
    first, second = coupler.qubits
    return second if coupler.flux_qubit == first else first


def cz_amplitude(bench: Bench, name: str, attempt: int) -> Outcome:
    """Find the flux amplitude at which |11> meets |02>: after half a period the lower qubit is in |0>."""
    coupler = bench.coupler(name)
    low, half = _low(coupler), coupler.cz.length_s / 2
    centre = coupler.cz.amplitude_v
    x = np.linspace(centre * (1 - 0.2 * attempt), centre * (1 + 0.2 * attempt), 61 * attempt)
    iq = bench.averaged(experiments.flux_rabi(bench.values, coupler, "amplitude", x, None, half))
    y = bench.signal(low, iq[low])
    fit = fit_peak(x, y, least_quality=0.5)
    reason = fit.reason
    if not reason and fit.values["height"] > -0.3:
        reason = f"depth of the dip = {-fit.values['height']:.3f} is under 0.3"
    found = fit.values.get("centre", centre)
    text = f"{found * 1e3:.2f} mV ({(found / centre - 1) * 100:+.1f} %)"
    finding = Finding(name, x, y, fit, _cz(coupler, amplitude_v=found), reason, text)
    return Outcome("cz_amplitude", (finding,), "flux (V)", "population, lower qubit", len(x), len(x) * bench.n_shots)


def cz_length(bench: Bench, name: str, attempt: int) -> Outcome:
    """Find how long |11> takes to |02> and back, in whole samples."""
    coupler = bench.coupler(name)
    low = _low(coupler)
    x = np.round(np.linspace(0.15, 2.2 * attempt, 43) * coupler.cz.length_s / SAMPLE_S) * SAMPLE_S
    iq = bench.averaged(experiments.flux_rabi(bench.values, coupler, "length", x, coupler.cz.amplitude_v, None))
    y = bench.signal(low, iq[low])
    fit = fit_cosine(x, y, least_quality=0.8)
    reason = fit.reason
    found = coupler.cz.length_s
    if fit.values:
        period = 1 / fit.values["frequency"]
        first = (-fit.values["phase"] / (2 * np.pi)) % 1.0 * period
        found = min((first + k * period for k in (0, 1)), key=lambda t: abs(t - period))
        found = round(found / SAMPLE_S) * SAMPLE_S
    if not reason and not 0.5 < found / coupler.cz.length_s < 2:
        reason = f"length_s = {found:.3g} is not within a factor of two of {coupler.cz.length_s:.3g}"
    finding = Finding(name, x * 1e9, y, fit, _cz(coupler, length_s=found), reason, f"{found * 1e9:.2f} ns")
    return Outcome("cz_length", (finding,), "length (ns)", "population, lower qubit", len(x), len(x) * bench.n_shots)


def cz_phase(bench: Bench, name: str, attempt: int) -> Outcome:
    """Find the amplitude at which the conditional phase is π, then the virtual Z of both qubits."""
    coupler = bench.coupler(name)
    low, used = _low(coupler), 0
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    x = coupler.cz.amplitude_v * np.linspace(1 - 0.008 * attempt, 1 + 0.008 * attempt, 9)
    phases = []
    for excited in (False, True):
        iq = bench.averaged(experiments.conditional_phase(bench.values, coupler, low, excited, x, turns))
        used += iq[low].size
        fits = [fit_phase(turns, row) for row in bench.signal(low, iq[low])]
        phases.append(np.array([fit.values["phase"] for fit in fits]))
        weak = [fit.reason for fit in fits if not fit.accepted]
        if weak:
            finding = Finding(name, x, phases[-1], reason=f"phase fringe of {low}: {weak[0]}")
            return Outcome("cz_phase", (finding,), "flux (V)", "phase (rad)", used, used * bench.n_shots)
    y = np.unwrap(np.mod(phases[0] - phases[1], 2 * np.pi))
    y -= 2 * np.pi * np.round((y.mean() - np.pi) / (2 * np.pi))
    slope, offset = np.polyfit(x - x.mean(), y, 1)
    found = float(x.mean() + (np.pi - offset) / slope)
    curve = slope * (x - x.mean()) + offset
    quality = 1 - float(np.sum((y - curve) ** 2) / np.sum((y - y.mean()) ** 2))
    fit = Fit({"amplitude_v": found, "slope": float(slope)}, {}, quality, curve)
    if not x.min() <= found <= x.max():
        reason = f"amplitude_v = {found:.5g} is outside [{x.min():.5g}, {x.max():.5g}]"
        return Outcome(
            "cz_phase",
            (Finding(name, x, y, fit, reason=reason),),
            "flux (V)",
            "conditional phase (rad)",
            used,
            used * bench.n_shots,
        )
    tuned = _cz(coupler, amplitude_v=found)
    virtual: dict[str, float] = {}
    reason = ""
    for target in coupler.qubits:
        iq = bench.averaged(
            experiments.conditional_phase(bench.values, tuned, target, False, np.array([found]), np.repeat(turns, 3))
        )
        used += iq[target].size
        phase = fit_phase(np.repeat(turns, 3), bench.signal(target, iq[target]).ravel())
        reason = reason or phase.reason
        virtual[target] = phase.values["phase"]
    text = f"{found * 1e3:.3f} mV, virtual Z " + ", ".join(f"{q} {p:+.3f}" for q, p in virtual.items())
    finding = Finding(name, x, y, fit, _cz(tuned, phase_rad=virtual), reason, text)
    return Outcome("cz_phase", (finding,), "flux (V)", "conditional phase (rad)", used, used * bench.n_shots)
