"""Which drives each transmon hears: its own line, and others' where they could turn it."""

from libc.math cimport cos, fabs, sin, sqrt
from libc.stdint cimport int64_t

cdef enum:
    MOST = 64


cdef void reach(
    const double* volts, Py_ssize_t size, double beat, const double* waves, Py_ssize_t n, double dt,
    double* found,
) noexcept nogil:
    """Fill `found` with the larger of each transmon's two Fourier components of a run, conjugate and shifted."""
    cdef double[2 * MOST] re
    cdef double[2 * MOST] im
    cdef double[2 * MOST] turn_re
    cdef double[2 * MOST] turn_im
    cdef double[2 * MOST] sum_re
    cdef double[2 * MOST] sum_im
    cdef Py_ssize_t k, s
    cdef double x, y, t
    for k in range(2 * n):
        re[k] = 1.0
        im[k] = sum_re[k] = sum_im[k] = 0.0
        # the beat turns the line; it can as well turn the wave
        turn_re[k] = cos((waves[k] - beat) * dt)
        turn_im[k] = sin((waves[k] - beat) * dt)
    for s in range(size):
        x = volts[2 * s]
        y = -volts[2 * s + 1]
        for k in range(2 * n):
            sum_re[k] += re[k] * x - im[k] * y
            sum_im[k] += re[k] * y + im[k] * x
            t = re[k] * turn_re[k] - im[k] * turn_im[k]
            im[k] = re[k] * turn_im[k] + im[k] * turn_re[k]
            re[k] = t
    for k in range(n):
        x = sum_re[2 * k] * sum_re[2 * k] + sum_im[2 * k] * sum_im[2 * k]
        y = sum_re[2 * k + 1] * sum_re[2 * k + 1] + sum_im[2 * k + 1] * sum_im[2 * k + 1]
        found[k] = sqrt(x if x > y else y)


cdef double held(double wave, double beat, double dt) noexcept nogil:
    """Return what a sample that is held in the frame has to be so that it turns a transition as much as one that beats.

    A converter holds its samples at the line's LO, so that they go on turning by `beat` in the frame while they last.
    Where a transition hears next to nothing of what is held in the frame, a sample is not made over 20 times as large.
    """
    cdef double own = 0.5 * (wave - beat) * dt, still = 0.5 * wave * dt, part
    if beat == 0.0:
        return 1.0
    part = sin(still) / still if fabs(still) > 1e-9 else 1.0
    if fabs(part) < 0.05:
        part = 0.05 if part >= 0 else -0.05
    return (sin(own) / own if fabs(own) > 1e-9 else 1.0) / part


cdef void add(
    const double* volts, Py_ssize_t size, int64_t start, double beat, double dt, double re, double im, double* omega
) noexcept nogil:
    """Add (re + i im) times the conjugate of a run, shifted by `beat` rad/s, to `omega`."""
    cdef Py_ssize_t s
    cdef double x, y, c, d, t
    for s in range(size):
        x = volts[2 * s]
        y = -volts[2 * s + 1]
        if beat != 0.0:
            c = cos(beat * (start + 0.5 + s) * dt)
            d = -sin(beat * (start + 0.5 + s) * dt)
            t = x * c - y * d
            y = x * d + y * c
            x = t
        omega[2 * s] += re * x - im * y
        omega[2 * s + 1] += re * y + im * x


cdef Py_ssize_t _listen(
    const double* volts, const int64_t* runs, Py_ssize_t m, const double* beats, const double* waves,
    const double* coefficients, Py_ssize_t n, double dt, const double* least, int64_t* heard, int64_t* pieces, double* omega,
) noexcept nogil:
    cdef double[MOST] found
    cdef const int64_t* run
    cdef Py_ssize_t q, r, s, n_pieces = 0
    cdef int64_t size, used = 0
    cdef const double* factor
    cdef double scale
    cdef int64_t* last = NULL
    for r in range(m):
        run = runs + 4 * r
        reach(volts + 2 * run[3], run[2] - run[1], beats[run[0]], waves, n, dt, found)
        for q in range(n):
            factor = coefficients + 2 * (n * q + run[0])
            heard[n * r + q] = q == run[0] or found[q] * sqrt(factor[0] * factor[0] + factor[1] * factor[1]) * dt >= least[q]
    for q in range(n):
        last = NULL
        for r in range(m):
            if not heard[n * r + q]:
                continue
            run = runs + 4 * r
            if last == NULL or run[1] >= last[2]:
                last = pieces + 4 * n_pieces
                n_pieces += 1
                last[0] = q
                last[1] = last[2] = run[1]
                last[3] = used
            size = run[2] - last[2]
            if size > 0:
                for s in range(2 * size):
                    omega[2 * used + s] = 0.0
                used += size
                last[2] = run[2]
            factor = coefficients + 2 * (n * q + run[0])
            scale = held(waves[2 * q], beats[run[0]], dt)
            add(
                volts + 2 * run[3], run[2] - run[1], run[1], beats[run[0]], dt, scale * factor[0], scale * factor[1],
                omega + 2 * (last[3] + run[1] - last[1]),
            )
    return n_pieces


