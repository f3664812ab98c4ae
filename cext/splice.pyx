"""Appends the instructions of one buffer to another: on other qubits and bits, inverted, or under more controls."""

from libc.stdint cimport int16_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

import numpy as np

from qctl.cext.opcodes cimport (
    FORM_ASSIGN, FORM_BLOCK, FORM_DELAY, FORM_GATE, FORM_JUMP, FORM_MEASURE, FORM_QUBIT, FORM_SET_BIT, OP_GPHASE, OP_P, qctl_op)
from qctl.cext.records cimport FLAG_EXPR, FLAG_IMM, FLAG_WIDE, InstructionBuffer, instruction_t

cdef uint32_t NONE = 0xFFFFFFFFu
cdef uint32_t EXPRESSION = 0x80000000u
cdef uint32_t SIGN = 0x80000000u
cdef Py_ssize_t MOST = 0x7FFFFFFF

cdef enum:  # how a gate is inverted: what becomes of its angles
    REFUSED, SAME, NEGATED, FIRST_NEGATED, SWAPPED, UNDER_ONE, HALF_TURN


cdef class Maps:
    """Where the qubits, bits, registers and expressions of one program are in another.

    Parameters
    ----------
    qubits, bits, registers : (n,) uint32
    n_expressions : int
    place : callable of (int, bool) to int
        Stores an expression of the source, or its negative, in the target, and returns its index there; asked once for
        each, when it is met first.
    block, block_step : int
        What is added to the index of a block, and how much more in each further round.
    """

    cdef const uint32_t[::1] qubits, bits, registers
    cdef uint32_t[:, ::1] expressions
    cdef object place
    cdef uint32_t block, block_step
    cdef InstructionBuffer target
    cdef int64_t n_fills

    def __init__(self, const uint32_t[::1] qubits not None, const uint32_t[::1] bits not None,
                 const uint32_t[::1] registers not None, Py_ssize_t n_expressions, place,
                 uint32_t block=0, uint32_t block_step=0):
        self.qubits = qubits
        self.bits = bits
        self.registers = registers
        self.expressions = np.full((2, n_expressions), NONE, np.uint32)
        self.place = place
        self.block = block
        self.block_step = block_step

    cdef uint32_t expression(self, uint32_t index, bint negative) except? 0xFFFFFFFF:
        cdef uint32_t found
        if index >= <size_t> self.expressions.shape[1]:
            raise ValueError(f"expression {index} is outside of {self.expressions.shape[1]}")
        found = self.expressions[negative, index]
        if found == NONE:
            found = self.place(index, negative)
            if self.target is None or self.target.n_fills != self.n_fills:
                raise ValueError("the instructions appended to were replaced meanwhile")
            if found & EXPRESSION:
                raise ValueError(f"expression {index} can't become number {found}")
            self.expressions[negative, index] = found
        return found


cdef inline uint32_t moved(const uint32_t[::1] onto, uint32_t index) except? 0xFFFFFFFF:
    """Return where an index of the source is in the target."""
    if index >= <size_t> onto.shape[0]:
        raise ValueError(f"index {index} is outside of a map of {onto.shape[0]}")
    return onto[index]


cdef int refuse_list(InstructionBuffer source, instruction_t row) except -1:
    """Refuse a row whose operand list is not in the source."""
    if row.flags & FLAG_WIDE and <uint64_t> row.a + row.b + row.c > <uint64_t> source.n_words:
        raise ValueError(f"operand words {row.a} … {<uint64_t> row.a + row.b + row.c} are outside of {source.n_words}")
    return 0


cdef InstructionBuffer begun(InstructionBuffer target, InstructionBuffer source, Maps maps):
    """Return the source as it is now, for a loop that asks `place` meanwhile, once its maps have the right lengths."""
    maps.target, maps.n_fills = target, target.n_fills
    if maps.qubits.shape[0] != source.n_qubits:
        raise ValueError(f"qubits has the shape ({maps.qubits.shape[0]},), expected ({source.n_qubits},)")
    return source.view()


