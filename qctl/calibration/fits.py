"""Fits of tune-up curves: each returns values, standard errors, a quality and a reason when it fails.

A fit that fails is a value, not an exception: the node keeps its data and its plot, and the gate in
`nodes` decides. The models are the textbook ones (Krantz et al., Appl. Phys. Rev. 6, 021318, 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError

__all__ = ["Fit", "fit_cosine", "fit_curve", "fit_decay", "fit_parabola", "fit_peak", "fit_phase"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """The outcome of one fit.

    Attributes
    ----------
    values, errors : dict of str to float
        Fitted parameters and their standard errors.
    quality : float
        Coefficient of determination, 1 is perfect.
    curve : (n,) float64
        The model at the fitted points, for plots.
    reason : str
        Empty if the fit can be trusted.
    """

    values: dict[str, float]
    errors: dict[str, float]
    quality: float
    curve: Floats = field(repr=False)
    reason: str = ""

    def __post_init__(self) -> None:
        for table in (self.values, self.errors):
            table.update({name: float(value) for name, value in table.items()})

    @property
    def accepted(self) -> bool:
        """Say whether the fit can be trusted."""
        return not self.reason


def _arrays(x: Sequence[float] | Floats, y: Sequence[float] | Floats, least: int) -> tuple[Floats, Floats]:
    points, values = np.asarray(x, float), np.asarray(y, float)
    if points.ndim != 1 or points.shape != values.shape:
        raise RequestError(f"fit wants two equal vectors, not {points.shape} and {values.shape}")
    if len(points) < least:
        raise RequestError(f"fit wants at least {least} points, not {len(points)}")
    return points, values


def fit_curve(
    names: Sequence[str],
    model: Callable[..., Floats],
    x: Floats,
    y: Floats,
    starts: Sequence[Sequence[float]],
    least_quality: float,
    bounds: tuple[Sequence[float], Sequence[float]] | None = None,
) -> Fit:
    """Fit `model` from several starting points and keep the best.

    Parameters
    ----------
    names : sequence of str
        Parameters of the model, in its order.
    model : callable of (x, *parameters)
        Returns what y would be.
    x, y : (n,) float64
        The data.
    starts : sequence of sequence of float
        Where the parameters start from.
    least_quality : float
        Below this the fit is refused.
    bounds : (lowest, highest), optional
        Of each parameter.
    """
    import warnings

    from scipy.optimize import OptimizeWarning, curve_fit

    if not np.all(np.isfinite(y)):
        return Fit({}, {}, 0.0, np.full(len(x), np.nan), "data has values that are not finite")
    total = float(np.sum((y - y.mean()) ** 2))
    best: Fit | None = None
    for start in starts:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", OptimizeWarning)
                if bounds is None:
                    found, covariance = curve_fit(model, x, y, p0=start, maxfev=4000)
                else:
                    inside = np.clip(start, bounds[0], bounds[1])
                    found, covariance = curve_fit(model, x, y, p0=inside, bounds=bounds, maxfev=4000)
        except RuntimeError:
            continue
        curve = model(x, *found)
        quality = 1 - float(np.sum((y - curve) ** 2)) / total if total > 0 else 0.0
        if best is None or quality > best.quality:
            errors = np.sqrt(np.abs(np.diag(covariance)))
            best = Fit(
                dict(zip(names, map(float, found), strict=True)),
                dict(zip(names, map(float, errors), strict=True)),
                quality,
                curve,
            )
    if best is None:
        return Fit({}, {}, 0.0, np.full(len(x), np.nan), "the fit did not converge")
    if best.quality < least_quality:
        reason = f"quality {best.quality:.3f} is under {least_quality:g}"
        return Fit(best.values, best.errors, best.quality, best.curve, reason)
    return best


def fit_peak(x: Sequence[float] | Floats, y: Sequence[float] | Floats, least_quality: float = 0.6) -> Fit:
    """Fit a Lorentzian peak or dip: ``offset + height / (1 + ((x - centre) / width)**2)``.

    Parameters
    ----------
    x, y : (n,) float
        At least 6 points; `width` is the half width at half height, in units of x.
    least_quality : float
        Below this the fit is refused.
    """
    points, values = _arrays(x, y, 6)
    span = points.max() - points.min()
    scale = span or 1.0
    base = float(np.median(values))
    smooth = np.convolve(np.pad(values, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    far = int(np.argmax(np.abs(smooth - base)))

    def model(u: Floats, offset: float, height: float, centre: float, width: float) -> Floats:
        return offset + height / (1 + ((u - centre) / width) ** 2)

    unit = (points - points.min()) / scale
    starts = [[base, values[far] - base, unit[far], w] for w in (0.02, 0.06, 0.2)]
    fit = fit_curve(("offset", "height", "centre", "width"), model, unit, values, starts, least_quality)
    if not fit.values:
        return fit
    centre, width = fit.values["centre"], abs(fit.values["width"])
    reason = fit.reason
    if not reason and not 0 <= centre <= 1:
        reason = "the peak lies outside the swept span"
    rescaled = {"centre": points.min() + centre * scale, "width": width * scale}
    errors = {"centre": fit.errors["centre"] * scale, "width": fit.errors["width"] * scale}
    return Fit(fit.values | rescaled, fit.errors | errors, fit.quality, fit.curve, reason)


def fit_cosine(
    x: Sequence[float] | Floats,
    y: Sequence[float] | Floats,
    decaying: bool = False,
    least_quality: float = 0.7,
) -> Fit:
    """Fit ``offset + amplitude * exp(-x/decay) * cos(2π frequency x + phase)``.

    Parameters
    ----------
    x, y : (n,) float
        At least 8 points; `frequency` is in cycles per unit of x, `amplitude` is positive.
    decaying : bool
        Whether the envelope may decay (Ramsey) or is constant (Rabi).
    """
    points, values = _arrays(x, y, 8)
    span = float(points.max() - points.min()) or 1.0
    unit = (points - points.min()) / span
    rates = (0.0, 0.5, 2.0, 6.0) if decaying else (0.0,)
    start = _best_cosine(unit, values, np.linspace(0.3, len(points) / 2, 8 * len(points)), rates)

    def model(u: Floats, offset: float, amplitude: float, frequency: float, phase: float, rate: float = 0.0) -> Floats:
        return offset + amplitude * np.exp(-u * rate) * np.cos(2 * np.pi * frequency * u + phase)

    def steady(u: Floats, offset: float, amplitude: float, frequency: float, phase: float) -> Floats:
        return model(u, offset, amplitude, frequency, phase)

    names = ("offset", "amplitude", "frequency", "phase", "rate")
    fit = fit_curve(names[: 4 + decaying], model if decaying else steady, unit, values, [start], least_quality)
    if decaying and not fit.values.get("rate", 0.0) >= 0:
        # A fringe that grows is one that does not decay within the noise.
        fit = fit_curve(names[:4], steady, unit, values, [start[:4]], least_quality)
        fit = replace(fit, values=fit.values | {"rate": 0.0}, errors=fit.errors | {"rate": 0.0}) if fit.values else fit
    if not fit.values:
        return fit
    v = dict(fit.values)
    if v["amplitude"] < 0:
        v["amplitude"], v["phase"] = -v["amplitude"], v["phase"] + np.pi
    if v["frequency"] < 0:
        v["frequency"], v["phase"] = -v["frequency"], -v["phase"]
    frequency = v["frequency"] / span
    v["phase"] = float(np.angle(np.exp(1j * (v["phase"] - 2 * np.pi * frequency * points.min()))))
    v["frequency"] = frequency
    e = dict(fit.errors)
    e["frequency"] /= span
    if decaying:
        rate = v.pop("rate")
        v["decay"] = span / rate if rate > 0 else float("inf")
        e["decay"] = e.pop("rate") * span / rate**2 if rate > 0 else float("inf")
    return Fit(v, e, fit.quality, fit.curve, fit.reason)


def _best_cosine(u: Floats, y: Floats, frequencies: Floats, rates: Sequence[float]) -> list[float]:
    """Return the best start on a grid: offset, amplitude, frequency, phase (and rate), linear in all but two.

    For each frequency and rate, offset and both quadratures follow from three normal equations.
    """
    turns = 2 * np.pi * np.outer(frequencies, u)
    cosines, sines = np.cos(turns), np.sin(turns)
    falls = np.exp(-np.outer(u, rates))
    ones = np.broadcast_to(1.0, (len(frequencies), len(rates)))
    cs, ss, both = (cosines**2 @ falls**2, sines**2 @ falls**2, (cosines * sines) @ falls**2)
    c, s, drop = cosines @ falls, sines @ falls, falls * y[:, None]
    grams = np.array([[len(u) * ones, c, s], [c, cs, both], [s, both, ss]]) + 1e-9 * np.eye(3)[:, :, None, None]
    wanted = np.array([y.sum() * ones, cosines @ drop, sines @ drop])
    solved = np.linalg.solve(np.moveaxis(grams, (0, 1), (2, 3)), np.moveaxis(wanted, 0, 2)[..., None])[..., 0]
    explained = np.einsum("frk,kfr->fr", solved, wanted)
    k, r = divmod(int(np.argmax(explained)), len(rates))
    offset, cosine, sine = map(float, solved[k, r])
    found = [offset, float(np.hypot(cosine, sine)), float(frequencies[k]), float(np.arctan2(-sine, cosine))]
    return found + ([float(rates[r])] if len(rates) > 1 else [])


def fit_decay(x: Sequence[float] | Floats, y: Sequence[float] | Floats, least_quality: float = 0.7) -> Fit:
    """Fit ``offset + amplitude * exp(-x / decay)``; `decay` is in units of x."""
    points, values = _arrays(x, y, 5)
    span = float(np.ptp(points)) or 1.0
    unit = (points - points.min()) / span

    def model(u: Floats, offset: float, amplitude: float, rate: float) -> Floats:
        return offset + amplitude * np.exp(-u * rate)

    swing = float(values[0] - values[-1])
    starts = [[float(values[-1]), swing, rate] for rate in (0.5, 2.0, 6.0)]
    fit = fit_curve(("offset", "amplitude", "rate"), model, unit, values, starts, least_quality)
    if not fit.values:
        return fit
    v, e = dict(fit.values), dict(fit.errors)
    rate, error = v.pop("rate"), e.pop("rate")
    if rate <= 0:
        return Fit(v, e, fit.quality, fit.curve, "the signal does not decay")
    v["decay"], e["decay"] = span / rate, error * span / rate**2
    return Fit(v, e, fit.quality, fit.curve, fit.reason)


def fit_parabola(x: Sequence[float] | Floats, y: Sequence[float] | Floats, least_quality: float = 0.5) -> Fit:
    """Fit ``y0 + curvature * (x - centre)**2``; the extremum must lie inside the swept span."""
    points, values = _arrays(x, y, 4)
    scale = float(np.ptp(points)) or 1.0
    unit = (points - points.mean()) / scale
    (a, b, c), covariance = np.polyfit(unit, values, 2, cov="unscaled")
    curve = np.polyval([a, b, c], unit)
    total = float(np.sum((values - values.mean()) ** 2))
    quality = 1 - float(np.sum((values - curve) ** 2)) / total if total > 0 else 0.0
    reason = "" if quality >= least_quality else f"quality {quality:.3f} is under {least_quality:g}"
    top = -b / (2 * a) if a else float("inf")
    if not abs(top) <= 0.5:
        reason = reason or "the extremum lies outside the swept span"
    sigma = float(np.sqrt(np.sum((values - curve) ** 2) / max(1, len(values) - 3)))
    error = (
        sigma * float(np.hypot(np.sqrt(covariance[1, 1]) / (2 * a), b * np.sqrt(covariance[0, 0]) / (2 * a * a)))
        if a
        else float("inf")
    )
    values_out = {
        "centre": float(points.mean() + top * scale),
        "curvature": float(a / scale**2),
        "y0": float(np.polyval([a, b, c], top)),
    }
    return Fit(values_out, {"centre": abs(error) * scale}, quality, curve, reason)


def fit_phase(phase_rad: Sequence[float] | Floats, y: Sequence[float] | Floats, least_quality: float = 0.7) -> Fit:
    """Fit ``offset + amplitude * cos(phase_rad - phase)`` by linear least squares.

    Returns `phase` in (-π, π]: the drive phase at which the signal is largest.
    """
    angle, values = _arrays(phase_rad, y, 4)
    design = np.column_stack([np.ones_like(angle), np.cos(angle), np.sin(angle)])
    (offset, c, s), *_ = np.linalg.lstsq(design, values, rcond=None)
    curve = design @ np.array([offset, c, s])
    total = float(np.sum((values - values.mean()) ** 2))
    quality = 1 - float(np.sum((values - curve) ** 2)) / total if total > 0 else 0.0
    amplitude = float(np.hypot(c, s))
    sigma = float(np.sqrt(np.sum((values - curve) ** 2) / max(1, len(values) - 3)))
    error = sigma / (amplitude * np.sqrt(len(values) / 2)) if amplitude else float("inf")
    reason = "" if quality >= least_quality else f"quality {quality:.3f} is under {least_quality:g}"
    found = {"phase": float(np.arctan2(s, c)), "amplitude": amplitude, "offset": float(offset)}
    return Fit(found, {"phase": float(error)}, quality, curve, reason)
