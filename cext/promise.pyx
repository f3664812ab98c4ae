"""Count what a native program asks of each qubit and pair, and what waiting for others costs it."""

from libc.math cimport exp, log
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from qctl.cext.opcodes cimport FIRST_GATE, LAST_GATE, N_GATES, OP_ID, OP_MEASURE, OP_RZ
from qctl.cext.operands cimport check_rows, row_qubits, source_t
from qctl.cext.records cimport instruction_t

cdef enum:
    N_LENGTHS = 4       # pulse, readout, T1, T2 of each qubit


cdef inline bint is_gate(const instruction_t *row) noexcept nogil:
    return FIRST_GATE <= row.op <= LAST_GATE


cdef inline bint is_pulse(const instruction_t *row) noexcept nogil:
    """Say whether a gate on one qubit is played: rz is a change of frame."""
    return is_gate(row) and row.op != OP_RZ and row.op != OP_ID


cdef void count(const source_t *source, const uint8_t *kinds, uint32_t *qubits, int32_t *pulses, int32_t *reads,
                int32_t *pairs) noexcept nogil:
    cdef Py_ssize_t i, n_all = source.n_qubits
    cdef int n
    cdef const instruction_t *row
    for i in range(source.n_rows):
        row = source.rows + i
        n = row_qubits(source, i, qubits)
        if row.op == OP_MEASURE:
            reads[qubits[0]] += 1
        elif is_pulse(row) and n == 2:
            pairs[(kinds[row.op - FIRST_GATE] * n_all + qubits[0]) * n_all + qubits[1]] += 1
        elif is_pulse(row) and n == 1:
            pulses[qubits[0]] += 1


cdef double wait(const source_t *source, uint32_t *qubits, double *free_, const double *each, const double *pair_s
                 ) noexcept nogil:
    """Return minus the logarithm of what waiting leaves; `free_` is -1 for a qubit that has not begun."""
    cdef Py_ssize_t i
    cdef int n, k
    cdef double start, length, idle, price = 0
    cdef const instruction_t *row
    cdef const double *own
    for i in range(source.n_rows):
        row = source.rows + i
        n = row_qubits(source, i, qubits)
        start = 0
        for k in range(n):
            if free_[qubits[k]] > start:
                start = free_[qubits[k]]
        length = 0
        if n > 0:
            own = each + N_LENGTHS * <Py_ssize_t> qubits[0]
            if row.op == OP_MEASURE:
                length = own[1]
            elif is_pulse(row) and n == 2:
                length = pair_s[<Py_ssize_t> qubits[0] * source.n_qubits + qubits[1]]
            elif is_pulse(row) and n == 1:
                length = own[0]
        for k in range(n):
            own = each + N_LENGTHS * <Py_ssize_t> qubits[k]
            idle = start - free_[qubits[k]] if free_[qubits[k]] >= 0 else 0
            if idle > 0:
                price -= log(0.5 + exp(-idle / own[2]) / 6 + exp(-idle / own[3]) / 3)
            free_[qubits[k]] = start + length
    return price


cdef int take(source_t *source, const uint8_t[::1] rows, const uint32_t[::1] words, int n_qubits) except -1:
    """Fill in a source, or refuse it; the numbers that its rows name are not looked at."""
    cdef Py_ssize_t bad
    if rows.shape[0] % 16 or n_qubits < 0:
        raise ValueError(f"{rows.shape[0]} bytes of rows on {n_qubits} qubits are not whole rows of 16 on 0 qubits or more")
    source.rows = <const instruction_t *> &rows[0] if rows.shape[0] else NULL
    source.words = &words[0] if words.shape[0] else NULL
    source.numbers = NULL
    source.n_rows = rows.shape[0] // 16
    source.n_words = words.shape[0]
    source.n_numbers = 0x80000000
    source.n_qubits = n_qubits
    bad = check_rows(source)
    if bad >= 0:
        raise ValueError(f"row {bad} names what is not there, of {n_qubits} qubits and {words.shape[0]} words")
    return 0


