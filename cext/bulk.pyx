"""Turns arrays of opcodes, qubits and angles into instructions of one and two qubits, checked in the same pass."""

from libc.stdint cimport int64_t, uint64_t

from qctl.cext.records cimport InstructionBuffer
from qctl.cext.storage cimport Storage

cdef extern from "bulk.h":
    const uint64_t QCTL_WRONG, QCTL_TWO, QCTL_ANGLE
    uint64_t qctl_rows(const int64_t *ops, const int64_t *first, const int64_t *second, const uint64_t *angles, Py_ssize_t n,
                       const uint64_t *shapes, uint64_t n_shapes, uint64_t n_qubits, uint64_t *rows,
                       uint64_t *n_constants) noexcept nogil
    void qctl_number(const int64_t *ops, const uint64_t *angles, Py_ssize_t n, const uint64_t *shapes, uint64_t *rows,
                     uint64_t *constants, uint64_t k) noexcept nogil

cdef uint64_t INFINITE = 0x7FF0000000000000u


cdef Py_ssize_t find_fault(const int64_t *ops, const int64_t *first, const int64_t *second, const uint64_t *angles,
                           Py_ssize_t n, const uint64_t *shapes, uint64_t n_shapes, uint64_t n_qubits,
                           int *what) noexcept nogil:
    """Return the first gate that is wrong, and what is: 1 opcode, 2 qubit, 3 second qubit, 4 angle."""
    cdef Py_ssize_t i
    cdef uint64_t shape
    for i in range(n):
        shape = shapes[ops[i]] if <uint64_t> ops[i] < n_shapes else QCTL_WRONG
        if shape & QCTL_WRONG:
            what[0] = 1
        elif <uint64_t> first[i] >= n_qubits:
            what[0] = 2
        elif shape & QCTL_TWO and (<uint64_t> second[i] >= n_qubits or first[i] == second[i]):
            what[0] = 3
        elif shape & QCTL_ANGLE and (angles[i] & INFINITE) == INFINITE:
            what[0] = 4
        else:
            continue
        return i
    return -1


cdef int refuse_other(InstructionBuffer buffer, Storage held) except -1:
    """Raise if another thread went on with a buffer, or replaced what is in it."""
    if buffer.row_store is not held:
        raise ValueError("another thread changed the instructions while gates were appended; they were not")
    return 0


def append_gates(InstructionBuffer buffer not None, const int64_t[::1] ops not None, const int64_t[::1] first not None,
                 const int64_t[::1] second not None, const double[::1] angles not None, const uint64_t[::1] shapes not None):
    """Append gates on one or two qubits with at most one angle, all or none.

    Parameters
    ----------
    buffer : InstructionBuffer
    ops : (n,) int64
        Opcodes.
    first, second : (n,) int64
        Qubits; the second counts for gates on two qubits only.
    angles : (n,) float64
        Radians; they count for gates with an angle only.
    shapes : (n_ops,) uint64
        Of each opcode the first four bytes of its row, plus bit 63 if it is not allowed (opcode 0 never is), bit 62 if it
        is on two qubits, bit 61 if it has an angle.

    Returns
    -------
    None or (int, int)
        The first gate that is wrong, and what is: 1 opcode, 2 qubit, 3 second qubit, 4 angle.

    Raises
    ------
    ValueError
        If the lengths differ, opcode 0 is allowed, or another thread changes the buffer meanwhile.
    """
    cdef Py_ssize_t n = ops.shape[0], wrong, room
    cdef Storage held
    cdef uint64_t n_shapes = <uint64_t> shapes.shape[0], n_qubits = <uint64_t> buffer.n_qubits, n_constants = 0, bad
    cdef const uint64_t *bits
    cdef uint64_t *rows
    cdef uint64_t *constants
    cdef int what = 0
    if first.shape[0] != n or second.shape[0] != n or angles.shape[0] != n:
        raise ValueError(f"ops, first, second, angles have the lengths {n}, {first.shape[0]}, {second.shape[0]}, {angles.shape[0]}")
    if n_shapes == 0 or not shapes[0] & QCTL_WRONG:
        raise ValueError(f"shapes has the length {n_shapes}, and opcode 0 must not be allowed")
    if n == 0:
        return None
    bits = <const uint64_t *> &angles[0]
    buffer.make_room(n, 0, 0)
    rows = <uint64_t *> (buffer.rows + buffer.n_rows)
    # A thread that goes on with the buffer meanwhile finds it full and takes memory of its own.
    held, room, buffer.rows_room = buffer.row_store, buffer.rows_room, buffer.n_rows
    with nogil:
        bad = qctl_rows(&ops[0], &first[0], &second[0], bits, n, &shapes[0], n_shapes, n_qubits, rows, &n_constants)
        if bad:
            wrong = find_fault(&ops[0], &first[0], &second[0], bits, n, &shapes[0], n_shapes, n_qubits, &what)
    refuse_other(buffer, held)
    buffer.rows_room = room
    if bad:
        return wrong, what
    if n_constants:
        buffer.make_room(0, 0, <Py_ssize_t> n_constants)
        constants = <uint64_t *> buffer.numbers
        qctl_number(&ops[0], bits, n, &shapes[0], rows, constants, <uint64_t> buffer.n_numbers)
    buffer.n_rows += n
    buffer.n_numbers += <Py_ssize_t> n_constants
    return None
