"""Write every gate as turns of frames and two-qubit rotations, exactly, with the phase that a control can see.

Sources: A. Barenco et al., Phys. Rev. A 52, 3457 (1995), for controlled gates; the OpenQASM 3 standard gate library
for the meaning of names.
"""

from libc.math cimport fabs
from libc.stdint cimport int16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from qctl.cext.gatelist cimport angle_t, gatelist_t, rotate, swap, turn, turn_z
from qctl.cext.operands cimport row_qubits
from qctl.cext.records cimport FLAG_EXPR, FLAG_IMM, FLAG_WIDE, instruction_t
from qctl.cext.spins cimport QCTL_PI, about_x, about_y, about_z, spin, spin_t

cdef enum:
    NONE = 0xFFFFFFFF
    EXPRESSION = 0x80000000
    MOST_QUBITS = 256
    G_ID = 0x100, G_X, G_Y, G_Z, G_H, G_S, G_SDG, G_T, G_TDG, G_SX, G_SXDG, G_P, G_RX, G_RY, G_RZ, G_U1, G_U2, G_U
    G_U3 = 0x112, G_RPHI, G_GPHASE, G_CX, G_CY, G_CZ, G_CH, G_CSX, G_SWAP, G_ISWAP, G_ISWAPDG, G_SQRTISWAP
    G_SQRTISWAPDG = 0x11E, G_CP, G_CRX, G_CRY, G_CRZ, G_RXX, G_RYY, G_RZZ, G_RZX, G_CU, G_CCX, G_CCZ, G_CSWAP, G_MS

cdef double ROOT = 0.70710678118654752440


cdef inline angle_t number(double value) noexcept nogil:
    cdef angle_t r
    r.number = value
    r.times = 0
    r.expression = 0
    return r


cdef inline angle_t scaled(angle_t angle, double by) noexcept nogil:
    angle.number *= by
    angle.times *= by
    return angle


cdef void half_turn(gatelist_t *self, int q, int op) noexcept nogil:
    """Append a gate without angle."""
    cdef int a = self.wire[q]
    if op == G_X:
        turn(self, a, spin(0, 1, 0, 0))
    elif op == G_Y:
        turn(self, a, spin(0, 0, 1, 0))
    elif op == G_Z:
        turn(self, a, spin(0, 0, 0, 1))
    elif op == G_H:
        turn(self, a, spin(0, ROOT, 0, ROOT))
    elif op == G_S:
        turn(self, a, spin(ROOT, 0, 0, ROOT))
    elif op == G_SDG:
        turn(self, a, spin(ROOT, 0, 0, -ROOT))
    elif op == G_T:
        turn(self, a, about_z(0.25 * QCTL_PI))
    elif op == G_TDG:
        turn(self, a, about_z(-0.25 * QCTL_PI))
    elif op == G_SX:
        turn(self, a, spin(ROOT, ROOT, 0, 0))
    elif op == G_SXDG:
        turn(self, a, spin(ROOT, -ROOT, 0, 0))


cdef void rz(gatelist_t *self, int q, angle_t angle) noexcept nogil:
    turn_z(self, self.wire[q], angle)


cdef void ry(gatelist_t *self, int q, angle_t angle) noexcept nogil:
    if angle.times == 0:
        turn(self, self.wire[q], about_y(angle.number))
        return
    half_turn(self, q, G_SX)
    rz(self, q, angle)
    half_turn(self, q, G_SXDG)


cdef void rx(gatelist_t *self, int q, angle_t angle) noexcept nogil:
    if angle.times == 0:
        turn(self, self.wire[q], about_x(angle.number))
        return
    half_turn(self, q, G_H)
    rz(self, q, angle)
    half_turn(self, q, G_H)


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
    if n == 0:
        return
    if n == 1:
        rz(self, q[0], angle)
    elif n == 2:
        rz(self, q[0], scaled(angle, 0.5))
        rz(self, q[1], scaled(angle, 0.5))
        zz(self, q[0], q[1], scaled(angle, -0.5))
    elif n == 3 and half:
        flip(self, q + 1, 1, q[2])
        half_turn(self, q[2], G_TDG)
        flip(self, q, 1, q[2])
        half_turn(self, q[2], G_T)
        flip(self, q + 1, 1, q[2])
        half_turn(self, q[2], G_TDG)
        flip(self, q, 1, q[2])
        half_turn(self, q[1], G_T)
        half_turn(self, q[2], G_T)
        flip(self, q, 1, q[1])
        half_turn(self, q[0], G_T)
        half_turn(self, q[1], G_TDG)
        flip(self, q, 1, q[1])
    else:
        pair[0] = q[n - 2]
        pair[1] = q[n - 1]
        memcpy(rest, q, (n - 2) * sizeof(int))
        rest[n - 2] = q[n - 1]
        phase(self, pair, 2, scaled(angle, 0.5))
        flip(self, q, n - 2, q[n - 2])
        phase(self, pair, 2, scaled(angle, -0.5))
        flip(self, q, n - 2, q[n - 2])
        phase(self, rest, n - 1, scaled(angle, 0.5))


