"""Envelopes of pulses: amplitude in volts (peak) at the instrument's output, times in seconds."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from qctl.errors import RequestError
from qctl.program.expressions import Expression, Value, constant_value
from qctl.program.tables import Waveform
from qctl.units import rational_hz

__all__ = ["ENVELOPES", "constant", "drag", "flat_top", "gaussian", "samples", "sine"]

ENVELOPES: dict[str, tuple[str, ...]] = {
    "constant": ("duration_s",),
    "gaussian": ("duration_s", "sigma_s"),
    "drag": ("duration_s", "sigma_s", "beta_s"),
    "flat_top": ("duration_s", "rise_s"),
    "sine": ("duration_s", "frequency_hz", "phase_rad"),
    "samples": (),
}
"""Parameters of each kind, in order; every kind has its amplitude beside them."""


def _value(value: Any, what: str, low: float | None = None) -> Value:
    if isinstance(value, Expression):
        return value
    found = constant_value(value, what)
    if low is not None and found < low:
        raise RequestError(f"{what} = {found:g} is below {low:g}")
    return found


def constant(duration_s: Value, amp: Value) -> Waveform:
    """Return a rectangular envelope."""
    return Waveform("constant", (_value(duration_s, "duration_s", 0),), _value(amp, "amp"))


def gaussian(duration_s: Value, amp: Value, sigma_s: Value | None = None) -> Waveform:
    """Return a Gaussian envelope that starts and ends at 0.

    With g(t) = exp(-(t - duration/2)² / (2 sigma²)) the envelope is amp (g(t) - g(0)) / (1 - g(0)).
    `sigma_s` is a quarter of the duration unless given.
    """
    length = _value(duration_s, "duration_s", 0)
    sigma = length / 4 if sigma_s is None else _value(sigma_s, "sigma_s", 0)
    return Waveform("gaussian", (length, sigma), _value(amp, "amp"))


def drag(duration_s: Value, amp: Value, sigma_s: Value, beta_s: Value) -> Waveform:
    """Return a Gaussian I with the quadrature Q = beta_s dI/dt.

    Source: Motzoi et al., Phys. Rev. Lett. 103, 110501 (2009).
    """
    params = (_value(duration_s, "duration_s", 0), _value(sigma_s, "sigma_s", 0), _value(beta_s, "beta_s"))
    return Waveform("drag", params, _value(amp, "amp"))


def flat_top(duration_s: Value, amp: Value, rise_s: Value) -> Waveform:
    """Return a flat pulse whose raised-cosine edges last `rise_s` each, within the duration."""
    params = (_value(duration_s, "duration_s", 0), _value(rise_s, "rise_s", 0))
    return Waveform("flat_top", params, _value(amp, "amp"))


def sine(duration_s: Value, amp: Value, frequency_hz: Value, phase_rad: Value = 0.0) -> Waveform:
    """Return amp sin(2 pi frequency t + phase)."""
    params = (_value(duration_s, "duration_s", 0), _value(frequency_hz, "frequency_hz"), _value(phase_rad, "phase_rad"))
    return Waveform("sine", params, _value(amp, "amp"))


def samples(values: ArrayLike, rate_hz: float | Fraction) -> Waveform:
    """Return an envelope by its samples.

    Parameters
    ----------
    values : (n,) complex
        I + jQ in volts.
    rate_hz : float or Fraction
        Sample rate.

    Raises
    ------
    RequestError
        If it is not one row of finite numbers.
    """
    try:
        array = np.array(values, dtype=np.complex128)
    except (TypeError, ValueError) as error:
        raise RequestError(f"samples are no array of numbers: {error}") from None
    if array.ndim != 1 or not len(array):
        raise RequestError(f"samples have the shape {array.shape}, expected (n,) with n > 0")
    if not np.isfinite(array).all():
        raise RequestError(f"sample {int(np.argmin(np.isfinite(array)))} is not a finite number")
    array.setflags(write=False)
    return Waveform("samples", (), 1.0, array, rational_hz(rate_hz))