def usage(
    const uint8_t[::1] rows not None, const uint32_t[::1] words not None, const uint8_t[::1] kinds not None,
    int32_t[::1] pulses not None, int32_t[::1] reads not None, int32_t[:, :, ::1] pairs not None,
):
    """Add up how many pulses and readouts each qubit gets, and how many gates of each kind each pair.

    Parameters
    ----------
    rows : (16 n,) uint8
        Instructions in native gates: rz and id are no pulse.
    words : (n_words,) uint32
        The operand list.
    kinds : (44,) uint8
        Kind of each gate from id on, which counts if it is on two qubits.
    pulses, reads : (n_qubits,) int32
        Added to.
    pairs : (n_kinds, n_qubits, n_qubits) int32
        Added to, first qubit first.

    Raises
    ------
    ValueError
        If shapes don't fit, or a row names what is not there.
    MemoryError
    """
    cdef source_t source
    cdef int n = <int> pulses.shape[0], k
    cdef uint32_t *qubits
    if reads.shape[0] != n or pairs.shape[1] != n or pairs.shape[2] != n or kinds.shape[0] != N_GATES:
        raise ValueError(
            f"kinds {kinds.shape[0]}, reads {reads.shape[0]} and pairs {(pairs.shape[0], pairs.shape[1], pairs.shape[2])} "
            f"don't fit {N_GATES} gates and {n} pulses"
        )
    for k in range(N_GATES):
        if kinds[k] >= pairs.shape[0]:
            raise ValueError(f"kinds[{k}] = {kinds[k]} is none of {pairs.shape[0]}")
    take(&source, rows, words, n)
    qubits = <uint32_t *> calloc(source.n_words + 2, sizeof(uint32_t))
    if qubits == NULL:
        raise MemoryError(f"no memory for {source.n_words} words")
    if n:
        with nogil:
            count(&source, &kinds[0], qubits, &pulses[0], &reads[0], &pairs[0, 0, 0])
    free(qubits)


def waiting(
    const uint8_t[::1] rows not None, const uint32_t[::1] words not None, const double[:, ::1] each not None,
    const double[:, ::1] pair_s not None,
):
    """Return minus the logarithm of the fidelity that is left of qubits which wait for others.

    A row begins as soon as its qubits are free; a qubit waits from its first row on. Waiting a time t leaves the average
    fidelity 1/2 + exp(-t/T1)/6 + exp(-t/T2)/3.

    Parameters
    ----------
    rows : (16 n,) uint8
    words : (n_words,) uint32
    each : (n_qubits, 4) float64, s
        Lengths of a pulse and of a readout, T1 and T2 of each qubit; infinite lifetimes lose nothing.
    pair_s : (n_qubits, n_qubits) float64, s
        Length of the gate of each pair.

    Raises
    ------
    ValueError
        If shapes don't fit, or a row names what is not there.
    MemoryError
    """
    cdef source_t source
    cdef int n = <int> each.shape[0], k
    cdef uint32_t *qubits
    cdef double *free_
    cdef double price = 0
    if each.shape[1] != N_LENGTHS or pair_s.shape[0] != n or pair_s.shape[1] != n:
        raise ValueError(
            f"each {(n, each.shape[1])} and pair_s {(pair_s.shape[0], pair_s.shape[1])} are not (n, 4) and (n, n)"
        )
    take(&source, rows, words, n)
    qubits = <uint32_t *> calloc(source.n_words + 2, sizeof(uint32_t))
    free_ = <double *> calloc(n + 1, sizeof(double))
    if qubits == NULL or free_ == NULL:
        free(qubits)
        free(free_)
        raise MemoryError(f"no memory for {n} qubits and {source.n_words} words")
    if n:
        with nogil:
            for k in range(n):
                free_[k] = -1
            price = wait(&source, qubits, free_, &each[0, 0], &pair_s[0, 0])
    free(qubits)
    free(free_)
    return price
