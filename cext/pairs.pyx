"""ZZ between transmons of a joint state: exact within a group, by the neighbour's populations between groups.

The joint state is a product of groups, whose density matrices lie one after the other in one buffer.
"""

from libc.math cimport fabs, sqrt
from libc.stdint cimport int64_t


cdef extern from *:
    """
    #if defined(__GNUC__) && !defined(__clang__)
    #pragma GCC optimize ("cx-limited-range")
    #endif
    """

cdef extern from "<complex.h>" nogil:
    double complex cexp(double complex z)

cdef double JOIN_RAD = 1e-3
cdef double EMPTY = 1e-9


cdef void marginal(joint_t* on, Py_ssize_t q, double* populations) noexcept nogil:
    """Fill the 3 populations of one transmon."""
    cdef Py_ssize_t left = on.places[3 * q + 1], right = on.places[3 * q + 2], a, i, b, dim = 3 * left * right
    cdef const double complex* rho = on.rho + on.places[3 * q]
    for i in range(3):
        populations[i] = 0.0
        for a in range(left):
            for b in range(right):
                populations[i] += rho[((3 * a + i) * right + b) * (dim + 1)].real


cdef double coherent(joint_t* on, Py_ssize_t q) noexcept nogil:
    """Return the size of all coherences between different levels of a transmon, 0 to 1."""
    cdef Py_ssize_t left = on.places[3 * q + 1], right = on.places[3 * q + 2], a, b, c, d, i, j, dim = 3 * left * right
    cdef const double complex* rho = on.rho + on.places[3 * q]
    cdef const double complex* x
    cdef double total = 0.0, size
    for i in range(2):
        for j in range(i + 1, 3):
            size = 0.0
            for a in range(left):
                for b in range(right):
                    for c in range(left):
                        for d in range(right):
                            x = rho + ((3 * a + i) * right + b) * dim + (3 * c + j) * right + d
                            size += x[0].real * x[0].real + x[0].imag * x[0].imag
            total += sqrt(size)
    return 2 * total if total < 0.5 else 1.0


