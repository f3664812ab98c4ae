"""Exponentials of small matrices, for other kernels: Hermitian ones, and real symmetric ones at a fifth of the cost.

Complex numbers are pairs of doubles here: C's complex product checks for infinities, at three times the cost.
"""

from libc.math cimport INFINITY, NAN, cos, fabs, sin
from libc.string cimport memcpy, memset

cdef extern from "products.h" nogil:
    void qctl_product(const double* a, const double* b, double* c, int m) noexcept
    void qctl_complex_product(const double* a, const double* b, double* c, int m) noexcept

cdef enum:
    MAX_STATES = 27
    TERMS = 9


cdef void undefined(double* out, int n) noexcept nogil:
    """Fill with NaN: halving an infinite norm would never end."""
    cdef int i
    for i in range(n):
        out[i] = NAN


cdef void multiply(const double* a, const double* b, double* c, int m) noexcept nogil:
    """c = a b for m x m complex matrices."""
    qctl_complex_product(a, b, c, m)


cdef void exponential(double* h, double dt, double* out, double* work, int m) noexcept nogil:
    """out = exp(-i dt h) for a Hermitian m x m; h is overwritten, work has room for one matrix."""
    cdef int i, j, k, halvings = 0
    cdef double mean = 0.0, norm = 0.0, total, re, im, scale
    for i in range(m):
        mean += h[2 * (m + 1) * i] / m
    for i in range(m):
        h[2 * (m + 1) * i] -= mean
    for i in range(m):
        total = 0.0
        for j in range(m):
            total += fabs(h[2 * (m * i + j)]) + fabs(h[2 * (m * i + j) + 1])
        norm = total if total > norm else norm
    norm = fabs(norm * dt)
    if norm == INFINITY:
        undefined(out, 2 * m * m)
        return
    scale = dt
    while norm > 0.4:
        norm *= 0.5
        scale *= 0.5
        halvings += 1
    for i in range(m * m):
        re = h[2 * i]
        im = h[2 * i + 1]
        h[2 * i] = scale * im
        h[2 * i + 1] = -scale * re
    # Horner: 1 + A (1 + A/2 (1 + A/3 ...)), to order 11 (error below 1e-14 at norm 0.4)
    memset(out, 0, 2 * m * m * sizeof(double))
    for i in range(m):
        out[2 * (m + 1) * i] = 1.0
    for k in range(11, 0, -1):
        multiply(h, out, work, m)
        for i in range(2 * m * m):
            out[i] = work[i] / k
        for i in range(m):
            out[2 * (m + 1) * i] += 1.0
    for k in range(halvings):
        multiply(out, out, work, m)
        memcpy(out, work, 2 * m * m * sizeof(double))
    re = cos(mean * dt)
    im = -sin(mean * dt)
    for i in range(m * m):
        total = out[2 * i] * re - out[2 * i + 1] * im
        out[2 * i + 1] = out[2 * i] * im + out[2 * i + 1] * re
        out[2 * i] = total


cdef void series(const double* powers, const double* terms, double* out, double* work, int m) noexcept nogil:
    """out = sum of terms[k] B**k, k = 0 to 8, from the powers B, B**2 and B**3."""
    cdef int i, k, third, size = m * m
    memset(out, 0, size * sizeof(double))
    for third in range(2, -1, -1):
        if third < 2:
            qctl_product(powers + 2 * size, out, work, m)
            memcpy(out, work, size * sizeof(double))
        for i in range(size):
            out[i] += terms[3 * third + 1] * powers[i] + terms[3 * third + 2] * powers[size + i]
        for k in range(m):
            out[(m + 1) * k] += terms[3 * third]


