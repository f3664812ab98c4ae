"""Names of rows of words, as far as they change."""

from libc.stdint cimport int64_t, uint8_t

cdef enum:
    DIGEST_BYTES = 20

cdef class RowNames:
    cdef readonly list names, held, counts, sizes
    cdef readonly dict total
    cdef const int64_t[::1] digits, bounds, lengths
    cdef readonly Py_ssize_t width
    cdef int put(self, const int64_t* rows, const uint8_t* digests, Py_ssize_t n, list texts, list points, list changed) except -1
    cdef int close(self, Py_ssize_t point, bytes text, list texts, list points) except -1
    cdef bytes name(self, Py_ssize_t row, const uint8_t* digest, bytes old, bytes text, list changed)
