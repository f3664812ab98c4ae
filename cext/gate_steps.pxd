"""What times one line of gates from its end, and plays it: exact times of 63 bits, in the order of the rows."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from qctl.cext.opcodes cimport OP_BARRIER, OP_CZ, OP_DELAY, OP_MEASURE, OP_NOP, OP_RESET, OP_RZ, OP_SX
from qctl.cext.straight cimport Capture, Play, Row

cdef enum:
    _IMM = 1
    # columns of `spans`
    _LAST = 0
    _CAUGHT = 1
    _OFFSET = 2
    _LOW = 3



cdef inline int64_t longest_time() noexcept nogil:
    """Return the most units of any time: sums of a few of them have 63 bits."""
    return <int64_t> 1 << 59


cdef struct sound_t:
    # what one kind of pulse is on its line: a play without start and phase
    Play play
    int64_t length
    bint fine

cdef struct qubit_t:
    sound_t sx
    sound_t readout
    int64_t measured, caught  # how long a measurement lasts, and how late it records
    int64_t offset  # from the start of a measurement to its capture, with the delay of the line
    int32_t drive

cdef struct pair_t:
    sound_t cz
    double[2] turns
    int32_t[2] drives

cdef struct work_t:
    const uint32_t* words
    const int32_t* places
    const int64_t* lengths
    const int32_t* couplers
    const qubit_t* qubits
    const pair_t* pairs
    int64_t* used
    Py_ssize_t n_words, n_places, n_lengths, n_qubits, n_lines, n_waves
    # for one line at a time
    int64_t* times
    int64_t* free
    int64_t* group  # first item of the measurements that a qubit's last one starts together with
    double* phases
    int32_t* joined  # how many measurements start together with each item; 0 for those that are not the first
    char* last
    char* touched


cdef inline bint marks(const work_t* on, const Row* rows, int64_t n) noexcept nogil:
    """Say from the end on which measurements may go behind the rest (1 in `last`); return whether rows are for this."""
    cdef int64_t k, j
    cdef bint busy = False
    cdef uint32_t word
    cdef const Row* row
    for j in range(on.n_qubits):
        on.touched[j] = 0
    for k in range(n - 1, -1, -1):
        row = rows + k
        on.last[k] = 0
        if row.op == OP_BARRIER:
            if row.a > <uint64_t> on.n_words or row.b > <uint64_t> on.n_words - row.a:
                return False
            for j in range(row.b):
                word = on.words[row.a + j]
                if word >= <uint64_t> on.n_places:
                    return False
                if busy:
                    on.touched[on.places[word]] = 1
            continue
        if row.op == OP_NOP:
            continue
        if row.a >= <uint64_t> on.n_places:
            return False
        j = on.places[row.a]
        if row.op == OP_MEASURE:
            if not on.qubits[j].readout.fine:
                return False
            if not on.touched[j]:
                on.last[k] = on.touched[j] = 1
                continue
        elif row.op == OP_RZ:
            if not row.flags & _IMM or on.qubits[j].drive < 0:
                return False
        elif row.op == OP_SX:
            if not on.qubits[j].sx.fine:
                return False
        elif row.op == OP_CZ:
            if row.b >= <uint64_t> on.n_places or row.a == row.b:
                return False
            word = on.places[row.b]
            if on.couplers[j * on.n_qubits + word] < 0 or not on.pairs[on.couplers[j * on.n_qubits + word]].cz.fine:
                return False
            on.touched[word] = 1
        elif row.op == OP_DELAY:
            if row.b >= <uint64_t> on.n_lengths:
                return False
        elif row.op != OP_RESET:
            return False
        busy = True
        on.touched[j] = 1
    return True


cdef inline void _append(const work_t* on, const Row* rows, int64_t k, int32_t* order, int64_t* n_items, int64_t* head) noexcept nogil:
    """Put a row behind the items; measurements that follow each other start together until a qubit comes again."""
    cdef int64_t at = n_items[0], q
    order[at] = <int32_t> k
    on.joined[at] = 1
    n_items[0] = at + 1
    if rows[k].op != OP_MEASURE:
        head[0] = -1
        return
    q = on.places[rows[k].a]
    if head[0] >= 0 and on.group[q] != head[0]:
        on.joined[head[0]] += 1
        on.joined[at] = 0
    else:
        head[0] = at
    on.group[q] = head[0]


cdef inline bint ordered(const work_t* on, const Row* rows, int64_t n, int32_t* order, int64_t* counts) noexcept nogil:
    """Write the items in order, the last measurements behind the rest; return False for a reset of a moved qubit."""
    cdef int64_t k, n_items = 0, n_last = 0, head = -1, first = -1
    for k in range(on.n_qubits):
        on.touched[k] = 0
        on.group[k] = -1
    for k in range(n):
        if rows[k].op == OP_NOP:
            continue
        if rows[k].op == OP_RESET:
            if on.touched[on.places[rows[k].a]]:
                return False
            continue
        if rows[k].op == OP_SX or rows[k].op == OP_MEASURE:
            on.touched[on.places[rows[k].a]] = 1
        elif rows[k].op == OP_CZ:
            on.touched[on.places[rows[k].a]] = on.touched[on.places[rows[k].b]] = 1
        if on.last[k]:
            n_last += 1
            continue
        if rows[k].op == OP_MEASURE and first < 0:
            first = n_items
        _append(on, rows, k, order, &n_items, &head)
    if n_last:
        if first < 0:
            first = n_items
        for k in range(n):
            if on.last[k]:
                _append(on, rows, k, order, &n_items, &head)
    counts[0] = n_items
    counts[3] = first
    return True


cdef inline bint spread(
    const work_t* on, const Row* rows, const int32_t* order, const int64_t* counts, int64_t* span
) noexcept nogil:
    """Fill the time from each item's start to the end of the line; return whether all of them fit."""
    cdef int64_t k, j, q, other, end, own, longest, last = 0, low = longest_time()
    cdef int64_t* free_at = on.free
    cdef int64_t* times = on.times
    cdef const Row* row
    for q in range(on.n_qubits):
        free_at[q] = 0
    k = counts[0] - 1
    while k >= 0:
        row = rows + order[k]
        if row.op == OP_BARRIER:
            end = 0
            for j in range(row.b):
                other = free_at[on.places[on.words[row.a + j]]]
                end = other if other > end else end
            for j in range(row.b):
                free_at[on.places[on.words[row.a + j]]] = end
            times[k] = end
            k -= 1
            continue
        if row.op == OP_MEASURE:
            if on.joined[k]:
                end = longest = 0
                for j in range(k, k + on.joined[k]):
                    q = on.places[rows[order[j]].a]
                    own = on.qubits[q].measured
                    end = free_at[q] if free_at[q] > end else end
                    longest = own if own > longest else longest
                end += longest
                for j in range(k, k + on.joined[k]):
                    q = on.places[rows[order[j]].a]
                    free_at[q] = times[j] = end
                    own = end - on.qubits[q].measured
                    low = own if own < low else low
                last = end if end > last else last
            k -= 1
            continue
        q = on.places[row.a]
        end = free_at[q]
        if row.op == OP_SX:
            low = end if end < low else low
            end += on.qubits[q].sx.length
        elif row.op == OP_CZ:
            other = on.places[row.b]
            end = free_at[other] if free_at[other] > end else end
            low = end if end < low else low
            end += on.pairs[on.couplers[q * on.n_qubits + other]].cz.length
            free_at[other] = end
        elif row.op == OP_DELAY:
            end += on.lengths[2 * row.b]
        free_at[q] = end
        last = end if end > last else last
        if last > longest_time():
            return False
        times[k] = end
        k -= 1
    span[_LAST] = last
    span[_LOW] = low
    span[_CAUGHT] = times[counts[3]] if counts[3] >= 0 else -1
    return True


