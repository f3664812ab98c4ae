"""Sampling kernel: unit envelopes."""

from libc.math cimport M_PI, cos, exp, sin

KINDS = ("constant", "gaussian", "drag", "flat_top", "sine")
"""Envelopes that `sample` knows; an index into this tuple names one."""


cdef void _sample(
    int kind, double length_s, double p, double r, double rate_hz, double[::1] out_i, double[::1] out_q
) noexcept nogil:
    """Fill one unit envelope; each sample is the envelope at the middle of the time that the DAC holds it."""
    cdef Py_ssize_t k, n = out_i.shape[0]
    cdef double t, g, edge, floor_value, scale
    cdef double centre = 0.5 * length_s
    # A length that is no whole number of samples stays centred, so that every envelope is symmetric.
    cdef double first_s = centre + (0.5 - 0.5 * n) / rate_hz
    for k in range(n):
        t = first_s + k / rate_hz
        out_q[k] = 0.0
        if kind == 0:
            out_i[k] = 1.0
        elif kind == 1 or kind == 2:
            floor_value = exp(-0.5 * (centre / p) * (centre / p))
            scale = 1.0 / (1.0 - floor_value)
            g = exp(-0.5 * ((t - centre) / p) * ((t - centre) / p))
            out_i[k] = (g - floor_value) * scale
            if kind == 2:
                out_q[k] = -r * scale * g * (t - centre) / (p * p)
        elif kind == 3:
            edge = t if t < centre else length_s - t
            if edge <= 0.0 and p > 0.0:
                out_i[k] = 0.0
            elif edge < p:
                out_i[k] = 0.5 - 0.5 * cos(M_PI * edge / p)
            else:
                out_i[k] = 1.0
        else:
            out_i[k] = sin(2.0 * M_PI * p * t + r)


def sample(int kind, double length_s, double p, double r, double rate_hz, double[::1] out_i not None,
           double[::1] out_q not None):
    """Fill the unit envelope of one pulse.

    Parameters
    ----------
    kind : int
        Index into `KINDS`.
    length_s : float
        Length in seconds; the samples are centred on it.
    p, r : float
        sigma_s of gaussian; sigma_s and beta_s of drag; rise_s of flat_top; frequency_hz and phase_rad of sine.
    rate_hz : float
        Samples per second.
    out_i, out_q : (n,) float64
        Filled; of peak 1 (the derivative quadrature follows from it).

    Raises
    ------
    ValueError
        If the shapes, the kind or the parameters can't be.
    """
    if out_i.shape[0] != out_q.shape[0]:
        raise ValueError(f"out_i has {out_i.shape[0]} samples, out_q {out_q.shape[0]}")
    if not 0 <= kind < len(KINDS):
        raise ValueError(f"kind = {kind} is not in 0 … {len(KINDS) - 1}")
    if not rate_hz > 0.0 or not length_s >= 0.0:
        raise ValueError(f"rate_hz = {rate_hz}, length_s = {length_s}")
    if (kind == 1 or kind == 2) and not p > 0.0:
        raise ValueError(f"sigma_s = {p} is not above 0")
    if kind == 3 and not (0.0 <= p <= 0.5 * length_s):
        raise ValueError(f"rise_s = {p} is not within half of length_s = {length_s}")
    with nogil:
        _sample(kind, length_s, p, r, rate_hz, out_i, out_q)
