"""Where the rows of one thing after the other begin in a flat table: bounds start at 0, never go down, and end at its end."""

from libc.stdint cimport int64_t


cdef inline int check_bounds(const int64_t[::1] bounds, Py_ssize_t n, str what, str at) except -1:
    """Refuse bounds that don't span `n` rows: `what` names these, with a blank before it, `at` what each bound begins."""
    cdef Py_ssize_t k, n_all = bounds.shape[0] - 1
    if n_all < 0 or bounds[0] != 0 or bounds[n_all] != n:
        raise ValueError(f"bounds of {bounds.shape[0]} rows don't end at {n}{what}")
    for k in range(n_all):
        if bounds[k + 1] < bounds[k]:
            raise ValueError(f"bounds go down at {at} {k}")
    return 0
