"""Two or three coupled transmons: exact unitaries per sample, relaxation between steps of a joint state.

Without drive the number of quanta is conserved, and exponentials are of blocks of at most 7 states: so this is several
times faster than the general kernel of propagate.pyx (docs/adr/0007-special-kernels-of-the-plant.md).
Complex numbers are pairs of doubles here: C's complex product checks for infinities, at three times the cost.
"""

from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from qctl.cext.exponentials cimport exponential, exponential_real, multiply

cdef extern from "rows.h" nogil:
    void qctl_left_multiply(
        const double* u, Py_ssize_t d, Py_ssize_t width, Py_ssize_t plane, const double* a, double* b
    ) noexcept

cdef enum:
    MAX_STATES = 27
    MAX_PAIRS = 729
    MAX_BLOCK = 7
    MAX_SECTORS = 7
    TILE = 8  # rows that are transposed together: their lines stay in the nearest cache


cdef void list_quanta(int n, int d, int* quanta) noexcept nogil:
    """List the level of each of n transmons (0 slowest) in each product state: d x n."""
    cdef int i, k, left
    for i in range(d):
        left = i
        for k in range(n - 1, -1, -1):
            quanta[n * i + k] = left % 3
            left //= 3


cdef void hamiltonian(
    const double* levels, const double* drives, const double* exchange, const double* kerr, const int* quanta, int n,
    const int* members, int m, double* h,
) noexcept nogil:
    """Fill the m x m block of `members` with the Hamiltonian in rad/s."""
    cdef int i, j, a, b, na, nb, ma, mb, differing, other
    cdef double value, factor
    cdef bint rest
    memset(h, 0, 2 * m * m * sizeof(double))
    for i in range(m):
        value = 0.0
        for a in range(n):
            na = quanta[n * members[i] + a]
            if na:
                value += levels[2 * a + na - 1]
            for b in range(a):
                value += kerr[n * a + b] * na * quanta[n * members[i] + b]
        h[2 * (m + 1) * i] = value
        for j in range(m):
            differing = 0
            a = b = -1
            for other in range(n):
                if quanta[n * members[i] + other] != quanta[n * members[j] + other]:
                    differing += 1
                    b = a
                    a = other
            if differing == 1:
                na = quanta[n * members[i] + a]
                ma = quanta[n * members[j] + a]
                if na == ma + 1:
                    factor = 0.5 if na == 1 else 0.7071067811865476
                    h[2 * (m * i + j)] += factor * drives[2 * a]
                    h[2 * (m * i + j) + 1] += factor * drives[2 * a + 1]
                elif ma == na + 1:
                    factor = 0.5 if ma == 1 else 0.7071067811865476
                    h[2 * (m * i + j)] += factor * drives[2 * a]
                    h[2 * (m * i + j) + 1] -= factor * drives[2 * a + 1]
            elif differing == 2:
                na = quanta[n * members[i] + a]
                ma = quanta[n * members[j] + a]
                nb = quanta[n * members[i] + b]
                mb = quanta[n * members[j] + b]
                if (na - ma) * (nb - mb) == -1:
                    factor = 1.0
                    if na == 2 or ma == 2:
                        factor *= 1.4142135623730951
                    if nb == 2 or mb == 2:
                        factor *= 1.4142135623730951
                    h[2 * (m * i + j)] += factor * exchange[n * a + b]


cdef void put_block(const double* block, const int* members, int m, int d, double* out) noexcept nogil:
    """Write an m x m block into a d x d matrix."""
    cdef int i, j
    for i in range(m):
        for j in range(m):
            out[2 * (d * members[i] + members[j])] = block[2 * (m * i + j)]
            out[2 * (d * members[i] + members[j]) + 1] = block[2 * (m * i + j) + 1]


cdef void multiply_block(const double* a, const int* members, int m, int d, double* b) noexcept nogil:
    """b = a b where both have no elements but in one m x m block, of which `a` is given alone."""
    cdef double[2 * MAX_BLOCK * MAX_BLOCK] before
    cdef double[2 * MAX_BLOCK * MAX_BLOCK] after
    cdef int i, j
    for i in range(m):
        for j in range(m):
            before[2 * (m * i + j)] = b[2 * (d * members[i] + members[j])]
            before[2 * (m * i + j) + 1] = b[2 * (d * members[i] + members[j]) + 1]
    multiply(a, before, after, m)
    put_block(after, members, m, d, b)


