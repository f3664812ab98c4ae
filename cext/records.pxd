"""Instruction rows as C sees them, and the growable buffer that builders subclass."""

from libc.stdint cimport int64_t, uint16_t, uint32_t

from qctl.cext.row_checks cimport qctl_instruction_t, qctl_limits_t
from qctl.cext.storage cimport Storage

ctypedef qctl_instruction_t instruction_t

cdef enum:
    FLAG_IMM = 1
    FLAG_EXPR = 2
    FLAG_WIDE = 4
    FLAG_TICKS = 8

cdef class InstructionBuffer:
    cdef instruction_t *rows
    cdef uint32_t *words
    cdef double *numbers
    cdef Py_ssize_t n_rows, rows_room
    cdef Py_ssize_t n_words, words_room
    cdef Py_ssize_t n_numbers, numbers_room
    cdef Storage row_store, word_store, number_store
    cdef readonly int64_t n_qubits
    cdef readonly int64_t n_fills

    cdef int make_rows(self, Py_ssize_t wanted) except -1
    cdef int make_words(self, Py_ssize_t wanted) except -1
    cdef int make_numbers(self, Py_ssize_t wanted) except -1
    cdef int make_room(self, Py_ssize_t n_rows, Py_ssize_t n_words, Py_ssize_t n_numbers) except -1
    cdef int take(self, InstructionBuffer other) except -1
    cdef InstructionBuffer view(self)

    cdef void know(self, qctl_limits_t *limits) noexcept
    cdef int refuse_flaw(self, instruction_t *row, int64_t start) except -1
    cdef int push_checked(self, uint16_t op, uint16_t flags, uint32_t a, uint32_t b, uint32_t c) except -1
    cdef int undo(self, Py_ssize_t n_rows, Py_ssize_t n_words, Py_ssize_t n_numbers, int64_t n_fills) except -1
    cdef int emit_list(self, uint16_t op, uint16_t flags, list symbols, list values, bint ready) except -1
    cdef int refuse_change(self, Py_ssize_t n_rows, int64_t n_fills) except -1

    cdef int push(self, uint16_t op, uint16_t flags, uint32_t a, uint32_t b, uint32_t c) except -1
    cdef int push_double(self, uint16_t op, uint32_t a, double value) except -1
    cdef uint32_t push_number(self, double value) except? 0xFFFFFFFF
    cdef int push_word(self, uint32_t word) except -1
    cdef int64_t qubit(self, uint16_t op, object value) except -1
    cdef int number(self, uint16_t op, object value, double *result, uint32_t *expression) except -1
    cdef uint32_t reference(self, uint16_t op, object value) except? 0xFFFFFFFF
    cdef int one(self, uint16_t op, object q) except -1
    cdef int one_angle(self, uint16_t op, object theta, object q) except -1
    cdef int two(self, uint16_t op, object a, object b) except -1
    cdef int two_angle(self, uint16_t op, object theta, object a, object b) except -1
    cdef int three_angles(self, uint16_t op, object theta, object phi, object lam, object q) except -1
    cdef int refuse_controls(self, uint16_t op, Py_ssize_t n_controls) except -1
    cdef int wide(self, uint16_t op, int n_controls, tuple qubits, tuple values) except -1
