"""Bring values to an instrument's grid: each rounding returns value and error, refused beyond a tolerance.

Policies: ``exact`` takes only what is on the grid already, ``nearest`` rounds half to even, ``up`` never shortens.
Times become ticks in `qctl.units`, where half a tick goes to the earlier one; nothing is padded unless the caller says
with what.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError, TimingError
from qctl.instruments.capability import Channel, Number, Range
from qctl.units import rational_s, to_ticks

__all__ = ["TIME_TOLERANCE_S", "Fitted", "FittedTimes", "Policy", "fit", "fit_lengths", "fit_times"]

Policy = Literal["exact", "nearest", "up"]
TIME_TOLERANCE_S = 0.5e-9
"""Largest error of a start that is accepted unless the caller says otherwise: half a sample at 1 GSa/s."""
_MOST_TICKS = 2**62
"""Beyond any memory, and far enough from 2**63 that filling up to the grid can't wrap around."""


class Fitted(NamedTuple):
    """A value on the grid, and how far it is from what was asked for, in the same unit."""

    value: Number
    error: float


class FittedTimes(NamedTuple):
    """Whole ticks, (n,) int64, and how far each is from what was asked for, (n,) float64 in seconds."""

    ticks: NDArray[np.int64]
    error_s: NDArray[np.float64]


def fit(
    value: Number, to: Range, policy: Policy | None = None, tolerance: float | None = None, name: str = "value"
) -> Fitted:
    """Return a value on the grid of a Range, and its error.

    Parameters
    ----------
    value : number
        A float stands for its shortest decimal form.
    to : Range
        With a `step` the value must be on it unless a policy says otherwise; with a `resolution` it is rounded to the
        nearest.
    policy : str, optional
        ``exact``, ``nearest`` or ``up``.
    tolerance : float, optional
        Largest error, in the Range's unit; half the grid if None, one grid for ``up``.
    name : str
        What it is, for the message.

    Raises
    ------
    CompileError
        If the value is NaN, infinite, outside the Range, or further from the grid than the tolerance.
    """
    if not math.isfinite(value):
        raise CompileError(f"{name} = {value} is not a finite number; give it in {to.unit or 'numbers'}")
    exact = Fraction(float.__repr__(value)) if isinstance(value, float) else Fraction(value)
    grid = to.step if to.step is not None else to.resolution
    if grid is None:
        return _inside(value, 0.0, to, name)
    size = Fraction(repr(grid)) if isinstance(grid, float) else Fraction(grid)
    chosen: Policy = policy or ("exact" if to.step is not None else "nearest")
    steps = math.ceil(exact / size) if chosen == "up" else round(exact / size)
    error = float(steps * size - exact)
    if tolerance is not None:
        allowed = tolerance
    else:
        allowed = 0.0 if chosen == "exact" else float(size) * (1.0 if chosen == "up" else 0.5)
    if not abs(error) <= allowed:
        below = math.floor(exact / size) * size
        raise CompileError(
            f"{name} = {_said(exact)} is {error:+.3g} {to.unit} from the grid of {_said(size)} {to.unit}, and "
            f"{allowed:.3g} is accepted: take {_said(below)} or {_said(below + size)}, or policy='nearest'",
            value=float(value),
            error=error,
            tolerance=allowed,
        )
    found = steps * size
    return _inside(int(found) if found.denominator == 1 and isinstance(value, int) else _plain(found), error, to, name)


def _plain(value: Fraction) -> Number:
    return int(value) if value.denominator == 1 else float(value)


def _said(value: Fraction) -> str:
    return f"{float(value):.12g}"


def _inside(value: Number, error: float, to: Range, name: str) -> Fitted:
    if (to.low is not None and value < to.low) or (to.high is not None and value > to.high):
        raise CompileError(f"{name} = {float(value):.12g} {to.unit} is outside [{to.low}, {to.high}]; {to.source}")
    return Fitted(value, error)


