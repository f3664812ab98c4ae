"""Tells Clifford gates from others by opcode and quarter turns, and writes circuits of them as text for Stim."""

from libc.math cimport fabs, isfinite, rint
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

cdef enum:
    N_OPS = 512
    TURNS = 8
    EXPRESSION = 2
    WIDE = 4

cdef enum:
    NO_GATE
    FIXED
    ONE_ANGLE
    TWO_ANGLE
    ASK
    NEVER


cdef int32_t turned(int32_t op, double angle, double unit, double tolerance) noexcept nogil:
    """Return opcode and number of units of an angle, -1 if it is no whole number of them."""
    cdef double turns
    if not isfinite(angle) or fabs(angle) > 1e9:
        return -1
    turns = rint(angle / unit)
    if fabs(angle - turns * unit) > tolerance:
        return -1
    turns -= TURNS * rint(turns / TURNS)
    return op * TURNS + ((<int32_t>turns + TURNS) % TURNS)


cdef Py_ssize_t _classify(
    const uint32_t* rows, Py_ssize_t n, const double* constants, Py_ssize_t n_constants, const uint8_t* kinds,
    const double* units, double tolerance, int32_t* codes,
) noexcept nogil:
    cdef Py_ssize_t i, first = -1
    cdef uint32_t op, flags, word
    cdef double angle
    cdef int kind
    for i in range(n):
        op = rows[4 * i] & 0xFFFF
        flags = rows[4 * i] >> 16
        kind = kinds[op] if op < N_OPS else NEVER
        codes[i] = op * TURNS
        if kind == NO_GATE:
            continue
        if kind == ASK or (kind != NEVER and flags & WIDE):
            codes[i] = -2
            continue
        if kind == NEVER or flags & EXPRESSION:
            codes[i] = -1
        elif kind == ONE_ANGLE:
            memcpy(&angle, rows + 4 * i + 2, sizeof(double))
            codes[i] = turned(op, angle, units[op], tolerance)
        elif kind == TWO_ANGLE:
            word = rows[4 * i + 3]
            codes[i] = turned(op, constants[word], units[op], tolerance) if word < n_constants else -1
        if codes[i] == -1 and first < 0:
            first = i
    return first


