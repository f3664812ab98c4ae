"""Write turns, gates of two qubits and what passes through as rows, with the fewest pulses in each one-qubit run.

Source of the decomposition: D. McKay et al., Phys. Rev. A 96, 022330 (2017), virtual Z gates.
"""

from libc.math cimport fabs, sqrt
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from qctl.cext.opcodes cimport (
    OP_CX, OP_CZ, OP_ISWAP, OP_MS, OP_RPHI, OP_RX, OP_RXX, OP_RY, OP_RZ, OP_RZX, OP_RZZ, OP_SQRTISWAP, OP_SX, OP_U3, OP_X)
from qctl.cext.records cimport FLAG_EXPR, FLAG_IMM, FLAG_WIDE
from qctl.cext.spins cimport QCTL_PI, about_z, after, inverse, qctl_atan2, qctl_wrapped, spin

cdef extern from "exact.h" nogil:
    int qctl_room(void **block, Py_ssize_t *room, Py_ssize_t wanted, size_t size)

cdef uint32_t NONE = 0xFFFFFFFFu
cdef double NOTHING = 1e-10         # radians below which an angle is none
cdef double ROOT = 0.70710678118654752440


cdef int open_native(native_t *self, int n_qubits) noexcept nogil:
    """Begin with no row; 0 if there is no memory."""
    cdef int q
    memset(self, 0, sizeof(native_t))
    self.n_qubits = n_qubits
    self.source = -1
    self.pending = <spin_t *> calloc(n_qubits + 1, sizeof(spin_t))
    if self.pending == NULL:
        return 0
    for q in range(n_qubits):
        self.pending[q].w = 1
    return 1


cdef void close_native(native_t *self) noexcept nogil:
    free(self.pending)
    free(self.rows)
    free(self.sources)
    free(self.words)
    free(self.numbers)
    free(self.symbols)
    memset(self, 0, sizeof(native_t))


cdef void put_row(native_t *self, uint16_t op, uint16_t flags, uint32_t a, uint32_t b, uint32_t c) noexcept nogil:
    cdef instruction_t *row
    if not qctl_room(<void **> &self.rows, &self.rows_room, self.n_rows + 1, sizeof(instruction_t)) or (
        not qctl_room(<void **> &self.sources, &self.sources_room, self.n_rows + 1, sizeof(int))
    ):
        self.failed = True
        return
    row = self.rows + self.n_rows
    row.op = op
    row.flags = flags
    row.a = a
    row.b = b
    row.c = c
    self.sources[self.n_rows] = self.source
    self.n_rows += 1


cdef void put_word(native_t *self, uint32_t word) noexcept nogil:
    if not qctl_room(<void **> &self.words, &self.words_room, self.n_words + 1, sizeof(uint32_t)):
        self.failed = True
        return
    self.words[self.n_words] = word
    self.n_words += 1


cdef uint32_t new_number(native_t *self, double value) noexcept nogil:
    """Append a constant, and return its place."""
    if not qctl_room(<void **> &self.numbers, &self.numbers_room, self.n_numbers + 1, sizeof(double)):
        self.failed = True
        return 0
    self.numbers[self.n_numbers] = value
    self.n_numbers += 1
    return <uint32_t> (self.n_numbers - 1)


cdef void put_number(native_t *self, double value) noexcept nogil:
    """Append a constant, and the word that names it."""
    put_word(self, new_number(self, value))


cdef void put_angle(native_t *self, uint16_t op, int q, double angle) noexcept nogil:
    """Write a rotation, unless it is none."""
    cdef uint64_t bits
    angle = qctl_wrapped(angle)
    if fabs(angle) < NOTHING:
        return
    memcpy(&bits, &angle, 8)
    put_row(self, op, FLAG_IMM, <uint32_t> q, <uint32_t> (bits & 0xFFFFFFFFu), <uint32_t> (bits >> 32))


cdef void put_u3(native_t *self, int q, double theta, double phi, double lam) noexcept nogil:
    cdef uint32_t start = <uint32_t> self.n_words
    put_word(self, <uint32_t> q)
    put_number(self, qctl_wrapped(theta))
    put_number(self, qctl_wrapped(phi))
    put_number(self, qctl_wrapped(lam))
    put_row(self, OP_U3, FLAG_WIDE, start, 1, 3)


cdef void put_rphi(native_t *self, int q, double theta, double phi) noexcept nogil:
    """Write a turn about an axis in the plane, unless it is none."""
    cdef uint32_t start = <uint32_t> self.n_words
    theta = qctl_wrapped(theta)
    if fabs(theta) < NOTHING:
        return
    put_word(self, <uint32_t> q)
    put_number(self, theta)
    put_number(self, qctl_wrapped(phi))
    put_row(self, OP_RPHI, FLAG_WIDE, start, 1, 2)


cdef void put_turn(native_t *self, int q, spin_t by) noexcept nogil:
    """Append a one-qubit turn."""
    self.pending[q] = after(by, self.pending[q])


