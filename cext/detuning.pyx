"""Flux-tuned transmons sample by sample: their frequencies, how near two come to a resonance, and their mean shifts."""

from libc.math cimport INFINITY, M_PI, cos, fabs, sin, sqrt

cdef enum:
    LEVELS = 3
    EXCHANGES = 4

# levels of the low and the high transmon between which a quantum goes, from here to one more and one less
cdef int[EXCHANGES] LOW = [0, 0, 1, 1]
cdef int[EXCHANGES] HIGH = [1, 2, 1, 2]


cdef double bend(double flux, double squared) noexcept nogil:
    """Return how far the frequency is bent at a flux, 1 at none; `squared` is that of the junctions' asymmetry."""
    cdef double c = cos(M_PI * flux), s = sin(M_PI * flux)
    return sqrt(sqrt(c * c + squared * (s * s)))


cdef void _tune(
    const double* volts, Py_ssize_t n, double offset, double per_v, double static, double squared, double rest_hz,
    double curve_hz, double* out,
) noexcept nogil:
    cdef double bent = bend(offset, squared)
    cdef Py_ssize_t k
    for k in range(n):
        out[k] = rest_hz * bend(offset + per_v * volts[k] + static, squared) / bent + curve_hz


def tune(
    const double[::1] volts not None,
    double offset,
    double per_v,
    double static,
    double asymmetry,
    double frequency_hz,
    double anharmonicity_hz,
    double[::1] out not None,
):
    """Fill `out` with the bare frequency of a transmon at each voltage of its flux line.

    Source: J. Koch et al., Phys. Rev. A 76, 042319 (2007), eq. 2.18 with E_C = -anharmonicity.

    Parameters
    ----------
    volts : (n,) float64, V
        Of the fast line.
    offset : float
        Flux at rest, in flux quanta.
    per_v : float
        Flux quanta per volt.
    static : float
        Flux by the static line, in flux quanta.
    asymmetry : float
        Of the junctions, 0 to 1.
    frequency_hz, anharmonicity_hz : float
        At rest, without static flux.
    out : (n,) float64, Hz
        Overwritten.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n = volts.shape[0]
    if out.shape[0] != n:
        raise ValueError(f"out has {out.shape[0]} samples, not {n}")
    if n == 0:
        return
    with nogil:
        _tune(
            &volts[0], n, offset, per_v, static, asymmetry * asymmetry, frequency_hz - anharmonicity_hz,
            anharmonicity_hz, &out[0],
        )


cdef double _meet(
    const double* low, Py_ssize_t low_step, const double* high, Py_ssize_t high_step, Py_ssize_t n, double coupling,
    double kerr, double low_curve, double high_curve, double* shifts,
) noexcept nogil:
    cdef double[EXCHANGES] rest
    cdef double[EXCHANGES] factors
    cdef double[EXCHANGES] pushes
    cdef double apart, gap, nearest = INFINITY
    cdef Py_ssize_t k
    cdef int e, a, b
    for e in range(EXCHANGES):
        a = LOW[e]
        b = HIGH[e]
        rest[e] = (b - 1) * high_curve - a * low_curve + kerr * (a * b - (a + 1) * (b - 1))
        factors[e] = coupling * coupling * ((a + 1) * b)
        pushes[e] = 0.0
    for k in range(n):
        apart = high[high_step * k] - low[low_step * k]
        nearest = min(nearest, min(fabs(apart), min(fabs(apart - low_curve), fabs(apart + high_curve))))
        for e in range(EXCHANGES):
            gap = apart + rest[e]
            pushes[e] += factors[e] / gap if gap != 0.0 else INFINITY
    for a in range(LEVELS):
        for b in range(LEVELS):
            shifts[LEVELS * a + b] = kerr * (a * b)
    for e in range(EXCHANGES):
        a = LOW[e]
        b = HIGH[e]
        shifts[LEVELS * a + b] += pushes[e] / n
        shifts[LEVELS * (a + 1) + b - 1] -= pushes[e] / n
    return nearest


def meet(
    const double[::1] low_hz not None,
    const double[::1] high_hz not None,
    double coupling_hz,
    double cross_kerr_hz,
    double low_curve_hz,
    double high_curve_hz,
    double[:, ::1] shifts not None,
):
    """Return how near two coupled transmons come to a resonance, and fill `shifts` with what each pair of levels shifts.

    The shifts are of second order in coupling / detuning, with the cross-Kerr, and the mean over all samples; the
    resonances are 10-01, 11-20 and 11-02.

    Parameters
    ----------
    low_hz, high_hz : (n,) or (1,) float64, Hz
        Bare frequencies; one stands for all samples.
    coupling_hz, cross_kerr_hz : float
        Exchange, and shift per pair of quanta.
    low_curve_hz, high_curve_hz : float
        Anharmonicity of each.
    shifts : (3, 3) float64, Hz
        Overwritten: level of the low transmon, level of the high one.

    Returns
    -------
    float
        Hertz.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n = max(low_hz.shape[0], high_hz.shape[0])
    cdef double nearest
    if shifts.shape[0] != LEVELS or shifts.shape[1] != LEVELS or n < 1 or not (
        low_hz.shape[0] in (1, n) and high_hz.shape[0] in (1, n)
    ):
        raise ValueError(
            f"low_hz {low_hz.shape[0]}, high_hz {high_hz.shape[0]} and shifts {(shifts.shape[0], shifts.shape[1])} "
            f"are not n or 1 samples each and (3, 3)"
        )
    with nogil:
        nearest = _meet(
            &low_hz[0], low_hz.shape[0] > 1, &high_hz[0], high_hz.shape[0] > 1, n, coupling_hz, cross_kerr_hz,
            low_curve_hz, high_curve_hz, &shifts[0, 0],
        )
    return nearest
