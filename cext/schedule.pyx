"""When everything of many straight lines starts: exact times as whole numbers, as soon or as late as the lines are free."""

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t

from qctl.cext.opcodes cimport (
    OP_BARRIER, OP_CAPTURE, OP_CZ, OP_DELAY, OP_MEASURE, OP_NOP, OP_PLAY, OP_RESET, OP_RZ, OP_SET_FREQUENCY,
    OP_SHIFT_PHASE, OP_SX)
from qctl.cext.straight cimport Row, wide_load, wide_store, wide_t, wide_zero
from qctl.cext.straight import check

FAULTS = ("", "op", "no drive", "no coupler", "late reset", "no input", "no readout")
"""What is reported as `fault`: an index into this tuple."""

cdef enum:
    # columns of the tables of qubits and pairs
    _BEGIN = 0
    _END = 1
    _DRIVE = 2
    _READOUT = 3
    _SX_LENGTH = 4
    _MEASURE_LENGTH = 5
    _WIDTH = 9
    _PAIR = 5
cdef uint32_t _PORT = 0x40000000u

cdef struct plan_t:
    # what doesn't change within a call
    const uint32_t* words
    const int32_t* places
    const int32_t* qubit_lines
    const int32_t* qubits
    const int32_t* couplers
    const int32_t* pairs
    const int32_t* lines
    const int32_t* frames
    const int32_t* waves
    const int32_t* captures
    const int64_t* lengths
    const int64_t* swept
    Py_ssize_t n_qubits, n_lengths, n_points, n_free


cdef inline int32_t place(const plan_t* on, uint32_t q) noexcept nogil: return on.places[q]


cdef inline wide_t length(const plan_t* on, Py_ssize_t index, Py_ssize_t point) noexcept nogil:
    if index < on.n_lengths:
        return wide_load(on.lengths + 2 * index)
    return wide_load(on.swept + 2 * ((index - on.n_lengths) * on.n_points + point))


cdef inline void meet(const plan_t* on, int64_t* free, Py_ssize_t line, wide_t* time, bint occupy) noexcept nogil:
    """Take the later of a time and that at which a line is free, or give it to the line."""
    cdef wide_t found
    if occupy:
        wide_store(free + 2 * line, time[0])
        return
    found = wide_load(free + 2 * line)
    if found > time[0]:
        time[0] = found


cdef void meet_qubit(const plan_t* on, int64_t* free, Py_ssize_t q, wide_t* time, bint occupy) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(on.qubits[_WIDTH * q + _BEGIN], on.qubits[_WIDTH * q + _END]):
        meet(on, free, on.qubit_lines[k], time, occupy)


cdef void meet_symbol(const plan_t* on, int64_t* free, uint32_t word, wide_t* time, bint occupy) noexcept nogil:
    cdef Py_ssize_t line
    if word & _PORT:
        line = on.frames[word & ~_PORT]
        meet(on, free, line, time, occupy)
        if on.lines[3 * line] >= 0:
            meet(on, free, on.lines[3 * line], time, occupy)
    else:
        meet_qubit(on, free, place(on, word), time, occupy)


cdef void meet_row(
    const plan_t* on, const Row* rows, const int32_t* order, Py_ssize_t k, int32_t n_joined, int64_t* free,
    wide_t* time, bint occupy
) noexcept nogil:
    """Do so with all lines of the k-th item."""
    cdef const Row* row = rows + order[k]
    cdef Py_ssize_t j
    if row.op == OP_SX:
        meet_qubit(on, free, place(on, row.a), time, occupy)
    elif row.op == OP_RZ:
        meet(on, free, on.qubits[_WIDTH * place(on, row.a) + _DRIVE], time, occupy)
    elif row.op == OP_CZ:
        meet_qubit(on, free, place(on, row.a), time, occupy)
        meet_qubit(on, free, place(on, row.b), time, occupy)
    elif row.op == OP_MEASURE:
        for j in range(n_joined):
            meet_qubit(on, free, place(on, rows[order[k + j]].a), time, occupy)
    elif row.op == OP_DELAY:
        meet_symbol(on, free, row.a, time, occupy)
    elif row.op == OP_BARRIER:
        for j in range(row.b):
            meet_symbol(on, free, on.words[row.a + j], time, occupy)
    elif row.op == OP_PLAY:
        meet(on, free, on.frames[row.a], time, occupy)
    elif row.op == OP_CAPTURE:
        meet(on, free, on.lines[3 * on.frames[row.a]], time, occupy)
    else:
        meet(on, free, on.frames[row.a], time, occupy)


