"""Timed lines of gates whose angles may be set anew, and which plays changed with them."""

from libc.stdint cimport int8_t, int32_t, int64_t

from qctl.cext.straight cimport Play, Row

cdef struct lines_t:
    const int32_t* places
    const int32_t* qubits
    const int32_t* couplers
    const int32_t* pairs
    const double* pair_values
    double* phases
    # lines whose phases change: 1, or 2 once the phase at some item is known; and their list
    int8_t* turns
    int32_t* turning
    Py_ssize_t n_qubits, n_lines, n_turning


cdef class Turns:
    cdef Row[::1] rows
    cdef Play[::1] plays
    cdef const int64_t[::1] bounds
    cdef const int32_t[::1] order, places
    cdef const int64_t[:, ::1] counts
    cdef const int32_t[:, ::1] qubits, couplers, pairs
    cdef const double[:, ::1] pair_values
    cdef int64_t[::1] play_bounds
    # of each row: its place among its sequence's items, or -1, and the plays before it
    cdef int32_t[::1] items, before
    cdef double[::1] phases
    cdef int8_t[::1] turns
    cdef int32_t[::1] turning
    cdef int64_t[::1] starts
    # points that changed; plays of the k-th one are changed[changed_bounds[k]:changed_bounds[k + 1]]
    cdef int64_t[::1] points, changed_bounds, changed
    cdef lines_t on
    cdef readonly Py_ssize_t n_points, n_changed
    cdef readonly object lines
    cdef Py_ssize_t n_below(self, int64_t point) noexcept
