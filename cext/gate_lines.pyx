"""Writes gates, measurements and barriers as lines of program text; all else is left to a language's writer."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from qctl.cext.records cimport FLAG_EXPR, FLAG_IMM, FLAG_WIDE, instruction_t

cdef extern from "number_text.h" nogil:
    enum:
        QCTL_NUMBER_BYTES
        QCTL_LEAST_TEN
        QCTL_MOST_TEN
    void qctl_set_ten(int place, uint64_t high, uint64_t low)
    char *qctl_number_text(char *to, double value, int pi)

cdef uint32_t NONE = 0xFFFFFFFFu

cdef enum:  # how an opcode is written
    NOT_HERE, GATE_LINE, MEASURE_LINE, BITS_FIRST, NO_LINE

cdef struct text_t:
    const char *at
    int64_t n

cdef struct spelling_t:
    int how, n_qubits, n_front, used
    text_t head, middle, tail

cdef struct lines_t:
    char *out
    int64_t n, room, n_lines
    const instruction_t *rows
    const uint32_t *words
    const double *numbers
    int64_t n_rows, n_words, n_numbers, n_qubits, n_bits, n_ops, longest
    const text_t *qubits
    const text_t *bits
    spelling_t *spellings
    text_t comma, prefix
    int angles_last, pi


cdef void _fill_tens():
    """Fill the table of powers of ten."""
    cdef object power, shift, q, one = 1
    for q in range(QCTL_LEAST_TEN, QCTL_MOST_TEN + 1):
        if q >= 0:
            power = 10**q
            shift = power.bit_length() - 128
            power = -(-power >> shift) if shift > 0 else power << -shift
        else:
            power = 10 ** abs(q)
            power = -(-(one << (127 + power.bit_length())) // power)
        qctl_set_ten(q - QCTL_LEAST_TEN, power >> 64, power & 0xFFFFFFFFFFFFFFFF)


_fill_tens()


def number_text(double value, bint pi=True):
    """Return a finite number's shortest text that reads back to the same bits, or None where only Python can.

    Parameters
    ----------
    value : float
    pi : bool
        Whether multiples of pi are written as such.
    """
    cdef char[QCTL_NUMBER_BYTES] field
    cdef const char *end
    if value - value != 0:
        raise ValueError(f"{value} is not a finite number")
    end = qctl_number_text(field, value, pi)
    return None if end == NULL else field[: end - field].decode()


cdef inline char *put(char *to, text_t text) noexcept nogil:
    memcpy(to, text.at, <size_t> text.n)
    return to + text.n


cdef int make_room(lines_t *to, int64_t more) noexcept nogil:
    """Make room for so many more bytes; 0 if there is no memory."""
    cdef int64_t room
    cdef void *out
    if to.room - to.n >= more:
        return 1
    room = 2 * to.room + more
    out = realloc(to.out, <size_t> room)
    if out == NULL:
        return 0
    to.out = <char *> out
    to.room = room
    return 1


cdef char *put_angles(const lines_t *to, char *at, const double *angles, int64_t n) noexcept nogil:
    """Write angles in brackets; NULL if one of them is not finite or only Python can write it."""
    cdef int64_t i
    at[0] = 40
    at += 1
    for i in range(n):
        if angles[i] - angles[i] != 0:
            return NULL
        if i:
            at = put(at, to.comma)
        at = qctl_number_text(at, angles[i], to.pi)
        if at == NULL:
            return NULL
    at[0] = 41
    return at + 1


cdef int write_line(lines_t *to, spelling_t *as_, const uint32_t *qubits, int64_t n_qubits, const double *angles,
                    int64_t n_angles) noexcept nogil:
    """Write a gate: 1, or 0 if it is not written here, or -1 if there is no memory."""
    cdef int64_t i, size = to.prefix.n + as_.head.n + as_.middle.n + as_.tail.n + 8
    cdef char *at
    if n_qubits == 0 and as_.n_qubits:
        return 0
    size += n_qubits * (to.longest + to.comma.n) + n_angles * (QCTL_NUMBER_BYTES + to.comma.n)
    if not make_room(to, size):
        return -1
    at = put(put(to.out + to.n, to.prefix), as_.head)
    if n_angles and not to.angles_last:
        at = put_angles(to, at, angles, n_angles)
        if at == NULL:
            return 0
    if n_qubits:
        at[0] = 32
        at += 1
    for i in range(n_qubits):
        if qubits[i] >= to.n_qubits:
            return 0
        if i:
            at = put(at, as_.middle if i == as_.n_front else to.comma)
        at = put(at, to.qubits[qubits[i]])
    if n_angles and to.angles_last:
        at = put_angles(to, put(at, to.comma), angles, n_angles)
        if at == NULL:
            return 0
    at = put(at, as_.tail)
    to.n = at - to.out
    return 1


cdef int write_measure(lines_t *to, const spelling_t *as_, const instruction_t *row) noexcept nogil:
    cdef char *at
    if row.flags or row.a >= to.n_qubits or row.b >= to.n_bits:
        return 0
    if not make_room(to, to.prefix.n + as_.head.n + as_.middle.n + as_.tail.n + 2 * to.longest):
        return -1
    at = put(put(to.out + to.n, to.prefix), as_.head)
    at = put(at, to.bits[row.b] if as_.how == BITS_FIRST else to.qubits[row.a])
    at = put(at, as_.middle)
    at = put(at, to.qubits[row.a] if as_.how == BITS_FIRST else to.bits[row.b])
    to.n = put(at, as_.tail) - to.out
    return 1


cdef int write_row(lines_t *to, spelling_t *as_, const instruction_t *row) noexcept nogil:
    """Write a gate's row, as `write_line`."""
    cdef double[8] angles
    cdef uint32_t[2] pair
    cdef const uint32_t *words
    cdef int64_t i, n_angles = 0
    if row.flags == FLAG_WIDE:
        if row.c > 8 or <int64_t> row.a + row.b + row.c > to.n_words:
            return 0
        words = to.words + row.a
        for i in range(row.c):
            if words[row.b + i] >= to.n_numbers:
                return 0
            angles[i] = to.numbers[words[row.b + i]]
        return write_line(to, as_, words, row.b, angles, row.c)
    pair[0] = row.a
    pair[1] = row.b
    if row.flags == FLAG_IMM and as_.n_qubits == 1:
        memcpy(angles, &row.b, 8)
        n_angles = 1
    elif row.flags or as_.n_qubits < 1 or as_.n_qubits > 2:
        return 0
    elif as_.n_qubits == 2 and row.c != NONE:
        if row.c >= to.n_numbers:
            return 0
        angles[0] = to.numbers[row.c]
        n_angles = 1
    return write_line(to, as_, pair, as_.n_qubits, angles, n_angles)


