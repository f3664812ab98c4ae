"""Execute a program of a QICK tProcessor v2, decoded into fields: registers, memories, loops, waits and output ports.

Source: qick 0.2.436 (``tprocv2_assembler.py``: fields, operations, conditions, registers; ``asm_v2.py``: WAIT, counters).
"""

from libc.stdint cimport int32_t, int64_t, uint32_t

cdef extern from "tproc_alu.h" nogil:
    int64_t qctl_tproc_operation(int64_t which, int64_t a, int64_t b)

cdef enum:
    _DONE = 0
    _FULL = 1
    _TOO_MANY = 2
    _UNKNOWN = 3
    _OUTSIDE = 4
    _WAVE = 0
    _WORD = 1
    _TRIGGER = 2
    _READ = 3
    _N_STATE = 266
    _N_REGISTERS = 128
    _PC = 0
    _CYCLES = 1
    _REFERENCE = 2
    _ROWS = 3
    _WAVES = 4
    _COUNT = 5
    _FLAGS = 6
    _LATE = 7
    _DEPTH = 8
    _CALLS = 9
    _READS = 265
    _PORT_LOW = 8
    _PORT_HIGH = 9
    _NEGATIVE = 1
    _ZERO = 2
    _INTERNAL = 4
    _TIME = 11
    _OUT_TIME = 14
    _ADDRESS = 15
    _D = 32
    _W = 64
    _JUMP_CYCLES = 4
    _STACK = 256

DONE = _DONE
"""The program jumps to itself, for ever."""
FULL = _FULL
"""There is no room for another row, or another wave."""
TOO_MANY = _TOO_MANY
"""So many instructions have been executed."""
UNKNOWN = _UNKNOWN
"""The instruction is one that is not executed here; the state's program counter is at it."""
OUTSIDE = _OUTSIDE
"""An address is outside its memory; the state's program counter is behind it."""
N_STATE = _N_STATE
N_REGISTERS = _N_REGISTERS
WAVE = _WAVE
WORD = _WORD
TRIGGER = _TRIGGER
READ = _READ


cdef struct core_t:
    int64_t* s
    int64_t* r
    const int64_t* line
    int64_t per
    int64_t of
    bint fault


cdef inline int64_t low(int64_t value) noexcept nogil:
    return <int32_t>(<uint32_t>value)


cdef inline int64_t now(core_t* core) noexcept nogil:
    """Return the ticks of the timing clock that have passed since the start."""
    return core.s[_CYCLES] * core.per // core.of


cdef inline int64_t register(core_t* core, int64_t number) noexcept nogil:
    if number == _TIME:
        return low(now(core) - core.s[_REFERENCE])
    return core.r[number] if number else 0


cdef int64_t result_of(core_t* core, bint full) noexcept nogil:
    """Return the result of the line's operation, and update the flags if it says so."""
    cdef int64_t a, b, found, data = core.line[6], which = core.line[3] & (15 if full else 3)
    if core.line[1] == 0:
        return 0
    if core.line[1] == 3:
        found = low(data)
    else:
        a = register(core, (data >> 24) & 127)
        if core.line[1] == 2:
            b = data & 0xFFFFFF
            b = b - 0x1000000 if b & 0x800000 else b
        else:
            b = register(core, (data >> 16) & 127)
        found = qctl_tproc_operation(which if full else 2 * which, a, b)
    if core.line[3] >> 4 & 1:
        core.s[_FLAGS] &= ~(_NEGATIVE | _ZERO)
        core.s[_FLAGS] |= (_NEGATIVE if found < 0 else 0) | (_ZERO if found == 0 else 0)
    return found


cdef inline int64_t immediate(core_t* core) noexcept nogil:
    """Return the line's number: of 32 bits, or of 16 behind two registers."""
    return low(core.line[6]) if core.line[1] == 3 else <int64_t>(<short>(core.line[6] & 0xFFFF))


