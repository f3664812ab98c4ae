"""Canonical form of two-qubit unitaries: U = (K1 x K2) exp(i (c0 XX + c1 YY + c2 ZZ)) (K3 x K4).

Sources: N. Khaneja, R. Brockett, S. Glaser, Phys. Rev. A 63, 032308 (2001); V. Shende, S. Bullock, I. Markov,
Phys. Rev. A 70, 012310 (2004) for how many cz a class needs; J.-F. Cardoso, A. Souloumiac, SIAM J. Matrix Anal. 17,
161 (1996) for the joint diagonalisation by plane rotations.
"""

from libc.math cimport fabs, floor, sqrt
from libc.string cimport memcpy, memset

from qctl.cext.spins cimport QCTL_PI, after, axis_t, inverse, qctl_atan2, qctl_sincos, spin, spin_t, z_before

cdef extern from *:
    """
    #if defined(__GNUC__) && !defined(__clang__)
    #pragma GCC optimize ("cx-limited-range")
    #endif
    """

cdef double TOLERANCE = 1e-9        # of the coordinates, in radians
cdef double ROOT = 0.70710678118654752440


cdef void identity(complex4_t *u) noexcept nogil:
    memset(u, 0, sizeof(complex4_t))
    u.m[0] = u.m[5] = u.m[10] = u.m[15] = 1


cdef void add_rotation(complex4_t *u, double angle, spin_t fa, spin_t fb) noexcept nogil:
    """Multiply u by exp(-i angle/2 A B) from the left; A and B are Z behind the frames."""
    cdef axis_t a = z_before(fa), b = z_before(fb)
    cdef double complex[16] p
    cdef double complex[4] ma
    cdef double complex[4] mb
    cdef double s, c
    cdef int i, j, k
    cdef double complex sum_
    qctl_sincos(0.5 * angle, &s, &c)
    ma[0] = a.z
    ma[1] = a.x - 1j * a.y
    ma[2] = a.x + 1j * a.y
    ma[3] = -a.z
    mb[0] = b.z
    mb[1] = b.x - 1j * b.y
    mb[2] = b.x + 1j * b.y
    mb[3] = -b.z
    for i in range(4):
        for j in range(4):
            p[4 * i + j] = -1j * s * ma[2 * (i >> 1) + (j >> 1)] * mb[2 * (i & 1) + (j & 1)]
        p[5 * i] = p[5 * i] + c
    for j in range(4):
        for i in range(4):
            sum_ = 0
            for k in range(4):
                sum_ = sum_ + p[4 * i + k] * u.m[4 * k + j]
            ma[i] = sum_
        for i in range(4):
            u.m[4 * i + j] = ma[i]


cdef void to_magic(const double complex *u, double complex *m) noexcept nogil:
    """Fill m with B^-1 u B for the magic basis B."""
    cdef double complex[16] t
    cdef int i
    for i in range(4):      # columns of u B
        t[4 * i] = ROOT * (u[4 * i] + u[4 * i + 3])
        t[4 * i + 1] = 1j * ROOT * (u[4 * i] - u[4 * i + 3])
        t[4 * i + 2] = 1j * ROOT * (u[4 * i + 1] + u[4 * i + 2])
        t[4 * i + 3] = ROOT * (u[4 * i + 1] - u[4 * i + 2])
    for i in range(4):
        m[i] = ROOT * (t[i] + t[12 + i])
        m[4 + i] = -1j * ROOT * (t[i] - t[12 + i])
        m[8 + i] = -1j * ROOT * (t[4 + i] + t[8 + i])
        m[12 + i] = ROOT * (t[4 + i] - t[8 + i])


