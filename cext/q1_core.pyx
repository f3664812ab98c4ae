"""Execute a sequencer program of Qblox modules: classical core, queue of the real-time core, latched settings.

Source: Q1ASM as the vendor's assembler takes it (q1asm 1.1.1 and 1.4.1); cycles of the classical core and the depth of the
real-time queue as q1simulator 1.3.4 estimates them.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from qctl.cext.q1_machine cimport (
    ACQUIRE_TTL, ADD, BAD_INSTRUCTION, BAD_READ, BAD_TIME, CARRY, CMP, COND_ELSE, COND_MASK, COND_ON, COND_OP, CORE, COUNT,
    DONE, EXIT, FREQ, FULL, GAIN0, HAZARD, HEAD, JCC, JGE1, JLT1, JLT2, JGE2, JMP, LATCH_EN, LATCH_ON, LOOP1, LOOP2, MOVE,
    MULS16, MULS32, MULU32, N_OPERATIONS, NEGATIVE, NEW_DELTA, NEW_FREQ, NEW_GAIN0, NEW_MARKER, NEW_OFFS0, NEW_PH, NEW_RESET,
    NEXT_TRIGGER, NO_TRIGGER, NOP, NOT, OVERFLOW, PC, QUEUED, REL_PHASE, RESET_PH, Row, SET_COND, SET_FREQ, SET_GAIN, SET_MRK,
    SET_OFFS, SET_PH, SET_PH_DELTA, STOP, SUB, SYNC, TEST, TIME, TOO_MANY, UNDERFLOW, UNKNOWN, UPD, WAIT, WAIT_SYNC, WAIT_TRIGGER, ZERO,
    _N_STATE, _QUEUE, _TICK, _TURN, asks, computed, drop, flags, holds, machine_t, note, q1_difference, q1_low,
    q1_signed_whole, q1_whole, schedule, skipped, take_triggers, update,
)


cdef int64_t _run(
    const int64_t[:, ::1] code, machine_t* m, int64_t room, int64_t most
) noexcept nogil:
    """Go on until the program stops, fails, waits for others or has filled the rows."""
    cdef int64_t* s = m.s
    cdef int64_t n = code.shape[0], op, k, mask, to, lasts, read
    cdef int64_t[6] v
    cdef const int64_t* line
    cdef uint32_t x, y
    cdef uint64_t wide
    while True:
        if m.n_rows == room:
            return FULL
        if s[PC] >= n or s[PC] < 0:
            return BAD_INSTRUCTION
        if s[COUNT] >= most:
            return TOO_MANY
        line = &code[s[PC], 0]
        op = line[0]
        if s[TIME] > m.until and asks(m, op):
            return UNKNOWN
        mask = line[6]
        for k in range(5):
            v[k] = line[1 + k]
            if mask >> k & 1:
                if v[k] == s[HAZARD]:
                    return BAD_READ
                v[k] = m.r[v[k]]
        s[COUNT] += 1
        s[HAZARD] = -1
        s[CORE] += _TICK * line[7]
        s[PC] += 1
        if op >= UPD:
            if not schedule(m):
                return UNDERFLOW
            if op == WAIT_SYNC:
                if not 0 <= v[0] <= 65535:
                    return BAD_TIME
                s[EXIT] = v[0]
                return SYNC
            lasts = v[line[8]]
            if op <= ACQUIRE_TTL:
                if skipped(m):
                    drop(m)
                    lasts = s[COND_ELSE]
                elif update(m) or op > UPD:
                    note(m, op, v)
            elif op == WAIT:
                if skipped(m):
                    lasts = s[COND_ELSE]
            elif op == WAIT_TRIGGER:
                while s[NEXT_TRIGGER] < m.n_triggers and m.triggers[2 * s[NEXT_TRIGGER]] < s[TIME]:
                    take_triggers(m)
                while s[NEXT_TRIGGER] < m.n_triggers and m.triggers[2 * s[NEXT_TRIGGER] + 1] != v[0]:
                    s[NEXT_TRIGGER] += 1
                if s[NEXT_TRIGGER] == m.n_triggers:
                    return NO_TRIGGER
                s[TIME] = m.triggers[2 * s[NEXT_TRIGGER]]
                take_triggers(m)
            else:
                take_triggers(m)
                if op == LATCH_EN:
                    s[LATCH_ON] = v[0]
                else:
                    for k in range(15):
                        m.latches[k] = 0
            if lasts < 4 or lasts > 65535:
                return BAD_TIME
            s[TIME] += lasts
            continue
        to = -1
        if op == SET_GAIN or op == SET_OFFS:
            k = NEW_GAIN0 if op == SET_GAIN else NEW_OFFS0
            s[k] = q1_low(v[0])
            s[k + 1] = q1_low(v[1])
        elif op == SET_PH:
            s[NEW_PH] = <uint32_t> v[0]
        elif op == SET_FREQ:
            s[NEW_FREQ] = <int32_t> <uint32_t> v[0]
        elif op == RESET_PH:
            s[NEW_RESET] = 1
        elif op == SET_PH_DELTA:
            s[NEW_DELTA] = <uint32_t> v[0]
        elif op == SET_MRK:
            s[NEW_MARKER] = v[0] & 15
        elif op == SET_COND:
            take_triggers(m)
            s[COND_ON], s[COND_MASK], s[COND_OP], s[COND_ELSE] = v[0], v[1], v[2], v[3]
        elif op == MOVE:
            m.r[v[1]] = <uint32_t> v[0]
            s[HAZARD] = v[1]
        elif op == JMP:
            to = v[0]
        elif op == JCC:
            if holds(s, line[5]):
                to = v[0]
        elif op == LOOP1:
            s[CORE] += 2 * _TICK
            m.r[v[0]] = q1_difference(m.r[v[0]], 1)
            s[HAZARD] = v[0]
            if m.r[v[0]]:
                to = v[1]
        elif op == LOOP2:
            s[CORE] += 4 * _TICK
            m.r[v[0]] = computed(s, SUB, m.r[v[0]], 1)
            if m.r[v[0]]:
                to = v[1]
        elif op == JLT1 or op == JGE1:
            s[CORE] += 2 * _TICK
            if (<uint32_t> v[0] < <uint32_t> v[1]) == (op == JLT1):
                to = v[2]
        elif op == JLT2 or op == JGE2:
            s[CORE] += 3 * _TICK
            computed(s, SUB, <uint32_t> v[0], <uint32_t> v[1])
            if (s[CARRY] != 0) == (op == JLT2):
                to = v[2]
        elif op == NOT:
            s[CORE] += 2 * _TICK
            m.r[v[1]] = ~<uint32_t> v[0]
            flags(s, m.r[v[1]], False, False)
            s[HAZARD] = v[1]
        elif ADD <= op <= MULS16:
            s[CORE] += 2 * _TICK
            x = computed(s, op, <uint32_t> v[0], <uint32_t> v[1])
            if op != CMP and op != TEST:
                m.r[v[2]] = x
                s[HAZARD] = v[2]
        elif op == MULU32 or op == MULS32:  # v[2] is the register of the low half, v[3] that of the high one, or 64
            x, y = <uint32_t> v[0], <uint32_t> v[1]
            wide = q1_whole(x, y) if op == MULU32 else q1_signed_whole(x, y)
            s[CORE] += 3 * _TICK
            s[ZERO], s[NEGATIVE], s[OVERFLOW], s[CARRY] = wide == 0, wide >> 63, 0, 0
            for k in range(2):
                if v[2 + k] < 64:
                    s[CORE] += _TICK
                    m.r[v[2 + k]] = <uint32_t> (wide >> 32 * k)
                    s[HAZARD] = v[2 + k]
        elif op == STOP:
            if not schedule(m):
                return UNDERFLOW
            s[EXIT] = <int32_t> v[0]
            return DONE
        elif op != NOP:
            return BAD_INSTRUCTION
        if to >= 0:
            s[CORE] += 3 * _TICK
            s[PC] = to


def run(
    const int64_t[:, ::1] code not None, int64_t[::1] state not None, uint32_t[::1] registers not None,
    int64_t[::1] queue not None, int64_t[::1] latches not None, const int64_t[:, ::1] thresholds not None,
    const int64_t[:, ::1] triggers not None, Row[::1] rows not None, int64_t most,
    int64_t until=0x3FFFFFFFFFFFFFFF,
):
    """Execute a program from where the state says until something has to be done outside.

    Parameters
    ----------
    code : (n, 9) int64
        Operation, five operands, bits of the operands that are registers to be read, cycles, operand of the duration.
    state : (40,) int64
        As `begin` fills it; changed.
    registers : (64,) uint32
        Changed.
    queue : (32,) int64
        Times of the instructions in the real-time queue; changed.
    latches : (15,) int64
        Triggers counted by address; changed.
    thresholds : (2, 15) int64
        From which count on an address is set, and whether that is inverted.
    triggers : (n_triggers, 2) int64
        Time in ns and address (1 to 15), in order of time.
    rows : (n,) ROW
        Filled with what the real-time core does, from the first on.
    most : int
        Instructions since the beginning after which the program is left alone.
    until : int
        Time in ns up to which all triggers are known: what depends on later ones is not executed.

    Returns
    -------
    (int, int)
        Why it ended (an index of `ENDS`), and the rows filled.

    Raises
    ------
    ValueError
        If shapes or numbers don't fit.
    """
    cdef machine_t m
    cdef int64_t end
    cdef Py_ssize_t k, j
    if code.shape[1] != 9 or state.shape[0] != _N_STATE or registers.shape[0] != 64 or queue.shape[0] != _QUEUE:
        raise ValueError(
            f"code has {code.shape[1]} columns, state {state.shape[0]} values, registers {registers.shape[0]} and queue "
            f"{queue.shape[0]}, not 9, {_N_STATE}, 64 and {_QUEUE}"
        )
    if latches.shape[0] != 15 or thresholds.shape[0] != 2 or thresholds.shape[1] != 15 or triggers.shape[1] != 2:
        raise ValueError(
            f"latches has {latches.shape[0]} values, thresholds shape ({thresholds.shape[0]}, {thresholds.shape[1]}), "
            f"triggers {triggers.shape[1]} columns, not 15, (2, 15) and 2"
        )
    if not rows.shape[0]:
        raise ValueError("rows has no room")
    for k in range(triggers.shape[0]):
        if not 1 <= triggers[k, 1] <= 15 or (k and triggers[k, 0] < triggers[k - 1, 0]):
            raise ValueError(f"trigger {k} at {triggers[k, 0]} ns, address {triggers[k, 1]}: out of order or range")
    for k in range(code.shape[0]):
        if not 0 <= code[k, 0] < N_OPERATIONS or not 0 <= code[k, 8] < 5:
            raise ValueError(f"instruction {k}: operation {code[k, 0]}, duration in operand {code[k, 8]}")
        for j in range(5):
            if (code[k, 6] >> j & 1 or writes(code[k, 0], j)) and not 0 <= code[k, 1 + j] < (
                65 if code[k, 0] in (MULU32, MULS32) else 64
            ):
                raise ValueError(f"instruction {k}: there is no register {code[k, 1 + j]}")
    if not 0 <= state[HEAD] < _QUEUE or not 0 <= state[QUEUED] <= _QUEUE:
        raise ValueError(f"the queue begins at {state[HEAD]} with {state[QUEUED]} entries")
    if not 0 <= state[NEXT_TRIGGER] <= triggers.shape[0]:
        raise ValueError(f"trigger {state[NEXT_TRIGGER]} of {triggers.shape[0]} is next")
    m.s = &state[0]
    m.r = &registers[0]
    m.queue = &queue[0]
    m.latches = &latches[0]
    m.counts = &thresholds[0, 0]
    m.inverts = &thresholds[1, 0]
    m.triggers = &triggers[0, 0] if triggers.shape[0] else NULL
    m.n_triggers = triggers.shape[0]
    m.until = until
    m.rows = &rows[0]
    m.n_rows = 0
    with nogil:
        end = _run(code, &m, rows.shape[0], most)
    return end, m.n_rows


cdef bint writes(int64_t operation, Py_ssize_t operand) noexcept:
    """Say whether an operand is the number of a register that is written."""
    if operation in (MOVE, NOT):
        return operand == 1
    if operation in (LOOP1, LOOP2):
        return operand == 0
    if operation in (MULU32, MULS32):
        return operand in (2, 3)
    return ADD <= operation <= MULS16 and operation not in (CMP, TEST) and operand == 2


def begin(int64_t[::1] state not None, int64_t freq, int64_t phase, int64_t gain0, int64_t gain1, int64_t offs0,
          int64_t offs1):
    """Fill a state for the beginning: the core is ten cycles ahead, and the settings are those of the sequencer.

    Raises
    ------
    ValueError
        If its shape doesn't fit.
    """
    cdef Py_ssize_t k
    cdef int64_t[4] levels = [gain0, gain1, offs0, offs1]
    if state.shape[0] != _N_STATE:
        raise ValueError(f"state has {state.shape[0]} values, not {_N_STATE}")
    for k in range(_N_STATE):
        state[k] = 0
    state[CORE] = -10 * _TICK
    state[HAZARD] = -1
    state[FREQ] = state[NEW_FREQ] = freq
    state[REL_PHASE] = phase * 4 % _TURN
    state[NEW_PH] = -1
    for k in range(4):
        state[GAIN0 + k] = state[NEW_GAIN0 + k] = levels[k]


def synchronise(int64_t[::1] state not None, int64_t time):
    """Go on behind the instruction wait_sync, at a time in ns plus what it waits itself.

    Raises
    ------
    ValueError
        If the shape doesn't fit, or the time is in the past.
    """
    if state.shape[0] != _N_STATE or time < state[TIME]:
        raise ValueError(f"state has {state.shape[0]} values; {time} ns has to come after the present time")
    state[TIME] = time + state[EXIT]
    state[EXIT] = 0


def clocks(const int64_t[::1] state not None):
    """Return the real-time core's time in ns, the instructions executed, the exit code and the next instruction.

    Raises
    ------
    ValueError
        If the shape doesn't fit.
    """
    if state.shape[0] != _N_STATE:
        raise ValueError(f"state has {state.shape[0]} values, not {_N_STATE}")
    return state[TIME], state[COUNT], state[EXIT], state[PC]
