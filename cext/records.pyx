"""Growable instruction, operand and constant buffers; appending an instruction is one C call."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongLong, PyLong_CheckExact
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from qctl.cext.opcodes cimport FORM_GATE, qctl_op, qctl_op_t
from qctl.cext.row_checks cimport qctl_check_row, qctl_fault_words, qctl_limits_t
from qctl.cext.storage cimport QCTL_SHARES, Storage, count_of, extended, open_end, refuse_over, seen, stored

import numpy as np

cdef uint32_t NONE = 0xFFFFFFFFu
cdef uint32_t EXPRESSION = 0x80000000u
cdef int64_t MOST = 0x7FFFFFFF


cdef class InstructionBuffer:
    """Hold instructions of 16 bytes, their operand words and float64 constants.

    Subclasses override `refuse_qubit` and `resolve`, which are called off the fast path only. What writes a row from
    Python refuses one whose form is wrong, or that names a qubit, constant or operand word that isn't there; whether the
    rows fit the program's other tables is checked when it is read (`qctl.cext.checks`).
    """

    cdef int make_rows(self, Py_ssize_t wanted) except -1:
        """Make room for `wanted` rows in all; nobody else sees what is written there."""
        cdef bint alone = self.row_store is not None and count_of(<void *> self.row_store) == 1
        cdef Py_ssize_t room = 0
        refuse_over(wanted, "instructions")
        self.row_store = extended(self.row_store, alone, <char **> &self.rows, self.n_rows * 16, wanted * 16, &room)
        self.rows_room = room // 16
        return 0

    cdef int make_words(self, Py_ssize_t wanted) except -1:
        """Make room for `wanted` operand words in all."""
        cdef bint alone = self.word_store is not None and count_of(<void *> self.word_store) == 1
        cdef Py_ssize_t room = 0
        refuse_over(wanted, "operand words")
        self.word_store = extended(self.word_store, alone, <char **> &self.words, self.n_words * 4, wanted * 4, &room)
        self.words_room = room // 4
        return 0

    cdef int make_numbers(self, Py_ssize_t wanted) except -1:
        """Make room for `wanted` constants in all."""
        cdef bint alone = self.number_store is not None and count_of(<void *> self.number_store) == 1
        cdef Py_ssize_t room = 0
        refuse_over(wanted, "constants")
        self.number_store = extended(self.number_store, alone, <char **> &self.numbers, self.n_numbers * 8, wanted * 8, &room)
        self.numbers_room = room // 8
        return 0

    cdef int make_room(self, Py_ssize_t n_rows, Py_ssize_t n_words, Py_ssize_t n_numbers) except -1:
        """Make room for so many more rows, words and constants."""
        if self.n_rows + n_rows > self.rows_room:
            self.make_rows(self.n_rows + n_rows)
        if self.n_words + n_words > self.words_room:
            self.make_words(self.n_words + n_words)
        if self.n_numbers + n_numbers > self.numbers_room:
            self.make_numbers(self.n_numbers + n_numbers)
        return 0

    cdef int push(self, uint16_t op, uint16_t flags, uint32_t a, uint32_t b, uint32_t c) except -1:
        cdef instruction_t *row
        if self.n_rows == self.rows_room:
            self.make_rows(self.n_rows + 1)
        row = self.rows + self.n_rows
        row.op, row.flags, row.a, row.b, row.c = op, flags, a, b, c
        self.n_rows += 1
        return 0

    cdef int push_double(self, uint16_t op, uint32_t a, double value) except -1:
        cdef uint64_t bits
        memcpy(&bits, &value, 8)
        return self.push(op, FLAG_IMM, a, <uint32_t> bits, <uint32_t> (bits >> 32))

    cdef uint32_t push_number(self, double value) except? 0xFFFFFFFF:
        if self.n_numbers == self.numbers_room:
            self.make_numbers(self.n_numbers + 1)
        self.numbers[self.n_numbers] = value
        self.n_numbers += 1
        return <uint32_t> (self.n_numbers - 1)

    cdef int push_word(self, uint32_t word) except -1:
        if self.n_words == self.words_room:
            self.make_words(self.n_words + 1)
        self.words[self.n_words] = word
        self.n_words += 1
        return 0

    cdef int64_t qubit(self, uint16_t op, object value) except -1:
        """Return a qubit's index; anything but an int in range goes to `refuse_qubit`."""
        cdef int64_t index = -1
        if PyLong_CheckExact(value):
            try:
                index = PyLong_AsLongLong(value)
            except OverflowError:
                index = -1
            if 0 <= index < self.n_qubits:
                return index
        index = self.refuse_qubit(op, value)
        if not 0 <= index < self.n_qubits:
            raise ValueError(f"qubit = {value!r} is outside [0, {self.n_qubits - 1}]")
        return index

    cdef int number(self, uint16_t op, object value, double *result, uint32_t *expression) except -1:
        """Fill `result`, or return 1 and fill `expression` when the value is symbolic."""
        cdef object found
        if PyFloat_CheckExact(value):
            result[0] = PyFloat_AS_DOUBLE(value)
            if isfinite(result[0]):
                return 0
        found = self.resolve(op, value)
        if PyFloat_CheckExact(found):
            result[0] = PyFloat_AS_DOUBLE(found)
            return 0
        expression[0] = <uint32_t> <int64_t> found
        return 1

    cdef uint32_t reference(self, uint16_t op, object value) except? 0xFFFFFFFF:
        """Return the value word of a number or expression."""
        cdef double found = 0.0
        cdef uint32_t expression = 0
        if self.number(op, value, &found, &expression):
            return EXPRESSION | expression
        return self.push_number(found)

    cdef int one(self, uint16_t op, object q) except -1:
        return self.push(op, 0, <uint32_t> self.qubit(op, q), NONE, NONE)

    cdef int one_angle(self, uint16_t op, object theta, object q) except -1:
        cdef uint32_t index = <uint32_t> self.qubit(op, q)
        cdef double found = 0.0
        cdef uint32_t expression = 0
        if self.number(op, theta, &found, &expression):
            return self.push(op, FLAG_EXPR, index, expression, NONE)
        return self.push_double(op, index, found)

    cdef int two(self, uint16_t op, object a, object b) except -1:
        cdef int64_t first = self.qubit(op, a), second = self.qubit(op, b)
        if first == second:
            self.refuse_twice(op, first)
        return self.push(op, 0, <uint32_t> first, <uint32_t> second, NONE)

    cdef int two_angle(self, uint16_t op, object theta, object a, object b) except -1:
        cdef int64_t first = self.qubit(op, a), second = self.qubit(op, b)
        if first == second:
            self.refuse_twice(op, first)
        return self.push(op, 0, <uint32_t> first, <uint32_t> second, self.reference(op, theta))

    cdef int three_angles(self, uint16_t op, object theta, object phi, object lam, object q) except -1:
        """Append a gate on one qubit with three angles."""
        cdef uint32_t index
        cdef double x, y, z
        cdef Py_ssize_t k, n
        if PyFloat_CheckExact(theta) and PyFloat_CheckExact(phi) and PyFloat_CheckExact(lam):
            index = <uint32_t> self.qubit(op, q)
            x, y, z = PyFloat_AS_DOUBLE(theta), PyFloat_AS_DOUBLE(phi), PyFloat_AS_DOUBLE(lam)
            if isfinite(x) and isfinite(y) and isfinite(z):
                self.make_room(1, 4, 3)
                k, n = self.n_words, self.n_numbers
                self.words[k] = index
                self.numbers[n], self.numbers[n + 1], self.numbers[n + 2] = x, y, z
                self.words[k + 1], self.words[k + 2], self.words[k + 3] = <uint32_t> n, <uint32_t> n + 1, <uint32_t> n + 2
                self.n_words, self.n_numbers = k + 4, n + 3
                return self.push(op, FLAG_WIDE, <uint32_t> k, 1, 3)
        return self.wide(op, 0, (q,), (theta, phi, lam))

    cdef int refuse_controls(self, uint16_t op, Py_ssize_t n_controls) except -1:
        if n_controls > 255:
            self.refuse_count(op, n_controls)
            raise ValueError(f"{n_controls} controls are over 255")
        return 0

    cdef int wide(self, uint16_t op, int n_controls, tuple qubits, tuple values) except -1:
        cdef Py_ssize_t start = self.n_words, numbers = self.n_numbers, rows = self.n_rows
        cdef int64_t fills = self.n_fills, i, k
        cdef uint32_t word
        try:
            for i in range(len(qubits)):
                word = <uint32_t> self.qubit(op, qubits[i])
                for k in range(start, self.n_words):
                    if self.words[k] == word:
                        self.refuse_twice(op, word)
                self.push_word(word)
            for i in range(len(values)):
                self.push_word(self.reference(op, values[i]))
            self.refuse_change(rows, fills)
        except BaseException:
            self.undo(rows, start, numbers, fills)
            raise
        return self.push(op, FLAG_WIDE | (n_controls << 8), <uint32_t> start, <uint32_t> len(qubits), <uint32_t> len(values))

    cdef int undo(self, Py_ssize_t n_rows, Py_ssize_t n_words, Py_ssize_t n_numbers, int64_t n_fills) except -1:
        """Take back words and constants of a row that was not finished, unless what was asked meanwhile wrote rows itself."""
        if self.n_rows == n_rows and self.n_fills == n_fills:
            self.n_words, self.n_numbers = n_words, n_numbers
        return 0

    cdef int refuse_change(self, Py_ssize_t n_rows, int64_t n_fills) except -1:
        """Raise if what was asked for a qubit or value changed the instructions meanwhile."""
        if self.n_rows != n_rows or self.n_fills != n_fills:
            raise ValueError("the instructions were changed while one was appended; it was not")
        return 0

    cdef void know(self, qctl_limits_t *limits) noexcept:
        """Fill in what a row may name as far as it is known here; the rest is checked with the whole program."""
        limits.n_bits = limits.n_expressions = limits.n_blocks = limits.n_waveforms = limits.n_captures = NONE
        limits.n_registers = limits.n_rows = NONE
        limits.n_ports = 0x3FFFFFFF
        limits.n_qubits, limits.n_constants, limits.n_words = self.n_qubits, self.n_numbers, self.n_words

    cdef int refuse_flaw(self, instruction_t *row, int64_t start) except -1:
        """Raise if a row, with its operands from word `start` on, is wrong as far as can be said before the program is whole."""
        cdef qctl_limits_t limits
        cdef int64_t used = start
        cdef int fault
        self.know(&limits)
        fault = qctl_check_row(row, self.words, &used, NULL, 0, &limits)
        if fault:
            self.refuse_row(row.op, qctl_fault_words[fault].decode())
            raise ValueError(f"an instruction {qctl_fault_words[fault].decode()}")
        return 0

    cdef int push_checked(self, uint16_t op, uint16_t flags, uint32_t a, uint32_t b, uint32_t c) except -1:
        cdef instruction_t row
        row.op, row.flags, row.a, row.b, row.c = op, flags, a, b, c
        self.refuse_flaw(&row, self.n_words)
        return self.push(op, flags, a, b, c)

    def refuse_qubit(self, op, value):
        """Return the index of a qubit that is not a plain int in range, or raise; subclasses override it."""
        raise ValueError(f"qubit = {value!r} is outside [0, {self.n_qubits - 1}]")

    def refuse_twice(self, op, index):
        """Raise because an instruction names a qubit twice; subclasses override it."""
        raise ValueError(f"qubit {index} is named twice")

    def refuse_count(self, op, n_qubits):
        """Raise because an instruction has too few qubits; subclasses override it."""
        raise ValueError(f"{n_qubits} qubits are too few")

    def refuse_row(self, op, what):
        """Raise because a row is wrong: `what` says how; subclasses override it."""
        raise ValueError(f"an instruction of opcode 0x{op:03x} {what}")

    def resolve(self, op, value):
        """Return a float, or the index of an expression as int; subclasses override it."""
        found = float(value)
        if not isfinite(found):
            raise ValueError(f"value = {value!r} is not a finite number")
        return found

    def set_n_qubits(self, int64_t n_qubits):
        """Set how many qubits instructions may name."""
        if not self.n_qubits <= n_qubits <= MOST:
            raise ValueError(f"n_qubits = {n_qubits} is outside [{self.n_qubits}, {MOST}]")
        self.n_qubits = n_qubits

    def emit(self, uint16_t op, uint16_t flags=0, uint32_t a=0xFFFFFFFF, uint32_t b=0xFFFFFFFF, uint32_t c=0xFFFFFFFF):
        """Append one row that has no operand list."""
        if flags & FLAG_WIDE:
            self.refuse_row(op, "has an operand list, which emit does not take")
            return
        self.push_checked(op, flags, a, b, c)

    def emit_value(self, uint16_t op, uint32_t a, value):
        """Append a row with symbol word `a` and one value: immediate, or expression."""
        cdef double found = 0.0
        cdef uint32_t expression = 0
        cdef uint64_t bits
        if self.number(op, value, &found, &expression):
            self.push_checked(op, FLAG_EXPR, a, expression, NONE)
        else:
            memcpy(&bits, &found, 8)
            self.push_checked(op, FLAG_IMM, a, <uint32_t> bits, <uint32_t> (bits >> 32))

    def emit_ticks(self, uint16_t op, uint32_t a, int64_t ticks):
        """Append a row with symbol word `a` and int64 ticks."""
        self.push_checked(op, FLAG_TICKS, a, <uint32_t> (<uint64_t> ticks), <uint32_t> ((<uint64_t> ticks) >> 32))

    def emit_wide(self, uint16_t op, symbols, values=(), uint16_t flags=0):
        """Append a row whose symbol words and values are in the operand list."""
        self.emit_list(op, flags, [*symbols], [*values], False)

    def emit_words(self, uint16_t op, uint16_t flags, symbols, values):
        """Append a WIDE row from ready symbol and value words."""
        self.emit_list(op, flags, [*symbols], [*values], True)

    cdef int emit_list(self, uint16_t op, uint16_t flags, list symbols, list values, bint ready) except -1:
        """Append a WIDE row; `ready` says that the values are words."""
        cdef Py_ssize_t start = self.n_words, numbers = self.n_numbers, rows = self.n_rows
        cdef int64_t fills = self.n_fills, k
        cdef instruction_t row
        try:
            for k in range(len(symbols)):
                self.push_word(symbols[k])
            for k in range(len(values)):
                self.push_word(values[k] if ready else self.reference(op, values[k]))
            self.refuse_change(rows, fills)
            row.op, row.flags, row.a, row.b, row.c = op, FLAG_WIDE | flags, <uint32_t> start, len(symbols), len(values)
            self.refuse_flaw(&row, start)
        except BaseException:
            self.undo(rows, start, numbers, fills)
            raise
        return self.push(row.op, row.flags, row.a, row.b, row.c)

    def value_word(self, uint16_t op, value):
        """Store a value if need be, and return its word: index of a constant, or bit 31 and index of an expression."""
        return self.reference(op, value)

    def emit_gate(self, uint16_t op, tuple qubits not None, tuple params not None, int n_controls=0):
        """Append a gate in the one form that its operands ask for."""
        cdef Py_ssize_t n = len(qubits), m = len(params), own = n - n_controls
        cdef const qctl_op_t *gate = qctl_op(op)
        if not gate.known or gate.form != FORM_GATE:
            self.refuse_row(op, "is no gate")
            return
        if not 0 <= n_controls <= 255 or (own < 2 if gate.n_qubits < 0 else own != gate.n_qubits) or m != gate.n_params:
            self.refuse_row(op, f"has {n} qubits, {n_controls} of them controls, and {m} values: not its numbers")
            return
        if n_controls == 0 and n == 1 and m == 0:
            self.one(op, qubits[0])
        elif n_controls == 0 and n == 1 and m == 1:
            self.one_angle(op, params[0], qubits[0])
        elif n_controls == 0 and n == 2 and m == 0:
            self.two(op, qubits[0], qubits[1])
        elif n_controls == 0 and n == 2 and m == 1:
            self.two_angle(op, params[0], qubits[0], qubits[1])
        else:
            self.wide(op, n_controls, qubits, params)

    def __len__(self):
        return self.n_rows

    def counts(self):
        """Return the numbers of rows, operand words and constants."""
        return self.n_rows, self.n_words, self.n_numbers

    def instruction_bytes(self):
        """Return a copy of the rows: 16 bytes each."""
        return PyBytes_FromStringAndSize(<char *> self.rows, self.n_rows * <Py_ssize_t> sizeof(instruction_t))

    def operand_bytes(self):
        """Return a copy of the operand words: 4 bytes each."""
        return PyBytes_FromStringAndSize(<char *> self.words, self.n_words * 4)

    def constant_bytes(self):
        """Return a copy of the constants: 8 bytes each."""
        return PyBytes_FromStringAndSize(<char *> self.numbers, self.n_numbers * 8)

    def fill(self, rows not None, words not None, numbers not None):
        """Replace the contents by raw rows, operand words and constants; those that are of bytes objects are not copied."""
        cdef Storage row_store = stored(rows, 16), word_store = stored(words, 4), number_store = stored(numbers, 8)
        self.row_store, self.word_store, self.number_store = row_store, word_store, number_store
        self.rows, self.words = <instruction_t *> row_store.start, <uint32_t *> word_store.start
        self.numbers = <double *> number_store.start
        self.n_rows = self.rows_room = row_store.n_bytes // 16
        self.n_words = self.words_room = word_store.n_bytes // 4
        self.n_numbers = self.numbers_room = number_store.n_bytes // 8
        self.n_fills += 1

    cdef int take(self, InstructionBuffer other) except -1:
        """Have the contents of another buffer without a copy; each may go on alone."""
        self.row_store, self.word_store, self.number_store = other.row_store, other.word_store, other.number_store
        self.rows, self.words, self.numbers = other.rows, other.words, other.numbers
        if QCTL_SHARES:
            if other.rows_room > other.n_rows:
                open_end(other.row_store, <char *> (other.rows + other.n_rows))
            if other.words_room > other.n_words:
                open_end(other.word_store, <char *> (other.words + other.n_words))
            if other.numbers_room > other.n_numbers:
                open_end(other.number_store, <char *> (other.numbers + other.n_numbers))
        self.n_rows = self.rows_room = other.rows_room = other.n_rows
        self.n_words = self.words_room = other.words_room = other.n_words
        self.n_numbers = self.numbers_room = other.numbers_room = other.n_numbers
        self.n_qubits = other.n_qubits
        self.n_fills += 1
        return 0

    cdef InstructionBuffer view(self):
        """Return a buffer with what is in this one now; it stays so whatever becomes of this one."""
        cdef InstructionBuffer new = InstructionBuffer.__new__(InstructionBuffer)
        new.take(self)
        return new

    def share(self, InstructionBuffer other not None):
        """Replace the contents by those of another buffer, without a copy; each may go on alone."""
        self.take(other)

    def arrays(self, dtype):
        """Return rows of this dtype, operand words and constants as read-only arrays, without a copy."""
        return (
            seen(self.row_store, <char *> self.rows, self.n_rows, dtype),
            seen(self.word_store, <char *> self.words, self.n_words, np.uint32),
            seen(self.number_store, <char *> self.numbers, self.n_numbers, np.float64),
        )
