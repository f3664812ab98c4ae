"""Puts numbers in the place of all parameters of a circuit: one set of values, or many at once."""

from libc.math cimport (
    INFINITY, acos, asin, atan, ceil, copysign, cos, exp, fabs, floor, fmod, isfinite, log, pow, sin, sqrt, tan)
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from qctl.cext.records cimport FLAG_EXPR, FLAG_IMM, InstructionBuffer, instruction_t
from qctl.cext.storage cimport Storage, allocated

cdef enum:  # words of the postfix code, as in docs/instruction-format.md
    CONST, PARAM, SWEEP, REGISTER, BIT, NEG, ADD, SUB, MUL, DIV, POW, MOD, SIN, COS, TAN, ASIN, ACOS, ATAN, EXP, LOG
    SQRT, ABS, FLOOR, CEIL, EQ, NE, LT, LE, GT, GE, AND, OR, NOT, XOR

cdef enum:
    DEEPEST = 4096

cdef double MOST_WHOLE = 9007199254740992.0


cdef inline double two_operands(uint8_t word, double x, double y) noexcept nogil:
    cdef double rest
    if word == ADD:
        return x + y
    if word == SUB:
        return x - y
    if word == MUL:
        return x * y
    if word == DIV:
        return x / y if y != 0.0 else INFINITY
    if word == POW:
        return pow(x, y)
    if word == MOD:
        if y == 0.0:
            return INFINITY
        rest = fmod(x, y)
        if rest == 0.0:
            return copysign(0.0, y)
        return rest + y if (y < 0.0) != (rest < 0.0) else rest
    if word == EQ:
        return x == y
    if word == NE:
        return x != y
    if word == LT:
        return x < y
    if word == LE:
        return x <= y
    if word == GT:
        return x > y
    if word == GE:
        return x >= y
    if word == AND:
        return x != 0.0 and y != 0.0
    if word == OR:
        return x != 0.0 or y != 0.0
    if fabs(x) > MOST_WHOLE or fabs(y) > MOST_WHOLE:
        return INFINITY
    return <double> (<int64_t> x ^ <int64_t> y)


cdef inline double one_operand(uint8_t word, double x) noexcept nogil:
    if word == NEG:
        return -x
    if word == SIN:
        return sin(x)
    if word == COS:
        return cos(x)
    if word == TAN:
        return tan(x)
    if word == ASIN:
        return asin(x)
    if word == ACOS:
        return acos(x)
    if word == ATAN:
        return atan(x)
    if word == EXP:
        return exp(x)
    if word == LOG:
        return log(x)
    if word == SQRT:
        return sqrt(x)
    if word == ABS:
        return fabs(x)
    if word == FLOOR:
        return floor(x)
    if word == CEIL:
        return ceil(x)
    return x == 0.0


cdef double evaluate(const uint8_t *words, const double *arguments, int64_t n, const double *values,
                     double *stack) noexcept nogil:
    """Return the value of postfix code; not finite as soon as anything in it is not."""
    cdef int64_t i, depth = 0
    cdef double found
    for i in range(n):
        if words[i] == CONST:
            found = arguments[i]
        elif words[i] == PARAM:
            found = values[<int64_t> arguments[i]]
        elif is_unary(words[i]):
            depth -= 1
            found = one_operand(words[i], stack[depth])
        else:
            depth -= 2
            found = two_operands(words[i], stack[depth], stack[depth + 1])
        if not isfinite(found):
            return found
        stack[depth] = found
        depth += 1
    return stack[0]