cdef inline void side(core_t* core) noexcept nogil:
    """Write the register that an instruction writes beside what it does."""
    cdef int64_t found = result_of(core, False)
    if core.line[3] >> 3 & 1:
        core.r[core.line[7]] = immediate(core) if core.line[3] >> 2 & 1 else found


cdef inline bint holds(core_t* core) noexcept nogil:
    cdef int64_t flags = core.s[_FLAGS], which = core.line[2]
    if which == 0:
        return True
    if which == 1 or which == 3:
        return ((flags & _ZERO) != 0) == (which == 1)
    if which == 2 or which == 4:
        return ((flags & _NEGATIVE) != 0) == (which == 2)
    if which == 5 or which == 6:
        return ((flags & _INTERNAL) != 0) == (which == 5)
    return False


cdef inline int64_t short_register(core_t* core, int64_t number) noexcept nogil:
    return register(core, (number & 31) + _D * (number >> 5 & 1))


cdef int64_t place(core_t* core, int64_t size, bint summed) noexcept nogil:
    """Return the memory address of a line; a fault is noted where there is no such."""
    cdef int64_t at = core.line[4] if core.line[8] else short_register(core, core.line[4])
    if summed:
        at += short_register(core, core.line[5])
    if not 0 <= at < size:
        core.fault = True
        return 0
    return at


cdef void put(core_t* core, int64_t[:, ::1] rows, int64_t kind, int64_t port, int64_t value, bint told) noexcept nogil:
    """Note an event of an output port, at the line's time or at that of register s14."""
    cdef int64_t time = core.s[_REFERENCE] + (low(core.line[6]) if told else core.r[_OUT_TIME])
    cdef int64_t reached = now(core), n = core.s[_ROWS]
    if reached > time:
        core.s[_LATE] += 1
        time = reached
    rows[n, 0] = time
    rows[n, 1] = kind
    rows[n, 2] = port
    rows[n, 3] = value
    core.s[_ROWS] = n + 1


cdef int64_t kept(core_t* core, int64_t[:, ::1] waves) noexcept nogil:
    """Add the wave registers to the waves that have been, and return their row."""
    cdef int64_t n = core.s[_WAVES], k
    for k in range(6):
        waves[n, k] = core.r[_W + k]
    core.s[_WAVES] = n + 1
    return n