cdef void exponential_real(double* h, double dt, double* out, int m) noexcept nogil:
    """out = exp(-i dt h) for a real symmetric m x m, as cosine and sine; h is overwritten.

    Both to order 17 of a norm up to 1 (what is left out is below 1 / 18! = 1.6e-16), then doubled by
    cos 2a = 2 cos a cos a - 1 and sin 2a = 2 sin a cos a.
    """
    cdef double[5 * MAX_STATES * MAX_STATES] room
    cdef double[2 * TERMS] terms
    cdef int i, k, halvings = 0, size = m * m
    cdef double mean = 0.0, norm = 0.0, total, factor = 1.0, re, im
    cdef double* powers = room
    cdef double* cosine = room + 3 * size
    cdef double* sine = room + 4 * size
    cdef double* work
    if m == 1:
        out[0] = cos(h[0] * dt)
        out[1] = -sin(h[0] * dt)
        return
    for i in range(m):
        mean += h[(m + 1) * i] / m
    for i in range(m):
        h[(m + 1) * i] -= mean
    for i in range(m):
        total = 0.0
        for k in range(m):
            total += fabs(h[m * i + k])
        norm = total if total > norm else norm
    norm = fabs(norm * dt)
    if norm == INFINITY:
        undefined(out, 2 * m * m)
        return
    total = dt
    while norm > 1.0:
        norm *= 0.5
        total *= 0.5
        halvings += 1
    for i in range(size):
        h[i] *= total
    for k in range(TERMS):
        terms[k] = factor
        factor /= -(2 * k + 1)
        terms[TERMS + k] = -factor
        factor /= 2 * k + 2
    qctl_product(h, h, powers, m)
    qctl_product(powers, powers, powers + size, m)
    qctl_product(powers, powers + size, powers + 2 * size, m)
    work = out
    series(powers, terms, cosine, work, m)
    series(powers, terms + TERMS, sine, work, m)
    qctl_product(h, sine, work, m)
    memcpy(sine, work, size * sizeof(double))
    for k in range(halvings):
        qctl_product(sine, cosine, work, m)
        for i in range(size):
            sine[i] = 2.0 * work[i]
        qctl_product(cosine, cosine, work, m)
        for i in range(size):
            cosine[i] = 2.0 * work[i]
        for i in range(m):
            cosine[(m + 1) * i] -= 1.0
    re = cos(mean * dt)
    im = -sin(mean * dt)
    for i in range(size):
        out[2 * i] = cosine[i] * re + sine[i] * im
        out[2 * i + 1] = cosine[i] * im - sine[i] * re


def exponential_of(const double complex[:, ::1] hamiltonian not None, double dt_s, double complex[:, ::1] out not None):
    """Fill `out` with exp(-i dt H), for tests: by the real kernel if H has no imaginary part.

    Parameters
    ----------
    hamiltonian : (m, m) complex128, rad/s
        Hermitian, m from 1 to 27.
    dt_s : float
        Time, in seconds.
    out : (m, m) complex128
        Overwritten.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t m = hamiltonian.shape[0]
    cdef double[2 * MAX_STATES * MAX_STATES] h
    cdef double[2 * MAX_STATES * MAX_STATES] work
    cdef Py_ssize_t i
    cdef bint real = True
    cdef const double* numbers
    if not 1 <= m <= MAX_STATES or hamiltonian.shape[1] != m or out.shape[0] != m or out.shape[1] != m:
        raise ValueError(
            f"hamiltonian {(m, hamiltonian.shape[1])} and out {(out.shape[0], out.shape[1])} are not both (m, m), "
            f"m from 1 to {MAX_STATES}"
        )
    numbers = <const double*> &hamiltonian[0, 0]
    for i in range(m * m):
        if numbers[2 * i + 1] != 0.0:
            real = False
    with nogil:
        if real:
            for i in range(m * m):
                h[i] = numbers[2 * i]
            exponential_real(h, dt_s, <double*> &out[0, 0], <int> m)
        else:
            memcpy(h, numbers, 2 * m * m * sizeof(double))
            exponential(h, dt_s, <double*> &out[0, 0], work, <int> m)
