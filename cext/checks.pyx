"""Checks every instruction of a program against its tables, in one pass without recursion."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc

from qctl.cext.records cimport FLAG_EXPR, FLAG_IMM, FLAG_TICKS, FLAG_WIDE, instruction_t

cdef extern from "narrow.h" nogil:
    ctypedef struct qctl_narrow_t:
        pass
    void qctl_narrow_close(qctl_narrow_t *to, uint32_t op)
    void qctl_narrow_open(qctl_narrow_t *to, uint32_t op, uint32_t flags, uint32_t n_qubits, uint32_t b_first, uint32_t b_span,
                          uint32_t c_first, uint32_t c_span, bint two)
    int64_t qctl_narrow_run(const qctl_narrow_t *narrow, uint32_t n_ops, const void *rows, int64_t n)

cdef uint32_t NONE = 0xFFFFFFFFu
cdef uint32_t EXPRESSION = 0x80000000u
cdef uint32_t PORT = 0x40000000u

cdef enum:  # forms, as in qctl/program/opcodes.py
    PLAIN, BLOCK, GATE, BARRIER, MEASURE, QUBIT, DELAY, ASSIGN, SET_BIT, PLAY, CAPTURE, PORT_VALUE, TTL, PORT_WIDE
    QUBITS_WIDE, RAW, TICKS, JUMP

cdef enum:  # what is wrong, as in FAULTS below
    FINE, BAD_OP, BAD_FLAGS, BAD_SYMBOL, BAD_VALUE, BAD_INDEX, BAD_LIST, TWICE, BAD_SHAPE, UNUSED, BAD_BLOCK, BAD_ELSE
    BAD_CALL, TOO_DEEP, NOT_IN_LOOP, OPEN, LEFT_OVER

cdef enum:  # block kinds, as in qctl/program/tables.py
    IF_BLOCK = 2
    ELSE_BLOCK = 3
    CALL_BLOCK = 6
    CAL_BLOCK = 7
    BOX_BLOCK = 8

cdef enum:
    DEEPEST = 64

FAULTS = (
    "", "has an unknown opcode", "has flags that its opcode does not take", "names a symbol that isn't there",
    "names a value that isn't there", "names a table row that isn't there", "has its operands not next in the operand list",
    "names a symbol twice", "has the wrong number of symbols or values", "has an operand that must be empty",
    "does not fit the block table", "is an else that follows no if", "calls no finished subroutine",
    "is nested over 64 deep", "is outside of any loop", "leaves blocks open at its end", "leaves operand words unused",
)

cdef struct limits_t:
    int64_t n_qubits, n_bits, n_ports, n_expressions, n_constants, n_words, n_blocks, n_waveforms, n_captures
    int64_t n_registers, n_rows, n_ops


cdef inline bint known_value(uint32_t word, const limits_t *limits) noexcept nogil:
    if word & EXPRESSION:
        return (word & ~EXPRESSION) < limits.n_expressions
    return word < limits.n_constants


cdef inline bint known_symbol(uint32_t word, const limits_t *limits) noexcept nogil:
    if word & PORT:
        return (word & ~PORT) < limits.n_ports
    return word < limits.n_qubits


cdef int check_wide(const instruction_t *row, const uint32_t *words, int64_t *used, int64_t *marks, int64_t stamp,
                    int form, const limits_t *limits) noexcept nogil:
    """Check the operand list of a row; `marks` has one place for each qubit, then one for each port."""
    cdef int64_t k, place
    cdef uint32_t word
    if row.a != used[0] or <int64_t> row.b + <int64_t> row.c > limits.n_words - used[0]:
        return BAD_LIST
    for k in range(row.b):
        word = words[used[0] + k]
        if form == PORT_WIDE:
            word |= PORT
        elif form != BARRIER and word & PORT:
            return BAD_SYMBOL
        if not known_symbol(word, limits):
            return BAD_SYMBOL
        place = limits.n_qubits + (word & ~PORT) if word & PORT else word
        if marks[place] == stamp:
            return TWICE
        marks[place] = stamp
    used[0] += row.b
    for k in range(row.c):
        if not known_value(words[used[0] + k], limits):
            return BAD_VALUE
    used[0] += row.c
    return FINE


cdef inline bint bad_shape(const instruction_t *row, int form, int n_params) noexcept nogil:
    """Say whether a row that is always WIDE has other numbers of symbols and values than its opcode takes."""
    cdef int64_t wanted = n_params
    if form == PORT_WIDE and row.b != 1:
        return True
    if n_params < 0:
        wanted = 1 + 2 * <int64_t> row.b
    return row.c != wanted


cdef int check_value(const instruction_t *row, const limits_t *limits, bint ticks) noexcept nogil:
    if row.flags == FLAG_IMM or (ticks and row.flags == FLAG_TICKS):
        return FINE
    if row.flags != FLAG_EXPR:
        return BAD_FLAGS
    if row.b >= limits.n_expressions:
        return BAD_VALUE
    return FINE if row.c == NONE else UNUSED


cdef int check_gate(const instruction_t *row, int n_qubits, int n_params, const uint32_t *words, int64_t *used,
                    int64_t *marks, int64_t stamp, const limits_t *limits) noexcept nogil:
    cdef int n_controls = row.flags >> 8
    cdef int flags = row.flags & 0xFF
    cdef int64_t own
    cdef bint narrow = n_controls == 0 and (n_qubits == 1 or n_qubits == 2) and n_params <= 1
    if flags == FLAG_WIDE:
        if narrow:
            return BAD_FLAGS
        own = <int64_t> row.b - n_controls
        if (own < 2 if n_qubits < 0 else own != n_qubits) or row.c != <uint32_t> n_params:
            return BAD_SHAPE
        return check_wide(row, words, used, marks, stamp, GATE, limits)
    if not narrow:
        return BAD_FLAGS
    if row.a >= limits.n_qubits:
        return BAD_SYMBOL
    if n_qubits == 1:
        if n_params:
            return check_value(row, limits, False)
        if row.flags:
            return BAD_FLAGS
        return FINE if row.b == NONE and row.c == NONE else UNUSED
    if row.flags:
        return BAD_FLAGS
    if row.b >= limits.n_qubits:
        return BAD_SYMBOL
    if row.a == row.b:
        return TWICE
    if n_params:
        return FINE if known_value(row.c, limits) else BAD_VALUE
    return FINE if row.c == NONE else UNUSED


cdef int check_plain(const instruction_t *row, int form, const limits_t *limits) noexcept nogil:
    """Check a row that is no gate and has no operand list."""
    if form == DELAY or form == PORT_VALUE:
        if form == DELAY and not known_symbol(row.a, limits):
            return BAD_SYMBOL
        if form == PORT_VALUE and row.a >= limits.n_ports:
            return BAD_SYMBOL
        return check_value(row, limits, form == DELAY)
    if form == ASSIGN or form == SET_BIT:
        if row.a >= (limits.n_registers if form == ASSIGN else limits.n_bits):
            return BAD_SYMBOL
        return check_value(row, limits, False) if row.flags == FLAG_EXPR else BAD_FLAGS
    if form == TICKS:
        if row.flags != FLAG_TICKS:
            return BAD_FLAGS
        return FINE if row.a == NONE else UNUSED
    if row.flags:
        return BAD_FLAGS
    if form == RAW:
        return FINE
    if form == PLAY:
        if row.a >= limits.n_ports:
            return BAD_SYMBOL
        if row.b >= limits.n_waveforms:
            return BAD_INDEX
        return FINE if row.c == NONE or known_value(row.c, limits) else BAD_VALUE
    if row.c != NONE:
        return UNUSED
    if form == CAPTURE:
        if row.a >= limits.n_ports:
            return BAD_SYMBOL
        return FINE if row.b < limits.n_captures else BAD_INDEX
    if form == MEASURE:
        return FINE if row.a < limits.n_qubits and row.b < limits.n_bits else BAD_SYMBOL
    if form == TTL:
        if row.a >= limits.n_ports:
            return BAD_SYMBOL
        return FINE if row.b <= 1 else BAD_VALUE
    if row.b != NONE:
        return UNUSED
    if form == QUBIT:
        return FINE if row.a < limits.n_qubits else BAD_SYMBOL
    if form == JUMP:
        return FINE if row.a < limits.n_rows else BAD_INDEX
    return FINE if row.a == NONE else UNUSED


cdef int check_block(int64_t i, int op, uint32_t index, const int32_t[:, ::1] blocks, int32_t *stack, int *depth,
                     int64_t *started, int64_t *last_if, const limits_t *limits) noexcept nogil:
    """Check a begin (1), end (2) or call (3); `blocks` has kind, first, end in each row."""
    if index >= limits.n_blocks:
        return BAD_INDEX
    if op == 3:
        return FINE if blocks[index, 0] == CALL_BLOCK and 0 <= blocks[index, 2] < i else BAD_CALL
    if op == 1:
        if index != started[0] or blocks[index, 1] != i:
            return BAD_BLOCK
        if blocks[index, 0] == ELSE_BLOCK and last_if[0] != i - 1:
            return BAD_ELSE
        if depth[0] >= DEEPEST:
            return TOO_DEEP
        started[0] += 1
        stack[depth[0]] = <int32_t> index
        depth[0] += 1
        return FINE
    if depth[0] == 0 or stack[depth[0] - 1] != <int32_t> index or blocks[index, 2] != i:
        return BAD_BLOCK
    depth[0] -= 1
    if blocks[index, 0] == IF_BLOCK:
        last_if[0] = i
    return FINE


cdef int inside_loop(const int32_t[:, ::1] blocks, const int32_t *stack, int depth) noexcept nogil:
    cdef int kind
    while depth:
        depth -= 1
        kind = blocks[stack[depth], 0]
        if kind == CALL_BLOCK or kind == CAL_BLOCK:
            return NOT_IN_LOOP
        if kind != IF_BLOCK and kind != ELSE_BLOCK and kind != BOX_BLOCK:
            return FINE
    return NOT_IN_LOOP


cdef void describe_narrow(const int16_t[:, ::1] ops, const limits_t *limits, qctl_narrow_t *narrow) noexcept nogil:
    """Fill a row for each opcode."""
    cdef int64_t k
    cdef uint32_t op, n = <uint32_t> limits.n_qubits, last_qubit = n - 1 if n else 0, last
    cdef int form, n_qubits, n_params
    qctl_narrow_close(narrow + limits.n_ops, NONE)  # for opcodes that aren't there: a row of opcode 0, which is
    for k in range(limits.n_ops):
        op = <uint32_t> k
        qctl_narrow_close(narrow + k, op)
        form = ops[k, 0]
        n_qubits = ops[k, 1]
        n_params = ops[k, 2]
        if n == 0:
            continue
        if form == GATE and n_qubits == 1 and n_params == 0 or form == QUBIT:
            qctl_narrow_open(narrow + k, op, 0, n, NONE, 0, NONE, 0, False)
        elif form == GATE and n_qubits == 1 and n_params == 1:
            qctl_narrow_open(narrow + k, op, FLAG_IMM, n, 0, NONE, 0, NONE, False)
        elif form == GATE and n_qubits == 2 and n_params == 0:
            qctl_narrow_open(narrow + k, op, 0, n, 0, last_qubit, NONE, 0, True)
        elif form == GATE and n_qubits == 2 and n_params == 1 and 0 < limits.n_constants <= EXPRESSION:
            last = <uint32_t> (limits.n_constants - 1)
            qctl_narrow_open(narrow + k, op, 0, n, 0, last_qubit, 0, last, True)
        elif form == MEASURE and limits.n_bits:
            last = <uint32_t> (limits.n_bits - 1)
            qctl_narrow_open(narrow + k, op, 0, n, 0, last, NONE, 0, False)


cdef int64_t check_all(const instruction_t *rows, const uint32_t *words, const int32_t[:, ::1] blocks,
                       const int16_t[:, ::1] ops, const qctl_narrow_t *narrow, int64_t *marks, const limits_t *limits,
                       int *fault) noexcept nogil:
    cdef int64_t i, used = 0, started = 0, last_if = -2
    cdef int32_t[DEEPEST] stack
    cdef int depth = 0, form
    i = 0
    while True:
        i += qctl_narrow_run(narrow, <uint32_t> limits.n_ops, rows + i, limits.n_rows - i)
        if i == limits.n_rows:
            break
        form = ops[rows[i].op, 0] if rows[i].op < limits.n_ops else -1
        if form < 0:
            fault[0] = BAD_OP
        elif form == GATE:
            fault[0] = check_gate(rows + i, ops[rows[i].op, 1], ops[rows[i].op, 2], words, &used, marks, i + 1, limits)
        elif form == BARRIER or form == PORT_WIDE or form == QUBITS_WIDE:
            if rows[i].flags != FLAG_WIDE:
                fault[0] = BAD_FLAGS
            elif bad_shape(rows + i, form, ops[rows[i].op, 2]):
                fault[0] = BAD_SHAPE
            else:
                fault[0] = check_wide(rows + i, words, &used, marks, i + 1, form, limits)
        elif form == BLOCK:
            if rows[i].flags:
                fault[0] = BAD_FLAGS
            elif rows[i].b != NONE or rows[i].c != NONE:
                fault[0] = UNUSED
            else:
                fault[0] = check_block(i, rows[i].op, rows[i].a, blocks, stack, &depth, &started, &last_if, limits)
        else:
            fault[0] = check_plain(rows + i, form, limits)
            if fault[0] == FINE and (rows[i].op == 4 or rows[i].op == 5):
                fault[0] = inside_loop(blocks, stack, depth)
        if fault[0] != FINE:
            return i
        i += 1
    if depth or started != limits.n_blocks:
        fault[0] = OPEN
    elif used != limits.n_words:
        fault[0] = LEFT_OVER
    return limits.n_rows


def check(const uint8_t[::1] rows not None, const uint32_t[::1] words not None, const int32_t[:, ::1] blocks not None,
          const int16_t[:, ::1] ops not None, const int64_t[::1] counts not None, int64_t[::1] marks not None):
    """Return None, or the index of the first wrong instruction and what is wrong with it.

    Parameters
    ----------
    rows : (16 n,) uint8
        Instructions.
    words : (n_words,) uint32
    blocks : (n_blocks, 3) int32
        Kind, first, end.
    ops : (n_ops, 3) int16
        Form (-1 unknown), number of qubits and of parameters of each opcode.
    counts : (9,) int64
        Qubits, bits, ports, expressions, constants, waveforms, captures, registers, 0.
    marks : (n_qubits + n_ports,) int64
        Scratch, zero.
    """
    cdef limits_t limits
    cdef int fault = FINE
    cdef int64_t found
    cdef Py_ssize_t k
    cdef const instruction_t *first_row = NULL
    cdef const uint32_t *first_word = NULL
    cdef int64_t *first_mark = NULL
    cdef qctl_narrow_t *narrow
    if rows.shape[0] % 16 or counts.shape[0] != 9 or blocks.shape[1] != 3 or ops.shape[1] != 3:
        raise ValueError(f"shapes {rows.shape[0]}, {counts.shape[0]}, {blocks.shape[1]}, {ops.shape[1]} are not 16 n, 9, 3, 3")
    if marks.shape[0] != counts[0] + counts[2]:
        raise ValueError(f"marks has {marks.shape[0]} places, expected {counts[0] + counts[2]}")
    for k in range(counts.shape[0]):
        if not 0 <= counts[k] <= NONE:
            raise ValueError(f"counts[{k}] = {counts[k]} is outside [0, {NONE}]")
    limits.n_qubits = counts[0]
    limits.n_bits = counts[1]
    limits.n_ports = counts[2]
    limits.n_expressions = counts[3]
    limits.n_constants = counts[4]
    limits.n_waveforms = counts[5]
    limits.n_captures = counts[6]
    limits.n_registers = counts[7]
    limits.n_words = words.shape[0]
    limits.n_blocks = blocks.shape[0]
    limits.n_rows = rows.shape[0] // 16
    limits.n_ops = ops.shape[0]
    if limits.n_rows:
        first_row = <const instruction_t *> &rows[0]
    if limits.n_words:
        first_word = &words[0]
    if marks.shape[0]:
        first_mark = &marks[0]
    narrow = <qctl_narrow_t *> malloc(<size_t> (limits.n_ops + 1) * sizeof(qctl_narrow_t))
    if narrow == NULL:
        raise MemoryError(f"no memory for {limits.n_ops} opcodes")
    with nogil:
        describe_narrow(ops, &limits, narrow)
        found = check_all(first_row, first_word, blocks, ops, narrow, first_mark, &limits, &fault)
        free(narrow)
    return None if fault == FINE else (found, FAULTS[fault])