cdef int gather_block(int total, const int* quanta, int n, int d, int* members) noexcept nogil:
    """List the states with so many quanta, or all if `total` is below 0; return how many there are."""
    cdef int i, k, m = 0, sum_of
    for i in range(d):
        sum_of = 0
        for k in range(n):
            sum_of += quanta[n * i + k]
        if total < 0 or sum_of == total:
            members[m] = i
            m += 1
    return m


cdef bint are_alike(
    const double* levels, const double* drives, int width, Py_ssize_t first, Py_ssize_t stop
) noexcept nogil:
    """Say whether each of these samples is as the one before it."""
    cdef Py_ssize_t k
    for k in range(width * first, width * stop):
        if levels[k] != levels[k - width] or drives[k] != drives[k - width]:
            return False
    return True


cdef Py_ssize_t _steps(
    const double* levels, const double* drives, const double* exchange, const double* kerr, double dt,
    Py_ssize_t per_step, Py_ssize_t n_samples, int n, int64_t* order, double* out,
) noexcept nogil:
    cdef double[2 * MAX_PAIRS] whole
    cdef double[2 * MAX_PAIRS] h
    cdef double[2 * MAX_PAIRS] work
    cdef double[MAX_SECTORS][2 * MAX_BLOCK * MAX_BLOCK] blocks
    cdef int[MAX_SECTORS][MAX_STATES] members
    cdef int[MAX_SECTORS] sizes
    cdef int[MAX_STATES] all_states
    cdef int[3 * MAX_STATES] quanta
    cdef int d = 1, k, i, total, n_sectors = 2 * n + 1
    cdef Py_ssize_t sample, step, first, stop, found = 0, n_steps = (n_samples + per_step - 1) // per_step
    cdef bint driven = False, same, plain = True
    cdef double* target
    for k in range(n):
        d *= 3
    list_quanta(n, d, quanta)
    for total in range(n_sectors):
        sizes[total] = gather_block(total, quanta, n, d, members[total])
    gather_block(-1, quanta, n, d, all_states)
    for step in range(n_steps):
        first = per_step * step
        stop = min(first + per_step, n_samples)
        if 1 < step < n_steps - 1 and are_alike(levels, drives, 2 * n, first - per_step + 1, stop):
            order[step] = found - 1
            continue
        target = out + 2 * d * d * found
        order[step] = found
        found += 1
        for sample in range(first, stop):
            same = sample > 0 and are_alike(levels, drives, 2 * n, sample, sample + 1)
            driven = False
            for k in range(2 * n):
                if drives[2 * n * sample + k] != 0.0:
                    driven = True
            if not same and driven:
                hamiltonian(
                    levels + 2 * n * sample, drives + 2 * n * sample, exchange, kerr, quanta, n, all_states, d, h
                )
                exponential(h, dt, whole, work, d)
            elif not same:
                memset(whole, 0, 2 * d * d * sizeof(double))
                for total in range(n_sectors):
                    k = sizes[total]
                    hamiltonian(
                        levels + 2 * n * sample, drives + 2 * n * sample, exchange, kerr, quanta, n, members[total], k, h
                    )
                    for i in range(k * k):
                        h[i] = h[2 * i]
                    exponential_real(h, dt, blocks[total], k)
                    put_block(blocks[total], members[total], k, d, whole)
            if sample == first:
                memcpy(target, whole, 2 * d * d * sizeof(double))
                plain = not driven
            elif plain and not driven:
                for total in range(n_sectors):
                    multiply_block(blocks[total], members[total], sizes[total], d, target)
            else:
                plain = False
                multiply(whole, target, work, d)
                memcpy(target, work, 2 * d * d * sizeof(double))
    return found