cdef double correlation(joint_t* on, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    """Return at most what part of a ZZ phase can show as correlation: coherence times spread."""
    cdef double[3] p
    cdef double[2] spread
    cdef double one, two, most
    cdef int k
    for k in range(2):
        marginal(on, high if k else low, p)
        most = p[0] if p[0] > p[1] else p[1]
        most = p[2] if p[2] > most else most
        spread[k] = sqrt(1.0 - most) if most < 1.0 else 0.0
    one = coherent(on, low) * spread[1]
    two = coherent(on, high) * spread[0]
    return one if one > two else two


cdef void turn_together(joint_t* on, Py_ssize_t low, Py_ssize_t high, const double complex* turn) noexcept nogil:
    """Turn a group by the levels of two of its transmons: columns run on while the levels of both stay."""
    cdef Py_ssize_t dim = 3 * on.places[3 * low + 1] * on.places[3 * low + 2], i, j, k
    cdef Py_ssize_t by_low = on.places[3 * low + 2], by_high = on.places[3 * high + 2]
    cdef Py_ssize_t width = by_low if by_low < by_high else by_high
    cdef double* row
    cdef double complex left, factor
    cdef double re, im, x
    for i in range(dim):
        left = turn[3 * (i // by_low % 3) + i // by_high % 3]
        for j in range(dim // width):
            factor = left * turn[3 * (j * width // by_low % 3) + j * width // by_high % 3].conjugate()
            re = factor.real
            im = factor.imag
            if re == 1.0 and im == 0.0:
                continue
            row = <double*> (on.rho + on.places[3 * low] + dim * i + j * width)
            for k in range(width):
                x = row[2 * k]
                row[2 * k] = x * re - row[2 * k + 1] * im
                row[2 * k + 1] = x * im + row[2 * k + 1] * re


cdef void turn_apart(joint_t* on, Py_ssize_t q, const double* others, const double complex* turn, bint first) noexcept nogil:
    """Turn one transmon's coherences by its neighbour's populations; `first` says which index of `turn` is its own."""
    cdef double complex[9] factor
    cdef double total = others[0] + others[1] + others[2]
    cdef Py_ssize_t left = on.places[3 * q + 1], right = on.places[3 * q + 2], dim = 3 * left * right, row, column
    cdef Py_ssize_t i, j, m
    cdef double complex* rho = on.rho + on.places[3 * q]
    cdef double complex a, b
    if others[1] + others[2] < EMPTY:
        return
    for i in range(3):
        for j in range(3):
            factor[3 * i + j] = 0.0
            for m in range(3):
                a = turn[3 * i + m] if first else turn[3 * m + i]
                b = turn[3 * j + m] if first else turn[3 * m + j]
                factor[3 * i + j] += others[m] / total * (a * b.conjugate())
        factor[4 * i] = 1.0
    for row in range(dim):
        i = row // right % 3
        for column in range(dim):
            j = column // right % 3
            rho[dim * row + column] = rho[dim * row + column] * factor[3 * i + j]


cdef Py_ssize_t couple(joint_t* on, const int64_t* alive, double time, double left_s) noexcept nogil:
    """Let ZZ act for a time; if two groups have to merge first, return 1 + the coupler and do nothing."""
    cdef Py_ssize_t k, i, low, high
    cdef const double* table
    cdef double strength
    cdef double[3] of_low
    cdef double[3] of_high
    cdef double complex[9] turn
    if left_s > 0:
        for k in range(on.n_couplers):
            low = on.couplers[2 * k]
            high = on.couplers[2 * k + 1]
            strength = fabs(on.zz[9 * k + 4]) * left_s
            if not (alive[low] and alive[high]) or strength <= JOIN_RAD or on.places[3 * low] == on.places[3 * high]:
                continue
            if strength * correlation(on, low, high) > JOIN_RAD:
                return 1 + k
    for k in range(on.n_couplers):
        low = on.couplers[2 * k]
        high = on.couplers[2 * k + 1]
        if not (alive[low] and alive[high]):
            continue
        table = on.zz + 9 * k
        strength = 0.0
        for i in range(9):
            strength += fabs(table[i])
        if strength == 0.0:
            continue
        marginal(on, low, of_low)
        marginal(on, high, of_high)
        if on.places[3 * low] != on.places[3 * high] and of_low[1] + of_low[2] < EMPTY and of_high[1] + of_high[2] < EMPTY:
            continue
        for i in range(9):
            turn[i] = cexp(-1j * table[i] * time) if table[i] != 0.0 else 1.0
        if on.places[3 * low] == on.places[3 * high]:
            turn_together(on, low, high, turn)
        else:
            turn_apart(on, low, of_high, turn, True)
            turn_apart(on, high, of_low, turn, False)
    return 0


cdef int check(
    double complex[::1] rho, const int64_t[:, ::1] places, const int64_t[:, ::1] couplers, const double[:, :, ::1] zz
) except -1:
    """Raise ValueError unless groups lie in `rho` and couplers join two of the transmons."""
    cdef Py_ssize_t n = places.shape[0], k
    cdef int64_t dim
    if not 1 <= n <= MOST or places.shape[1] != 3 or couplers.shape[1] != 2 or zz.shape[0] != couplers.shape[0] or (
        zz.shape[1] != 3 or zz.shape[2] != 3
    ):
        raise ValueError(
            f"places {(n, places.shape[1])}, couplers {(couplers.shape[0], couplers.shape[1])} and zz "
            f"{(zz.shape[0], zz.shape[1], zz.shape[2])} don't fit up to {MOST} transmons"
        )
    for k in range(n):
        dim = 0
        if 1 <= places[k, 1] <= rho.shape[0] and 1 <= places[k, 2] <= rho.shape[0] // places[k, 1]:
            dim = 3 * places[k, 1] * places[k, 2]
        if not 0 < dim <= rho.shape[0] // dim or not 0 <= places[k, 0] <= rho.shape[0] - dim * dim:
            raise ValueError(
                f"transmon {k} of dimensions {(places[k, 1], 3, places[k, 2])} at {places[k, 0]} is not in a "
                f"state of {rho.shape[0]} numbers"
            )
    for k in range(couplers.shape[0]):
        if not (0 <= couplers[k, 0] < n and 0 <= couplers[k, 1] < n and couplers[k, 0] != couplers[k, 1]):
            raise ValueError(f"coupler {k} joins {(couplers[k, 0], couplers[k, 1])} of {n} transmons")
    return 0


def turn(
    double complex[::1] rho not None,
    const int64_t[:, ::1] places not None,
    const int64_t[:, ::1] couplers not None,
    const double[:, :, ::1] zz not None,
    const int64_t[::1] alive not None,
    double time_s,
    double left_s,
):
    """Let ZZ turn a joint state in place for a time.

    Parameters
    ----------
    rho : (size,) complex128
        Density matrices of all groups, one after the other; overwritten.
    places : (n, 3) int64
        Of each transmon: where its group begins in `rho`, dimensions of the group before and after it.
    couplers : (n_couplers, 2) int64
        The two transmons of each.
    zz : (n_couplers, 3, 3) float64, rad/s
        Energy of each pair of levels, first transmon of the coupler slowest; row and column 0 are 0.
    alive : (n,) int64
        1 for transmons that still move; the others' couplers are left out.
    time_s : float
        How long.
    left_s : float
        Time until the last measurement, which decides whether groups merge; 0 never merges.

    Returns
    -------
    int
        -1 when done. Otherwise nothing was done: a coupler whose transmons' groups have to merge first.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """
    cdef joint_t on
    cdef Py_ssize_t found
    check(rho, places, couplers, zz)
    if alive.shape[0] != places.shape[0]:
        raise ValueError(f"alive has {alive.shape[0]} entries for {places.shape[0]} transmons")
    if couplers.shape[0] == 0:
        return -1
    on.rho = &rho[0]
    on.places = &places[0, 0]
    on.couplers = &couplers[0, 0]
    on.zz = &zz[0, 0, 0]
    on.n = places.shape[0]
    on.n_couplers = couplers.shape[0]
    with nogil:
        found = couple(&on, &alive[0], time_s, left_s)
    return found - 1
