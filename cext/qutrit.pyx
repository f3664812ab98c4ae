"""One driven three-level transmon: exact exponentials per sample, T1 and T2 between them.

Sources: J. Koch et al., Phys. Rev. A 76, 042319 (2007), the transmon as a weakly anharmonic ladder;
G. Strang, SIAM J. Numer. Anal. 5, 506 (1968), the splitting of relaxation and unitary.
"""

from libc.math cimport INFINITY, cos, fabs, sin, sqrt


cdef extern from *:
    """
    #if defined(__GNUC__) && !defined(__clang__)
    #pragma GCC optimize ("cx-limited-range")
    #endif
    """

cdef double[40] INVERSE_FACTORIAL

cdef void fill_factorials() noexcept:
    """Fill the coefficients of the exponential's series, so that no division waits for the one before."""
    cdef int k
    INVERSE_FACTORIAL[0] = 1.0
    for k in range(1, 40):
        INVERSE_FACTORIAL[k] = INVERSE_FACTORIAL[k - 1] / k


fill_factorials()


cdef void traceless3(double e0, double e1, double e2, double complex drive, double dt, double complex* u) noexcept nogil:
    """Fill u (3x3, row-major) with exp(-i dt H) but for its global phase, H = diag(e0, e1, e2) + (drive a† + h.c.)/2.

    H is tridiagonal, so a diagonal phase makes it real; Cayley-Hamilton turns its Taylor series into
    recurrences of three numbers. Steps of norm above 2 are halved and the result squared.
    """
    cdef double size = sqrt(drive.real * drive.real + drive.imag * drive.imag)
    cdef double inverse = 1 / size if size > 0 else 0.0
    cdef double complex phase = drive * inverse if size > 0 else 1.0
    cdef double mean = (e0 + e1 + e2) / 3
    cdef double h0 = (e0 - mean) * dt, h1 = (e1 - mean) * dt, h2 = (e2 - mean) * dt
    cdef double b = 0.5 * size * dt
    cdef double c = 1.4142135623730951 * b
    cdef double norm = fabs(h0) + fabs(h1) + fabs(h2) + 2 * (b + c)
    cdef int halvings = 0, k, i, j, m
    while 4.0 < norm < INFINITY:  # the result of an infinite norm is NaN
        norm *= 0.5
        halvings += 1
    cdef double scale = 1.0
    for k in range(halvings):
        scale *= 0.5
    h0 *= scale
    h1 *= scale
    h2 *= scale
    b *= scale
    c *= scale
    # H^3 = d1 H + d0 for a traceless H
    cdef double d1 = b * b + c * c - (h0 * h1 + h0 * h2 + h1 * h2)
    cdef double d0 = h0 * h1 * h2 - b * b * h2 - c * c * h0
    # cosine and sine parts of the coefficients of 1, H, H^2
    cdef double p = 1.0, q = 0.0, r = 0.0, t
    cdef double ar = 0, br = 0, cr = 0, ai = 0, bi = 0, ci = 0
    cdef double factor
    for k in range(40):
        factor = INVERSE_FACTORIAL[k]
        m = k & 3
        if m == 0:
            ar += factor * p
            br += factor * q
            cr += factor * r
        elif m == 1:
            ai -= factor * p
            bi -= factor * q
            ci -= factor * r
        elif m == 2:
            ar -= factor * p
            br -= factor * q
            cr -= factor * r
        else:
            ai += factor * p
            bi += factor * q
            ci += factor * r
        t = r
        r = q
        q = p + t * d1
        p = t * d0
        if k > 3 and factor * (fabs(p) + 4 * fabs(q) + 16 * fabs(r)) < 1e-18:
            break
    cdef double complex a0 = ar + 1j * ai
    cdef double complex a1 = br + 1j * bi
    cdef double complex a2 = cr + 1j * ci
    # powers of the real tridiagonal matrix
    u[0] = a0 + a1 * h0 + a2 * (h0 * h0 + b * b)
    u[4] = a0 + a1 * h1 + a2 * (b * b + h1 * h1 + c * c)
    u[8] = a0 + a1 * h2 + a2 * (c * c + h2 * h2)
    u[1] = a1 * b + a2 * (b * (h0 + h1))
    u[5] = a1 * c + a2 * (c * (h1 + h2))
    u[2] = a2 * (b * c)
    cdef double complex s[9]
    u[3] = u[1]
    u[7] = u[5]
    u[6] = u[2]
    for k in range(halvings):
        for i in range(3):
            for j in range(3):
                s[3 * i + j] = u[3 * i] * u[j] + u[3 * i + 1] * u[3 + j] + u[3 * i + 2] * u[6 + j]
        for i in range(9):
            u[i] = s[i]
    cdef double complex pair = phase * phase
    u[3] = u[3] * phase
    u[1] = u[1] * phase.conjugate()
    u[7] = u[7] * phase
    u[5] = u[5] * phase.conjugate()
    u[6] = u[6] * pair
    u[2] = u[2] * pair.conjugate()