cdef wide_t lasts(const plan_t* on, const Row* rows, const int32_t* order, Py_ssize_t k, int32_t n_joined,
                  Py_ssize_t point) noexcept nogil:
    """Return how long the k-th item occupies its lines."""
    cdef const Row* row = rows + order[k]
    cdef wide_t found, other
    cdef Py_ssize_t j
    if row.op == OP_SX:
        return length(on, on.qubits[_WIDTH * place(on, row.a) + _SX_LENGTH], point)
    if row.op == OP_CZ:
        j = on.couplers[place(on, row.a) * on.n_qubits + place(on, row.b)]
        return length(on, on.pairs[_PAIR * j], point)
    if row.op == OP_MEASURE:
        found = wide_zero()
        for j in range(n_joined):
            other = length(on, on.qubits[_WIDTH * place(on, rows[order[k + j]].a) + _MEASURE_LENGTH], point)
            if other > found:
                found = other
        return found
    if row.op == OP_DELAY:
        return length(on, row.b, point)
    if row.op == OP_PLAY:
        return length(on, on.waves[row.b], point)
    if row.op == OP_CAPTURE:
        return length(on, on.captures[row.b], point)
    return wide_zero()


cdef int check_row(const plan_t* on, const Row* row, char* used) noexcept nogil:
    """Return a fault of one row, and note the qubits that it moves."""
    cdef int32_t q, other
    if row.op == OP_SX:
        q = place(on, row.a)
        used[q] = 1
        if on.qubits[_WIDTH * q + _DRIVE] < 0:
            return 2
    elif row.op == OP_RZ:
        if on.qubits[_WIDTH * place(on, row.a) + _DRIVE] < 0:
            return 2
    elif row.op == OP_CZ:
        q = place(on, row.a)
        other = place(on, row.b)
        used[q] = used[other] = 1
        if on.couplers[q * on.n_qubits + other] < 0:
            return 3
    elif row.op == OP_MEASURE:
        q = place(on, row.a)
        used[q] = 1
        if on.qubits[_WIDTH * q + _READOUT] < 0:
            return 6
    elif row.op == OP_RESET:
        if used[place(on, row.a)]:
            return 4
    elif row.op == OP_PLAY or row.op == OP_CAPTURE:
        q = on.lines[3 * on.frames[row.a] + 1]
        if q >= 0:
            used[q] = 1
        if row.op == OP_CAPTURE and on.lines[3 * on.frames[row.a]] < 0:
            return 5
    elif not (row.op == OP_DELAY or row.op == OP_BARRIER or row.op == OP_NOP or OP_SHIFT_PHASE <= row.op <= OP_SET_FREQUENCY):
        return 1
    return 0


cdef Py_ssize_t arrange(
    const plan_t* on, const Row* rows, Py_ssize_t n, bint gates_only, char* touched, int32_t* order, int32_t* joined
) noexcept nogil:
    """Fill `order` with the rows that are items, measurements that end a circuit last, and `joined` with how many
    measurements start together with each; return how many there are."""
    cdef Py_ssize_t k, j, n_items = 0, n_last = 0, end
    cdef bint busy = False
    cdef uint32_t word
    cdef const Row* row
    for k in range(on.n_qubits):
        touched[k] = 0
    if gates_only:
        # `joined` marks the measurements that may be moved behind the rest
        for k in range(n - 1, -1, -1):
            row = rows + k
            joined[k] = 0
            if row.op == OP_NOP:
                continue
            if row.op == OP_MEASURE and not touched[place(on, row.a)]:
                joined[k] = 1
                touched[place(on, row.a)] = 1
                continue
            if row.op == OP_BARRIER:
                if busy:
                    for j in range(row.b):
                        word = on.words[row.a + j]
                        if not word & _PORT:
                            touched[place(on, word)] = 1
                continue
            busy = True
            if row.op == OP_CZ:
                touched[place(on, row.b)] = 1
            if not row.a & _PORT:
                touched[place(on, row.a)] = 1
        for k in range(n):
            if rows[k].op == OP_NOP or rows[k].op == OP_RESET:
                continue
            if joined[k]:
                n_last += 1
            else:
                order[n_items] = <int32_t> k
                n_items += 1
        if n_last:
            for k in range(n):
                if joined[k]:
                    order[n_items] = <int32_t> k
                    n_items += 1
    else:
        for k in range(n):
            if rows[k].op != OP_NOP and rows[k].op != OP_RESET:
                order[n_items] = <int32_t> k
                n_items += 1
    k = 0
    while k < n_items:
        joined[k] = 1
        end = k + 1
        if rows[order[k]].op == OP_MEASURE:
            for j in range(on.n_qubits):
                touched[j] = 0
            touched[place(on, rows[order[k]].a)] = 1
            while end < n_items and rows[order[end]].op == OP_MEASURE and not touched[place(on, rows[order[end]].a)]:
                touched[place(on, rows[order[end]].a)] = 1
                joined[end] = 0
                end += 1
            joined[k] = <int32_t> (end - k)
        k = end
    return n_items