def classify(
    const uint32_t[:, ::1] rows not None,
    const double[::1] constants not None,
    const uint8_t[::1] kinds not None,
    const double[::1] units not None,
    double tolerance_rad,
    int32_t[::1] codes not None,
):
    """Find which instructions are Clifford gates.

    Parameters
    ----------
    rows : (n, 4) uint32
        Instructions, 16 bytes each.
    constants : (n_constants,) float64
        The program's constants.
    kinds : (512,) uint8
        Of each opcode: 0 no gate, 1 a Clifford gate, 2 one angle within the row, 3 one angle among the constants, 4 to
        be asked about, 5 never.
    units : (512,) float64, rad
        Angle of which each opcode's angle must be a whole multiple.
    tolerance_rad : float
        How far from it an angle may be.
    codes : (n,) int32
        Changed: 8 opcode + multiples modulo 8; -1 if it is no Clifford gate, -2 if it must be asked about.

    Returns
    -------
    int
        The first instruction that is no Clifford gate, -1 if there is none.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n = rows.shape[0], first = -1
    if rows.shape[1] != 4 or codes.shape[0] != n or kinds.shape[0] != N_OPS or units.shape[0] != N_OPS:
        raise ValueError(
            f"rows {(n, rows.shape[1])}, codes {codes.shape[0]}, kinds {kinds.shape[0]} and units {units.shape[0]} don't fit"
        )
    if n == 0:
        return -1
    cdef const double* numbers = &constants[0] if constants.shape[0] else NULL
    with nogil:
        first = _classify(
            &rows[0, 0], n, numbers, constants.shape[0], &kinds[0], &units[0], tolerance_rad, &codes[0]
        )
    return first


cdef enum:
    ROW_A = -1
    ROW_B = -2
    NOBODY = -3
    LONGEST = 24  # of two targets, and of what stands between words


cdef inline char* put_number(char* to, int64_t value) noexcept nogil:
    """Write a blank and a number that is not negative; return what is behind it."""
    cdef char[20] digits
    cdef int n = 0
    to[0] = b" "
    to += 1
    while True:
        digits[n] = <char>(48 + value % 10)
        value //= 10
        n += 1
        if value == 0:
            break
    while n:
        n -= 1
        to[0] = digits[n]
        to += 1
    return to


cdef Py_ssize_t _write(
    const uint32_t* rows, Py_ssize_t n, const int32_t* kinds, const int32_t* begin, const int32_t* steps,
    const uint8_t* words, const int32_t* word_begin, uint8_t* out,
) noexcept nogil:
    cdef char* to = <char*> out
    cdef Py_ssize_t i, k, place
    cdef int32_t last = -1, word, target
    for i in range(n):
        for k in range(begin[kinds[i]], begin[kinds[i] + 1]):
            word = steps[3 * k]
            if word != last:
                if last >= 0:
                    to[0] = b"\n"
                    to += 1
                memcpy(to, words + word_begin[word], word_begin[word + 1] - word_begin[word])
                to += word_begin[word + 1] - word_begin[word]
                last = word
            for place in range(1, 3):
                target = steps[3 * k + place]
                if target != NOBODY:
                    to = put_number(to, rows[4 * i + 1] if target == ROW_A else rows[4 * i + 2] if target == ROW_B else target)
    return <uint8_t*> to - out


def write(
    const uint32_t[:, ::1] rows not None,
    const int32_t[::1] kinds not None,
    const int32_t[::1] begin not None,
    const int32_t[:, ::1] steps not None,
    const uint8_t[::1] words not None,
    const int32_t[::1] word_begin not None,
    uint8_t[::1] out not None,
):
    """Write instructions as lines of a word and its targets, one line for neighbouring steps with the same word.

    Parameters
    ----------
    rows : (n, 4) uint32
        Instructions, 16 bytes each; the second and third number are the qubits of a gate on one or two.
    kinds : (n,) int32
        Of each instruction, which steps it is.
    begin : (n_kinds + 1,) int32
        Where each kind's steps begin.
    steps : (n_steps, 3) int32
        Number of the word, and two targets: a qubit, or -1 for the instruction's first, -2 for its second, -3 for none.
    words : (n_bytes,) uint8
        All words, one behind the other.
    word_begin : (n_words + 1,) int32
        Where each word begins.
    out : (n_out,) uint8
        Changed; it must have room for each instruction's steps with their words and 24 bytes each.

    Returns
    -------
    int
        How many bytes were written.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """
    cdef Py_ssize_t n = rows.shape[0], n_kinds = begin.shape[0] - 1, n_words = word_begin.shape[0] - 1, k, room = 0, longest = 0
    cdef Py_ssize_t length = 0
    if rows.shape[1] != 4 or kinds.shape[0] != n or n_kinds < 0 or n_words < 0 or steps.shape[1] != 3:
        raise ValueError(
            f"rows {(n, rows.shape[1])}, kinds {kinds.shape[0]}, begin {begin.shape[0]}, word_begin {word_begin.shape[0]} and "
            f"steps {(steps.shape[0], steps.shape[1])} don't fit"
        )
    for k in range(n_words):
        if not 0 <= word_begin[k] <= word_begin[k + 1] <= words.shape[0]:
            raise ValueError(f"word {k} is at {word_begin[k]} to {word_begin[k + 1]} of {words.shape[0]} bytes")
        longest = max(longest, word_begin[k + 1] - word_begin[k])
    for k in range(n_kinds):
        if not 0 <= begin[k] <= begin[k + 1] <= steps.shape[0]:
            raise ValueError(f"kind {k} has the steps {begin[k]} to {begin[k + 1]} of {steps.shape[0]}")
    for k in range(steps.shape[0]):
        if not 0 <= steps[k, 0] < n_words or steps[k, 1] < NOBODY or steps[k, 2] < NOBODY:
            raise ValueError(f"step {k} is {list(steps[k])}, of {n_words} words")
    for k in range(n):
        if not 0 <= kinds[k] < n_kinds:
            raise ValueError(f"instruction {k} has the kind {kinds[k]} of {n_kinds}")
        room += (begin[kinds[k] + 1] - begin[kinds[k]]) * (longest + LONGEST)
    if out.shape[0] < room:
        raise ValueError(f"out has {out.shape[0]} bytes, not {room}")
    if room == 0:
        return 0
    with nogil:
        length = _write(&rows[0, 0], n, &kinds[0], &begin[0], &steps[0, 0], &words[0], &word_begin[0], &out[0])
    return length