def listen(
    const double complex[::1] volts not None,
    const int64_t[:, ::1] runs not None,
    const double[::1] beats not None,
    const double[:, ::1] waves not None,
    const double complex[:, ::1] coefficients not None,
    double dt_s,
    const double[::1] least_rad not None,
    int64_t[:, ::1] heard not None,
    int64_t[:, ::1] pieces not None,
    double complex[::1] omega not None,
):
    """Fill `pieces` and `omega` with the drive of each transmon, runs that overlap added up.

    The drive of another line enters where it could turn the transmon by `least_rad` or more, judged by its Fourier
    component at the transmon's two transitions. Samples of a line whose LO is not the frame's turn the transmon's 0-1
    transition as they do where its converter holds them, at its LO.

    Parameters
    ----------
    volts : (n_played,) complex128, V
        Samples of all runs.
    runs : (m, 4) int64
        Line, first sample, sample after the last, and where it begins in `volts`; in order of time.
    beats : (n,) float64, rad/s
        How far each line's LO is above the frame.
    waves : (n, 2) float64, rad/s
        Transitions 0-1 and 1-2 of each transmon, from the frame.
    coefficients : (n, n) complex128, rad/s/V
        Omega of each transmon (rows) by volts on each line.
    dt_s : float
        Length of a sample, in seconds.
    least_rad : (n,) float64
        Smallest turn by another's line that counts, for each transmon.
    heard : (m, n) int64
        Overwritten: which transmon hears which run.
    pieces : (m n, 4) int64
        Overwritten: transmon, first sample, sample after the last, where it begins in `omega`.
    omega : (n_played n,) complex128, rad/s
        Overwritten.

    Returns
    -------
    int
        Number of pieces.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """
    cdef Py_ssize_t n = waves.shape[0], m = runs.shape[0], k, found
    cdef int64_t total = 0
    if not 1 <= n <= MOST or waves.shape[1] != 2 or beats.shape[0] != n or least_rad.shape[0] != n or (
        coefficients.shape[0] != n or coefficients.shape[1] != n or runs.shape[1] != 4
    ):
        raise ValueError(
            f"waves {(n, waves.shape[1])}, beats {beats.shape[0]}, least_rad {least_rad.shape[0]}, coefficients "
            f"{(coefficients.shape[0], coefficients.shape[1])} and runs {(m, runs.shape[1])} don't fit up to {MOST} lines"
        )
    for k in range(m):
        if not 0 <= runs[k, 0] < n or runs[k, 2] < runs[k, 1] or runs[k, 3] < 0 or (
            runs[k, 3] + runs[k, 2] - runs[k, 1] > volts.shape[0] or (k > 0 and runs[k, 1] < runs[k - 1, 1])
        ):
            raise ValueError(
                f"run {k} of line {runs[k, 0]}, samples {runs[k, 1]} to {runs[k, 2]} from {runs[k, 3]}, is not in order, "
                f"in {n} lines or in {volts.shape[0]} samples"
            )
        total += runs[k, 2] - runs[k, 1]
    if heard.shape[0] != m or heard.shape[1] != n or pieces.shape[0] < m * n or pieces.shape[1] != 4 or (
        omega.shape[0] < total * n
    ):
        raise ValueError(
            f"heard {(heard.shape[0], heard.shape[1])}, pieces {(pieces.shape[0], pieces.shape[1])} and omega "
            f"{omega.shape[0]} don't hold {m} runs of {total} samples for {n} transmons"
        )
    if m == 0 or total == 0:
        return 0
    with nogil:
        found = _listen(
            <const double*> &volts[0], &runs[0, 0], m, &beats[0], &waves[0, 0], <const double*> &coefficients[0, 0], n,
            dt_s, &least_rad[0], &heard[0, 0], &pieces[0, 0], <double*> &omega[0],
        )
    return found