cdef int is_silent(const lines_t *to, const instruction_t *row) noexcept nogil:
    """Say whether a row has neither controls nor expressions, so that it may leave no line."""
    cdef int64_t i
    if row.flags & FLAG_EXPR or row.flags >> 8:
        return 0
    if row.flags & FLAG_WIDE == 0:
        return 1
    if <int64_t> row.a + row.b + row.c > to.n_words:
        return 0
    for i in range(row.c):
        if to.words[row.a + row.b + i] >= to.n_numbers:
            return 0
    return 1


cdef int64_t write_rows(lines_t *to, int64_t first, int64_t end) noexcept nogil:
    """Write rows; return the first one that isn't written here, or -1 if there is no memory."""
    cdef int64_t i
    cdef int done
    cdef spelling_t *as_
    for i in range(first, end):
        if to.rows[i].op >= to.n_ops:
            return i
        as_ = to.spellings + to.rows[i].op
        if as_.how == NOT_HERE:
            return i
        if as_.how == GATE_LINE:
            done = write_row(to, as_, to.rows + i)
        elif as_.how == NO_LINE:
            done = is_silent(to, to.rows + i)
        else:
            done = write_measure(to, as_, to.rows + i)
        if done <= 0:
            return i if done == 0 else -1
        as_.used = 1
        to.n_lines += as_.how != NO_LINE
    return end


