"""Sampling kernels: unit envelopes, IQ modulation into output buffers, mixer correction and DAC words."""

from libc.math cimport M_PI, cos, exp, fabs, floor, rint, sin
from libc.stdint cimport int64_t, uint16_t, uint32_t

KINDS = ("constant", "gaussian", "drag", "flat_top", "sine")
"""Envelopes that `sample` knows; an index into this tuple names one."""

cdef packed struct Play:
    uint32_t port
    uint32_t waveform
    int64_t start
    double amplitude
    double frequency_hz
    double phase_rad


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


cdef void _mix(
    const Play[::1] plays, const double[::1] env_i, const double[::1] env_q, const int64_t[::1] offsets,
    double rate_hz, double[::1] out_i, double[::1] out_q
) noexcept nogil:
    cdef Py_ssize_t j, k, n, first
    cdef int64_t start
    cdef double turns, angle, c, s, x, y, amplitude
    for j in range(plays.shape[0]):
        first = offsets[plays[j].waveform]
        n = offsets[plays[j].waveform + 1] - first
        start = plays[j].start
        amplitude = plays[j].amplitude
        c = amplitude * cos(plays[j].phase_rad)
        s = amplitude * sin(plays[j].phase_rad)
        for k in range(n):
            if plays[j].frequency_hz != 0.0:
                # The DAC holds a sample for one period: the carrier is taken at its middle.
                turns = plays[j].frequency_hz * ((start + k) + 0.5) / rate_hz
                turns = turns - floor(turns)
                angle = plays[j].phase_rad + 2.0 * M_PI * turns
                c = amplitude * cos(angle)
                s = amplitude * sin(angle)
            x = env_i[first + k]
            y = env_q[first + k]
            out_i[start + k] += c * x - s * y
            out_q[start + k] += s * x + c * y


def mix(const Play[::1] plays not None, const double[::1] env_i not None, const double[::1] env_q not None,
        const int64_t[::1] offsets not None, double rate_hz, double[::1] out_i not None,
        double[::1] out_q not None):
    """Add plays to the buffers of an IQ output pair: amplitude * envelope * exp(i (phase + 2 pi f t)).

    Parameters
    ----------
    plays : (n,) PLAY
        Starts in samples of the buffers; t is 0 at their first sample's beginning.
    env_i, env_q : (m,) float64
        Unit envelopes, one after the other.
    offsets : (n_envelopes + 1,) int64
        Envelope w is ``env[offsets[w]:offsets[w + 1]]``.
    rate_hz : float
        Samples per second.
    out_i, out_q : (n_samples,) float64, volts
        Added to.

    Raises
    ------
    ValueError
        If shapes don't fit, or a play reaches outside the buffers.
    """
    cdef Py_ssize_t j, n_samples = out_i.shape[0], n_envelopes = offsets.shape[0] - 1
    cdef int64_t length
    if out_q.shape[0] != n_samples:
        raise ValueError(f"out_i has {n_samples} samples, out_q {out_q.shape[0]}")
    if env_i.shape[0] != env_q.shape[0]:
        raise ValueError(f"env_i has {env_i.shape[0]} samples, env_q {env_q.shape[0]}")
    if not rate_hz > 0.0:
        raise ValueError(f"rate_hz = {rate_hz} is not above 0")
    if n_envelopes < 0 or offsets[0] != 0 or offsets[n_envelopes] != env_i.shape[0]:
        raise ValueError(f"offsets of {n_envelopes} envelopes don't span the {env_i.shape[0]} samples")
    for j in range(n_envelopes):
        if offsets[j + 1] < offsets[j]:
            raise ValueError(f"offsets[{j + 1}] = {offsets[j + 1]} is below {offsets[j]}")
    for j in range(plays.shape[0]):
        if plays[j].waveform >= n_envelopes:
            raise ValueError(f"play {j} has waveform {plays[j].waveform} of {n_envelopes}")
        length = offsets[plays[j].waveform + 1] - offsets[plays[j].waveform]
        if plays[j].start < 0 or plays[j].start > n_samples - length:
            raise ValueError(f"play {j} at sample {plays[j].start} of {length} samples is outside {n_samples}")
    with nogil:
        _mix(plays, env_i, env_q, offsets, rate_hz, out_i, out_q)


cdef void _correct(double gain, double phase_rad, const double[::1] i, double[::1] q) noexcept nogil:
    cdef Py_ssize_t k
    cdef double c = gain * cos(phase_rad)
    cdef double s = gain * sin(phase_rad)
    for k in range(q.shape[0]):
        q[k] = c * q[k] + s * i[k]


def correct_mixer(double gain, double phase_rad, const double[::1] i not None, double[::1] q not None):
    """Turn Q by `phase_rad` and scale it by `gain`, in place: Q becomes gain (Q cos phase + I sin phase).

    Parameters
    ----------
    i, q : (n,) float64, volts

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    if i.shape[0] != q.shape[0]:
        raise ValueError(f"i has {i.shape[0]} samples, q {q.shape[0]}")
    with nogil:
        _correct(gain, phase_rad, i, q)


cdef Py_ssize_t _quantise(const double[::1] volts, double half_v, uint16_t[::1] words) noexcept nogil:
    cdef Py_ssize_t k, over = -1
    cdef double x, scale = 8191.0 / half_v
    for k in range(volts.shape[0]):
        x = rint(volts[k] * scale)
        if not fabs(x) <= 8191.0:
            if over < 0:
                over = k
            x = 8191.0 if x > 0.0 else -8191.0
        words[k] = <uint16_t>(<int>x + 8191)
    return over


def quantise_14bit(const double[::1] volts not None, double half_v, uint16_t[::1] words not None):
    """Round volts to 14-bit words: 0 is -half_v, 8191 is 0 V, 16382 is +half_v; ties go to even.

    Parameters
    ----------
    volts : (n,) float64
    half_v : float
        Half of the peak-to-peak range.
    words : (n,) uint16
        Filled; the two marker bits are 0.

    Returns
    -------
    int
        Index of the first sample that is outside the range or NaN (it was clipped), or -1.

    Raises
    ------
    ValueError
        If the lengths differ or the range is not above 0.
    """
    cdef Py_ssize_t over
    if volts.shape[0] != words.shape[0]:
        raise ValueError(f"volts has {volts.shape[0]} samples, words {words.shape[0]}")
    if not half_v > 0.0:
        raise ValueError(f"half_v = {half_v} is not above 0")
    with nogil:
        over = _quantise(volts, half_v, words)
    return over
