"""Rows of a program, and what they act on."""

from libc.stdint cimport uint32_t

from qctl.cext.records cimport instruction_t

cdef enum:
    WORD_PORT = 0x40000000
    WORD_INDEX = 0x3FFFFFFF

cdef struct source_t:
    const instruction_t *rows
    const uint32_t *words
    const double *numbers
    Py_ssize_t n_rows, n_words, n_numbers
    int n_qubits

cdef Py_ssize_t check_rows(const source_t *source) noexcept nogil
cdef int row_qubits(const source_t *source, Py_ssize_t i, uint32_t *out) noexcept nogil
