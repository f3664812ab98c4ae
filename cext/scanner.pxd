"""The scanner that readers of program texts build on."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "scan.h" nogil:
    enum:
        QCTL_END
        QCTL_NAME
        QCTL_INTEGER
        QCTL_REAL
        QCTL_STRING
        QCTL_WRONG
    ctypedef struct qctl_scan_t:
        const char *text
        ptrdiff_t n, at, start, stop
        uint32_t hash
        uint64_t seed
        int kind, lines
    uint32_t qctl_hash(const char *name, ptrdiff_t length, uint64_t seed)
    void qctl_scan_next(qctl_scan_t *s)

cdef void *grown(void *old, Py_ssize_t *room, Py_ssize_t wanted, size_t size) except NULL

cdef class Scanner:
    cdef qctl_scan_t scan
    cdef object source

    cdef int step(self) except -1
    cdef int fail(self, message, Py_ssize_t at) except -1
    cdef bint accept(self, int sign) except -1
    cdef int expect(self, int sign) except -1
    cdef bint spells(self, const char *word) noexcept
    cdef int name(self, what) except -1
    cdef int64_t integer(self, what) except -1
    cdef double number(self) except? -1.0