cdef void exponential3(double e0, double e1, double e2, double complex drive, double dt, double complex* u) noexcept nogil:
    """Fill u (3x3, row-major) with exp(-i dt H), H = diag(e0, e1, e2) + (drive a† + h.c.)/2, in rad/s."""
    cdef double mean = (e0 + e1 + e2) / 3
    cdef double complex back = cos(mean * dt) - 1j * sin(mean * dt)
    cdef int k
    traceless3(e0, e1, e2, drive, dt, u)
    for k in range(9):
        u[k] = u[k] * back


cdef void relax3(const double* d, double complex* x) noexcept nogil:
    """Apply a relaxation step (14 numbers, see `propagate`) to one 3x3 matrix in place."""
    cdef double complex a = x[0], b = x[4], c = x[8]
    x[0] = d[0] * a + d[1] * b + d[2] * c
    x[4] = d[3] * a + d[4] * b + d[5] * c
    x[8] = d[6] * a + d[7] * b + d[8] * c
    a = x[1]
    b = x[5]
    x[1] = d[9] * a + d[10] * b
    x[5] = d[11] * a + d[12] * b
    a = x[3]
    b = x[7]
    x[3] = d[9] * a + d[10] * b
    x[7] = d[11] * a + d[12] * b
    x[2] = d[13] * x[2]
    x[6] = d[13] * x[6]


cdef void turn3(const double complex* u, double complex* x) noexcept nogil:
    """Replace one 3x3 matrix x by u x u†."""
    cdef double complex y[9]
    cdef int i, j
    for i in range(3):
        for j in range(3):
            y[3 * i + j] = u[3 * i] * x[j] + u[3 * i + 1] * x[3 + j] + u[3 * i + 2] * x[6 + j]
    for i in range(3):
        for j in range(3):
            x[3 * i + j] = (
                y[3 * i] * u[3 * j].conjugate()
                + y[3 * i + 1] * u[3 * j + 1].conjugate()
                + y[3 * i + 2] * u[3 * j + 2].conjugate()
            )


cdef void propagate_states(
    const double complex* drive, const double* levels, Py_ssize_t stride, double dt, const double* relax,
    double complex* states, Py_ssize_t n_samples, Py_ssize_t n_states,
) noexcept nogil:
    cdef double complex u[9]
    cdef double complex last = 0
    cdef double last1 = 0, last2 = 0, e1, e2
    cdef bint known = False
    cdef Py_ssize_t k, s
    cdef double complex* x
    for s in range(n_states):
        relax3(relax, states + 9 * s)
    for k in range(n_samples):
        e1 = levels[stride * k]
        e2 = levels[stride * k + 1]
        if not (known and drive[k] == last and e1 == last1 and e2 == last2):
            traceless3(0.0, e1, e2, drive[k], 0.5 * dt, u)
            last = drive[k]
            last1 = e1
            last2 = e2
            known = True
        for s in range(n_states):
            x = states + 9 * s
            turn3(u, x)
            relax3(relax + 28, x)
            turn3(u, x)
            relax3(relax + 14 if k + 1 < n_samples else relax, x)


