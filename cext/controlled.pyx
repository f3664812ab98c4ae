"""Turns, phases and flips of qubits of a program, under any number of controls, as turns of frames and rotations.

n controls take O(n) rotations where another qubit of the program can be borrowed, O(n**2) where none can.

Source: A. Barenco et al., Phys. Rev. A 52, 3457 (1995), lemmas 7.2, 7.3 and 7.5.
"""

from libc.math cimport fabs
from libc.string cimport memcpy

from qctl.cext.opcodes cimport OP_H, OP_S, OP_SDG, OP_SX, OP_SXDG, OP_T, OP_TDG, OP_X, OP_Y, OP_Z
from qctl.cext.gatelist cimport angle_t, gatelist_t, rotate, turn, turn_z
from qctl.cext.spins cimport QCTL_PI, about_x, about_y, about_z, spin

cdef enum:
    FEWEST_BORROWING = 5  # controls from which on a qubit outside of the gate is borrowed

cdef double ROOT = 0.70710678118654752440


cdef void half_turn(gatelist_t *self, int q, int op) noexcept nogil:
    """Append a gate without angle."""
    cdef int a = self.wire[q]
    if op == OP_X:
        turn(self, a, spin(0, 1, 0, 0))
    elif op == OP_Y:
        turn(self, a, spin(0, 0, 1, 0))
    elif op == OP_Z:
        turn(self, a, spin(0, 0, 0, 1))
    elif op == OP_H:
        turn(self, a, spin(0, ROOT, 0, ROOT))
    elif op == OP_S:
        turn(self, a, spin(ROOT, 0, 0, ROOT))
    elif op == OP_SDG:
        turn(self, a, spin(ROOT, 0, 0, -ROOT))
    elif op == OP_T:
        turn(self, a, about_z(0.25 * QCTL_PI))
    elif op == OP_TDG:
        turn(self, a, about_z(-0.25 * QCTL_PI))
    elif op == OP_SX:
        turn(self, a, spin(ROOT, ROOT, 0, 0))
    elif op == OP_SXDG:
        turn(self, a, spin(ROOT, -ROOT, 0, 0))


cdef void rz(gatelist_t *self, int q, angle_t angle) noexcept nogil:
    turn_z(self, self.wire[q], angle)


cdef void ry(gatelist_t *self, int q, angle_t angle) noexcept nogil:
    if angle.times == 0:
        turn(self, self.wire[q], about_y(angle.number))
        return
    half_turn(self, q, OP_SX)
    rz(self, q, angle)
    half_turn(self, q, OP_SXDG)


cdef void rx(gatelist_t *self, int q, angle_t angle) noexcept nogil:
    if angle.times == 0:
        turn(self, self.wire[q], about_x(angle.number))
        return
    half_turn(self, q, OP_H)
    rz(self, q, angle)
    half_turn(self, q, OP_H)


cdef void zz(gatelist_t *self, int q, int p, angle_t angle) noexcept nogil:
    """Append exp(-i angle/2 ZZ)."""
    if angle.number != 0:
        rotate(self, self.wire[q], self.wire[p], angle.number)
    if angle.times != 0:
        angle.number = 0
        flip(self, &q, 1, p)
        rz(self, p, angle)
        flip(self, &q, 1, p)


cdef void phase(gatelist_t *self, const int *q, int n, angle_t angle) noexcept nogil:
    """Append diag(1 … 1, exp(i angle)) on n qubits."""
    cdef bint half = angle.times == 0 and fabs(angle.number) == QCTL_PI
    cdef int[2] pair
    cdef int[MOST_QUBITS] rest
    if n == 0 or self.failed:
        return
    if n == 1:
        rz(self, q[0], angle)
    elif n == 2:
        rz(self, q[0], scaled(angle, 0.5))
        rz(self, q[1], scaled(angle, 0.5))
        zz(self, q[0], q[1], scaled(angle, -0.5))
    elif n == 3 and half:
        flip(self, q + 1, 1, q[2])
        half_turn(self, q[2], OP_TDG)
        flip(self, q, 1, q[2])
        half_turn(self, q[2], OP_T)
        flip(self, q + 1, 1, q[2])
        half_turn(self, q[2], OP_TDG)
        flip(self, q, 1, q[2])
        half_turn(self, q[1], OP_T)
        half_turn(self, q[2], OP_T)
        flip(self, q, 1, q[1])
        half_turn(self, q[0], OP_T)
        half_turn(self, q[1], OP_TDG)
        flip(self, q, 1, q[1])
    else:
        pair[0] = q[n - 2]
        pair[1] = q[n - 1]
        memcpy(rest, q, (n - 2) * sizeof(int))
        rest[n - 2] = q[n - 1]
        phase(self, pair, 2, scaled(angle, 0.5))
        borrowing_flip(self, q, n - 2, q[n - 2], q[n - 1])
        phase(self, pair, 2, scaled(angle, -0.5))
        borrowing_flip(self, q, n - 2, q[n - 2], q[n - 1])
        phase(self, rest, n - 1, scaled(angle, 0.5))


