"""Execute a program of a QICK tProcessor v1: registers, data memory, loops, jumps, waits, and queues of its channels.

Source: qick (``firmware/ip/axis_tproc64x32_x8_v1/src``: ``ctrl.sv`` has the fields and cycles of each instruction,
``timed_ictrl.vhd`` how a queue hands on, ``tproc64x32_x8.v`` its 16 places, ``alu`` and ``cond.vhd`` the operations).
"""

from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t, uint64_t

cdef enum:
    _DONE = 0
    _FULL = 1
    _TOO_MANY = 2
    _UNKNOWN = 3
    _OUTSIDE = 4
    _SET = 0
    _READ = 1
    _PC = 0
    _CYCLES = 1
    _REFERENCE = 2
    _ROWS = 3
    _COUNT = 4
    _LATE = 5
    _DEPTH = 6
    _READS = 7
    _STACK = 8
    _MOST_STACK = 16
    _QUEUES = 24
    _PLACES = 15
    _PER_QUEUE = 17
    _CHANNELS = 8
    _N_STATE = 160
    _N_REGISTERS = 256

DONE = _DONE
"""The program is at its end."""
FULL = _FULL
"""There is no room for another row."""
TOO_MANY = _TOO_MANY
"""So many instructions have been executed."""
UNKNOWN = _UNKNOWN
"""There is no such instruction; the state's program counter is at it."""
OUTSIDE = _OUTSIDE
"""An address is outside its memory, or the stack is full or empty; the state's program counter is behind it."""
N_STATE = _N_STATE
N_REGISTERS = _N_REGISTERS
SET = _SET
READ = _READ


cdef struct core_t:
    int64_t* s
    int64_t* r


cdef inline int64_t low(int64_t value) noexcept nogil:
    return <int32_t>(<uint32_t>value)


cdef inline int64_t field(uint64_t word, int first, int width) noexcept nogil:
    return <int64_t>(word >> first & ((<uint64_t>1 << width) - 1))


cdef inline int64_t later(core_t* core, bint short, int64_t imm, int64_t value) noexcept nogil:
    """Return the time that an instruction names, in itself or in a register: it counts from the reference on."""
    return core.s[_REFERENCE] + <int64_t>(<uint32_t>(imm if short else value))


cdef inline void put(int64_t* page, int64_t number, int64_t value) noexcept nogil:
    """Write a register; the first one of a page is 0 whatever is written."""
    if number:
        page[number] = low(value)


cdef int64_t computed(int64_t which, int64_t a, int64_t b) noexcept nogil:
    """Return the result of the arithmetic unit."""
    cdef uint32_t x = <uint32_t>a
    cdef int64_t by = b & 31
    if which == 8:
        return low(a + b)
    if which == 9:
        return low(a - b)
    if which == 10:
        return <int64_t>(<int16_t>a) * <int64_t>(<int16_t>b)
    if which == 0:
        return low(a & b)
    if which == 1:
        return low(a | b)
    if which == 2:
        return low(a ^ b)
    if which == 3:
        return low(~b)
    if which == 4:
        return low(<int64_t>x << by)
    if which == 5:
        return low(x >> by)
    return 0


cdef inline bint holds(int64_t which, int64_t a, int64_t b) noexcept nogil:
    if which == 0:
        return a > b
    if which == 1:
        return a >= b
    if which == 2:
        return a < b
    if which == 3:
        return a <= b
    if which == 4:
        return a == b
    return which == 5 and a != b


cdef int64_t queued(core_t* core, int64_t channel, int64_t due) noexcept nogil:
    """Hand an entry to a channel's queue, waiting for a place in it; return when the channel carries it out.

    A queue is read a cycle after an entry is there, and again three cycles after what it carried out before.
    """
    cdef int64_t* queue = &core.s[_QUEUES + channel * _PER_QUEUE]
    cdef int64_t* place = &queue[2 + queue[0] % _PLACES]
    cdef int64_t taken
    if queue[0] >= _PLACES and place[0] >= core.s[_CYCLES]:
        core.s[_CYCLES] = place[0] + 1
    taken = core.s[_CYCLES] + 1
    if queue[0] and queue[1] + 2 > taken:
        taken = queue[1] + 2
    place[0] = taken
    queue[0] += 1
    queue[1] = max(taken + 1, due)
    return queue[1]