cdef uint32_t moved_value(InstructionBuffer target, InstructionBuffer source, Maps maps, uint32_t word, bint negative) except? 0xFFFFFFFF:
    """Return the value word that stands in the target for a value, or its negative."""
    cdef double number
    if word & EXPRESSION:
        word &= ~EXPRESSION
        return EXPRESSION | maps.expression(word, negative)
    if word >= <size_t> source.n_numbers:
        raise ValueError(f"constant {word} is outside of {source.n_numbers}")
    number = source.numbers[word]
    return target.push_number(-number if negative else number)


def append_mapped(InstructionBuffer target not None, InstructionBuffer source not None, Maps maps not None,
                  Py_ssize_t n_times=1):
    """Append all instructions of a source, `n_times`, with its symbols and values as in the maps.

    Parameters
    ----------
    target, source : InstructionBuffer
        Two buffers, or one twice.
    maps : Maps
    n_times : int

    Raises
    ------
    ValueError
        If the maps don't fit the source, or it has pulses.
    MemoryError
        If there is no memory for so many.
    """
    cdef Py_ssize_t n_rows = source.n_rows, n_words = source.n_words, n_numbers = source.n_numbers, i, k, round_
    cdef instruction_t row
    cdef int form
    cdef uint32_t start, word, offset
    source = begun(target, source, maps)
    if n_times < 0 or n_times > MOST // max(n_rows, n_words, n_numbers, 1):
        raise ValueError(f"{n_rows} instructions {n_times} times are over {MOST}")
    target.make_room(n_rows * n_times, n_words * n_times, n_numbers * n_times)
    for round_ in range(n_times):
        offset = <uint32_t> target.n_numbers
        for k in range(n_numbers):
            target.push_number(source.numbers[k])
        for i in range(n_rows):
            row = source.rows[i]
            refuse_list(source, row)
            form = qctl_op(row.op).form if qctl_op(row.op).known else FORM_JUMP
            if form > FORM_SET_BIT:
                raise ValueError(f"instruction {i} has opcode 0x{row.op:03x}, which is of no circuit")
            if row.flags & FLAG_WIDE:
                start = <uint32_t> target.n_words
                for k in range(row.b):
                    word = source.words[row.a + k]
                    target.push_word(moved(maps.qubits, word))
                for k in range(row.b, row.b + row.c):
                    word = source.words[row.a + k]
                    target.push_word(EXPRESSION | maps.expression(word & ~EXPRESSION, False) if word & EXPRESSION else word + offset)
                row.a = start
            elif form == FORM_GATE:
                row.a = moved(maps.qubits, row.a)
                if row.flags & FLAG_EXPR:
                    row.b = maps.expression(row.b, False)
                elif not row.flags and row.b != NONE:
                    row.b = moved(maps.qubits, row.b)
                    if row.c != NONE:
                        row.c = EXPRESSION | maps.expression(row.c & ~EXPRESSION, False) if row.c & EXPRESSION else row.c + offset
            elif form == FORM_MEASURE:
                row.a = moved(maps.qubits, row.a)
                row.b = moved(maps.bits, row.b)
            elif form == FORM_QUBIT:
                row.a = moved(maps.qubits, row.a)
            elif form == FORM_BLOCK:
                row.a += maps.block + maps.block_step * <uint32_t> round_
            elif form == FORM_DELAY or form == FORM_SET_BIT or form == FORM_ASSIGN:
                if form == FORM_DELAY:
                    row.a = moved(maps.qubits, row.a)
                else:
                    row.a = moved(maps.bits, row.a) if form == FORM_SET_BIT else moved(maps.registers, row.a)
                if row.flags & FLAG_EXPR:
                    row.b = maps.expression(row.b, False)
            target.push(row.op, row.flags, row.a, row.b, row.c)