cdef void spread(
    const plan_t* on, const Row* rows, const int32_t* order, const int32_t* joined, Py_ssize_t n_items, bint late,
    Py_ssize_t point, int64_t* free, int64_t* starts
) noexcept nogil:
    """Fill the start of each item of one point: as soon as its lines are free, or from the end backwards."""
    cdef Py_ssize_t i, k, j
    cdef wide_t start, end, last = wide_zero()
    for k in range(on.n_free):
        wide_store(free + 2 * k, wide_zero())
    for i in range(n_items):
        k = n_items - 1 - i if late else i
        if not joined[k]:
            continue
        start = wide_zero()
        meet_row(on, rows, order, k, joined[k], free, &start, False)
        end = start + lasts(on, rows, order, k, joined[k], point)
        meet_row(on, rows, order, k, joined[k], free, &end, True)
        if end > last:
            last = end
        for j in range(joined[k]):
            wide_store(starts + 2 * (k + j), end if late else start)
    if late:
        for k in range(n_items):
            wide_store(starts + 2 * k, last - wide_load(starts + 2 * k))


def schedule(
    const Row[::1] rows not None, const int64_t[::1] bounds not None, const uint32_t[::1] words not None,
    const unsigned char[::1] late not None, const int32_t[::1] places not None,
    const int32_t[::1] qubit_lines not None, const int32_t[:, ::1] qubits not None,
    const int32_t[:, ::1] couplers not None, const int32_t[:, ::1] pairs not None, const int32_t[:, ::1] lines not None,
    const int32_t[::1] frames not None, const int32_t[::1] waves not None, const int32_t[::1] captures not None,
    const int64_t[:, ::1] lengths not None, const int64_t[:, :, ::1] swept not None, Py_ssize_t n_points,
    int32_t[::1] order not None, int32_t[::1] joined not None, int64_t[:, ::1] counts not None,
    int64_t[:, ::1] starts not None, int64_t[:, ::1] free not None, char[::1] marks not None,
    int64_t[::1] fault not None,
):
    """Give every item of many straight lines its start.

    An item is a row that has a place in time. It starts when all its lines are free; where a sequence is `late`,
    everything is timed from the end instead, because a qubit that waits in its ground state loses nothing, and
    measurements that end a qubit's part come last. Measurements that follow each other start together.

    Parameters
    ----------
    rows, bounds, words, places, qubit_lines, qubits, couplers, pairs, lines, frames, waves, captures, lengths, swept
        As `straight.check` takes them.
    late : (n_sequences,) uint8
        Whether a sequence has gates alone.
    n_points : int
        Points of each sequence.
    order, joined : (n_rows,) int32
        Filled: rows of the items of each sequence, from its first row on, and how many start together.
    counts : (n_sequences, 4) int64
        Filled with the numbers of items, plays and captures of each sequence, and its first item that records, or -1.
    starts : (n_rows * n_points, 2) int64
        Filled: start of each item, sequence by sequence and point by point, with room for all rows of each.
    free, marks : (n_free, 2) int64, (n_qubits,) char
        For work; `n_free` is the number of lines and of those that record.
    fault : (3,) int64
        Filled with an index into `FAULTS`, the sequence, and the row in it.

    Raises
    ------
    ValueError
        If shapes don't fit, or a row names something that is not there.
    """
    cdef plan_t on
    cdef Py_ssize_t s, k = 0, p, n, n_sequences, n_rows = rows.shape[0], n_free = free.shape[0]
    cdef int64_t first
    cdef int found = 0
    cdef uint16_t op
    check(rows, bounds, words, places, qubit_lines, qubits, couplers, pairs, lines, frames, waves, captures, lengths,
          swept, n_points)
    n_sequences = bounds.shape[0] - 1
    if late.shape[0] != n_sequences or counts.shape[0] != n_sequences or counts.shape[1] != 4:
        raise ValueError(f"late has {late.shape[0]} rows, counts {counts.shape[0]} x {counts.shape[1]}, not {n_sequences}")
    if order.shape[0] != n_rows or joined.shape[0] != n_rows:
        raise ValueError(f"order has {order.shape[0]}, joined {joined.shape[0]} rows, not {n_rows}")
    if starts.shape[0] != n_rows * n_points or starts.shape[1] != 2 or fault.shape[0] != 3:
        raise ValueError(f"starts are {starts.shape[0]} x {starts.shape[1]}, not {n_rows * n_points} x 2")
    for k in range(qubit_lines.shape[0]):
        if not 0 <= qubit_lines[k] < n_free:
            raise ValueError(f"line {qubit_lines[k]} of a qubit is outside the {n_free} of free")
    for k in range(lines.shape[0]):
        if k >= n_free or lines[k, 0] >= n_free:
            raise ValueError(f"free has {n_free} lines; line {k} is recorded by {lines[k, 0]}")
    if free.shape[1] != 2 or marks.shape[0] < qubits.shape[0] + 1:
        raise ValueError(f"free has {free.shape[1]} columns, marks {marks.shape[0]} rows")
    on.words = &words[0] if words.shape[0] else NULL
    on.places = &places[0] if places.shape[0] else NULL
    on.qubit_lines = &qubit_lines[0] if qubit_lines.shape[0] else NULL
    on.qubits = &qubits[0, 0] if qubits.shape[0] else NULL
    on.couplers = &couplers[0, 0] if couplers.shape[0] else NULL
    on.pairs = &pairs[0, 0] if pairs.shape[0] else NULL
    on.lines = &lines[0, 0] if lines.shape[0] else NULL
    on.frames = &frames[0] if frames.shape[0] else NULL
    on.waves = &waves[0] if waves.shape[0] else NULL
    on.captures = &captures[0] if captures.shape[0] else NULL
    on.lengths = &lengths[0, 0] if lengths.shape[0] else NULL
    on.swept = &swept[0, 0, 0] if swept.shape[0] and swept.shape[1] else NULL
    on.n_qubits = qubits.shape[0]
    on.n_lengths = lengths.shape[0]
    on.n_points = n_points
    on.n_free = n_free
    with nogil:
        for s in range(n_sequences):
            first = bounds[s]
            n = bounds[s + 1] - first
            counts[s, 0] = counts[s, 1] = counts[s, 2] = 0
            counts[s, 3] = -1
            if not n:
                continue
            for k in range(on.n_qubits):
                marks[k] = 0
            for k in range(n):
                found = check_row(&on, &rows[first + k], &marks[0])
                op = rows[first + k].op
                if not found and late[s] and (op == OP_PLAY or op == OP_CAPTURE or op >= OP_SHIFT_PHASE):
                    found = 1
                if found:
                    break
                counts[s, 1] += op == OP_SX or op == OP_CZ or op == OP_MEASURE or op == OP_PLAY
                counts[s, 2] += op == OP_MEASURE or op == OP_CAPTURE
            if found:
                break
            counts[s, 0] = arrange(&on, &rows[first], n, late[s], &marks[0], &order[first], &joined[first])
            for k in range(counts[s, 0]):
                op = rows[first + order[first + k]].op
                if op == OP_MEASURE or op == OP_CAPTURE:
                    counts[s, 3] = k
                    break
            for p in range(n_points):
                spread(&on, &rows[first], &order[first], &joined[first], counts[s, 0], late[s], p, &free[0, 0],
                       &starts[first * n_points + p * n, 0])
    fault[0] = found
    fault[1] = s if found else 0
    fault[2] = k if found else 0
