"""Rows of a program, what they act on, and the opcodes that translation knows."""

from libc.stdint cimport uint32_t

from qctl.cext.records cimport instruction_t

cdef enum:
    OP_BARRIER = 0x007
    OP_MEASURE = 0x008
    OP_RESET = 0x009
    OP_DELAY = 0x00A
    OP_FIRST_GATE = 0x100
    OP_X = 0x101
    OP_SX = 0x109
    OP_RX = 0x10C
    OP_RY = 0x10D
    OP_RZ = 0x10E
    OP_U3 = 0x112
    OP_CX = 0x115
    OP_CZ = 0x117
    OP_RPHI = 0x113
    OP_ISWAP = 0x11B
    OP_ROOT_ISWAP = 0x11D
    OP_RXX = 0x123
    OP_RZZ = 0x125
    OP_RZX = 0x126
    OP_MS = 0x12B
    OP_LAST_GATE = 0x12B
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
