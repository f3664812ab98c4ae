"""A joint state in one buffer, and ZZ on it; arguments as in pairs.pyx."""

from libc.stdint cimport int64_t

cdef enum:
    MOST = 64

cdef struct joint_t:
    double complex* rho
    const int64_t* places
    const int64_t* couplers
    const double* zz
    Py_ssize_t n, n_couplers

cdef Py_ssize_t couple(joint_t* on, const int64_t* alive, double time, double left_s) noexcept nogil

cdef int check(
    double complex[::1] rho, const int64_t[:, ::1] places, const int64_t[:, ::1] couplers, const double[:, :, ::1] zz
) except -1