cdef void flip(gatelist_t *self, const int *controls, int n, int q) noexcept nogil:
    """Append x on a qubit under n controls."""
    cdef int[MOST_QUBITS] all_of
    cdef int spare
    if n == 0:
        half_turn(self, q, OP_X)
        return
    memcpy(all_of, controls, n * sizeof(int))
    all_of[n] = q
    if n >= FEWEST_BORROWING:
        for spare in range(self.n_wires):
            if not among(all_of, n + 1, spare):
                borrowing_flip(self, controls, n, q, spare)
                return
    half_turn(self, q, OP_H)
    phase(self, all_of, n + 1, number(QCTL_PI))
    half_turn(self, q, OP_H)


cdef inline bint among(const int *qubits, int n, int q) noexcept nogil:
    cdef int k
    for k in range(n):
        if qubits[k] == q:
            return True
    return False


cdef void nearly_flip(gatelist_t *self, int a, int b, int q) noexcept nogil:
    """Append Margolus's gate, its own inverse: x under two controls, and a sign where b is 0 and a and q are 1."""
    ry(self, q, number(QCTL_PI / 4))
    flip(self, &b, 1, q)
    ry(self, q, number(QCTL_PI / 4))
    flip(self, &a, 1, q)
    ry(self, q, number(-QCTL_PI / 4))
    flip(self, &b, 1, q)
    ry(self, q, number(-QCTL_PI / 4))


cdef void ladder(gatelist_t *self, const int *c, int n, int q, const int *spares) noexcept nogil:
    """Append x on a qubit under n controls; n - 2 borrowed qubits come back as they were (Barenco, lemma 7.2).

    The gates among borrowed qubits come twice, so that their signs cancel (Maslov, Phys. Rev. A 93, 022311 (2016)).
    """
    cdef int i, round_
    if n <= 2:
        flip(self, c, n, q)
        return
    for round_ in range(2):
        flip_two(self, c[n - 1], spares[n - 3], q)
        for i in range(n - 2, 1, -1):
            nearly_flip(self, c[i], spares[i - 2], spares[i - 1])
        nearly_flip(self, c[0], c[1], spares[0])
        for i in range(2, n - 1):
            nearly_flip(self, c[i], spares[i - 2], spares[i - 1])


cdef void flip_two(gatelist_t *self, int a, int b, int q) noexcept nogil:
    cdef int[2] pair
    pair[0] = a
    pair[1] = b
    flip(self, pair, 2, q)


cdef void borrowing_flip(gatelist_t *self, const int *c, int n, int q, int spare) noexcept nogil:
    """Append x on a qubit under n controls; one borrowed qubit comes back as it was (Barenco, lemma 7.3)."""
    cdef int half = (n + 1) // 2, rest = n - half, round_
    cdef int[MOST_QUBITS] others, borrowed
    if n <= 3:
        ladder(self, c, n, q, &spare)
        return
    memcpy(others, c + half, rest * sizeof(int))
    memcpy(borrowed, others, rest * sizeof(int))
    others[rest] = spare
    borrowed[rest] = q
    for round_ in range(2):
        ladder(self, c, half, spare, borrowed)
        ladder(self, others, rest + 1, q, c)


cdef void controlled_rz(gatelist_t *self, const int *controls, int n, int q, angle_t angle) noexcept nogil:
    if n == 0:
        rz(self, q, angle)
        return
    rz(self, q, scaled(angle, 0.5))
    if n == 1:
        zz(self, controls[0], q, scaled(angle, -0.5))
        return
    flip(self, controls, n, q)
    rz(self, q, scaled(angle, -0.5))
    flip(self, controls, n, q)
