"""Write every gate as turns of frames and two-qubit rotations, exactly, with the phase that a control can see.

Source: the OpenQASM 3 standard gate library for the meaning of names.
"""

from libc.stdint cimport int16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from qctl.cext.controlled cimport (
    MOST_QUBITS, controlled_rz, flip, half_turn, number, phase, rx, ry, rz, scaled, zz,
)
from qctl.cext.gatelist cimport angle_t, gatelist_t, swap
from qctl.cext.opcodes cimport (
    OP_CCX, OP_CCZ, OP_CH, OP_CP, OP_CRX, OP_CRZ, OP_CSWAP, OP_CSX, OP_CU, OP_CX, OP_CY, OP_CZ, OP_GPHASE, OP_H,
    OP_ID, OP_ISWAP, OP_ISWAPDG, OP_MS, OP_P, OP_RPHI, OP_RX, OP_RXX, OP_RY, OP_RYY, OP_RZ, OP_RZX, OP_S, OP_SDG,
    OP_SQRTISWAPDG, OP_SWAP, OP_SX, OP_SXDG, OP_T, OP_U, OP_U1, OP_U2, OP_U3, OP_X, OP_Y, OP_Z)
from qctl.cext.operands cimport row_qubits
from qctl.cext.records cimport FLAG_EXPR, FLAG_IMM, FLAG_WIDE, instruction_t
from qctl.cext.spins cimport QCTL_PI

cdef enum:
    NONE = 0xFFFFFFFF
    EXPRESSION = 0x80000000


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
    if op == OP_P or op == OP_U1:
        phase(self, on, n + 1, p[0])
    elif op == OP_RZ:
        controlled_rz(self, c, n, q, p[0])
    elif op == OP_RX and n == 0:
        rx(self, q, p[0])
    elif op == OP_RY and n == 0:
        ry(self, q, p[0])
    elif op == OP_RX:
        half_turn(self, q, OP_H)
        controlled_rz(self, c, n, q, p[0])
        half_turn(self, q, OP_H)
    elif op == OP_RY:
        half_turn(self, q, OP_SX)
        controlled_rz(self, c, n, q, p[0])
        half_turn(self, q, OP_SXDG)
    elif op == OP_RPHI:
        rz(self, q, scaled(p[1], -1))
        one_qubit(self, OP_RX, c, n, q, p)
        rz(self, q, p[1])
    elif op == OP_U or op == OP_U3:
        euler(self, c, n, q, p)
    elif op == OP_U2:
        u[0] = number(QCTL_PI / 2)
        u[1] = p[0]
        u[2] = p[1]
        euler(self, c, n, q, u)
    elif op == OP_ID:
        return
    elif n == 0:
        half_turn(self, q, op)
    elif op == OP_X:
        flip(self, c, n, q)
    elif op == OP_Y:
        half_turn(self, q, OP_SDG)
        flip(self, c, n, q)
        half_turn(self, q, OP_S)
    elif op == OP_H:
        ry(self, q, number(-QCTL_PI / 4))
        phase(self, on, n + 1, number(QCTL_PI))
        ry(self, q, number(QCTL_PI / 4))
    elif op == OP_SX or op == OP_SXDG:
        half_turn(self, q, OP_H)
        phase(self, on, n + 1, number(QCTL_PI / 2 if op == OP_SX else -QCTL_PI / 2))
        half_turn(self, q, OP_H)
    else:
        phase(self, on, n + 1, number(
            QCTL_PI if op == OP_Z else QCTL_PI / 2 if op == OP_S else -QCTL_PI / 2 if op == OP_SDG else
            QCTL_PI / 4 if op == OP_T else -QCTL_PI / 4
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
        half_turn(self, q, OP_SXDG if a == OP_SX else a)
    if b:
        half_turn(self, p, OP_SXDG if b == OP_SX else b)


cdef void gate(gatelist_t *self, int op, int *q, int n, int n_all, const angle_t *p) noexcept nogil:
    """Append a gate on n_all qubits, the first n of them generic controls."""
    cdef int k, j
    cdef int[4] on
    cdef angle_t angle
    cdef angle_t[3] u
    if op < OP_GPHASE:
        one_qubit(self, op, q, n, q[n], p)
    elif op == OP_GPHASE:
        phase(self, q, n, p[0])
    elif op == OP_CX or op == OP_CY or op == OP_CH or op == OP_CSX or op == OP_CP or OP_CRX <= op <= OP_CRZ:
        k = (
            OP_X if op == OP_CX else OP_Y if op == OP_CY else OP_H if op == OP_CH else OP_SX if op == OP_CSX else
            OP_P if op == OP_CP else op - OP_CRX + OP_RX
        )
        one_qubit(self, k, q, n + 1, q[n + 1], p)
    elif op == OP_CZ:
        phase(self, q, n + 2, number(QCTL_PI))
    elif op == OP_CCX:
        flip(self, q, n + 2, q[n + 2])
    elif op == OP_CCZ:
        phase(self, q, n + 3, number(QCTL_PI))
    elif op == OP_SWAP or op == OP_CSWAP:
        if op == OP_CSWAP:
            n += 1
        if n == 0:
            swap(self, q[0], q[1])
            return
        flip(self, q + n + 1, 1, q[n])
        flip(self, q, n + 1, q[n + 1])
        flip(self, q + n + 1, 1, q[n])
    elif OP_ISWAP <= op <= OP_SQRTISWAPDG:
        angle = number((QCTL_PI / 2 if op <= OP_ISWAPDG else QCTL_PI / 4) * (1 if (op - OP_ISWAP) & 1 else -1))
        pauli_pair(self, q, n, q[n], q[n + 1], angle, OP_H, OP_H)
        pauli_pair(self, q, n, q[n], q[n + 1], angle, OP_SX, OP_SX)
    elif OP_RXX <= op <= OP_RZX:
        k = OP_H if op == OP_RXX else OP_SX if op == OP_RYY else 0
        pauli_pair(self, q, n, q[n], q[n + 1], p[0], k, OP_H if op == OP_RZX else k)
    elif op == OP_CU:
        phase(self, q, n + 1, p[3])
        euler(self, q, n + 1, q[n + 1], p)
    elif op == OP_MS:
        for k in range(n, n_all):
            rz(self, q[k], scaled(p[1], -1))
        for k in range(n, n_all):
            for j in range(k + 1, n_all):
                pauli_pair(self, q, n, q[k], q[j], p[0], OP_H, OP_H)
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