cdef class Binding:
    """Where a circuit needs the values of its expressions.

    Parameters
    ----------
    n_params : int
    words : (n_tokens,) uint8
        Postfix code of all expressions, one behind the other; its leaves are constants and parameters.
    arguments : (n_tokens,) float64
        Of each leaf the constant, or the index of the parameter.
    starts : (n_expressions + 1,) int64
        Where each expression begins.
    rows : (n, 2) int64
        Instructions whose angle is an expression, and which one; it becomes an immediate.
    tails : (m, 2) int64
        Instructions whose field c is an expression, and which one; it becomes a new constant.
    operands : (k, 2) int64
        Operand words likewise.

    Raises
    ------
    ValueError
        If lengths don't fit each other, or an index or the postfix code is wrong.
    """

    cdef readonly Py_ssize_t n_params
    cdef const uint8_t[::1] words
    cdef const double[::1] arguments
    cdef const int64_t[::1] starts
    cdef const int64_t[:, ::1] rows, tails, operands
    cdef Py_ssize_t[3] most

    def __init__(self, Py_ssize_t n_params, const uint8_t[::1] words not None, const double[::1] arguments not None,
                 const int64_t[::1] starts not None, const int64_t[:, ::1] rows not None,
                 const int64_t[:, ::1] tails not None, const int64_t[:, ::1] operands not None):
        cdef Py_ssize_t n = starts.shape[0] - 1
        if n < 0 or words.shape[0] != arguments.shape[0] or starts[n] != words.shape[0]:
            raise ValueError(f"words, arguments, starts have the lengths {words.shape[0]}, {arguments.shape[0]}, {n + 1}")
        for i in range(n):
            if not 0 <= starts[i] <= starts[i + 1]:
                raise ValueError(f"starts go from {starts[i]} to {starts[i + 1]} at expression {i}")
        if rows.shape[1] != 2 or tails.shape[1] != 2 or operands.shape[1] != 2:
            raise ValueError(f"rows, tails, operands have {rows.shape[1]}, {tails.shape[1]}, {operands.shape[1]} columns, not 2")
        self.n_params = n_params
        self.words = words
        self.arguments = arguments
        self.starts = starts
        self.rows = rows
        self.tails = tails
        self.operands = operands
        self.most[0] = most_place(rows, n)
        self.most[1] = most_place(tails, n)
        self.most[2] = most_place(operands, n)
        for i in range(n):
            self.refuse_code(i)

    cdef int refuse_code(self, Py_ssize_t i) except -1:
        """Refuse postfix code that needs more than it has, or leaves other than one value."""
        cdef int64_t k, depth = 0
        for k in range(self.starts[i], self.starts[i + 1]):
            if self.words[k] == CONST or self.words[k] == PARAM:
                depth += 1
                if self.words[k] == PARAM and not 0 <= self.arguments[k] < self.n_params:
                    raise ValueError(f"expression {i} has parameter {self.arguments[k]} of {self.n_params}")
            elif is_unary(self.words[k]):
                depth += 0 if depth else -DEEPEST
            else:
                depth += -1 if depth > 1 else -DEEPEST
            if not 0 < depth <= DEEPEST or self.words[k] > XOR or SWEEP <= self.words[k] <= BIT:
                raise ValueError(f"expression {i} is wrong at its token {k - self.starts[i]}")
        if depth != 1:
            raise ValueError(f"expression {i} leaves {depth} values")
        return 0

    def bind_one(self, InstructionBuffer source not None, InstructionBuffer target not None,
                 const double[::1] values not None):
        """Fill `target` with the instructions of `source`, with these values of its parameters.

        Parameters
        ----------
        source, target : InstructionBuffer
            Two buffers; the source is the one that this binding was made for.
        values : (n_params,) float64

        Returns
        -------
        int
            The first expression whose value is not finite, the number of expressions if a parameter is not, or -1.
        """
        cdef int64_t wrong
        cdef Storage found = allocated(self.starts.shape[0] * 8)
        if values.shape[0] != self.n_params:
            raise ValueError(f"values has the shape ({values.shape[0]},), expected ({self.n_params},)")
        source = source.view()  # so that a thread that goes on with it meanwhile changes nothing here
        self.refuse_other(source)
        self.give_room(source, target, None, None, None, 0)
        with nogil:
            wrong = self.fill(source, &values[0] if self.n_params else NULL, <double *> found.start, target.rows,
                              target.words, target.numbers)
        return wrong

    def bind_many(self, InstructionBuffer source not None, list targets not None, const double[:, ::1] values not None):
        """Fill each of the targets with the instructions of `source`, with the values of its row.

        Parameters
        ----------
        source : InstructionBuffer
        targets : list of InstructionBuffer
        values : (n_sets, n_params) float64

        Returns
        -------
        None or (int, int)
            The first set that has no finite value somewhere, and the expression as in `bind_one`.
        """
        cdef Py_ssize_t n = values.shape[0], i
        cdef InstructionBuffer target
        cdef Storage rows, words, numbers, found = allocated(self.starts.shape[0] * 8)
        cdef int64_t wrong
        if values.shape[1] != self.n_params or len(targets) != n:
            raise ValueError(f"values has the shape ({n}, {values.shape[1]}), expected ({len(targets)}, {self.n_params})")
        source = source.view()  # as in bind_one
        self.refuse_other(source)
        rows = allocated(n * source.n_rows * 16)
        words = allocated(n * source.n_words * 4 if self.operands.shape[0] else 0)
        numbers = allocated(n * (source.n_numbers + self.n_new()) * 8)
        for i in range(n):
            if not isinstance(targets[i], InstructionBuffer):
                raise ValueError(f"target {i} is no InstructionBuffer")
            target = targets[i]
            self.give_room(source, target, rows, words, numbers, i)
            with nogil:
                wrong = self.fill(source, &values[i, 0] if self.n_params else NULL, <double *> found.start,
                                  target.rows, target.words, target.numbers)
            if wrong >= 0:
                return i, wrong
        return None

    cdef Py_ssize_t n_new(self) noexcept nogil:
        """Return how many constants binding adds."""
        return self.tails.shape[0] + self.operands.shape[0]

    cdef int refuse_other(self, InstructionBuffer source) except -1:
        """Refuse a source that has not the instructions that this was made for."""
        if self.most[0] > source.n_rows or self.most[1] > source.n_rows or self.most[2] > source.n_words:
            raise ValueError(f"places up to {self.most} are outside of {source.n_rows} rows, {source.n_words} words")
        return 0

    cdef int give_room(self, InstructionBuffer source, InstructionBuffer target, Storage rows, Storage words,
                       Storage numbers, Py_ssize_t place) except -1:
        """Let a target stand at its place of common memory, or in memory of its own."""
        cdef Py_ssize_t n_numbers = source.n_numbers + self.n_new()
        target.row_store = allocated(source.n_rows * 16) if rows is None else rows
        target.rows = <instruction_t *> (target.row_store.start + place * source.n_rows * 16)
        target.n_rows = target.rows_room = source.n_rows
        target.number_store = allocated(n_numbers * 8) if numbers is None else numbers
        target.numbers = <double *> (target.number_store.start + place * n_numbers * 8)
        target.n_numbers = target.numbers_room = n_numbers
        if self.operands.shape[0]:
            target.word_store = allocated(source.n_words * 4) if words is None else words
            target.words = <uint32_t *> (target.word_store.start + place * source.n_words * 4)
        else:
            target.word_store = source.word_store
            target.words = source.words
        target.n_words = target.words_room = source.n_words
        target.n_qubits = source.n_qubits
        target.n_fills += 1
        return 0

    cdef int64_t fill(self, InstructionBuffer source, const double *values, double *found, instruction_t *rows,
                      uint32_t *words, double *numbers) noexcept nogil:
        """Write rows, words and constants of one set; return the first expression that has no value, or -1."""
        cdef Py_ssize_t n = self.starts.shape[0] - 1, i
        cdef int64_t at, start
        cdef double[DEEPEST] stack
        cdef instruction_t *row
        cdef uint32_t k = <uint32_t> source.n_numbers
        cdef const int64_t *starts = &self.starts[0]
        cdef const uint8_t *tokens = &self.words[0] if n else NULL
        cdef const double *arguments = &self.arguments[0] if n else NULL
        cdef Py_ssize_t n_places = self.rows.shape[0]
        cdef const int64_t *places = &self.rows[0, 0] if n_places else NULL
        for i in range(self.n_params):
            if not isfinite(values[i]):
                return n
        for i in range(n):
            start = starts[i]
            if starts[i + 1] == start + 1 and tokens[start] == PARAM:
                found[i] = values[<int64_t> arguments[start]]
            else:
                found[i] = evaluate(tokens + start, arguments + start, starts[i + 1] - start, values, stack)
            if not isfinite(found[i]):
                return i
        if source.n_rows:
            memcpy(rows, source.rows, source.n_rows * sizeof(instruction_t))
        if source.n_numbers:
            memcpy(numbers, source.numbers, source.n_numbers * 8)
        for i in range(n_places):
            row = rows + places[2 * i]
            row.flags ^= FLAG_EXPR | FLAG_IMM
            memcpy(&row.b, found + places[2 * i + 1], 8)
        for i in range(self.tails.shape[0]):
            rows[self.tails[i, 0]].c = k
            numbers[k] = found[self.tails[i, 1]]
            k += 1
        if self.operands.shape[0]:
            memcpy(words, source.words, source.n_words * 4)
            for i in range(self.operands.shape[0]):
                words[self.operands[i, 0]] = k
                numbers[k] = found[self.operands[i, 1]]
                k += 1
        return -1


cdef inline bint is_unary(uint8_t word) noexcept nogil:
    return word == NEG or word == NOT or SIN <= word <= CEIL


cdef Py_ssize_t most_place(const int64_t[:, ::1] places, Py_ssize_t n_expressions) except -1:
    """Return one more than the last place of (place, expression) pairs."""
    cdef Py_ssize_t i, most = 0
    for i in range(places.shape[0]):
        if places[i, 0] < 0 or not 0 <= places[i, 1] < n_expressions:
            raise ValueError(f"place {places[i, 0]} with expression {places[i, 1]} of {n_expressions} is wrong")
        most = max(most, places[i, 0] + 1)
    return most