cdef void diagonalise(double *a, double *b, double *p) noexcept nogil:
    """Turn two commuting symmetric 4 x 4 matrices to diagonal ones by p: a becomes p^T a p; det p is 1."""
    cdef int sweep, i, j, k
    cdef double off, along, across, both, c, s, x, y
    memset(p, 0, 16 * sizeof(double))
    p[0] = p[5] = p[10] = p[15] = 1
    for sweep in range(30):
        off = 0
        for i in range(3):
            for j in range(i + 1, 4):
                off += a[4 * i + j] * a[4 * i + j] + b[4 * i + j] * b[4 * i + j]
        if off < 1e-27:
            return
        for i in range(3):
            for j in range(i + 1, 4):
                # What is rounding alone must not turn equal eigenvalues: quarter turns stay quarter turns.
                if a[4 * i + j] * a[4 * i + j] + b[4 * i + j] * b[4 * i + j] < 1e-28:
                    continue
                x = a[5 * i] - a[5 * j]
                y = b[5 * i] - b[5 * j]
                along = x * x + y * y - 4 * (a[4 * i + j] * a[4 * i + j] + b[4 * i + j] * b[4 * i + j])
                across = 4 * (x * a[4 * i + j] + y * b[4 * i + j])
                both = sqrt(along * along + across * across)
                x = along + both
                both = sqrt(x * x + across * across)
                if both < 1e-300:
                    if along >= 0:
                        continue
                    c = s = ROOT
                else:
                    c = sqrt(0.5 * (1 + x / both))
                    s = across / (2 * both * c)
                for k in range(4):      # columns, then rows
                    x = a[4 * k + i]
                    y = a[4 * k + j]
                    a[4 * k + i] = c * x + s * y
                    a[4 * k + j] = c * y - s * x
                    x = b[4 * k + i]
                    y = b[4 * k + j]
                    b[4 * k + i] = c * x + s * y
                    b[4 * k + j] = c * y - s * x
                    x = p[4 * k + i]
                    y = p[4 * k + j]
                    p[4 * k + i] = c * x + s * y
                    p[4 * k + j] = c * y - s * x
                for k in range(4):
                    x = a[4 * i + k]
                    y = a[4 * j + k]
                    a[4 * i + k] = c * x + s * y
                    a[4 * j + k] = c * y - s * x
                    x = b[4 * i + k]
                    y = b[4 * j + k]
                    b[4 * i + k] = c * x + s * y
                    b[4 * j + k] = c * y - s * x


cdef spin_t spin_of(const double complex *m) noexcept nogil:
    """Return the turn of a 2 x 2 unitary times any number."""
    cdef double complex d = m[0] * m[3] - m[1] * m[2]
    cdef double n = sqrt(d.real * d.real + d.imag * d.imag), x = d.real / n, y = d.imag / n, s
    cdef double complex root
    if x > -0.5:                # the root of d / n
        s = sqrt(0.5 * (1 + x))
        root = s + 1j * (y / (2 * s))
    else:
        s = sqrt(0.5 * (1 - x))
        root = y / (2 * s) + 1j * s
    root = root.real - 1j * root.imag
    n = 1 / sqrt(n)
    return spin(
        0.5 * n * (m[0] * root + m[3] * root).real, -0.5 * n * (m[1] * root + m[2] * root).imag,
        0.5 * n * (m[2] * root - m[1] * root).real, 0.5 * n * (m[3] * root - m[0] * root).imag,
    )


cdef void split(const double *o, spin_t *a, spin_t *b) noexcept nogil:
    """Return the one-qubit turns of a rotation o of the magic basis: B o B^-1 is their product."""
    cdef double complex[16] t
    cdef double complex[16] u
    cdef double complex[4] part
    cdef double complex[4] other
    cdef double most = 0, size
    cdef int i, j, k, best = 0
    for i in range(4):      # rows of B o
        t[i] = ROOT * (o[i] + 1j * o[4 + i])
        t[4 + i] = ROOT * (1j * o[8 + i] + o[12 + i])
        t[8 + i] = ROOT * (1j * o[8 + i] - o[12 + i])
        t[12 + i] = ROOT * (o[i] - 1j * o[4 + i])
    for i in range(4):
        u[4 * i] = ROOT * (t[4 * i] - 1j * t[4 * i + 1])
        u[4 * i + 1] = ROOT * (-1j * t[4 * i + 2] + t[4 * i + 3])
        u[4 * i + 2] = ROOT * (-1j * t[4 * i + 2] - t[4 * i + 3])
        u[4 * i + 3] = ROOT * (t[4 * i] + 1j * t[4 * i + 1])
    for k in range(4):      # u = A x B: the largest block A_ij B gives B
        i = 8 * (k >> 1) + 2 * (k & 1)
        size = 0
        for j in range(4):
            part[j] = u[i + 4 * (j >> 1) + (j & 1)]
            size += part[j].real * part[j].real + part[j].imag * part[j].imag
        if size > most * 1.0001:
            most = size
            best = i
    for j in range(4):
        part[j] = u[best + 4 * (j >> 1) + (j & 1)]
    for k in range(4):
        other[k] = 0
        for j in range(4):
            other[k] = other[k] + (part[j].real - 1j * part[j].imag) * u[
                8 * (k >> 1) + 2 * (k & 1) + 4 * (j >> 1) + (j & 1)
            ]
    a[0] = spin_of(other)
    b[0] = spin_of(part)