cdef class GateLines:
    """Write a program's instructions as text, each as its opcode is spelled.

    Parameters
    ----------
    instructions : (16 n,) uint8
    words : (n_words,) uint32
    numbers : (n_numbers,) float64
    qubits, bits : sequence of str
        What the text calls each of them.
    n_ops : int
        One more than the highest opcode.
    comma : str
        What stands between qubits, and between angles.
    angles_last : bool
        Whether angles stand behind the qubits and a comma, instead of behind the gate's name.
    pi : bool
        Whether multiples of pi are written as such.
    """

    cdef lines_t to
    cdef const uint8_t[::1] row_view
    cdef const uint32_t[::1] word_view
    cdef const double[::1] number_view
    cdef list kept

    def __init__(self, const uint8_t[::1] instructions not None, const uint32_t[::1] words not None,
                 const double[::1] numbers not None, qubits, bits, int n_ops, *, str comma, bint angles_last=False,
                 bint pi=True):
        if instructions.shape[0] % 16 or self.kept is not None:
            raise ValueError(f"instructions has {instructions.shape[0]} bytes, not 16 each, or lines begin twice")
        if not 0 < n_ops <= 65536:
            raise ValueError(f"n_ops = {n_ops} is outside [1, 65536]")
        self.kept = []
        self.row_view, self.word_view, self.number_view = instructions, words, numbers
        self.to.n_rows = instructions.shape[0] // 16
        self.to.n_words = words.shape[0]
        self.to.n_numbers = numbers.shape[0]
        if self.to.n_rows:
            self.to.rows = <const instruction_t *> &instructions[0]
        if self.to.n_words:
            self.to.words = &words[0]
        if self.to.n_numbers:
            self.to.numbers = &numbers[0]
        self.to.n_ops = n_ops
        self.to.spellings = <spelling_t *> malloc(<size_t> n_ops * sizeof(spelling_t))
        if self.to.spellings == NULL:
            raise MemoryError(f"no memory for {n_ops} spellings")
        for i in range(n_ops):
            self.to.spellings[i].how = NOT_HERE
            self.to.spellings[i].used = 0
        self.to.n_qubits, self.to.qubits = len(qubits), self.names(qubits)
        self.to.n_bits, self.to.bits = len(bits), self.names(bits)
        self.to.comma = self.keep(comma)
        self.to.prefix = self.keep("")
        self.to.angles_last = angles_last
        self.to.pi = pi

    def __dealloc__(self):
        free(self.to.out)
        free(self.to.spellings)
        free(<void *> self.to.qubits)
        free(<void *> self.to.bits)

    cdef text_t keep(self, str text) except *:
        """Return the bytes of a text, which stay."""
        cdef bytes raw = text.encode()
        cdef text_t kept
        self.kept.append(raw)
        kept.at = raw
        kept.n = len(raw)
        return kept

    cdef const text_t *names(self, texts) except NULL:
        cdef text_t *found = <text_t *> malloc(<size_t> (len(texts) + 1) * sizeof(text_t))
        cdef int64_t i
        if found == NULL:
            raise MemoryError(f"no memory for {len(texts)} names")
        for i in range(len(texts)):
            found[i] = self.keep(texts[i])
            self.to.longest = max(self.to.longest, found[i].n)
        return found

    cdef spelling_t *place(self, int64_t op) except NULL:
        if not 0 <= op < self.to.n_ops:
            raise ValueError(f"op = {op} is outside [0, {self.to.n_ops - 1}]")
        return self.to.spellings + op

    def spell(self, int op, int n_qubits, head, str tail, str middle="", int n_front=0):
        """Write an opcode as `head`, angles, qubits and `tail`; `middle` stands behind the first `n_front` qubits.

        With a `head` of None it leaves no line. Rows with generic controls or expressions are left to the caller.
        """
        cdef spelling_t *to = self.place(op)
        to.how = NO_LINE if head is None else GATE_LINE
        to.n_qubits = n_qubits
        to.n_front = n_front
        to.head, to.middle, to.tail = self.keep(head or ""), self.keep(middle), self.keep(tail)

    def unspell(self, int op):
        """Leave the rows of an opcode to the caller."""
        self.place(op).how = NOT_HERE

    def spell_measure(self, int op, str head, str middle, str tail, bint bits_first):
        """Write a measurement as `head`, the qubit, `middle`, the bit and `tail`, or the bit before the qubit."""
        cdef spelling_t *to = self.place(op)
        to.how = BITS_FIRST if bits_first else MEASURE_LINE
        to.head, to.middle, to.tail = self.keep(head), self.keep(middle), self.keep(tail)

    def set_prefix(self, str prefix not None):
        """Let every line begin with this text from here on."""
        self.to.prefix = self.keep(prefix)

    def write(self, int64_t first, int64_t end):
        """Write rows `first` … `end` - 1, and return the first one that isn't written here, or `end`."""
        cdef int64_t stop
        if not 0 <= first <= end <= self.to.n_rows:
            raise ValueError(f"rows {first} to {end} are not in [0, {self.to.n_rows}]")
        with nogil:
            stop = write_rows(&self.to, first, end)
        if stop < 0:
            raise MemoryError("no memory for the text")
        return stop

    def add(self, str line not None):
        """Write a line of the caller's, with the prefix and an end of line."""
        cdef bytes raw = line.encode() + b"\n"
        if not make_room(&self.to, self.to.prefix.n + len(raw)):
            raise MemoryError("no memory for the text")
        put(self.to.out + self.to.n, self.to.prefix)
        memcpy(self.to.out + self.to.n + self.to.prefix.n, <const char *> raw, <size_t> len(raw))
        self.to.n += self.to.prefix.n + len(raw)
        self.to.n_lines += 1

    def mark(self):
        """Return how many bytes and lines are written."""
        return self.to.n, self.to.n_lines

    def repeat(self, mark, int64_t count):
        """Write what follows a mark `count` times in all."""
        cdef int64_t first, n, i, n_lines
        first, n_lines = mark
        n = self.to.n - first
        if not 0 <= n <= self.to.n or count < 0:
            raise ValueError(f"mark {mark} and count {count} don't fit {self.to.n} bytes")
        if not make_room(&self.to, n * count):
            raise MemoryError("no memory for the text")
        for i in range(1, count):
            memcpy(self.to.out + first + i * n, self.to.out + first, <size_t> n)
        self.to.n = first + n * count
        self.to.n_lines = n_lines + (self.to.n_lines - n_lines) * count

    def used(self):
        """Return the opcodes of which a row is written, in ascending order."""
        cdef int64_t i
        return [i for i in range(self.to.n_ops) if self.to.spellings[i].used]

    def text(self):
        """Return what is written."""
        return "" if self.to.n == 0 else self.to.out[: self.to.n].decode("utf-8")