cdef void flip(gatelist_t *self, const int *controls, int n, int q) noexcept nogil:
    """Append x on a qubit under n controls."""
    cdef int[MOST_QUBITS] all_of
    if n == 0:
        half_turn(self, q, G_X)
        return
    memcpy(all_of, controls, n * sizeof(int))
    all_of[n] = q
    half_turn(self, q, G_H)
    phase(self, all_of, n + 1, number(QCTL_PI))
    half_turn(self, q, G_H)


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


cdef void euler(gatelist_t *self, const int *controls, int n, int q, const angle_t *p) noexcept nogil:
    """Append exp(i (phi + lam)/2) rz(phi) ry(theta) rz(lam) under n controls; p is theta, phi, lam."""
    phase(self, controls, n, scaled(p[1], 0.5))
    phase(self, controls, n, scaled(p[2], 0.5))
    if n == 0:
        rz(self, q, p[2])
        ry(self, q, p[0])
        rz(self, q, p[1])
        return
    rz(self, q, scaled(p[2], 0.5))
    rz(self, q, scaled(p[1], -0.5))
    flip(self, controls, n, q)
    rz(self, q, scaled(p[2], -0.5))
    rz(self, q, scaled(p[1], -0.5))
    ry(self, q, scaled(p[0], -0.5))
    flip(self, controls, n, q)
    ry(self, q, scaled(p[0], 0.5))
    rz(self, q, p[1])


cdef void one_qubit(gatelist_t *self, int op, const int *c, int n, int q, const angle_t *p) noexcept nogil:
    """Append a one-qubit gate under n controls; c has room for q behind them."""
    cdef int[MOST_QUBITS] on
    cdef angle_t[3] u
    memcpy(on, c, n * sizeof(int))
    on[n] = q
    if op == G_P or op == G_U1:
        phase(self, on, n + 1, p[0])
    elif op == G_RZ:
        controlled_rz(self, c, n, q, p[0])
    elif op == G_RX and n == 0:
        rx(self, q, p[0])
    elif op == G_RY and n == 0:
        ry(self, q, p[0])
    elif op == G_RX:
        half_turn(self, q, G_H)
        controlled_rz(self, c, n, q, p[0])
        half_turn(self, q, G_H)
    elif op == G_RY:
        half_turn(self, q, G_SX)
        controlled_rz(self, c, n, q, p[0])
        half_turn(self, q, G_SXDG)
    elif op == G_RPHI:
        rz(self, q, scaled(p[1], -1))
        one_qubit(self, G_RX, c, n, q, p)
        rz(self, q, p[1])
    elif op == G_U or op == G_U3:
        euler(self, c, n, q, p)
    elif op == G_U2:
        u[0] = number(QCTL_PI / 2)
        u[1] = p[0]
        u[2] = p[1]
        euler(self, c, n, q, u)
    elif op == G_ID:
        return
    elif n == 0:
        half_turn(self, q, op)
    elif op == G_X:
        flip(self, c, n, q)
    elif op == G_Y:
        half_turn(self, q, G_SDG)
        flip(self, c, n, q)
        half_turn(self, q, G_S)
    elif op == G_H:
        ry(self, q, number(-QCTL_PI / 4))
        phase(self, on, n + 1, number(QCTL_PI))
        ry(self, q, number(QCTL_PI / 4))
    elif op == G_SX or op == G_SXDG:
        half_turn(self, q, G_H)
        phase(self, on, n + 1, number(QCTL_PI / 2 if op == G_SX else -QCTL_PI / 2))
        half_turn(self, q, G_H)
    else:
        phase(self, on, n + 1, number(
            QCTL_PI if op == G_Z else QCTL_PI / 2 if op == G_S else -QCTL_PI / 2 if op == G_SDG else
            QCTL_PI / 4 if op == G_T else -QCTL_PI / 4
        ))