cdef int _run(
    core_t* core, const uint64_t[::1] code, int64_t[::1] memory, int64_t[:, ::1] rows, const int64_t[:, ::1] inputs,
    int64_t most
) noexcept nogil:
    cdef int64_t* s = core.s
    cdef int64_t* page
    cdef int64_t kind, channel, which, a, b, c, imm, n, due, at, value
    cdef uint64_t word
    cdef bint short
    while True:
        n = s[_ROWS]
        if n >= rows.shape[0]:
            return _FULL
        if s[_COUNT] >= most:
            return _TOO_MANY
        if not 0 <= s[_PC] < code.shape[0]:
            return _OUTSIDE
        word = code[s[_PC]]
        s[_PC] += 1
        s[_COUNT] += 1
        kind, channel, which = field(word, 56, 8), field(word, 50, 3), field(word, 46, 4)
        a, b, c = field(word, 41, 5), field(word, 36, 5), field(word, 31, 5)
        imm = low(field(word, 0, 31) << 1) >> 1
        page = &core.r[32 * field(word, 53, 3)]
        if kind == 0x10 or kind == 0x11:
            if kind == 0x10:
                if s[_DEPTH] == _MOST_STACK:
                    return _OUTSIDE
                s[_STACK + s[_DEPTH]] = page[b]
                s[_DEPTH] += 1
                put(page, a, imm)
                s[_CYCLES] += 2
            else:
                if not s[_DEPTH]:
                    return _OUTSIDE
                s[_DEPTH] -= 1
                put(page, a, s[_STACK + s[_DEPTH]])
                s[_CYCLES] += 4
        elif kind == 0x12 or kind == 0x16:
            put(page, a, computed(which, page[b], imm))
            s[_CYCLES] += 5
        elif kind == 0x50 or kind == 0x55:
            put(page, a, computed(which, page[b], page[c]))
            s[_CYCLES] += 5
        elif kind == 0x19:
            put(page, a, imm)
            s[_CYCLES] += 2
        elif kind == 0x14 or kind == 0x52:
            s[_REFERENCE] = later(core, kind == 0x14, imm, page[c])
            s[_CYCLES] += 3
        elif kind == 0x13 or kind == 0x1A or kind == 0x51 or kind == 0x58:
            short = kind == 0x13 or kind == 0x1A
            due = later(core, short, imm, page[c])
            s[_CYCLES] += 3
            at = queued(core, channel, due)
            s[_CYCLES] += 1
            s[_LATE] += at > due
            rows[n, 0], rows[n, 1], rows[n, 2], rows[n, 3] = at, _SET, channel, page[b]
            for at in range(4):
                rows[n, 4 + at] = 0 if short else page[field(word, 26 - 5 * <int>at, 5)]
            s[_ROWS] = n + 1
        elif kind == 0x15 or kind == 0x54:
            due = later(core, kind == 0x15, imm, page[c])
            s[_CYCLES] += 3
            s[_CYCLES] = queued(core, channel, due) + 2
        elif kind == 0x17 or kind == 0x56 or kind == 0x18 or kind == 0x57:
            at = page[b]
            if kind < 0x40:
                at = imm
            if not 0 <= at < memory.shape[0]:
                return _OUTSIDE
            if kind == 0x17 or kind == 0x56:
                put(page, a, memory[at])
                s[_CYCLES] += 4
            else:
                memory[at] = page[c]
                s[_CYCLES] += 2
        elif kind == 0x30:
            s[_CYCLES] += 3
            if page[b]:
                put(page, a, page[b] - 1)
                s[_PC] = field(word, 0, 16)
                s[_CYCLES] += 3
        elif kind == 0x31:
            s[_CYCLES] += 4
            if holds(which, page[b], page[c]):
                s[_PC] = field(word, 0, 16)
                s[_CYCLES] += 1
        elif kind == 0x53:
            # What an input has: the sums that the readout behind it added up last.
            at = s[_READS]
            value = 1 if which == 10 else 0
            put(page, a, 0 if at >= inputs.shape[0] else inputs[at, value])
            rows[n, 0], rows[n, 1], rows[n, 2], rows[n, 3] = s[_CYCLES], _READ, channel, at
            rows[n, 4] = rows[n, 5] = rows[n, 6] = rows[n, 7] = 0
            s[_READS], s[_ROWS] = at + 1, n + 1
            s[_CYCLES] += 2
        elif kind == 0x3F:
            return _DONE
        else:
            s[_PC] -= 1
            return _UNKNOWN


def run(
    const uint64_t[::1] code not None, int64_t[::1] memory not None, int64_t[::1] registers not None,
    int64_t[::1] state not None, int64_t[:, ::1] rows not None, const int64_t[:, ::1] inputs not None, int64_t most,
):
    """Execute a program until it ends, fails, or has filled what it was given.

    Parameters
    ----------
    code : (n_instructions,) uint64
        Program memory.
    memory : (n,) int64
        Data memory; signed numbers of 32 bits.
    registers : (N_REGISTERS,) int64
        Eight pages of 32.
    state : (N_STATE,) int64
        Program counter, cycles, reference time, rows, instructions executed, late events, depth of the stack, reads of
        inputs, the stack, and for each channel how much its queue has taken, when it carried out the last entry, and
        when each of the latest 15 left its place.
    rows : (n, 8) int64
        Filled: cycle in which it happens, kind (`SET` or `READ`), channel, and five words, or the number of the read.
    inputs : (n_reads, 2) int64
        What each read of an input gives, in order: low and high half; 0 behind the last one.
    most : int
        Instructions.

    Returns
    -------
    int
        `DONE`, `FULL`, `TOO_MANY`, `UNKNOWN` or `OUTSIDE`.

    Raises
    ------
    ValueError
        If shapes don't fit.
    """
    cdef core_t core
    cdef int why
    cdef Py_ssize_t k
    if (rows.shape[1] != 8 or inputs.shape[1] != 2 or registers.shape[0] != _N_REGISTERS or state.shape[0] != _N_STATE
            or not memory.shape[0]):
        raise ValueError(
            f"rows are {rows.shape[0]} x {rows.shape[1]}, inputs {inputs.shape[0]} x {inputs.shape[1]}, registers "
            f"{registers.shape[0]}, state {state.shape[0]}, memory {memory.shape[0]}; not n x 8, n x 2, "
            f"{N_REGISTERS}, {N_STATE}, above 0"
        )
    if not 0 <= state[_DEPTH] <= _MOST_STACK or state[_ROWS] < 0 or state[_READS] < 0:
        raise ValueError(
            f"state has {state[_DEPTH]} on its stack, {state[_ROWS]} rows and {state[_READS]} reads; not 0 to "
            f"{_MOST_STACK}, and 0 or more"
        )
    for k in range(_CHANNELS):
        if state[_QUEUES + k * _PER_QUEUE] < 0:
            raise ValueError(f"the queue of channel {k} has taken {state[_QUEUES + k * _PER_QUEUE]} entries; not 0 or more")
    core.s = &state[0]
    core.r = &registers[0]
    with nogil:
        why = _run(&core, code, memory, rows, inputs, most)
    return why