cdef inline void _put(const work_t* on, const sound_t* sound, int64_t time, Play* play) noexcept nogil:
    play[0] = sound.play
    play.start = time
    play.phase_rad = on.phases[sound.play.port]
    on.used[sound.play.port * on.n_waves + sound.play.waveform] += 1


cdef inline void play_all(
    const work_t* on, const Row* rows, const int32_t* order, int64_t* counts, Play* plays, int32_t* play_rows,
    Capture* captures, double* captures_hz, int32_t* capture_rows
) noexcept nogil:
    """Write plays and captures, with the time from their starts to the end of the line in the place of a start."""
    cdef int64_t k, n_plays = 0, n_captures = 0
    cdef double angle
    cdef const Row* row
    cdef const qubit_t* qubit
    cdef const pair_t* pair
    for k in range(on.n_lines):
        on.phases[k] = 0.0
    for k in range(counts[0]):
        row = rows + order[k]
        if row.op == OP_BARRIER:
            continue
        qubit = on.qubits + on.places[row.a]
        if row.op == OP_RZ:
            memcpy(&angle, <const char*> row + 8, 8)
            on.phases[qubit.drive] -= angle
            continue
        if row.op == OP_SX:
            _put(on, &qubit.sx, on.times[k], plays + n_plays)
        elif row.op == OP_CZ:
            pair = on.pairs + on.couplers[on.places[row.a] * on.n_qubits + on.places[row.b]]
            _put(on, &pair.cz, on.times[k], plays + n_plays)
            if pair.drives[0] >= 0:
                on.phases[pair.drives[0]] -= pair.turns[0]
            if pair.drives[1] >= 0:
                on.phases[pair.drives[1]] -= pair.turns[1]
        elif row.op == OP_MEASURE:
            _put(on, &qubit.readout, on.times[k], plays + n_plays)
            captures[n_captures].port = qubit.readout.play.port
            captures[n_captures].capture = <uint32_t> n_captures
            captures[n_captures].start = on.times[k] - qubit.caught
            captures_hz[n_captures] = qubit.readout.play.frequency_hz
            capture_rows[n_captures] = order[k]
            n_captures += 1
        else:
            continue
        play_rows[n_plays] = order[k]
        n_plays += 1
    counts[1] = n_plays
    counts[2] = n_captures
