"""Sample an envelope: numbers in, complex samples at a rate out, kept for the next time."""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from qctl.cext import envelopes
from qctl.errors import CompileError
from qctl.program.expressions import Expression
from qctl.program.tables import Waveform
from qctl.units import rational_s, to_ticks

__all__ = ["envelope_length", "envelope_samples"]

_KINDS = {name: k for k, name in enumerate(envelopes.KINDS)}
_MAX_KEPT = 4096
_MOST_SAMPLES = 1 << 27
"""Of one pulse: no box that is compiled for plays a longer one, and more would not fit into a control PC."""
_kept: OrderedDict[tuple[object, ...], NDArray[np.complex128]] = OrderedDict()


def envelope_samples(waveform: Waveform, rate_hz: Fraction) -> NDArray[np.complex128]:
    """Return the unit envelope of a waveform, read-only.

    Parameters
    ----------
    waveform : Waveform
        With numbers only; its amplitude is not applied.
    rate_hz : Fraction
        Samples per second.

    Returns
    -------
    (n_samples,) complex128
        I + iQ at the middle of each sample's time; `n_samples` is what `envelope_length` returns.

    Raises
    ------
    CompileError
        If a parameter is symbolic or can't be.
    """
    key = (waveform, rate_hz)
    found = _kept.get(key)
    if found is None:
        found = _sampled(waveform, rate_hz)
        found.setflags(write=False)
        _kept[key] = found
        if len(_kept) > _MAX_KEPT:
            _kept.popitem(last=False)
    return found


def envelope_length(waveform: Waveform, rate_hz: Fraction) -> int:
    """Return how many samples `envelope_samples` would give, without making them.

    They are what a timeline says of the waveform at this rate, or else its length in whole samples.

    Raises
    ------
    CompileError
        If the length is symbolic.
    """
    if waveform.ticks is not None and waveform.ticks[1] == rate_hz:
        return waveform.ticks[0]
    if waveform.samples is not None and waveform.rate_hz is not None:
        return to_ticks(len(waveform.samples) / waveform.rate_hz, rate_hz).ticks
    length_s = waveform.params[0]
    if isinstance(length_s, Expression):
        raise CompileError(f"{waveform.kind} has the parameter {length_s}, which is not known yet")
    return to_ticks(rational_s(float(length_s)), rate_hz).ticks


def _sampled(waveform: Waveform, rate_hz: Fraction) -> NDArray[np.complex128]:
    if waveform.samples is not None and waveform.rate_hz is not None:
        n = envelope_length(waveform, rate_hz)
        if waveform.rate_hz == rate_hz and n == len(waveform.samples):
            return waveform.samples.astype(np.complex128)
        # Another rate: each of its samples is held until the next, as its own DAC would.
        ratio = waveform.rate_hz / rate_hz
        at = (2 * np.arange(n, dtype=np.int64) + 1) * ratio.numerator // (2 * ratio.denominator)
        return waveform.samples[np.minimum(at, len(waveform.samples) - 1)]
    numbers = []
    for value in waveform.params:
        if isinstance(value, Expression):
            raise CompileError(f"{waveform.kind} has the parameter {value}, which is not known yet")
        numbers.append(float(value))
    length_s = numbers[0]
    n = envelope_length(waveform, rate_hz)
    if n > _MOST_SAMPLES:
        raise CompileError(
            f"{waveform.kind} pulse of {length_s:g} s has {n} samples at {float(rate_hz):g} Hz, and {_MOST_SAMPLES} is "
            "the most of one pulse: shorten it, or loop over shorter ones",
            needed=n,
            allowed=_MOST_SAMPLES,
        )
    p, r = (*numbers[1:], 0.0, 0.0)[:2]
    out_i, out_q = np.empty(n), np.empty(n)
    try:
        envelopes.sample(_KINDS[waveform.kind], length_s, p, r, float(rate_hz), out_i, out_q)
    except ValueError as error:
        raise CompileError(f"{waveform.kind} pulse of {length_s:g} s: {error}") from None
    made: NDArray[np.complex128] = out_i + 1j * out_q
    return made
