"""Rows in native gates: one-qubit turns are held back and merged, and a turn about z passes cz."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from qctl.cext.records cimport instruction_t
from qctl.cext.spins cimport spin_t

cdef enum:
    ONE_SX = 0      # rz, sx
    ONE_SX_X = 1    # rz, sx, x
    ONE_RX = 2      # rz, rx
    ONE_RY = 3      # rz, ry
    ONE_U3 = 4
    ONE_RZ_RPHI = 5
    ONE_RPHI = 6    # alone: turns about z are two pulses
    # Of two qubits: a cz but for turns of one qubit each,
    TWO_CZ = 0
    TWO_CX = 1
    TWO_RZX_QUARTER = 2
    TWO_RZZ_QUARTER = 3
    TWO_RXX_QUARTER = 4
    TWO_MS_QUARTER = 5
    # turns by any angle,
    TWO_RZZ = 6
    TWO_RXX = 7
    TWO_MS = 8
    TWO_RZX = 9
    # and what exchanges excitations.
    TWO_ISWAP = 10
    TWO_ROOT_ISWAP = 11
    N_TWO = 12

cdef struct symbol_t:
    double times        # of the expression
    uint32_t expression

cdef struct kinds_t:
    int n
    int[12] each            # in the order of preference
    const double *prices    # n of n_qubits x n_qubits, or NULL where all cost the same

cdef struct native_t:
    int one, two        # which gates; of two qubits the one that is being written
    kinds_t kinds       # gates of two qubits that there are
    int n_qubits
    bint failed         # no memory
    const uint8_t *one_way  # n_qubits x n_qubits, or NULL: 1 where cx may only point so
    double bound, lost  # average gate infidelity that a block may lose, and the sum of what was lost
    int source
    spin_t *pending     # turn of each qubit that is still to be written
    instruction_t *rows
    int *sources        # row of the program that each row comes from, or -1
    uint32_t *words
    double *numbers
    symbol_t *symbols   # what the expression fields of rows stand for
    Py_ssize_t n_rows, rows_room, sources_room
    Py_ssize_t n_words, words_room
    Py_ssize_t n_numbers, numbers_room
    Py_ssize_t n_symbols, symbols_room

cdef int open_native(native_t *self, int n_qubits) noexcept nogil
cdef void close_native(native_t *self) noexcept nogil
cdef void put_turn(native_t *self, int q, spin_t by) noexcept nogil
cdef void put_cz(native_t *self, int p, int q) noexcept nogil
cdef void put_zz(native_t *self, int p, int q, double angle) noexcept nogil
cdef void put_iswap(native_t *self, int p, int q) noexcept nogil
cdef void put_root_iswap(native_t *self, int p, int q) noexcept nogil
cdef void put_symbol(native_t *self, int q, double times, uint32_t expression) noexcept nogil
cdef void put_row(native_t *self, uint16_t op, uint16_t flags, uint32_t a, uint32_t b, uint32_t c) noexcept nogil
cdef void put_word(native_t *self, uint32_t word) noexcept nogil
cdef void put_number(native_t *self, double value) noexcept nogil
cdef void finish_turn(native_t *self, int q, bint frames_too) noexcept nogil
