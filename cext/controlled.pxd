"""Turns, phases and flips of qubits of a program, under any number of controls."""

from qctl.cext.gatelist cimport angle_t, gatelist_t

cdef enum:
    MOST_QUBITS = 256
    G_ID = 0x100, G_X, G_Y, G_Z, G_H, G_S, G_SDG, G_T, G_TDG, G_SX, G_SXDG, G_P, G_RX, G_RY, G_RZ, G_U1, G_U2, G_U
    G_U3 = 0x112, G_RPHI, G_GPHASE, G_CX, G_CY, G_CZ, G_CH, G_CSX, G_SWAP, G_ISWAP, G_ISWAPDG, G_SQRTISWAP
    G_SQRTISWAPDG = 0x11E, G_CP, G_CRX, G_CRY, G_CRZ, G_RXX, G_RYY, G_RZZ, G_RZX, G_CU, G_CCX, G_CCZ, G_CSWAP, G_MS


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


cdef void half_turn(gatelist_t *self, int q, int op) noexcept nogil
cdef void rz(gatelist_t *self, int q, angle_t angle) noexcept nogil
cdef void ry(gatelist_t *self, int q, angle_t angle) noexcept nogil
cdef void rx(gatelist_t *self, int q, angle_t angle) noexcept nogil
cdef void zz(gatelist_t *self, int q, int p, angle_t angle) noexcept nogil
cdef void phase(gatelist_t *self, const int *q, int n, angle_t angle) noexcept nogil
cdef void flip(gatelist_t *self, const int *controls, int n, int q) noexcept nogil
cdef void controlled_rz(gatelist_t *self, const int *controls, int n, int q, angle_t angle) noexcept nogil
