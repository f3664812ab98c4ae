"""The mean of many shots of a readout: levels that stay, and levels that jump at one of a few times."""

cdef extern from *:
    """
    #if defined(__GNUC__) && !defined(__clang__)
    #pragma GCC optimize ("cx-limited-range")
    #endif
    """

cdef extern from "<complex.h>" nogil:
    double complex cexp(double complex z)

cdef enum:
    LEVELS = 3
    LANDINGS = 2  # a jump ends in one of the levels below this

# level before and after each kind of jump
cdef int[3] BEFORE = [1, 2, 0]
cdef int[3] AFTER = [0, 1, 1]


cdef void add_answer(
    const double complex* base, const double* counts, const double complex* fields, const double* jumps,
    const double complex* rates, double start, double step, Py_ssize_t n_bins, Py_ssize_t n_samples, double complex* out,
) noexcept nogil:
    """Add one resonator's answers along all paths, each as often as it was taken."""
    cdef double[LEVELS] there
    cdef double complex[LANDINGS] tails
    cdef double complex[LANDINGS] fades
    cdef Py_ssize_t k, bin = 0
    cdef int kind, level, before, after
    cdef double time, taken
    for level in range(LEVELS):
        there[level] = counts[level]
    for level in range(LANDINGS):
        tails[level] = 0
        fades[level] = cexp(-rates[level] * step)
    for kind in range(3):
        for k in range(n_bins):
            there[BEFORE[kind]] += counts[LEVELS + kind * n_bins + k]
    for k in range(n_samples):
        time = start + k * step
        for level in range(LANDINGS):
            tails[level] = tails[level] * fades[level]
        while bin < n_bins and jumps[bin] < time:
            for kind in range(3):
                taken = counts[LEVELS + kind * n_bins + bin]
                if taken == 0.0:
                    continue
                before = BEFORE[kind]
                after = AFTER[kind]
                there[before] -= taken
                there[after] += taken
                tails[after] = tails[after] + taken * (
                    fields[before * n_bins + bin] - fields[after * n_bins + bin]
                ) * cexp(-rates[after] * (time - jumps[bin]))
            bin += 1
        out[k] = out[k] + (
            there[0] * base[k] + there[1] * base[n_samples + k] + there[2] * base[2 * n_samples + k]
            + tails[0] + tails[1]
        )


cdef void _add_answers(
    const double complex* base, const double* counts, const double complex* fields, const double* jumps,
    const double complex* rates, double start, double step, Py_ssize_t n, Py_ssize_t n_bins, Py_ssize_t n_samples,
    double complex* out,
) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(n):
        add_answer(
            base + LEVELS * n_samples * k, counts + LEVELS * (1 + n_bins) * k, fields + LEVELS * n_bins * k,
            jumps + n_bins * k, rates + LEVELS * k, start, step, n_bins, n_samples, out,
        )


def add_answers(
    const double complex[:, :, ::1] base not None,
    const double[:, ::1] counts not None,
    const double complex[:, :, ::1] fields not None,
    const double[:, ::1] jump_s not None,
    const double complex[:, ::1] rates not None,
    double start_s,
    double step_s,
    double complex[::1] out not None,
):
    """Add to `out` what all resonators answer along all paths, each as often as `counts` says.

    A path is a level that stays, or one of three kinds of jump (1 to 0, 2 to 1, 0 to 1) at one of n_bins times. From
    then on the answer is that of the new level, and the difference of the two fields fades at the new level's rate.

    Parameters
    ----------
    base : (n, 3, n_samples) complex128, V
        Answer of each level.
    counts : (n, 3 + 3 n_bins) float64
        How many shots take each path: three levels, then the times of each kind of jump.
    fields : (n, 3, n_bins) complex128, V
        Field of each level at the jumps.
    jump_s : (n, n_bins) float64
        When jumps happen, ascending.
    rates : (n, 3) complex128, 1/s
        kappa/2 - 2 pi i detuning at each level.
    start_s, step_s : float
        Times of the samples.
    out : (n_samples,) complex128, V
        Changed.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n = base.shape[0], n_samples = base.shape[2], n_bins = jump_s.shape[1]
    if base.shape[1] != LEVELS or out.shape[0] != n_samples or jump_s.shape[0] != n or (
        rates.shape[0] != n or rates.shape[1] != LEVELS
    ):
        raise ValueError(
            f"base {(n, base.shape[1], n_samples)}, jump_s {(jump_s.shape[0], n_bins)}, rates "
            f"{(rates.shape[0], rates.shape[1])} and out {out.shape[0]} don't fit"
        )
    if counts.shape[0] != n or counts.shape[1] != LEVELS * (1 + n_bins) or fields.shape[0] != n or (
        fields.shape[1] != LEVELS or fields.shape[2] != n_bins
    ):
        raise ValueError(
            f"counts {(counts.shape[0], counts.shape[1])} and fields "
            f"{(fields.shape[0], fields.shape[1], fields.shape[2])} don't fit {n} resonators and {n_bins} times"
        )
    if n == 0 or n_samples == 0 or n_bins == 0:
        return
    with nogil:
        _add_answers(
            &base[0, 0, 0], &counts[0, 0], &fields[0, 0, 0], &jump_s[0, 0], &rates[0, 0], start_s, step_s, n, n_bins,
            n_samples, &out[0],
        )
