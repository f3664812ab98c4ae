"""Check that rows are as the format wants them and name only what is there, and tell which qubits they act on."""

from libc.stdint cimport int64_t, uint32_t

from qctl.cext.opcodes cimport (
    FIRST_GATE, FORM_GATE, LAST_GATE, OP_BARRIER, OP_DELAY, OP_MEASURE, OP_NOP, OP_RESET, qctl_op)
from qctl.cext.records cimport FLAG_WIDE, instruction_t
from qctl.cext.row_checks cimport qctl_check_row, qctl_limits_t

cdef enum:
    MOST_QUBITS = 256


cdef Py_ssize_t check_rows(const source_t *source) noexcept nogil:
    """Return the first row that is wrong or names what isn't there, or -1.

    Rows may be any part of a program: that operand lists follow each other, and what ports and blocks they name, is not
    looked at.
    """
    cdef Py_ssize_t i
    cdef int64_t start
    cdef qctl_limits_t limits
    limits.n_bits = limits.n_expressions = limits.n_blocks = limits.n_waveforms = 0xFFFFFFFF
    limits.n_captures = limits.n_registers = limits.n_rows = 0xFFFFFFFF
    limits.n_ports = WORD_PORT
    limits.n_qubits = source.n_qubits
    limits.n_constants = source.n_numbers
    limits.n_words = source.n_words
    for i in range(source.n_rows):
        start = source.rows[i].a
        if qctl_check_row(source.rows + i, source.words, &start, NULL, 0, &limits):
            return i
        if qctl_op(source.rows[i].op).form == FORM_GATE and source.rows[i].flags & FLAG_WIDE and source.rows[i].b > MOST_QUBITS:
            return i
    return -1


cdef int row_qubits(const source_t *source, Py_ssize_t i, uint32_t *out) noexcept nogil:
    """Fill in the qubits of a row and return their number; -1 for one that acts on ports, or on what is unknown."""
    cdef const instruction_t *row = source.rows + i
    cdef int k
    if row.flags & FLAG_WIDE:
        for k in range(<int> row.b):
            if source.words[row.a + k] & WORD_PORT:
                return -1
            out[k] = source.words[row.a + k]
        return <int> row.b if row.op >= FIRST_GATE and row.op <= LAST_GATE or row.op == OP_BARRIER else -1
    if row.op >= FIRST_GATE and row.op <= LAST_GATE:
        out[0] = row.a
        out[1] = row.b
        return qctl_op(row.op).n_qubits
    if row.op == OP_MEASURE or row.op == OP_RESET or row.op == OP_DELAY and not row.a & WORD_PORT:
        out[0] = row.a
        return 1
    return 0 if row.op == OP_NOP else -1
