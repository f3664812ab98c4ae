"""The reader of angles that readers of program texts build on."""

from libc.stdint cimport int32_t, int64_t, uint32_t

from qctl.cext.scanner cimport Scanner

cdef extern from "names.h" nogil:
    ctypedef struct qctl_name_t:
        const char *name
        ptrdiff_t length
        uint32_t hash
        int kind, word, replaceable
        int64_t first, size
    ctypedef struct qctl_names_t:
        qctl_name_t *rows
        ptrdiff_t n, room
    qctl_name_t *qctl_names_find(const qctl_names_t *t, const char *name, ptrdiff_t length, uint32_t hash)
    qctl_name_t *qctl_names_add(qctl_names_t *t, const char *name, ptrdiff_t length, uint32_t hash)
    void qctl_names_clear(qctl_names_t *t)
    void qctl_names_free(qctl_names_t *t)

cdef struct step_t:
    int32_t code  # of angles.h
    int32_t parameter  # of a leaf; -1 for a number
    double number

cdef struct angle_t:
    bint coded  # whether it has steps, or is a number
    double number
    Py_ssize_t first, n

cdef class AngleReader(Scanner):
    cdef step_t *steps
    cdef Py_ssize_t n_steps, steps_room
    cdef double *values
    cdef Py_ssize_t n_values, values_room
    cdef qctl_names_t parameters

    cdef int push_step(self, int code, int parameter, double number) except -1
    cdef int push_value(self, double value) except -1
    cdef double apply(self, int code, double x, double y, Py_ssize_t at, Py_ssize_t stop) except? -1.0
    cdef int join(self, int code, Py_ssize_t at, angle_t *left, angle_t *right) except -1
    cdef int function(self) noexcept
    cdef int operand(self, int depth, angle_t *result) except -1
    cdef int angle(self, int strength, int depth, angle_t *result) except -1
    cdef int evaluate(self, const angle_t *angle, Py_ssize_t values, Py_ssize_t at, Py_ssize_t stop) except -1