cdef void write_to_z(native_t *self, int q) noexcept nogil:
    """Write a qubit's turn but for a last turn about z, which stays pending."""
    cdef spin_t u = self.pending[q]
    cdef double across = sqrt(u.x * u.x + u.y * u.y), along = sqrt(u.w * u.w + u.z * u.z)
    cdef double theta, sum_, difference, phi, lam
    if 2 * across < NOTHING:
        return
    if 2 * along < NOTHING:
        difference = 2 * qctl_atan2(u.y, u.x)       # rz(difference) x
        if self.one == ONE_SX_X:
            put_row(self, OP_X, 0, <uint32_t> q, NONE, NONE)
        elif self.one == ONE_SX:
            put_row(self, OP_SX, 0, <uint32_t> q, NONE, NONE)
            put_row(self, OP_SX, 0, <uint32_t> q, NONE, NONE)
        elif self.one == ONE_RX:
            put_angle(self, OP_RX, q, QCTL_PI)
        elif self.one == ONE_RY:                    # y = rz(pi) x
            put_angle(self, OP_RY, q, QCTL_PI)
            difference -= QCTL_PI
        elif self.one == ONE_RZ_RPHI or self.one == ONE_RPHI:
            put_rphi(self, q, QCTL_PI, 0)
        else:                                       # u3(pi, 0, pi) is x
            put_u3(self, q, QCTL_PI, difference, QCTL_PI)
            difference = 0
        self.pending[q] = about_z(difference)
        return
    theta = 2 * qctl_atan2(across, along)
    sum_ = 2 * qctl_atan2(u.z, u.w)
    difference = 2 * qctl_atan2(-u.x, u.y)
    phi = 0.5 * (sum_ + difference)
    lam = 0.5 * (sum_ - difference)
    if self.one == ONE_U3:
        put_u3(self, q, theta, phi, lam)
        phi = 0
    elif self.one == ONE_RZ_RPHI or self.one == ONE_RPHI:
        put_rphi(self, q, theta, QCTL_PI / 2 - lam)
        phi += lam
    elif self.one == ONE_RY:
        put_angle(self, OP_RZ, q, lam)
        put_angle(self, OP_RY, q, theta)
    elif self.one == ONE_RX:
        put_angle(self, OP_RZ, q, lam - QCTL_PI / 2)
        put_angle(self, OP_RX, q, theta)
        phi += QCTL_PI / 2
    elif fabs(theta - QCTL_PI / 2) < NOTHING:
        put_angle(self, OP_RZ, q, lam - QCTL_PI / 2)
        put_row(self, OP_SX, 0, <uint32_t> q, NONE, NONE)
        phi += QCTL_PI / 2
    else:
        put_angle(self, OP_RZ, q, lam)
        put_row(self, OP_SX, 0, <uint32_t> q, NONE, NONE)
        put_angle(self, OP_RZ, q, theta + QCTL_PI)
        put_row(self, OP_SX, 0, <uint32_t> q, NONE, NONE)
        phi += QCTL_PI
    self.pending[q] = about_z(phi)


cdef void write_rphi(native_t *self, int q) noexcept nogil:
    """Write a qubit's turn whole, without rz: rphi(pi, a) rphi(t, b) is rz(2 a - b) rx(t + pi) rz(-b)."""
    cdef spin_t u = self.pending[q]
    cdef double across = sqrt(u.x * u.x + u.y * u.y), along = sqrt(u.w * u.w + u.z * u.z)
    cdef double theta, before, behind, sum_ = 0, difference = 0
    if 2 * along >= NOTHING:
        sum_ = 2 * qctl_atan2(u.z, u.w)
    if 2 * across >= NOTHING:
        difference = 2 * qctl_atan2(-u.x, u.y)
    theta = 2 * qctl_atan2(across, along)
    before = 0.5 * (sum_ - difference) - QCTL_PI / 2
    behind = 0.5 * (sum_ + difference) + QCTL_PI / 2
    self.pending[q] = spin(1, 0, 0, 0)
    if 2 * along < NOTHING:
        put_rphi(self, q, theta, 0.5 * (behind - before))
        return
    if fabs(qctl_wrapped(before + behind)) < NOTHING:
        put_rphi(self, q, theta, -before)
        return
    put_rphi(self, q, theta - QCTL_PI, -before)
    put_rphi(self, q, QCTL_PI, 0.5 * (behind - before))


cdef void finish_turn(native_t *self, int q, bint frames_too) noexcept nogil:
    """Write a qubit's turn: but for turns about z if they need not be seen."""
    cdef int source = self.source
    cdef double angle
    self.source = -1
    if frames_too and self.one == ONE_RPHI:
        write_rphi(self, q)
        self.source = source
        return
    write_to_z(self, q)
    if frames_too:
        angle = qctl_wrapped(2 * qctl_atan2(self.pending[q].z, self.pending[q].w))
        if self.one == ONE_U3:
            if fabs(angle) >= NOTHING:
                put_u3(self, q, 0, 0, angle)
        else:
            put_angle(self, OP_RZ, q, angle)
        self.pending[q] = spin(1, 0, 0, 0)
    self.source = source