def append_inverse(InstructionBuffer target not None, InstructionBuffer source not None, Maps maps not None,
                   const int16_t[:, ::1] inverses not None):
    """Append the inverse of a source of gates, barriers and delays.

    Parameters
    ----------
    target, source : InstructionBuffer
        Two buffers.
    maps : Maps
    inverses : (n_ops, 2) int16
        Of each opcode its inverse's, and what becomes of its angles: 0 it has none, 1 they stay, 2 negated, 3 the
        first negated, 4 (theta, phi, lam, …) to (-theta, -lam, -phi, -…), 5 one generic control more and none fewer
        of its qubits, 6 as 4 for (phi, lam) and theta = -pi/2 in front.

    Returns
    -------
    int
        The instruction that has no inverse, or -1; then nothing was appended.

    Raises
    ------
    ValueError
        If the maps or tables don't fit the source.
    """
    cdef Py_ssize_t i, k
    cdef instruction_t row
    cdef int rule
    cdef uint16_t op, flags
    cdef uint32_t start, value
    source = begun(target, source, maps)
    if inverses.shape[1] != 2:
        raise ValueError(f"inverses has {inverses.shape[1]} columns, not 2")
    for i in range(source.n_rows - 1, -1, -1):
        if source.rows[i].op >= inverses.shape[0] or inverses[source.rows[i].op, 1] == REFUSED:
            return i
    target.make_room(source.n_rows, source.n_words, source.n_numbers)
    for i in range(source.n_rows - 1, -1, -1):
        row = source.rows[i]
        refuse_list(source, row)
        op = <uint16_t> inverses[row.op, 0]
        rule = inverses[row.op, 1]
        flags = row.flags
        if rule == UNDER_ONE and not flags & FLAG_WIDE:
            start = <uint32_t> target.n_words
            target.push_word(moved(maps.qubits, row.a))
            target.push_word(moved(maps.qubits, row.b))
            target.push(op, FLAG_WIDE | (1 << 8), start, 2, 0)
        elif flags & FLAG_WIDE:
            start = <uint32_t> target.n_words
            for k in range(row.b):
                value = source.words[row.a + k]
                target.push_word(moved(maps.qubits, value))
            push_inverse_values(target, source, maps, source.words + row.a + row.b, row.c, rule)
            if rule == UNDER_ONE:
                flags += 1 << 8
            target.push(op, flags, start, row.b, row.c + 1 if rule == HALF_TURN else row.c)
        else:
            row.a = moved(maps.qubits, row.a)
            if flags & FLAG_IMM:
                if rule == NEGATED:
                    row.c ^= SIGN
            elif flags & FLAG_EXPR:
                row.b = maps.expression(row.b, rule == NEGATED)
            elif not flags and row.b != NONE:
                row.b = moved(maps.qubits, row.b)
                if row.c != NONE:
                    row.c = moved_value(target, source, maps, row.c, rule == NEGATED)
            target.push(op, flags, row.a, row.b, row.c)
    return -1


cdef int push_inverse_values(InstructionBuffer target, InstructionBuffer source, Maps maps, const uint32_t *values,
                             uint32_t n, int rule) except -1:
    """Append the value words of an inverse gate."""
    cdef uint32_t k, at
    if rule == HALF_TURN:
        target.push_word(target.push_number(-1.5707963267948966))
        target.push_word(moved_value(target, source, maps, values[1], True))
        target.push_word(moved_value(target, source, maps, values[0], True))
        return 0
    for k in range(n):
        at = k
        if rule == SWAPPED and (k == 1 or k == 2):
            at = 3 - k
        target.push_word(moved_value(
            target, source, maps, values[at], rule == NEGATED or rule == SWAPPED or (rule == FIRST_NEGATED and k == 0)))
    return 0


