"""Check that rows name only what is there, and tell which qubits they act on."""

from libc.stdint cimport uint32_t, uint64_t

from qctl.cext.records cimport FLAG_EXPR, FLAG_IMM, FLAG_WIDE, instruction_t

cdef enum:
    EXPRESSION = 0x80000000
    MOST_QUBITS = 256

# qubits and angles of each gate from id on; 0 qubits: any number
cdef int[44] N_QUBITS = [
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 3, 3, 3, 0,
]
cdef int[44] N_ANGLES = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
    4, 0, 0, 0, 2,
]


cdef Py_ssize_t check_rows(const source_t *source) noexcept nogil:
    """Return the first row that names what isn't there, or -1."""
    cdef Py_ssize_t i, k
    cdef const instruction_t *row
    cdef uint32_t word
    cdef int g, n
    for i in range(source.n_rows):
        row = source.rows + i
        g = <int> row.op - OP_FIRST_GATE
        if row.flags & FLAG_WIDE:
            if <uint64_t> row.a + row.b + row.c > <uint64_t> source.n_words or row.b > MOST_QUBITS and g >= 0:
                return i
            for k in range(row.b):
                word = source.words[row.a + k]
                if not word & WORD_PORT and word >= <uint32_t> source.n_qubits:
                    return i
            for k in range(row.b, row.b + row.c):
                word = source.words[row.a + k]
                if not word & EXPRESSION and word >= source.n_numbers:
                    return i
            if 0 <= g < 44:
                n = <int> (row.flags >> 8)
                if row.c != <uint32_t> N_ANGLES[g] or row.b < <uint32_t> (n + N_QUBITS[g]):
                    return i
                if N_QUBITS[g] and row.b != <uint32_t> (n + N_QUBITS[g]):
                    return i
                if g == 20 and row.b != <uint32_t> n:
                    return i
        elif 0 <= g < 44:
            if row.a >= <uint32_t> source.n_qubits or N_QUBITS[g] > 2 or N_QUBITS[g] == 0 or N_ANGLES[g] > 1:
                return i
            if N_QUBITS[g] == 2:
                if row.b >= <uint32_t> source.n_qubits or row.a == row.b:
                    return i
                if N_ANGLES[g] and not row.c & EXPRESSION and row.c >= source.n_numbers:
                    return i
            elif N_ANGLES[g] and not row.flags & (FLAG_IMM | FLAG_EXPR):
                return i
        elif row.op == OP_MEASURE or row.op == OP_RESET or row.op == OP_DELAY and not row.a & WORD_PORT:
            if row.a >= <uint32_t> source.n_qubits:
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
        return <int> row.b if row.op >= OP_FIRST_GATE and row.op <= OP_LAST_GATE or row.op == OP_BARRIER else -1
    if row.op >= OP_FIRST_GATE and row.op <= OP_LAST_GATE:
        out[0] = row.a
        out[1] = row.b
        return N_QUBITS[row.op - OP_FIRST_GATE]
    if row.op == OP_MEASURE or row.op == OP_RESET or row.op == OP_DELAY and not row.a & WORD_PORT:
        out[0] = row.a
        return 1
    return 0 if row.op == 0 else -1