cdef void put_cz(native_t *self, int p, int q) noexcept nogil:
    """Append cz, or what is one between turns of one qubit."""
    cdef spin_t h = spin(0, ROOT, 0, ROOT)
    if self.one_way != NULL and self.one_way[<Py_ssize_t> q * self.n_qubits + p] and (
        not self.one_way[<Py_ssize_t> p * self.n_qubits + q]
    ):
        p, q = q, p
    if self.two == TWO_CZ:
        finish_turn(self, p, False)
        finish_turn(self, q, False)
        put_row(self, OP_CZ, 0, <uint32_t> p, <uint32_t> q, NONE)
        return
    if self.two != TWO_CX:
        put_zz(self, p, q, QCTL_PI / 2)
        put_turn(self, p, spin(ROOT, 0, 0, -ROOT))
        put_turn(self, q, spin(ROOT, 0, 0, -ROOT))
        return
    put_turn(self, q, h)
    finish_turn(self, p, False)
    finish_turn(self, q, True)
    put_row(self, OP_CX, 0, <uint32_t> p, <uint32_t> q, NONE)
    put_turn(self, q, h)


cdef void put_zz(native_t *self, int p, int q, double angle) noexcept nogil:
    """Append exp(-i angle/2 ZZ) by the turn of two qubits that is native."""
    cdef spin_t h = spin(0, ROOT, 0, ROOT)
    cdef int two = self.two
    cdef uint32_t start
    if two == TWO_RZZ or two == TWO_RZZ_QUARTER:
        finish_turn(self, p, False)
        finish_turn(self, q, False)
        put_row(self, OP_RZZ, 0, <uint32_t> p, <uint32_t> q, new_number(self, angle))
        return
    put_turn(self, q, h)
    if two == TWO_RZX or two == TWO_RZX_QUARTER:
        finish_turn(self, p, False)
        finish_turn(self, q, True)
        put_row(self, OP_RZX, 0, <uint32_t> p, <uint32_t> q, new_number(self, angle))
        put_turn(self, q, h)
        return
    put_turn(self, p, h)
    finish_turn(self, p, True)
    finish_turn(self, q, True)
    if two == TWO_MS or two == TWO_MS_QUARTER:
        start = <uint32_t> self.n_words
        put_word(self, <uint32_t> p)
        put_word(self, <uint32_t> q)
        put_number(self, angle)
        put_number(self, 0)
        put_row(self, OP_MS, FLAG_WIDE, start, 2, 2)
    else:
        put_row(self, OP_RXX, 0, <uint32_t> p, <uint32_t> q, new_number(self, angle))
    put_turn(self, p, h)
    put_turn(self, q, h)


cdef void put_iswap(native_t *self, int p, int q) noexcept nogil:
    """Append an iswap: turns about z pass it to the other side."""
    cdef spin_t kept
    finish_turn(self, p, False)
    finish_turn(self, q, False)
    put_row(self, OP_ISWAP, 0, <uint32_t> p, <uint32_t> q, NONE)
    kept = self.pending[p]
    self.pending[p] = self.pending[q]
    self.pending[q] = kept


cdef void put_root_iswap(native_t *self, int p, int q) noexcept nogil:
    """Append the root of an iswap."""
    finish_turn(self, p, True)
    finish_turn(self, q, True)
    put_row(self, OP_SQRTISWAP, 0, <uint32_t> p, <uint32_t> q, NONE)


cdef void put_symbol(native_t *self, int q, double times, uint32_t expression) noexcept nogil:
    """Append a turn about z by a multiple of an expression; the turn so far must have been finished."""
    cdef uint32_t start = <uint32_t> self.n_words
    if not qctl_room(<void **> &self.symbols, &self.symbols_room, self.n_symbols + 1, sizeof(symbol_t)):
        self.failed = True
        return
    self.symbols[self.n_symbols].times = times
    self.symbols[self.n_symbols].expression = expression
    if self.one == ONE_U3:
        put_word(self, <uint32_t> q)
        put_number(self, 0)
        put_number(self, 0)
        put_word(self, 0x80000000u | <uint32_t> self.n_symbols)
        put_row(self, OP_U3, FLAG_WIDE, start, 1, 3)
    elif self.one == ONE_RPHI:      # rphi(pi, a) after rphi(pi, 0) is rz(2 a)
        self.symbols[self.n_symbols].times = 0.5 * times
        put_rphi(self, q, QCTL_PI, 0)
        start = <uint32_t> self.n_words
        put_word(self, <uint32_t> q)
        put_number(self, QCTL_PI)
        put_word(self, 0x80000000u | <uint32_t> self.n_symbols)
        put_row(self, OP_RPHI, FLAG_WIDE, start, 1, 2)
    else:
        put_row(self, OP_RZ, FLAG_EXPR, <uint32_t> q, <uint32_t> self.n_symbols, NONE)
    self.n_symbols += 1
