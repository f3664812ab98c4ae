"""State of a Qblox sequencer's processor, and what each part of it does in one step."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from "q1_words.h" nogil:
    uint32_t q1_sum(uint32_t x, uint32_t y)
    uint32_t q1_difference(uint32_t x, uint32_t y)
    uint32_t q1_left(uint32_t x, uint32_t n)
    uint32_t q1_product(uint32_t x, uint32_t y)
    uint32_t q1_signed_product(uint32_t x, uint32_t y)
    uint64_t q1_whole(uint32_t x, uint32_t y)
    uint64_t q1_signed_whole(uint32_t x, uint32_t y)
    int64_t q1_low(int64_t x)
    uint64_t q1_two(int64_t high, int64_t low)
    uint64_t q1_mixed(uint64_t h, uint64_t value)

cdef enum:
    _QUEUE = 32
    _TICK = 4
    _TURN = 4000000000
    _N_STATE = 40

cdef enum:  # operations, as hil/instruments/qblox/assembly.py numbers them
    ILLEGAL, STOP, NOP, JMP, JCC, JLT1, JGE1, LOOP1, JLT2, JGE2, LOOP2, MOVE, NOT, ADD, SUB, CMP, AND, TEST, OR, XOR
    ASL, ASR, LSR, MULU16, MULS16, MULU32, MULS32
    SET_MRK, RESET_PH, SET_FREQ, SET_PH, SET_PH_DELTA, SET_GAIN, SET_OFFS, SET_COND
    UPD, PLAY, ACQUIRE, ACQUIRE_W, ACQUIRE_TTL, LATCH_EN, LATCH_RST, WAIT, WAIT_SYNC, WAIT_TRIGGER
    N_OPERATIONS

cdef enum:  # places in the state
    PC, CORE, TIME, HAZARD, HEAD, QUEUED, COUNT, EXIT
    NCO_TIME, NCO_PHASE, REL_PHASE, DELTA_PHASE, FREQ, GAIN0, GAIN1, OFFS0, OFFS1, MARKER
    NEW_RESET, NEW_PH, NEW_DELTA, NEW_FREQ, NEW_GAIN0, NEW_GAIN1, NEW_OFFS0, NEW_OFFS1, NEW_MARKER
    ZERO, NEGATIVE, OVERFLOW, CARRY
    COND_ON, COND_MASK, COND_OP, COND_ELSE, LATCH_ON, NEXT_TRIGGER

cdef enum:
    DONE, FULL, SYNC, UNDERFLOW, BAD_INSTRUCTION, BAD_READ, TOO_MANY, BAD_TIME, NO_TRIGGER, UNKNOWN

cdef struct Row:
    int64_t time
    int32_t operation
    int32_t a
    int32_t b
    int32_t c
    int32_t d
    int32_t gain0
    int32_t gain1
    int32_t offs0
    int32_t offs1
    int32_t freq
    uint32_t phase
    int32_t marker

cdef struct machine_t:
    int64_t* s
    uint32_t* r
    int64_t* queue
    int64_t* latches
    const int64_t* counts
    const int64_t* inverts
    const int64_t* triggers
    int64_t n_triggers
    int64_t until
    Row* rows
    int64_t n_rows


cdef inline bint asks(const machine_t* m, int64_t operation) noexcept nogil:
    """Say whether an instruction depends on triggers."""
    return (SET_COND == operation or operation >= LATCH_EN and operation not in (WAIT, WAIT_SYNC)
            or m.s[COND_ON] and (UPD <= operation <= ACQUIRE_TTL or operation == WAIT))


cdef inline int64_t turned(int64_t freq, int64_t time) noexcept nogil:
    """Return how far an NCO at `freq` quarters of a hertz turns in `time` ns, in 1/4e9 of a turn, from 0 to one turn."""
    cdef int64_t phase = (freq * (time % _TURN)) % _TURN
    return phase + _TURN if phase < 0 else phase


cdef inline int64_t phase_at(const int64_t* s, int64_t time) noexcept nogil:
    return (s[NCO_PHASE] + turned(s[FREQ], time - s[NCO_TIME]) + s[REL_PHASE] + s[DELTA_PHASE]) % _TURN


cdef inline bint schedule(machine_t* m) noexcept nogil:
    """Hand an instruction to the real-time core; say whether that came in time."""
    cdef int64_t* s = m.s
    if s[TIME] < s[CORE]:
        return False
    while s[QUEUED] and m.queue[s[HEAD]] < s[CORE]:
        s[HEAD] = (s[HEAD] + 1) % _QUEUE
        s[QUEUED] -= 1
    if s[QUEUED] == _QUEUE:
        s[CORE] = m.queue[s[HEAD]]
        s[HEAD] = (s[HEAD] + 1) % _QUEUE
        s[QUEUED] -= 1
    m.queue[(s[HEAD] + s[QUEUED]) % _QUEUE] = s[TIME]
    s[QUEUED] += 1
    return True


cdef inline void take_triggers(machine_t* m) noexcept nogil:
    """Count the triggers that have come by now."""
    cdef const int64_t* t
    while m.s[NEXT_TRIGGER] < m.n_triggers:
        t = m.triggers + 2 * m.s[NEXT_TRIGGER]
        if t[0] > m.s[TIME]:
            return
        m.s[NEXT_TRIGGER] += 1
        if m.s[LATCH_ON]:
            m.latches[t[1] - 1] += 1


cdef inline bint skipped(machine_t* m) noexcept nogil:
    """Say whether the condition, if one is set, is not met now."""
    cdef int64_t k, found = 0, wanted = 0, op
    cdef bint met
    if not m.s[COND_ON]:
        return False
    take_triggers(m)
    for k in range(15):
        if m.s[COND_MASK] >> k & 1:
            wanted += 1
            if (m.latches[k] >= m.counts[k]) != (m.inverts[k] != 0):
                found += 1
    op = m.s[COND_OP]
    if op < 2:
        met = found != 0
    elif op < 4:
        met = found == wanted
    else:
        met = found % 2 == 1
    return met == (op & 1)


cdef inline bint update(machine_t* m) noexcept nogil:
    """Put latched settings into effect; say whether anything changes."""
    cdef int64_t* s = m.s
    cdef int64_t k
    cdef bint changed = False
    if s[NEW_RESET]:
        s[NCO_TIME], s[NCO_PHASE], s[REL_PHASE], s[DELTA_PHASE] = s[TIME], 0, 0, 0
        s[NEW_RESET] = 0
        changed = True
    if s[NEW_PH] >= 0:
        s[REL_PHASE] = s[NEW_PH] * 4 % _TURN
        s[NEW_PH] = -1
        changed = True
    if s[NEW_FREQ] != s[FREQ]:
        s[NCO_PHASE] = (s[NCO_PHASE] + turned(s[FREQ], s[TIME] - s[NCO_TIME])) % _TURN
        s[NCO_TIME] = s[TIME]
        s[FREQ] = s[NEW_FREQ]
        changed = True
    if s[NEW_DELTA]:
        s[DELTA_PHASE] = (s[DELTA_PHASE] + s[NEW_DELTA] * 4) % _TURN
        s[NEW_DELTA] = 0
        changed = True
    for k in range(5):
        if s[GAIN0 + k] != s[NEW_GAIN0 + k]:
            s[GAIN0 + k] = s[NEW_GAIN0 + k]
            changed = True
    return changed


cdef inline void drop(machine_t* m) noexcept nogil:
    """Forget the settings of the NCO that were latched for an instruction that is not carried out."""
    cdef int64_t* s = m.s
    s[NEW_RESET], s[NEW_DELTA], s[NEW_PH], s[NEW_FREQ] = 0, 0, -1, s[FREQ]


cdef inline void note(machine_t* m, int64_t operation, const int64_t* v) noexcept nogil:
    """Write a row: what is done, and all settings that are in effect from now on."""
    cdef int64_t* s = m.s
    cdef Row* row = m.rows + m.n_rows
    m.n_rows += 1
    row.time = s[TIME]
    row.operation = <int32_t> operation
    row.a, row.b, row.c, row.d = <int32_t> v[0], <int32_t> v[1], <int32_t> v[2], <int32_t> v[3]
    row.gain0, row.gain1 = <int32_t> s[GAIN0], <int32_t> s[GAIN1]
    row.offs0, row.offs1 = <int32_t> s[OFFS0], <int32_t> s[OFFS1]
    row.freq, row.marker = <int32_t> s[FREQ], <int32_t> s[MARKER]
    row.phase = <uint32_t> phase_at(s, s[TIME])


cdef inline void flags(int64_t* s, uint32_t result, bint overflow, bint carry) noexcept nogil:
    s[ZERO], s[NEGATIVE], s[OVERFLOW], s[CARRY] = result == 0, result >> 31, overflow, carry


cdef inline uint32_t computed(int64_t* s, int64_t operation, uint32_t x, uint32_t y) noexcept nogil:
    """Return the result of an arithmetic instruction of two operands, and set the flags."""
    cdef uint32_t z
    cdef int64_t wide
    if operation == ADD:
        z = q1_sum(x, y)
        wide = <int64_t> <int32_t> x + <int32_t> y
        flags(s, z, wide != <int32_t> wide, z < x)
    elif operation == SUB or operation == CMP:
        z = q1_difference(x, y)
        wide = <int64_t> <int32_t> x - <int32_t> y
        flags(s, z, wide != <int32_t> wide, x < y)
    elif operation == AND or operation == TEST:
        z = x & y
        flags(s, z, False, False)
    elif operation == OR:
        z = x | y
        flags(s, z, False, False)
    elif operation == XOR:
        z = x ^ y
        flags(s, z, False, False)
    elif operation == ASL:
        z = q1_left(x, y)
        flags(s, z, (z >> 31) != (x >> 31), y > 0 and y <= 32 and (x >> (32 - y)) & 1)
    elif operation == ASR:
        z = <uint32_t> (<int32_t> x >> (y if y < 32 else 31))
        flags(s, z, False, y > 0 and (<int32_t> x >> (y - 1 if y < 32 else 31)) & 1)
    elif operation == LSR:
        z = x >> y if y < 32 else 0
        flags(s, z, False, y > 0 and y <= 32 and (x >> (y - 1)) & 1)
    elif operation == MULU16:
        z = q1_product(x, y)
        flags(s, z, False, False)
    else:
        z = q1_signed_product(x, y)
        flags(s, z, False, False)
    return z


cdef inline bint holds(const int64_t* s, int64_t condition) noexcept nogil:
    """Say whether a conditional jump is taken; the numbers are those of assembly.py."""
    cdef bint less = s[NEGATIVE] != s[OVERFLOW]
    if condition < 2:
        return s[ZERO] == (condition == 0)
    if condition < 4:
        return s[OVERFLOW] == (condition == 2)
    if condition < 6:
        return s[NEGATIVE] == (condition == 4)
    if condition < 8:
        return (not s[ZERO] and not less) == (condition == 6)
    if condition < 10:
        return less == (condition == 8)
    if condition < 12:
        return (not s[ZERO] and not s[CARRY]) == (condition == 10)
    return s[CARRY] == (condition == 12)