def propagate(
    const double complex[::1] drive not None,
    const double[:, ::1] levels not None,
    double dt_s,
    const double[:, ::1] relaxation not None,
    double complex[:, :, ::1] states not None,
):
    """Propagate 3x3 matrices in place through a sampled drive.

    Each sample is two exact half-sample exponentials of the three-level Hamiltonian, with relaxation
    before, between and after in the weights of Simpson's rule: the error is of fourth order in the
    sample for what is linear in 1/T1, and of second order in dt/T1. Nine unit matrices as states give
    the superoperator.

    Parameters
    ----------
    drive : (n_samples,) complex128, rad/s
        Omega of H = ... + (Omega a† + h.c.)/2, held for one sample each.
    levels : (n_samples or 1, 2) float64, rad/s
        Energies of levels 1 and 2 above level 0 in the rotating frame.
    dt_s : float
        Length of a sample, in seconds.
    relaxation : (3, 14) float64
        Relaxation over dt/6, dt/3 and 2 dt/3, each as: the 3x3 matrix of populations row by row, the
        2x2 matrix that mixes the coherences 01 and 12, the factor of coherence 02.
    states : (n_states, 3, 3) complex128
        Density matrices, or any 3x3 matrices; overwritten.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n = drive.shape[0], stride = 0
    if levels.shape[1] != 2 or (levels.shape[0] != n and levels.shape[0] != 1):
        raise ValueError(f"levels have shape {(levels.shape[0], levels.shape[1])}, not {(n, 2)} or (1, 2)")
    if relaxation.shape[0] != 3 or relaxation.shape[1] != 14:
        raise ValueError(f"relaxation has shape {(relaxation.shape[0], relaxation.shape[1])}, not (3, 14)")
    if states.shape[1] != 3 or states.shape[2] != 3:
        raise ValueError(f"states have shape {(states.shape[0], states.shape[1], states.shape[2])}, not (n, 3, 3)")
    if levels.shape[0] == n and n > 1:
        stride = 2
    if n == 0 or states.shape[0] == 0:
        return
    with nogil:
        propagate_states(&drive[0], &levels[0, 0], stride, dt_s, &relaxation[0, 0], &states[0, 0, 0], n, states.shape[0])


def exponential(double level1, double level2, double complex drive, double dt_s, double complex[:, ::1] out not None):
    """Fill `out` (3, 3) with exp(-i dt H) of one sample; levels and drive in rad/s."""
    if out.shape[0] != 3 or out.shape[1] != 3:
        raise ValueError(f"out has shape {(out.shape[0], out.shape[1])}, not (3, 3)")
    with nogil:
        exponential3(0.0, level1, level2, drive, dt_s, &out[0, 0])


cdef void apply_step(
    double complex* rho, Py_ssize_t n_left, Py_ssize_t n_right, const double complex* d
) noexcept nogil:
    """Apply a phase-covariant one-transmon map to rho seen as (left, 3, right, left, 3, right)."""
    cdef Py_ssize_t dim = n_left * 3 * n_right
    cdef Py_ssize_t l1, r1, l2, r2, i, j
    cdef double complex* p
    cdef double complex x[9]
    cdef Py_ssize_t row = n_right * dim, column = n_right
    for l1 in range(n_left):
        for r1 in range(n_right):
            for l2 in range(n_left):
                for r2 in range(n_right):
                    p = rho + ((l1 * 3) * n_right + r1) * dim + (l2 * 3) * n_right + r2
                    for i in range(3):
                        for j in range(3):
                            x[3 * i + j] = p[i * row + j * column]
                    p[0] = d[0] * x[0] + d[1] * x[4] + d[2] * x[8]
                    p[row + column] = d[3] * x[0] + d[4] * x[4] + d[5] * x[8]
                    p[2 * row + 2 * column] = d[6] * x[0] + d[7] * x[4] + d[8] * x[8]
                    p[column] = d[9] * x[1] + d[10] * x[5]
                    p[row + 2 * column] = d[11] * x[1] + d[12] * x[5]
                    p[row] = d[9].conjugate() * x[3] + d[10].conjugate() * x[7]
                    p[2 * row + column] = d[11].conjugate() * x[3] + d[12].conjugate() * x[7]
                    p[2 * column] = d[13] * x[2]
                    p[2 * row] = d[13].conjugate() * x[6]


def apply_local(
    double complex[:, ::1] rho not None, Py_ssize_t n_left, Py_ssize_t n_right, const double complex[::1] step not None
):
    """Apply idling (detuning, anharmonicity, relaxation) of one transmon to a joint state, in place.

    Parameters
    ----------
    rho : (d, d) complex128
        Joint density matrix with d = 3 * n_left * n_right; overwritten.
    n_left, n_right : int
        Dimensions of the transmons before and after this one.
    step : (14,) complex128
        As in `propagate`, with the phases of the coherences 01, 12 and 02 multiplied in.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t dim = 3 * n_left * n_right
    if not (1 <= n_left <= rho.shape[0] and 1 <= n_right <= rho.shape[0]) or rho.shape[0] != dim or rho.shape[1] != dim:
        raise ValueError(f"rho has shape {(rho.shape[0], rho.shape[1])}, not {(dim, dim)}")
    if step.shape[0] != 14:
        raise ValueError(f"step has {step.shape[0]} numbers, not 14")
    with nogil:
        apply_step(&rho[0, 0], n_left, n_right, &step[0])


