"""Say which lines are native already: rz, sx and cz alone, with no run of gates that fewer pulses could make."""

from libc.math cimport M_PI, fabs, floor
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from qctl.cext.bounds cimport check_bounds
from qctl.cext.opcodes cimport OP_BARRIER, OP_CZ, OP_DELAY, OP_MEASURE, OP_RESET, OP_RZ, OP_SX
from qctl.cext.straight cimport Row

cdef enum:
    _IMM = 1

cdef struct run_t:
    # of one qubit: pulses since the last wall, z turn since the last pulse, and partner of a cz with nothing after it
    int64_t n_pulses
    double turn
    int64_t partner


cdef inline void wall(run_t* run) noexcept nogil:
    run.n_pulses = 0
    run.partner = -1


cdef bint _native(const Row* rows, Py_ssize_t n, const uint32_t* words, int64_t n_words, run_t* runs, int64_t n_qubits
                  ) noexcept nogil:
    cdef Py_ssize_t k
    cdef const Row* row
    cdef uint32_t j
    cdef double angle, part
    for k in range(n_qubits):
        runs[k].turn = 0.0
        wall(runs + k)
    for k in range(n):
        row = rows + k
        if row.op == OP_BARRIER:
            if row.a > n_words or row.b > n_words - row.a:
                return False
            for j in range(row.b):
                if words[row.a + j] >= n_qubits:
                    return False
                wall(runs + words[row.a + j])
            continue
        if row.a >= n_qubits:
            return False
        if row.op == OP_RZ and row.flags == _IMM:
            memcpy(&angle, <const char*> row + 8, 8)
            runs[row.a].turn += angle
        elif row.op == OP_SX and row.flags == 0:
            runs[row.a].n_pulses += 1
            runs[row.a].partner = -1
            if runs[row.a].n_pulses > 2:
                return False
            if runs[row.a].n_pulses == 2:
                # Two half pulses are one, or none, if the turn between them is a quarter or half of a circle.
                part = runs[row.a].turn / (0.5 * M_PI)
                part -= 4.0 * floor(0.25 * part)
                if not (part < 1e-6 or part > 4.0 - 1e-6) and fabs(part - floor(part + 0.5)) < 1e-6:
                    return False
            runs[row.a].turn = 0.0
        elif row.op == OP_CZ and row.flags == 0:
            if row.b >= n_qubits or row.a == row.b or runs[row.a].partner == row.b and runs[row.b].partner == row.a:
                return False
            runs[row.a].n_pulses = runs[row.b].n_pulses = 0
            runs[row.a].partner = row.b
            runs[row.b].partner = row.a
        elif row.op == OP_MEASURE or row.op == OP_RESET or (row.op == OP_DELAY and row.flags == _IMM):
            wall(runs + row.a)
        else:
            return False
    return True


def native(
    const Row[::1] rows not None, const int64_t[::1] bounds not None, const uint32_t[::1] words not None,
    const int64_t[::1] word_bounds not None, const int64_t[::1] n_qubits not None, char[::1] work not None,
    unsigned char[::1] found not None,
):
    """Mark the sequences that translation would leave as they are.

    Parameters
    ----------
    rows : (n_rows,) INSTRUCTION
        All sequences.
    bounds : (n_sequences + 1,) int64
        Where each begins.
    words : (n_words,) uint32
        Operands of all sequences.
    word_bounds : (n_sequences + 1,) int64
        Where those of each begin.
    n_qubits : (n_sequences,) int64
        Qubits of each.
    work : (24 * most qubits,) char
        For work.
    found : (n_sequences,) uint8
        Filled with 1 where there are only rz, sx, cz, measurements, resets, barriers and delays, with numbers, and no two
        cz that cancel and no pulses that one could do without; else 0.

    Raises
    ------
    ValueError
        If shapes don't fit.
    """
    cdef Py_ssize_t s, n = bounds.shape[0] - 1
    if n < 0 or word_bounds.shape[0] != n + 1 or n_qubits.shape[0] != n or found.shape[0] != n:
        raise ValueError(
            f"bounds are {bounds.shape[0]}, word_bounds {word_bounds.shape[0]}, n_qubits {n_qubits.shape[0]}, found "
            f"{found.shape[0]}"
        )
    if bounds[0] or bounds[n] != rows.shape[0] or word_bounds[0] or word_bounds[n] != words.shape[0]:
        raise ValueError(f"bounds don't end at {rows.shape[0]} rows and {words.shape[0]} words")
    for s in range(n):
        if bounds[s + 1] < bounds[s] or word_bounds[s + 1] < word_bounds[s]:
            raise ValueError(f"bounds go down at sequence {s}")
        if not 0 <= n_qubits[s] <= work.shape[0] // <int64_t> sizeof(run_t):
            raise ValueError(f"work of {work.shape[0]} bytes has no room for {n_qubits[s]} qubits")
    cdef const Row* all_rows = &rows[0] if rows.shape[0] else NULL
    cdef const uint32_t* all_words = &words[0] if words.shape[0] else NULL
    cdef run_t* runs = <run_t*> &work[0] if work.shape[0] else NULL
    with nogil:
        for s in range(n):
            found[s] = _native(all_rows + bounds[s], bounds[s + 1] - bounds[s], all_words + word_bounds[s],
                               word_bounds[s + 1] - word_bounds[s], runs, n_qubits[s])


def pairs(
    const Row[::1] rows not None, const int64_t[::1] bounds not None, int64_t[:, ::1] found not None,
    uint8_t[::1] more not None,
):
    """Find the pair of qubits that each line's first cz joins, and whether there is another one.

    Parameters
    ----------
    rows : (n,) INSTRUCTION
        All lines, one after the other.
    bounds : (n_lines + 1,) int64
        Rows of line s are ``rows[bounds[s]:bounds[s + 1]]``.
    found : (n_lines, 2) int64
        Filled with the pair, the lower qubit first; -1 where there is no cz.
    more : (n_lines,) uint8
        Filled: whether any cz of the line joins another pair.

    Raises
    ------
    ValueError
        If shapes don't fit.
    """
    cdef Py_ssize_t s, k, n = bounds.shape[0] - 1
    cdef int64_t a, b
    check_bounds(bounds, rows.shape[0], "", "line")
    if found.shape[0] != n or found.shape[1] != 2 or more.shape[0] != n:
        raise ValueError(f"found is {found.shape[0]} x {found.shape[1]}, more has {more.shape[0]} rows, not {n}")
    with nogil:
        for s in range(n):
            found[s, 0] = found[s, 1] = -1
            more[s] = 0
            for k in range(bounds[s], bounds[s + 1]):
                if rows[k].op != OP_CZ:
                    continue
                a = min(rows[k].a, rows[k].b)
                b = max(rows[k].a, rows[k].b)
                if found[s, 0] < 0:
                    found[s, 0] = a
                    found[s, 1] = b
                elif found[s, 0] != a or found[s, 1] != b:
                    more[s] = 1
