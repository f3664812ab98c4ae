"""Turns of one qubit as unit quaternions (w, x, y, z) = w - i (x X + y Y + z Z), global phase dropped."""

from libc.math cimport fabs, sqrt

cdef extern from "exact.h" nogil:
    double QCTL_PI
    void qctl_sincos(double x, double *sine, double *cosine)
    double qctl_atan2(double y, double x)
    double qctl_wrapped(double x)

cdef struct spin_t:
    double w, x, y, z

cdef struct axis_t:
    double x, y, z


cdef inline spin_t spin(double w, double x, double y, double z) noexcept nogil:
    cdef spin_t r
    r.w = w
    r.x = x
    r.y = y
    r.z = z
    return r


cdef inline spin_t about_x(double angle) noexcept nogil:
    cdef double s, c
    qctl_sincos(0.5 * angle, &s, &c)
    return spin(c, s, 0, 0)


cdef inline spin_t about_y(double angle) noexcept nogil:
    cdef double s, c
    qctl_sincos(0.5 * angle, &s, &c)
    return spin(c, 0, s, 0)


cdef inline spin_t about_z(double angle) noexcept nogil:
    cdef double s, c
    qctl_sincos(0.5 * angle, &s, &c)
    return spin(c, 0, 0, s)


cdef inline spin_t after(spin_t p, spin_t q) noexcept nogil:
    """Return q followed by p, of length one again."""
    cdef spin_t r
    cdef double n
    r.w = p.w * q.w - p.x * q.x - p.y * q.y - p.z * q.z
    r.x = p.w * q.x + p.x * q.w + p.y * q.z - p.z * q.y
    r.y = p.w * q.y + p.y * q.w + p.z * q.x - p.x * q.z
    r.z = p.w * q.z + p.z * q.w + p.x * q.y - p.y * q.x
    n = 1.5 - 0.5 * (r.w * r.w + r.x * r.x + r.y * r.y + r.z * r.z)
    r.w *= n
    r.x *= n
    r.y *= n
    r.z *= n
    return r


cdef inline spin_t inverse(spin_t q) noexcept nogil:
    return spin(q.w, -q.x, -q.y, -q.z)


cdef inline axis_t z_before(spin_t q) noexcept nogil:
    """Return the axis that a turn takes to z."""
    cdef axis_t r
    r.x = 2 * (q.x * q.z - q.w * q.y)
    r.y = 2 * (q.y * q.z + q.w * q.x)
    r.z = 1 - 2 * (q.x * q.x + q.y * q.y)
    return r


cdef inline int parallel(axis_t a, axis_t b) noexcept nogil:
    """Return 1 for the same axis, -1 for the opposite one, 0 for another."""
    cdef double x = a.y * b.z - a.z * b.y, y = a.z * b.x - a.x * b.z, z = a.x * b.y - a.y * b.x
    if x * x + y * y + z * z > 1e-20:
        return 0
    return 1 if a.x * b.x + a.y * b.y + a.z * b.z > 0 else -1