def unitaries(
    const double[:, :, ::1] levels not None,
    const double complex[:, ::1] drives not None,
    const double[:, ::1] exchange not None,
    const double[:, ::1] kerr not None,
    double dt_s,
    Py_ssize_t per_step,
    int64_t[::1] order not None,
    double complex[:, :, ::1] out not None,
):
    """Fill `out` with the unitaries of 1 to 3 coupled transmons through held samples; what is the same stands there once.

    H = sum of levels + (Omega a† + h.c.)/2 + exchange (a†b + h.c.) + kerr n_a n_b, exact in each sample.

    Parameters
    ----------
    levels : (n_samples, n, 2) float64, rad/s
        Energies of levels 1 and 2 of each transmon in the rotating frame.
    drives : (n_samples, n) complex128, rad/s
        Omega of each transmon.
    exchange, kerr : (n, n) float64, rad/s
        Symmetric; the diagonal is not read.
    dt_s : float
        Length of a sample, in seconds.
    per_step : int
        Samples that are multiplied into one step.
    order : (ceil(n_samples / per_step),) int64
        Overwritten: which of `out` each step is; the first step and the last one are always one of their own.
    out : (ceil(n_samples / per_step), 3**n, 3**n) complex128
        Overwritten from the beginning.

    Returns
    -------
    int
        How many there are in `out`.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n_samples = levels.shape[0], n = levels.shape[1]
    if not 1 <= n <= 3 or levels.shape[2] != 2 or per_step < 1:
        raise ValueError(f"levels have shape {(n_samples, n, levels.shape[2])}, not (n_samples, 1 to 3, 2)")
    if drives.shape[0] != n_samples or drives.shape[1] != n:
        raise ValueError(f"drives have shape {(drives.shape[0], drives.shape[1])}, not {(n_samples, n)}")
    if exchange.shape[0] != n or exchange.shape[1] != n or kerr.shape[0] != n or kerr.shape[1] != n:
        raise ValueError(
            f"exchange {(exchange.shape[0], exchange.shape[1])} and kerr {(kerr.shape[0], kerr.shape[1])} "
            f"don't have shape {(n, n)}"
        )
    cdef Py_ssize_t steps = (n_samples + per_step - 1) // per_step, d = 3 if n == 1 else 9 if n == 2 else 27
    if out.shape[0] != steps or out.shape[1] != d or out.shape[2] != d or order.shape[0] != steps:
        raise ValueError(
            f"out has shape {(out.shape[0], out.shape[1], out.shape[2])}, not {(steps, d, d)}, or order "
            f"{order.shape[0]} is not that long"
        )
    if n_samples == 0:
        return 0
    with nogil:
        steps = _steps(
            &levels[0, 0, 0], <const double*> &drives[0, 0], &exchange[0, 0], &kerr[0, 0], dt_s, per_step, n_samples,
            <int> n, &order[0], <double*> &out[0, 0, 0],
        )
    return steps


cdef void turn(const double* u, Py_ssize_t d, Py_ssize_t rest, double* rho, double* work) noexcept nogil:
    """rho = u rho u† for a Hermitian rho, as u (u rho)†: both products then run along rows; leaves it in `work`."""
    cdef Py_ssize_t dim = d * rest, plane = dim * dim, i, j, tile, last
    qctl_left_multiply(u, d, rest * dim, plane, rho, work)
    for tile in range((dim + TILE - 1) // TILE):
        last = TILE * (tile + 1) if TILE * (tile + 1) < dim else dim
        for i in range(dim):
            for j in range(TILE * tile, last):
                rho[dim * i + j] = work[dim * j + i]
                rho[plane + dim * i + j] = -work[plane + dim * j + i]
    qctl_left_multiply(u, d, rest * dim, plane, rho, work)


cdef void relax(const double* f, Py_ssize_t left, Py_ssize_t right, double* rho) noexcept nogil:
    """Apply 14 numbers of relaxation (see qutrit.propagate) to one transmon, in one plane of rho."""
    cdef Py_ssize_t dim = 3 * left * right, row = right * dim, column = right, l1, r1, l2, k
    cdef double x, y, z
    cdef double* p
    for l1 in range(left):
        for r1 in range(right):
            for l2 in range(left):
                p = rho + (l1 * 3 * right + r1) * dim + l2 * 3 * right
                for k in range(right):
                    x = p[k]
                    y = p[k + row + column]
                    z = p[k + 2 * row + 2 * column]
                    p[k] = f[0] * x + f[1] * y + f[2] * z
                    p[k + row + column] = f[3] * x + f[4] * y + f[5] * z
                    p[k + 2 * row + 2 * column] = f[6] * x + f[7] * y + f[8] * z
                    x = p[k + column]
                    y = p[k + row + 2 * column]
                    p[k + column] = f[9] * x + f[10] * y
                    p[k + row + 2 * column] = f[11] * x + f[12] * y
                    x = p[k + row]
                    y = p[k + 2 * row + column]
                    p[k + row] = f[9] * x + f[10] * y
                    p[k + 2 * row + column] = f[11] * x + f[12] * y
                    p[k + 2 * column] = f[13] * p[k + 2 * column]
                    p[k + 2 * row] = f[13] * p[k + 2 * row]


cdef void _propagate(
    const double* steps, const int64_t* order, Py_ssize_t n_steps, int n, Py_ssize_t rest, const double* half, const double* whole,
    double* rho, double* work,
) noexcept nogil:
    cdef Py_ssize_t d = 1, s, left, right, plane, i
    cdef int k
    cdef double* now = work
    cdef double* other = rho
    cdef const double* numbers
    for k in range(n):
        d *= 3
    plane = d * rest * d * rest
    for i in range(plane):
        now[i] = rho[2 * i]
        now[plane + i] = rho[2 * i + 1]
    for s in range(n_steps + 1):
        left = 1
        right = d * rest
        for k in range(n):
            right //= 3
            numbers = (half if s == 0 or s == n_steps else whole) + 14 * k
            relax(numbers, left, right, now)
            relax(numbers, left, right, now + plane)
            left *= 3
        if s < n_steps:
            turn(steps + 2 * d * d * order[s], d, rest, now, other)
            now, other = other, now
    if now == rho:
        memcpy(work, rho, 2 * plane * sizeof(double))
        now = work
    for i in range(plane):
        rho[2 * i] = now[i]
        rho[2 * i + 1] = now[plane + i]


def propagate(
    const double complex[:, :, ::1] steps not None,
    const int64_t[::1] order not None,
    const double[:, ::1] half not None,
    const double[:, ::1] whole not None,
    double complex[:, ::1] rho not None,
    double complex[:, ::1] work not None,
):
    """Propagate the first transmons of a joint state in place, relaxation between steps (Strang splitting).

    Parameters
    ----------
    steps : (m, d, d) complex128
        Unitaries of the first n transmons, d = 3**n.
    order : (n_steps,) int64
        Which of them each step is.
    half, whole : (n, 14) float64
        Relaxation of each transmon over half a step and a whole one, as `qutrit.propagate` takes it.
    rho : (d * rest, d * rest) complex128
        Joint density matrix, Hermitian; overwritten.
    work : as rho
        Overwritten.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t d = steps.shape[1], n = half.shape[0], k
    if not 1 <= n <= 3 or d != (3 if n == 1 else 9 if n == 2 else 27) or steps.shape[2] != d:
        raise ValueError(f"steps {(steps.shape[0], d, steps.shape[2])} don't fit {n} transmons")
    if half.shape[1] != 14 or whole.shape[0] != n or whole.shape[1] != 14:
        raise ValueError(f"relaxation has shapes {(n, half.shape[1])} and {(whole.shape[0], whole.shape[1])}")
    if rho.shape[0] != rho.shape[1] or rho.shape[0] % d or rho.shape[0] == 0:
        raise ValueError(f"rho has shape {(rho.shape[0], rho.shape[1])}, not square in multiples of {d}")
    if work.shape[0] != rho.shape[0] or work.shape[1] != rho.shape[1]:
        raise ValueError(f"work has shape {(work.shape[0], work.shape[1])}, not that of rho")
    for k in range(order.shape[0]):
        if not 0 <= order[k] < steps.shape[0]:
            raise ValueError(f"order[{k}] = {order[k]} is outside [0, {steps.shape[0]})")
    if order.shape[0] == 0:
        return
    with nogil:
        _propagate(
            <const double*> &steps[0, 0, 0], &order[0], order.shape[0], <int> n, rho.shape[0] // d, &half[0, 0], &whole[0, 0],
            <double*> &rho[0, 0], <double*> &work[0, 0],
        )
