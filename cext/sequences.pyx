"""Rows of sequences of native gates: from bare columns, checked and written in one pass, or from programs put together."""

from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy

from qctl.cext.opcodes cimport OP_BARRIER, OP_CZ, OP_DELAY, OP_MEASURE, OP_RESET, OP_RZ, OP_SX
from qctl.cext.straight cimport Row

cdef enum:
    _IMM = 1
cdef int64_t _MOST = 0x3FFFFFFF


cdef int64_t _fill(
    const int64_t* ops, const int64_t* qubits, const double* angles, const int64_t* second, int64_t n, int64_t limit,
    Row* rows, int64_t* n_qubits, bint* delays
) noexcept nogil:
    """Write all rows but the widths of barriers; return the first row that is not allowed, or -1."""
    cdef int64_t k, q, other, op, highest = 0
    cdef Row row
    delays[0] = False
    for k in range(n):
        op = ops[k]
        q = qubits[k]
        row.op = <unsigned short> op
        row.flags = 0
        row.a = <uint32_t> q
        row.b = row.c = 0
        if op == OP_BARRIER:
            row.a = 0
            rows[k] = row
            continue
        if not 0 <= q < limit:
            return k
        if q > highest:
            highest = q
        if op == OP_RZ or op == OP_DELAY:
            if not isfinite(angles[k]):
                return k
            row.flags = _IMM
            memcpy(&row.b, angles + k, 8)
            delays[0] |= op == OP_DELAY
        elif op == OP_CZ:
            if second == NULL:
                return k
            other = second[k]
            if not 0 <= other < limit or other == q:
                return k
            if other > highest:
                highest = other
            row.b = <uint32_t> other
        elif op == OP_MEASURE:
            row.b = <uint32_t> q
        elif op != OP_SX and op != OP_RESET:
            return k
        rows[k] = row
    n_qubits[0] = highest + 1
    return -1


def fill(
    const int64_t[::1] ops not None, const int64_t[::1] qubits not None, const double[::1] angles not None,
    const int64_t[::1] second not None, int64_t n_qubits, Row[::1] rows not None,
):
    """Write rows of rz, sx, cz, measure, reset, delay and barriers of all qubits.

    Parameters
    ----------
    ops, qubits : (n,) int64
        Opcodes, and the qubit of each; qubit k is measured into bit k.
    angles : (n,) float64
        Radians of rz, seconds of delay.
    second : (n,) or (0,) int64
        Second qubits of cz; none if there is no cz.
    n_qubits : int
        How many there are, or -1 to count them.
    rows : (n,) INSTRUCTION
        Filled, but for what comes after a row that is not allowed.

    Returns
    -------
    fault : int
        The first row that is not allowed, or -1.
    n_qubits : int
        How many there are.
    delays : bool
        Whether there is any delay.

    Raises
    ------
    ValueError
        If shapes don't fit.
    """
    cdef int64_t n = ops.shape[0], k, fault, counted = 1
    cdef bint delays = False
    if qubits.shape[0] != n or angles.shape[0] != n or rows.shape[0] != n:
        raise ValueError(f"qubits, angles, rows are {qubits.shape[0]}, {angles.shape[0]}, {rows.shape[0]}, not {n}")
    if second.shape[0] != n and second.shape[0]:
        raise ValueError(f"second is {second.shape[0]}, not {n} or 0")
    if not -1 <= n_qubits <= _MOST:
        raise ValueError(f"n_qubits = {n_qubits} is outside [-1, {_MOST}]")
    if not n:
        return -1, n_qubits if n_qubits >= 0 else 1, False
    with nogil:
        fault = _fill(&ops[0], &qubits[0], &angles[0], &second[0] if second.shape[0] else NULL, n,
                      n_qubits if n_qubits >= 0 else _MOST, &rows[0], &counted, &delays)
        if n_qubits >= 0:
            counted = n_qubits
        if fault < 0:
            for k in range(n):
                if rows[k].op == OP_BARRIER:
                    rows[k].b = <uint32_t> counted
    return fault, counted, delays


def rising(const int64_t[::1] bounds not None, int64_t n):
    """Say whether bounds of one sequence or more go up from 0 to n.

    Parameters
    ----------
    bounds : (n_sequences + 1,) int64
        Where each sequence begins.
    n : int
        Where the last one ends.
    """
    cdef Py_ssize_t k, last = bounds.shape[0] - 1
    if last < 1 or bounds[0] != 0 or bounds[last] != n:
        return False
    for k in range(last):
        if bounds[k + 1] < bounds[k]:
            return False
    return True


def not_turning(const Row[::1] rows not None, const int64_t[::1] gates not None, const double[::1] angles not None):
    """Return the first of some gates that is no rz of these rows, or whose new angle is not finite; or -1.

    Parameters
    ----------
    rows : (n_rows,) INSTRUCTION
        As `fill` wrote them.
    gates, angles : (n,) int64, float64
        Rows, and their new angles.

    Raises
    ------
    ValueError
        If shapes don't fit.
    """
    cdef Py_ssize_t k
    if angles.shape[0] != gates.shape[0]:
        raise ValueError(f"there are {gates.shape[0]} gates, {angles.shape[0]} angles")
    for k in range(gates.shape[0]):
        if not 0 <= gates[k] < rows.shape[0] or rows[gates[k]].op != OP_RZ or not isfinite(angles[k]):
            return k
    return -1


def join(
    const Row[::1] rows not None, const int64_t[::1] bounds not None, const int64_t[::1] word_bounds not None,
    Row[::1] out not None,
):
    """Copy the rows of programs whose operand words are put together, so that barriers find theirs.

    Parameters
    ----------
    rows : (n,) INSTRUCTION
        All programs, one after the other, each barrier with the place of its words among its own program's.
    bounds, word_bounds : (n_programs + 1,) int64
        Where each program's rows and words begin.
    out : (n,) INSTRUCTION
        Filled.

    Returns
    -------
    bool
        Whether there is any delay.

    Raises
    ------
    ValueError
        If shapes don't fit.
    """
    cdef bint delays = False
    cdef Py_ssize_t s, k, n = rows.shape[0], n_programs = bounds.shape[0] - 1
    if n_programs < 0 or word_bounds.shape[0] != n_programs + 1 or out.shape[0] != n:
        raise ValueError(f"bounds, word_bounds, out are {bounds.shape[0]}, {word_bounds.shape[0]}, {out.shape[0]}, rows {n}")
    if bounds[0] != 0 or bounds[n_programs] != n:
        raise ValueError(f"bounds {bounds[0]} … {bounds[n_programs]} are not those of {n} rows")
    for s in range(n_programs):
        if bounds[s + 1] < bounds[s]:
            raise ValueError(f"bounds go down at program {s}")
    with nogil:
        for s in range(n_programs):
            for k in range(bounds[s], bounds[s + 1]):
                out[k] = rows[k]
                if rows[k].op == OP_BARRIER:
                    out[k].a = rows[k].a + <uint32_t> word_bounds[s]
                elif rows[k].op == OP_DELAY:
                    delays = True
    return delays