def append_controlled(InstructionBuffer target not None, InstructionBuffer source not None, Maps maps not None,
                      int n_controls, const int16_t[:, ::1] bases not None, const int16_t[:, ::1] named not None):
    """Append a source of gates, barriers and delays with the target's first `n_controls` qubits as controls of each gate.

    Parameters
    ----------
    target, source : InstructionBuffer
        Two buffers.
    maps : Maps
    n_controls : int
    bases : (n_ops, 3) int16
        Of each opcode the gate that it controls (itself if none), how many controls it has in its name, and 1 if it
        is a gate, 2 if it stays as it is, 0 if it can't be controlled.
    named : (n_ops, 3) int16
        Opcode with one and with two controls in its name, or 0; by the gate without. The first column is the gate itself.

    Returns
    -------
    int
        The instruction that can't be controlled, or -1.

    Raises
    ------
    ValueError
        If the maps or tables don't fit the source.
    """
    cdef Py_ssize_t i, k
    cdef instruction_t row
    cdef int own, total, kind
    cdef uint16_t op
    cdef uint32_t start, n_symbols, n_values, value
    cdef uint32_t[2] symbols
    source = begun(target, source, maps)
    if bases.shape[1] != 3 or named.shape[1] != 3 or named.shape[0] != bases.shape[0]:
        raise ValueError(f"bases and named have {bases.shape[1]}, {named.shape[1]} columns and {bases.shape[0]}, {named.shape[0]} rows")
    for i in range(source.n_rows):
        row = source.rows[i]
        kind = bases[row.op, 2] if row.op < bases.shape[0] else 0
        if kind == 0 or (row.flags >> 8) + n_controls > 255 - 2:
            return i
    for i in range(source.n_rows):
        row = source.rows[i]
        refuse_list(source, row)
        if bases[row.op, 2] == 2:
            push_as_is(target, source, maps, row)
            continue
        op = <uint16_t> bases[row.op, 0]
        own = bases[row.op, 1] + (row.flags >> 8)
        total = n_controls + own
        narrow_symbols(source, row, symbols)
        n_symbols = row.b if row.flags & FLAG_WIDE else (1 if symbols[1] == NONE else 2)
        if op == OP_GPHASE and total:
            op = OP_P
            total -= 1
        start = <uint32_t> target.n_words
        for k in range(n_controls):
            target.push_word(<uint32_t> k)
        for k in range(n_symbols):
            value = source.words[row.a + k] if row.flags & FLAG_WIDE else symbols[k]
            target.push_word(moved(maps.qubits, value))
        n_values = 0
        if row.flags & FLAG_WIDE:
            n_values = row.c
            for k in range(n_values):
                target.push_word(moved_value(target, source, maps, source.words[row.a + row.b + k], False))
        elif row.flags & FLAG_IMM:
            n_values = 1
            target.push_word(target.push_number(immediate(row)))
        elif row.flags & FLAG_EXPR:
            n_values = 1
            target.push_word(EXPRESSION | maps.expression(row.b, False))
        elif symbols[1] != NONE and row.c != NONE:
            n_values = 1
            target.push_word(moved_value(target, source, maps, row.c, False))
        settle(target, op, total, start, n_controls + n_symbols, n_values, named)
    return -1


cdef double immediate(instruction_t row) noexcept:
    cdef double value
    memcpy(&value, &row.b, 8)
    return value


cdef void narrow_symbols(InstructionBuffer source, instruction_t row, uint32_t *symbols) noexcept:
    """Fill in the qubits of a row without an operand list."""
    symbols[0] = row.a
    symbols[1] = NONE if row.flags else row.b


cdef int push_as_is(InstructionBuffer target, InstructionBuffer source, Maps maps, instruction_t row) except -1:
    """Append a barrier, delay or identity."""
    cdef uint32_t start = <uint32_t> target.n_words
    cdef Py_ssize_t k
    if row.flags & FLAG_WIDE:
        for k in range(row.b):
            target.push_word(moved(maps.qubits, source.words[row.a + k]))
        row.a = start
    else:
        row.a = moved(maps.qubits, row.a)
        if row.flags & FLAG_EXPR:
            row.b = maps.expression(row.b, False)
    return target.push(row.op, row.flags, row.a, row.b, row.c)


cdef int settle(InstructionBuffer target, uint16_t op, int n_controls, uint32_t start, uint32_t n_symbols, uint32_t n_values,
                const int16_t[:, ::1] named) except -1:
    """Append the row of a gate whose operands are at the end of the operand list, in the one form that it has."""
    cdef uint16_t whole = <uint16_t> named[op, n_controls] if n_controls <= 2 else 0
    cdef uint32_t[3] words
    cdef uint32_t k
    if whole:
        op = whole
        n_controls = 0
    if n_controls or n_symbols == 0 or n_symbols > 2 or n_values > 1:
        return target.push(op, FLAG_WIDE | (n_controls << 8), start, n_symbols, n_values)
    words[0] = words[1] = words[2] = NONE
    for k in range(n_symbols):
        words[k] = target.words[start + k]
    if n_values:
        words[2] = target.words[start + n_symbols]
    target.n_words = start
    if n_symbols == 2:
        return target.push(op, 0, words[0], words[1], words[2])
    if not n_values:
        return target.push(op, 0, words[0], NONE, NONE)
    if words[2] & EXPRESSION:
        return target.push(op, FLAG_EXPR, words[0], words[2] & ~EXPRESSION, NONE)
    target.n_numbers -= 1
    return target.push_double(op, words[0], target.numbers[words[2]])
