"""Checks of single rows, in row_checks.h."""

from libc.stdint cimport int64_t, uint16_t, uint32_t

cdef extern from "row_checks.h" nogil:
    ctypedef struct qctl_instruction_t:
        uint16_t op, flags
        uint32_t a, b, c
    ctypedef struct qctl_limits_t:
        int64_t n_qubits, n_bits, n_ports, n_expressions, n_constants, n_words, n_blocks, n_waveforms, n_captures
        int64_t n_registers, n_rows
    const char *const *qctl_fault_words
    int qctl_check_row(const qctl_instruction_t *row, const uint32_t *words, int64_t *used, int64_t *marks, int64_t stamp,
                       const qctl_limits_t *limits)
