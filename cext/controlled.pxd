"""Turns, phases and flips of qubits of a program, under any number of controls."""

from qctl.cext.gatelist cimport angle_t, gatelist_t

cdef enum:
    MOST_QUBITS = 256


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