cdef void decompose(const complex4_t *u, canonical_t *out) noexcept nogil:
    """Fill in the canonical form of a unitary of determinant one."""
    cdef double complex[16] m
    cdef double[16] a
    cdef double[16] b
    cdef double[16] p
    cdef double[16] o
    cdef double[4] theta
    cdef double complex z
    cdef double s, c
    cdef int i, j, k
    to_magic(u.m, m)
    for i in range(4):
        for j in range(4):
            z = 0
            for k in range(4):
                z = z + m[4 * k + i] * m[4 * k + j]
            a[4 * i + j] = z.real
            b[4 * i + j] = z.imag
    diagonalise(a, b, p)
    for j in range(4):
        theta[j] = 0.5 * qctl_atan2(b[5 * j], a[5 * j])
    s = theta[0] + theta[1] + theta[2] + theta[3]
    # det u = 1, but the halves of the angles are known up to pi each.
    if (<int> floor(s / QCTL_PI + 0.5)) & 1:
        theta[0] += QCTL_PI
    for j in range(4):
        qctl_sincos(theta[j], &s, &c)
        for i in range(4):
            z = 0
            for k in range(4):
                z = z + m[4 * i + k] * p[4 * k + j]
            o[4 * i + j] = z.real * c + z.imag * s
    split(o, &out.last_a, &out.last_b)
    for i in range(4):
        for j in range(4):
            o[4 * i + j] = p[4 * j + i]
    split(o, &out.first_a, &out.first_b)
    out.c[0] = 0.25 * (theta[0] + theta[2] - theta[1] - theta[3])
    out.c[1] = 0.25 * (theta[1] + theta[2] - theta[0] - theta[3])
    out.c[2] = 0.25 * (theta[0] + theta[1] - theta[2] - theta[3])


cdef void along_z(double angle, spin_t fa, spin_t fb, canonical_t *out) noexcept nogil:
    """Fill in the form of exp(-i angle/2 A B), where A and B are Z behind the frames."""
    out.c[0] = out.c[1] = 0
    out.c[2] = -0.5 * angle
    out.first_a = fa
    out.first_b = fb
    out.last_a = inverse(fa)
    out.last_b = inverse(fb)


cdef spin_t pauli(int j) noexcept nogil:
    return spin(0, 1 if j == 0 else 0, 1 if j == 1 else 0, 1 if j == 2 else 0)


cdef void exchange(canonical_t *u, int j, int k) noexcept nogil:
    """Exchange two coordinates: quarter turns about the third axis."""
    cdef double c = u.c[j]
    cdef int l = 3 - j - k
    cdef spin_t v = spin(ROOT, ROOT if l == 0 else 0, ROOT if l == 1 else 0, ROOT if l == 2 else 0)
    u.c[j] = u.c[k]
    u.c[k] = c
    u.first_a = after(v, u.first_a)
    u.first_b = after(v, u.first_b)
    u.last_a = after(u.last_a, inverse(v))
    u.last_b = after(u.last_b, inverse(v))


cdef void negate(canonical_t *u, int j, int k) noexcept nogil:
    """Change the signs of two coordinates: a half turn of one qubit about the third axis."""
    cdef spin_t v = pauli(3 - j - k)
    u.c[j] = -u.c[j]
    u.c[k] = -u.c[k]
    u.first_a = after(v, u.first_a)
    u.last_a = after(u.last_a, v)


cdef void settle(canonical_t *u) noexcept nogil:
    """Bring the coordinates to pi/4 >= c0 >= c1 >= |c2|."""
    cdef int j
    cdef double k
    for j in range(3):
        k = floor(u.c[j] / (QCTL_PI / 2) + 0.5)
        u.c[j] -= k * (QCTL_PI / 2)
        if k != 2 * floor(k / 2):
            u.last_a = after(u.last_a, pauli(j))
            u.last_b = after(u.last_b, pauli(j))
    if fabs(u.c[1]) > fabs(u.c[0]):
        exchange(u, 0, 1)
    if fabs(u.c[2]) > fabs(u.c[1]):
        exchange(u, 1, 2)
        if fabs(u.c[1]) > fabs(u.c[0]):
            exchange(u, 0, 1)
    if u.c[0] < 0:
        if u.c[1] < 0:
            negate(u, 0, 1)
        else:
            negate(u, 0, 2)
    elif u.c[1] < 0:
        negate(u, 1, 2)


