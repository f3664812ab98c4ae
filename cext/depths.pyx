"""Depth of straight stretches of instructions: how many stand on the longest way to each qubit and bit."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef enum:
    N_OPS = 512
    WIDE = 4
    PORT_BIT = 0x40000000

cdef enum:
    NOTHING
    ONE_QUBIT
    TWO_QUBITS
    QUBIT_AND_BIT


cdef Py_ssize_t _advance(
    const uint32_t* rows, Py_ssize_t first, Py_ssize_t end, const uint32_t* operands, Py_ssize_t n_operands,
    const uint8_t* kinds, uint32_t n_qubits, uint32_t n_bits, int64_t* levels,
) noexcept nogil:
    """Return the first row that names what is not there, or -1."""
    cdef Py_ssize_t i, k
    cdef const uint32_t* row
    cdef const uint32_t* listed
    cdef uint32_t op, kind, a, b
    cdef int64_t level
    for i in range(first, end):
        row = rows + 4 * i
        op = row[0] & 0xFFFF
        kind = kinds[op] if op < N_OPS else NOTHING
        a, b = row[1], row[2]
        if kind == NOTHING:
            continue
        if row[0] >> 16 & WIDE:
            if a > n_operands or b > n_operands - a:
                return i
            listed = operands + a
            level = 0
            for k in range(b):
                if listed[k] & PORT_BIT:
                    continue
                if listed[k] >= n_qubits:
                    return i
                level = max(level, levels[listed[k]])
            for k in range(b):
                if not listed[k] & PORT_BIT:
                    levels[listed[k]] = level + 1
            continue
        if a & PORT_BIT:
            continue
        if kind == QUBIT_AND_BIT:
            if b >= n_bits:
                return i
            b += n_qubits
        elif kind == TWO_QUBITS and b >= n_qubits:
            return i
        if a >= n_qubits:
            return i
        if kind == ONE_QUBIT:
            levels[a] += 1
        else:
            level = max(levels[a], levels[b]) + 1
            levels[a] = level
            levels[b] = level
    return -1


def advance(
    const uint32_t[:, ::1] rows not None,
    Py_ssize_t first,
    Py_ssize_t end,
    const uint32_t[::1] operands not None,
    const uint8_t[::1] kinds not None,
    Py_ssize_t n_bits,
    int64_t[::1] levels not None,
):
    """Count rows `first` to `end` - 1, none of which is control flow.

    Parameters
    ----------
    rows : (n, 4) uint32
        Instructions, 16 bytes each.
    first, end : int
    operands : (n_operands,) uint32
        Qubits of wide instructions; ports among them don't count.
    kinds : (512,) uint8
        Of each opcode: 0 not counted, 1 on one qubit, 2 on two, 3 on a qubit and a bit.
    n_bits : int
    levels : (n_qubits + n_bits,) int64
        Changed: how many instructions stand on the longest way to each qubit, then to each bit.

    Raises
    ------
    ValueError
        If the shapes don't fit, or a qubit, bit or operand is out of range.
    """
    cdef Py_ssize_t n = rows.shape[0], n_qubits = levels.shape[0] - n_bits, wrong = -1
    cdef const uint32_t* listed = &operands[0] if operands.shape[0] else NULL
    if rows.shape[1] != 4 or kinds.shape[0] != N_OPS or n_bits < 0 or not 0 <= n_qubits < PORT_BIT or n_bits >= PORT_BIT:
        raise ValueError(
            f"rows {(n, rows.shape[1])}, kinds {kinds.shape[0]} and levels {levels.shape[0]} of {n_bits} bits don't fit"
        )
    if not 0 <= first <= end <= n:
        raise ValueError(f"rows {first} to {end} are outside [0, {n}]")
    if first == end or levels.shape[0] == 0:
        return
    with nogil:
        wrong = _advance(
            &rows[0, 0], first, end, listed, operands.shape[0], &kinds[0], <uint32_t> n_qubits, <uint32_t> n_bits,
            &levels[0],
        )
    if wrong >= 0:
        raise ValueError(f"row {wrong} names a qubit, bit or operand outside {n_qubits}, {n_bits} and {operands.shape[0]}")