def fit_times(
    times_s: NDArray[np.float64],
    rate_hz: Fraction,
    policy: Policy = "nearest",
    tolerance_s: float = TIME_TOLERANCE_S,
    label: Callable[[int], str] = "time {}".format,
) -> FittedTimes:
    """Return times as whole ticks of a clock, with the error of each.

    Parameters
    ----------
    times_s : (n,) float64
        Seconds; each stands for its shortest decimal form, so that 40e-9 is on the grid of 1 GHz.
    rate_hz : Fraction
        Ticks a second.
    policy, tolerance_s
        See above; ``exact`` accepts no error.
    label : callable
        Name of each time, for the message.

    Raises
    ------
    TimingError
        Naming the first time that is no number, or whose error is over the tolerance, with the ticks around it.
    """
    times = np.asarray(times_s, np.float64)
    wrong = np.flatnonzero(~np.isfinite(times))
    if len(wrong):
        raise TimingError(f"{label(int(wrong[0]))}: {times[wrong[0]]} s is not a finite time")
    distinct, where = np.unique(times, return_inverse=True)
    ticks, errors = np.empty(len(distinct), np.int64), np.empty(len(distinct))
    for k, time_s in enumerate(distinct.tolist()):
        ticks[k], errors[k] = to_ticks(time_s, rate_hz)
        if policy == "up" and errors[k] < 0:
            ticks[k] += 1
            errors[k] = float(Fraction(int(ticks[k])) / rate_hz - rational_s(time_s))
    ticks, errors = ticks[where.ravel()], errors[where.ravel()]
    allowed = 0.0 if policy == "exact" else tolerance_s
    far = np.flatnonzero(~(np.abs(errors) <= allowed))
    if len(far):
        k = int(far[0])
        tick_s = float(1 / rate_hz)
        below = math.floor(rational_s(float(times[k])) * rate_hz)
        raise TimingError(
            f"{label(k)}: {times[k]:.12g} s is {errors[k]:+.3g} s from the grid of {tick_s:.6g} s, and {allowed:.3g} s "
            f"is accepted: move it to {below * tick_s:.12g} s or {(below + 1) * tick_s:.12g} s, or accept more",
            error_s=float(errors[k]),
            tolerance_s=allowed,
        )
    return FittedTimes(ticks, errors)


def fit_lengths(
    lengths: NDArray[np.int64], channel: Channel, pad: str = "refuse", label: Callable[[int], str] = "pulse {}".format
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lengths that a channel plays, and the ticks that were added to each: none unless `pad` says with what.

    Parameters
    ----------
    lengths : (n,) int64
        Ticks of the channel's clock.
    channel : Channel
        Its `length` has least, most and step.
    pad : str
        ``refuse``, or ``zero`` or ``hold`` where the channel can.
    label : callable
        Name of each pulse, for the message.

    Raises
    ------
    CompileError
        Naming the first pulse that is off the grid, too short or too long, with the remedy.
    """
    grid, low = int(channel.length.step or 1), int(channel.length.low or 0)
    lengths = np.asarray(lengths)
    if lengths.dtype.kind not in "iu":
        raise CompileError(f"lengths are whole {channel.length.unit}, not {lengths.dtype}: round them first")
    wild = np.flatnonzero((lengths < 0) | (lengths > _MOST_TICKS))
    if len(wild):
        k = int(wild[0])
        raise CompileError(f"{label(k)}: length = {lengths[k]} {channel.length.unit} is outside [0, {_MOST_TICKS}]")
    lengths = lengths.astype(np.int64)
    up = np.maximum(-(-lengths // grid) * grid, low)
    added = up - lengths
    if pad not in ("refuse", channel.pad):
        raise CompileError(f"pad={pad!r} is not what this channel can do: its rule is {channel.pad!r}")
    over = np.flatnonzero(up > channel.length.limits.high)
    if len(over):
        k = int(over[0])
        raise CompileError(f"{label(k)}: length = {lengths[k]} {channel.length.unit} is over {channel.length.most}")
    short = np.flatnonzero(added)
    if pad == "refuse" and len(short):
        k = int(short[0])
        ways = f" or set pad={channel.pad!r}" if channel.pad != "refuse" else ""
        raise CompileError(
            f"{label(k)}: length = {lengths[k]} {channel.length.unit}, but whole multiples of {grid} from {low} on are "
            f"played: lengthen to {up[k]} {channel.length.unit}{ways}",
            length=int(lengths[k]),
            remedy=int(up[k]),
        )
    return up, added