cdef int _run(
    core_t* core, const int64_t[:, ::1] code, int64_t[::1] memory, int64_t[:, ::1] waves, int64_t[::1] held,
    int64_t[:, ::1] rows, const int64_t[:, ::1] inputs, int64_t most
) noexcept nogil:
    cdef int64_t* s = core.s
    cdef int64_t kind, at, wanted, found, k, value, how
    while True:
        if s[_ROWS] >= rows.shape[0] or s[_WAVES] >= waves.shape[0]:
            return _FULL
        if s[_COUNT] >= most:
            return _TOO_MANY
        if not 0 <= s[_PC] < code.shape[0] or core.fault:
            return _OUTSIDE
        core.line = &code[s[_PC], 0]
        kind = core.line[0]
        how = core.line[3]
        at = s[_PC]
        s[_PC] += 1
        s[_CYCLES] += 1
        s[_COUNT] += 1
        if kind == 0:
            if core.line[1] and holds(core):
                side(core)
        elif kind == 1:
            if not holds(core):
                continue
            if how >> 5 == 3:
                if not s[_DEPTH]:
                    return _OUTSIDE
                s[_DEPTH] -= 1
                s[_PC] = s[_CALLS + s[_DEPTH]]
                s[_CYCLES] += _JUMP_CYCLES - 1
                continue
            wanted = core.line[4] if core.line[8] else core.r[_ADDRESS]
            if wanted == at and core.line[2] == 0:
                s[_PC] = at
                return _DONE
            found = core.line[6]
            if wanted == at and core.line[2] == 2 and core.line[1] and (found >> 24 & 127) == _TIME:
                # A wait: the processor tests the time again and again until it has come.
                if core.line[1] == 2:
                    value = found & 0xFFFFFF
                    value = value - 0x1000000 if value & 0x800000 else value
                else:
                    value = register(core, found >> 16 & 127)
                k = ((value + s[_REFERENCE]) * core.of + core.per - 1) // core.per
                s[_CYCLES] = max(s[_CYCLES] + _JUMP_CYCLES - 1, k)
                s[_FLAGS] &= ~_NEGATIVE
                continue
            if how >> 5 == 2:
                if s[_DEPTH] == _STACK:
                    return _OUTSIDE
                s[_CALLS + s[_DEPTH]] = s[_PC]
                s[_DEPTH] += 1
            side(core)
            s[_PC] = wanted
            s[_CYCLES] += _JUMP_CYCLES - 1
        elif kind == 2:
            if not holds(core):
                continue
            value = low(core.line[6]) if core.line[1] == 3 else register(core, core.line[6] >> 16 & 127)
            if how >> 4 == 0 and how & 15 == 8:
                s[_REFERENCE] += value
            elif how >> 4 == 0 and how & 15 == 4:
                s[_REFERENCE] = value
            elif how >> 4 == 1 and how & 15 in (1, 2, 4):
                if how & 4:
                    s[_FLAGS] ^= _INTERNAL
                elif how & 2:
                    s[_FLAGS] &= ~_INTERNAL
                else:
                    s[_FLAGS] |= _INTERNAL
            else:
                s[_PC] = at
                return _UNKNOWN
        elif kind == 4:
            if how >> 5 == 2:
                k = held[place(core, held.shape[0], False)]
                for value in range(6):
                    core.r[_W + value] = waves[k, value]
                if core.line[2] & 1:
                    put(core, rows, _WAVE, core.line[5], k, False)
                side(core)
            elif holds(core):
                if how >> 5 == 0:
                    core.r[core.line[7]] = result_of(core, True)
                elif how >> 5 == 1:
                    core.r[core.line[7]] = memory[place(core, memory.shape[0], True)]
                else:
                    core.r[core.line[7]] = result_of(core, False)
        elif kind == 5:
            if how >> 6:
                k = place(core, held.shape[0], False)
                held[k] = kept(core, waves)
                if core.line[2] & 1:
                    put(core, rows, _WAVE, core.line[5], held[k], how >> 5 & 1)
                if not how >> 5 & 1:
                    side(core)
            elif holds(core):
                found = result_of(core, False)
                memory[place(core, memory.shape[0], True)] = immediate(core) if how >> 5 & 1 else found
                if how >> 3 & 1:
                    core.r[core.line[7]] = immediate(core) if how >> 2 & 1 else found
        elif kind == 6:
            if how >> 6:
                if core.line[2] & 2:
                    k = kept(core, waves)
                    if core.line[2] & 4:
                        held[place(core, held.shape[0], False)] = k
                else:
                    k = held[place(core, held.shape[0], False)]
                put(core, rows, _WAVE, core.line[5], k, how >> 5 & 1)
            elif core.line[2] & 1:
                value = core.line[4] if core.line[8] else short_register(core, core.line[4])
                put(core, rows, _TRIGGER if core.line[5] >> 5 else _WORD, core.line[5] & 31, value, how >> 5 & 1)
            else:
                # What a data port has: the sums that the readout behind it added up last.
                k = s[_READS]
                core.r[_PORT_LOW] = low(inputs[k, 0]) if k < inputs.shape[0] else 0
                core.r[_PORT_HIGH] = low(inputs[k, 1]) if k < inputs.shape[0] else 0
                s[_READS] = k + 1
                value = s[_ROWS]
                rows[value, 0] = now(core)
                rows[value, 1] = _READ
                rows[value, 2] = core.line[5]
                rows[value, 3] = k
                s[_ROWS] = value + 1
                continue
            if not how >> 5 & 1:
                side(core)
        else:
            s[_PC] = at
            return _UNKNOWN