cdef void apply_matrix(
    double complex* rho, Py_ssize_t n_left, Py_ssize_t n_right, const double* m
) noexcept nogil:
    """Apply a one-transmon superoperator (9x9, real and imaginary parts in turn) to a joint state."""
    cdef Py_ssize_t dim = n_left * 3 * n_right
    cdef Py_ssize_t l1, r1, l2, r2, i, j
    cdef Py_ssize_t row = n_right * dim, column = n_right
    cdef double* p
    cdef double[18] x
    cdef double re, im
    cdef const double* f
    for l1 in range(n_left):
        for r1 in range(n_right):
            for l2 in range(n_left):
                for r2 in range(n_right):
                    p = <double*> (rho + ((l1 * 3) * n_right + r1) * dim + (l2 * 3) * n_right + r2)
                    for i in range(3):
                        for j in range(3):
                            x[2 * (3 * i + j)] = p[2 * (i * row + j * column)]
                            x[2 * (3 * i + j) + 1] = p[2 * (i * row + j * column) + 1]
                    for i in range(9):
                        re = 0.0
                        im = 0.0
                        f = m + 18 * i
                        for j in range(9):
                            re += f[2 * j] * x[2 * j] - f[2 * j + 1] * x[2 * j + 1]
                            im += f[2 * j] * x[2 * j + 1] + f[2 * j + 1] * x[2 * j]
                        p[2 * ((i // 3) * row + (i % 3) * column)] = re
                        p[2 * ((i // 3) * row + (i % 3) * column) + 1] = im


def apply_map(
    double complex[:, ::1] rho not None, Py_ssize_t n_left, Py_ssize_t n_right, const double complex[:, ::1] matrix not None
):
    """Apply a superoperator of one transmon to a joint state, in place.

    Parameters
    ----------
    rho : (d, d) complex128
        Joint density matrix with d = 3 * n_left * n_right; overwritten.
    n_left, n_right : int
        Dimensions of the transmons before and after this one.
    matrix : (9, 9) complex128
        Acts on the transmon's matrix elements, row by row.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t dim = 3 * n_left * n_right
    if not (1 <= n_left <= rho.shape[0] and 1 <= n_right <= rho.shape[0]) or rho.shape[0] != dim or rho.shape[1] != dim:
        raise ValueError(f"rho has shape {(rho.shape[0], rho.shape[1])}, not {(dim, dim)}")
    if matrix.shape[0] != 9 or matrix.shape[1] != 9:
        raise ValueError(f"matrix has shape {(matrix.shape[0], matrix.shape[1])}, not (9, 9)")
    with nogil:
        apply_matrix(&rho[0, 0], n_left, n_right, <const double*> &matrix[0, 0])