cdef void pauli_pair(gatelist_t *self, const int *c, int n, int q, int p, angle_t angle, int a, int b) noexcept nogil:
    """Append exp(-i angle/2 A B) under n controls, for the gates a, b that turn A and B to Z (0 for Z itself)."""
    if a:
        half_turn(self, q, a)
    if b:
        half_turn(self, p, b)
    if n == 0:
        zz(self, q, p, angle)
    else:
        flip(self, &q, 1, p)
        controlled_rz(self, c, n, p, angle)
        flip(self, &q, 1, p)
    if a:
        half_turn(self, q, G_SXDG if a == G_SX else a)
    if b:
        half_turn(self, p, G_SXDG if b == G_SX else b)


cdef void gate(gatelist_t *self, int op, int *q, int n, int n_all, const angle_t *p) noexcept nogil:
    """Append a gate on n_all qubits, the first n of them generic controls."""
    cdef int k, j
    cdef int[4] on
    cdef angle_t angle
    cdef angle_t[3] u
    if op < G_GPHASE:
        one_qubit(self, op, q, n, q[n], p)
    elif op == G_GPHASE:
        phase(self, q, n, p[0])
    elif op == G_CX or op == G_CY or op == G_CH or op == G_CSX or op == G_CP or G_CRX <= op <= G_CRZ:
        k = (
            G_X if op == G_CX else G_Y if op == G_CY else G_H if op == G_CH else G_SX if op == G_CSX else
            G_P if op == G_CP else op - G_CRX + G_RX
        )
        one_qubit(self, k, q, n + 1, q[n + 1], p)
    elif op == G_CZ:
        phase(self, q, n + 2, number(QCTL_PI))
    elif op == G_CCX:
        flip(self, q, n + 2, q[n + 2])
    elif op == G_CCZ:
        phase(self, q, n + 3, number(QCTL_PI))
    elif op == G_SWAP or op == G_CSWAP:
        if op == G_CSWAP:
            n += 1
        if n == 0:
            swap(self, q[0], q[1])
            return
        flip(self, q + n + 1, 1, q[n])
        flip(self, q, n + 1, q[n + 1])
        flip(self, q + n + 1, 1, q[n])
    elif G_ISWAP <= op <= G_SQRTISWAPDG:
        angle = number((QCTL_PI / 2 if op <= G_ISWAPDG else QCTL_PI / 4) * (1 if (op - G_ISWAP) & 1 else -1))
        pauli_pair(self, q, n, q[n], q[n + 1], angle, G_H, G_H)
        pauli_pair(self, q, n, q[n], q[n + 1], angle, G_SX, G_SX)
    elif G_RXX <= op <= G_RZX:
        k = G_H if op == G_RXX else G_SX if op == G_RYY else 0
        pauli_pair(self, q, n, q[n], q[n + 1], p[0], k, G_H if op == G_RZX else k)
    elif op == G_CU:
        phase(self, q, n + 1, p[3])
        euler(self, q, n + 1, q[n + 1], p)
    elif op == G_MS:
        for k in range(n, n_all):
            rz(self, q[k], scaled(p[1], -1))
        for k in range(n, n_all):
            for j in range(k + 1, n_all):
                pauli_pair(self, q, n, q[k], q[j], p[0], G_H, G_H)
        for k in range(n, n_all):
            rz(self, q[k], p[1])


cdef angle_t value(const source_t *source, uint32_t word) noexcept nogil:
    cdef angle_t r = number(0)
    if word & EXPRESSION:
        r.times = 1
        r.expression = word & 0x7FFFFFFF
    else:
        r.number = source.numbers[word]
    return r


cdef void expand(gatelist_t *self, const source_t *source, Py_ssize_t i) noexcept nogil:
    """Append the gate of a row that `check_rows` let pass."""
    cdef const instruction_t *row = source.rows + i
    cdef int[MOST_QUBITS] q
    cdef angle_t[4] p
    cdef int k, n_all = 0
    cdef uint64_t bits
    cdef uint32_t[2] pair
    if row.flags & FLAG_WIDE:
        n_all = <int> row.b
        for k in range(n_all):
            q[k] = <int> source.words[row.a + k]
        for k in range(<int> row.c):
            p[k] = value(source, source.words[row.a + row.b + k])
        gate(self, row.op, q, row.flags >> 8, n_all, p)
        return
    q[0] = <int> row.a
    q[1] = <int> row.b
    p[0] = number(0)
    if row_qubits(source, i, pair) == 2:
        if row.c != NONE:
            p[0] = value(source, row.c)
    elif row.flags & FLAG_IMM:
        bits = row.b | <uint64_t> row.c << 32
        memcpy(&p[0].number, &bits, 8)
    elif row.flags & FLAG_EXPR:
        p[0].times = 1
        p[0].expression = row.b
    gate(self, row.op, q, 0, 2, p)