def run(
    const int64_t[:, ::1] code not None, int64_t[::1] memory not None, int64_t[:, ::1] waves not None,
    int64_t[::1] held not None, int64_t[::1] registers not None, int64_t[::1] state not None,
    int64_t[:, ::1] rows not None, const int64_t[:, ::1] inputs not None, int64_t per, int64_t of, int64_t most,
):
    """Execute a program until it ends, fails, or has filled what it was given.

    Parameters
    ----------
    code : (n_instructions, 9) int64
        Kind, format of the data, condition, what is done (7 bits), address, port, data (32 bits), destination, and
        whether the address is a number.
    memory : (n,) int64
        Data memory.
    waves : (n, 6) int64
        All waves that there have been; the state says how many are.
    held : (n,) int64
        For each entry of wave memory, the row of `waves` that it has.
    registers : (N_REGISTERS,) int64
        By address.
    state : (N_STATE,) int64
        Program counter, core cycles, reference time, rows, waves, instructions executed, flags, late events, open calls,
        where each of them returns to, and reads of data ports.
    rows : (n, 4) int64
        Filled: tick of the timing clock, kind (`WAVE`, `WORD`, `TRIGGER` or `READ`), port, and row of `waves`, word, or
        number of the read.
    inputs : (n_reads, 2) int64
        What each read of a data port gives, in order: low and high half; 0 behind the last one.
    per, of : int
        Ticks of the timing clock, in so many core cycles.
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
    if (code.shape[1] != 9 or waves.shape[1] != 6 or rows.shape[1] != 4 or registers.shape[0] != _N_REGISTERS
            or state.shape[0] != _N_STATE or per < 1 or of < 1 or not held.shape[0] or not memory.shape[0]):
        raise ValueError(
            f"code is {code.shape[0]} x {code.shape[1]}, waves {waves.shape[0]} x {waves.shape[1]}, rows {rows.shape[0]} x "
            f"{rows.shape[1]}, registers {registers.shape[0]}, state {state.shape[0]}, held {held.shape[0]}, memory "
            f"{memory.shape[0]}, {per} per {of}; not n x 9, n x 6, n x 4, {N_REGISTERS}, {N_STATE}, above 0"
        )
    if inputs.shape[1] != 2 or state[_READS] < 0:
        raise ValueError(f"inputs are {inputs.shape[0]} x {inputs.shape[1]}, not n x 2, or {state[_READS]} have been read")
    if state[_ROWS] < 0 or state[_WAVES] < 0 or state[_CYCLES] < 0:
        raise ValueError(f"state has {state[_ROWS]} rows, {state[_WAVES]} waves, {state[_CYCLES]} cycles; not 0 or more")
    if not 0 <= state[_DEPTH] <= _STACK:
        raise ValueError(f"state has {state[_DEPTH]} open calls; not 0 to {_STACK}")
    for k in range(held.shape[0]):
        if not 0 <= held[k] < max(state[_WAVES], 1) or held[k] >= waves.shape[0]:
            raise ValueError(f"entry {k} of wave memory has wave {held[k]} of {state[_WAVES]}")
    for k in range(code.shape[0]):
        if not (0 <= code[k, 7] < _N_REGISTERS and 0 <= code[k, 4] < 2048 and 0 <= code[k, 5] < 64):
            raise ValueError(
                f"instruction {k} has destination {code[k, 7]}, address {code[k, 4]}, port {code[k, 5]}; not below "
                f"{N_REGISTERS}, 2048, 64"
            )
    core.s = &state[0]
    core.r = &registers[0]
    core.per = per
    core.of = of
    core.fault = False
    core.line = NULL
    with nogil:
        why = _run(&core, code, memory, waves, held, rows, inputs, most)
    return why