cdef int n_entanglers(const canonical_t *u) noexcept nogil:
    """Return how many cz a settled form needs."""
    if fabs(u.c[2]) > TOLERANCE:
        return 3
    if u.c[0] < TOLERANCE:
        return 0
    return 1 if u.c[1] < TOLERANCE and fabs(u.c[0] - QCTL_PI / 4) < TOLERANCE else 2


cdef double infidelity(double x, double y, double z) noexcept nogil:
    """Return the average gate infidelity of exp(i (x XX + y YY + z ZZ)) to the identity."""
    cdef double[3] s
    cdef double[3] c
    cdef double even, odd
    qctl_sincos(x, s, c)
    qctl_sincos(y, s + 1, c + 1)
    qctl_sincos(z, s + 2, c + 2)
    even = c[0] * c[1] * c[2]
    odd = s[0] * s[1] * s[2]
    return 0.8 * (1 - even * even - odd * odd)


cdef double reduce_within(canonical_t *u, double bound) noexcept nogil:
    """Move a settled form to the nearest one of fewest cz whose average gate infidelity is within a bound; return it.

    Source: A. Cross et al., Phys. Rev. A 100, 032328 (2019), appendix B: the nearest form of each count of cz.
    """
    cdef double lost
    if bound <= 0 or n_entanglers(u) == 0:
        return 0
    lost = infidelity(u.c[0], u.c[1], u.c[2])
    if lost <= bound:
        u.c[0] = u.c[1] = u.c[2] = 0
        return lost
    if n_entanglers(u) == 1:
        return 0
    lost = infidelity(QCTL_PI / 4 - u.c[0], u.c[1], u.c[2])
    if lost <= bound:
        u.c[0] = QCTL_PI / 4
        u.c[1] = u.c[2] = 0
        return lost
    if n_entanglers(u) == 2:
        return 0
    lost = infidelity(0, 0, u.c[2])
    if lost <= bound:
        u.c[2] = 0
        return lost
    return 0


def canonical(const double complex[:, :, ::1] unitaries not None, double[:, ::1] coordinates not None,
              double[:, :, ::1] turns not None):
    """Fill in the canonical forms of two-qubit unitaries.

    Parameters
    ----------
    unitaries : (n, 4, 4) complex128
        Of determinant one; the first qubit is the high bit.
    coordinates : (n, 3) float64, rad
        c of exp(i (c0 XX + c1 YY + c2 ZZ)), with pi/4 >= c0 >= c1 >= |c2|.
    turns : (n, 4, 4) float64
        Quaternions w, x, y, z of w - i (x X + y Y + z Z): after it on the first and on the second qubit, then before it.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n = unitaries.shape[0], k
    cdef complex4_t u
    cdef canonical_t made
    if unitaries.shape[1] != 4 or unitaries.shape[2] != 4 or coordinates.shape[0] != n or coordinates.shape[1] != 3 or (
        turns.shape[0] != n or turns.shape[1] != 4 or turns.shape[2] != 4
    ):
        raise ValueError(
            f"unitaries {(n, unitaries.shape[1], unitaries.shape[2])}, coordinates "
            f"{(coordinates.shape[0], coordinates.shape[1])} and turns "
            f"{(turns.shape[0], turns.shape[1], turns.shape[2])} don't fit (n, 4, 4), (n, 3) and (n, 4, 4)"
        )
    if n == 0:
        return
    with nogil:
        for k in range(n):
            memcpy(u.m, &unitaries[k, 0, 0], sizeof(complex4_t))
            decompose(&u, &made)
            settle(&made)
            memcpy(&coordinates[k, 0], made.c, 3 * sizeof(double))
            memcpy(&turns[k, 0, 0], &made.last_a, sizeof(spin_t))
            memcpy(&turns[k, 1, 0], &made.last_b, sizeof(spin_t))
            memcpy(&turns[k, 2, 0], &made.first_a, sizeof(spin_t))
            memcpy(&turns[k, 3, 0], &made.first_b, sizeof(spin_t))
